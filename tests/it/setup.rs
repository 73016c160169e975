//! Setup as a user meets it: what a configuration or a lockfile asks for is there for the agent and for the checks, was
//! made once, says what it came to, and leaves no network behind.

use crate::story::{Desk, Told, good, one_task, shell, submit};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt};

const PASSED: &str = "echo 'test result: ok. 1 passed; 0 failed'\n";
/// A stamp that no second setup would make again.
const STAMP: &str = "mkdir -p node_modules && cat /proc/sys/kernel/random/uuid > node_modules/stamp\n";

/// A desk whose check is `check` and whose configuration is `config`.
fn desk(config: &str, check: &str) -> Desk {
    let desk = Desk::new();
    desk.write("check.sh", &format!("{check} && {PASSED}"));
    desk.write("setup.sh", STAMP);
    desk.commit(".github/quantum.yml", config);
    desk
}

/// The coder keeps what setup left, so that it can be compared afterwards.
fn keeping(command: &str) -> Vec<Value> {
    vec![one_task(), shell("coder", command), submit("coder", "Keep it")]
}

/// The run is verified; gives its notes.
fn notes(told: &Told) -> String {
    let document = told.document();
    assert_eq!(document["outcome"], "proposed", "{document:#}\n{}", told.stderr);
    document["notes"].to_string()
}

fn kept(desk: &Desk, told: &Told, path: &str) -> String {
    desk.git(&["show", &format!("{}:{path}", told.document()["branch"].as_str().unwrap())])
}

/// A package client of our own on `PATH`.
fn client(desk: &Desk, name: &str, script: &str) -> String {
    let folder = desk.path().join("tools/bin");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the system's programs come after ours")]
    let path = std::env::var("PATH").unwrap();
    format!("{}:{path}", folder.display())
}

fn run(desk: &Desk, lines: &[Value], env: &[(&str, &str)]) -> Told {
    let model = desk.script(lines);
    let args = ["run", "Make it good", "--json", "--model", &model];
    desk.told(desk.quantum(&args).envs(env.iter().copied()))
}

#[test]
fn one_result_serves_every_work_until_a_lockfile_changes() {
    let desk = desk("setup: [\"sh ./setup.sh\"]\n", "cmp stamp node_modules/stamp");
    let lines = keeping("cp node_modules/stamp stamp");
    let first = run(&desk, &lines, &[]);
    assert!(notes(&first).contains("dependencies were set up by `sh ./setup.sh`"), "{}", notes(&first));
    desk.commit("README", "no lockfile\n");
    let second = run(&desk, &lines, &[]);
    assert_eq!(kept(&desk, &first, "stamp"), kept(&desk, &second, "stamp"));
    desk.commit("yarn.lock", "# changed\n");
    let third = run(&desk, &lines, &[]);
    notes(&third);
    assert_ne!(kept(&desk, &first, "stamp"), kept(&desk, &third, "stamp"));
    let files = desk.git(&["ls-tree", "-r", "--name-only", third.document()["branch"].as_str().unwrap()]);
    assert!(!files.contains("node_modules"), "{files}");
}

#[test]
fn a_setup_that_fails_is_said_once_and_the_run_goes_on() {
    let desk = desk("setup: [\"sh ./setup.sh\"]\n", "grep -q good value");
    desk.commit("setup.sh", "echo 'no such package' >&2; exit 3\n");
    let told = run(&desk, &good(), &[("RUST_LOG", "info")]);
    let notes = notes(&told);
    for said in ["`sh ./setup.sh` ended with exit code 3: no such package", "setup: [", ".github/quantum.yml"]
    {
        assert!(notes.contains(said), "{said} is not in {notes}");
    }
    // once for all works of the run
    assert_eq!(told.stderr.matches("setup failed").count(), 1, "{}", told.stderr);
    // the next run tries again
    desk.commit("other", "x\n");
    let told = run(&desk, &good(), &[]);
    assert!(self::notes(&told).contains("exit code 3"));
}

#[test]
fn the_network_is_gone_after_setup() {
    let desk = desk(
        "setup: [\"sh ./setup.sh\"]\n",
        "test -s node_modules/proxy && test -z \"$HTTPS_PROXY$https_proxy\" && test \"$(grep -c : /proc/net/dev)\" = 1",
    );
    desk.commit("setup.sh", "mkdir node_modules && echo $HTTPS_PROXY > node_modules/proxy\n");
    let told = run(
        &desk,
        &keeping("cp node_modules/proxy p; env > e; echo x > node_modules/proxy || echo ro > ro"),
        &[],
    );
    notes(&told);
    assert!(kept(&desk, &told, "p").starts_with("http://127.0.0.1:"));
    assert_eq!(kept(&desk, &told, "ro"), "ro", "what setup left is read-only");
    let env = kept(&desk, &told, "e");
    assert!(!env.to_lowercase().contains("https_proxy"), "{env}");
    assert!(env.lines().any(|line| line == "PYTHONDONTWRITEBYTECODE=1"), "{env}");
}

#[test]
fn caches_come_before_the_network_and_the_host_s_registry_is_told() {
    let check = "cp -r node_modules/how how && cmp how node_modules/how";
    let desk = desk("{}\n", check);
    desk.write("package.json", "{}");
    desk.commit("package-lock.json", "{\"first\": 1}");
    fs::write(
        desk.path().join(".npmrc"),
        "registry=https://npm.example/\n//npm.example/:_authToken=hidden\n",
    )
    .unwrap();
    let script = "[ \"$1\" = ci ] || exit 0\nmkdir -p node_modules\n\
        if [ -z \"$HTTPS_PROXY\" ]; then grep -q cached package-lock.json || exit 1; fi\n\
        echo \"proxy=${HTTPS_PROXY:+yes} registry=$npm_config_registry\" > node_modules/how\n";
    let path = client(&desk, "npm", script);
    let lines = keeping("cp node_modules/how how");
    let told = run(&desk, &lines, &[("PATH", &path)]);
    assert!(notes(&told).contains("`npm ci --ignore-scripts` from no host"), "{}", notes(&told));
    assert_eq!(kept(&desk, &told, "how"), "proxy=yes registry=https://npm.example/");
    desk.commit("package-lock.json", "{\"cached\": 1}");
    let told = run(&desk, &lines, &[("PATH", &path)]);
    assert!(notes(&told).contains("`npm ci --ignore-scripts` without a network"), "{}", notes(&told));
    assert_eq!(kept(&desk, &told, "how"), "proxy= registry=");
}

/// What a client of ours asks of the proxy.
const ASKS: &str = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128; printf \"CONNECT $0:443 HTTP/1.1\\r\\n\\r\\n\" >&3; head -1 <&3'";

#[test]
fn a_repository_does_not_answer_for_the_clients_of_this_host() {
    let desk = desk("{}\n", "grep -q good value");
    desk.write("package.json", "{}");
    desk.write(".npmrc", "registry=https://evil.example/\n");
    desk.commit("package-lock.json", "{}");
    let script = format!(
        "if [ \"$1\" = config ]; then sed -n s/registry=//p .npmrc 2>/dev/null; exit; fi\n\
        [ -n \"$HTTPS_PROXY\" ] || exit 1\n{ASKS} evil.example\nexit 1\n"
    );
    let path = client(&desk, "npm", &script);
    // another client is told where its registry is, so that there is a way out at all
    let settings = [("PATH", path.as_str()), ("npm_config_registry", "https://npm.example/")];
    let notes = notes(&run(&desk, &good(), &settings));
    assert!(notes.contains("refused: evil.example:443 (not on the allow-list)"), "{notes}");
    assert!(notes.contains("`QUANTUM_EGRESS_ALLOW=evil.example:443`"), "the line that would help: {notes}");
}

#[test]
fn what_one_client_set_up_is_kept_when_another_fails() {
    let desk = desk("{}\n", "test -d node_modules && grep -q good value");
    desk.write("package.json", "{}");
    desk.write("package-lock.json", "{}");
    desk.write("go.mod", "module a\n");
    desk.commit("go.sum", "x\n");
    client(&desk, "go", "[ \"$1\" = test ] && echo 'ok a 0.1s'\n");
    let path = client(&desk, "npm", "[ \"$1\" != ci ] || mkdir node_modules\n");
    let lines = good();
    let notes = notes(&run(&desk, &lines, &[("PATH", &path)]));
    assert!(notes.contains("set up by `npm ci --ignore-scripts` without a network"), "{notes}");
    assert!(notes.contains("could not be set up: no host is known"), "{notes}");
    assert!(notes.contains("go mod download"), "{notes}");
}

#[test]
fn a_proxy_that_is_none_is_named_and_the_run_goes_on() {
    let desk = desk("setup: [\"sh ./setup.sh\"]\n", "grep -q good value");
    let notes = notes(&run(&desk, &good(), &[("HTTPS_PROXY", "socks5://proxy.example:1")]));
    assert!(notes.contains("setup had no proxy: HTTPS_PROXY"), "{notes}");
}

#[test]
fn a_list_of_hosts_with_a_typo_is_refused_before_anything_is_done() {
    let desk = desk("setup: [\"sh ./setup.sh\"]\n", "grep -q good value");
    let before = desk.standing();
    let told = run(&desk, &good(), &[("QUANTUM_EGRESS_ALLOW", "a.example,b example")]);
    let document = told.document();
    assert_eq!((told.exit, &document["outcome"], &document["run"]), (1, &json!("failed"), &Value::Null));
    assert_eq!(document["error"]["code"], "config_value");
    let said = document["error"].to_string();
    assert!(said.contains("QUANTUM_EGRESS_ALLOW") && said.contains("b example"), "{said}");
    assert!(said.contains("host[:port]"), "{said}");
    assert_eq!((before, &document["branch"]), (desk.standing(), &Value::Null));
}

#[test]
fn what_a_setup_command_writes_is_not_believed() {
    let desk = desk("setup: [\"sh ./setup.sh\"]\n", "test -d node_modules && grep -q good value");
    let target = desk.path().join("target");
    fs::write(&target, "mine").unwrap();
    let above = "for d in \"$CARGO_HOME\"/.. \"$CARGO_HOME\"/../..; do mkdir -p \"$CARGO_HOME\"; ln -s \"$T\" \"$d/done\" \
        2>/dev/null; mkdir \"$d/node_modules\" 2>/dev/null; done\n";
    desk.commit("setup.sh", &format!("T={}\n{above}{STAMP}", target.display()));
    let told = desk.run(&good(), &[]);
    assert!(notes(&told).contains("dependencies were set up"), "{}", notes(&told));
    assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
}

#[test]
fn where_nothing_tells_what_to_set_up_a_line_that_helps_is_said() {
    let desk = desk("{}\n", "true");
    desk.git(&["rm", "-q", "Makefile"]);
    desk.write("pyproject.toml", "[tool.pytest.ini_options]\n");
    desk.commit("test_value.py", "def test_value(): pass\n");
    let none = "echo \"No module named pytest\" >&2; exit 1\n";
    let path = client(&desk, "python3", none);
    let document = run(&desk, &good(), &[("PATH", &path)]).document();
    assert_eq!(document["outcome"], "unverified", "{document:#}");
    let notes = document["notes"].to_string().replace("\\\"", "\"");
    let line =
        "`setup: [\"python3 -m venv --system-site-packages .venv && .venv/bin/pip install -q pytest\"]`";
    assert!(notes.contains(line), "{notes}");
    // where the checks pass nobody needs to hear of it
    client(&desk, "python3", "echo '1 passed in 0.1s'\n");
    let notes = self::notes(&run(&desk, &good(), &[("PATH", &path)]));
    assert!(!notes.contains("setup:"), "{notes}");
}

#[test]
fn setup_and_checks_agree_on_the_manager_where_two_lockfiles_are_there() {
    let desk = desk("{}\n", "true");
    desk.git(&["rm", "-q", "Makefile"]);
    desk.write("package.json", r#"{"scripts":{"test":"jest"}}"#);
    desk.write("yarn.lock", "");
    desk.commit("package-lock.json", "{}");
    let path = client(&desk, "npm", "[ \"$1\" != test ] || echo '1 passing'\n");
    client(&desk, "yarn", "exit 1\n");
    let told = run(&desk, &good(), &[("PATH", &path)]);
    assert!(notes(&told).contains("`npm ci --ignore-scripts`"), "{}", notes(&told));
    assert_eq!(told.document()["receipt"][0]["command"], "npm test", "{:#}", told.document()["receipt"]);
}
