//! Setup as a user meets it: what a configuration or a lockfile asks for is there for the agent and for the checks, was
//! made once, says what it came to, and leaves no network behind.

use crate::story::{Desk, Told, good, one_task, shell, submit, write};
use serde_json::Value;
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

#[test]
fn a_proxy_that_is_none_and_a_list_with_a_typo_are_named() {
    let desk = desk("setup: [\"sh ./setup.sh\"]\n", "grep -q good value");
    for (name, value, said) in [
        ("HTTPS_PROXY", "socks5://proxy.example:1", "setup had no proxy: HTTPS_PROXY"),
        ("QUANTUM_EGRESS_ALLOW", "a.example,b example", "b example"),
    ] {
        desk.commit("told", name);
        let lines = [one_task(), write("coder", "value", &format!("good {name}\n")), submit("coder", name)];
        let notes = notes(&run(&desk, &lines, &[(name, value)]));
        assert!(notes.contains(said), "{notes}");
    }
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
