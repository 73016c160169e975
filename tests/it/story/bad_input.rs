//! Bad input: a message that says what to do, an honest outcome, the repository unharmed.

use super::{Desk, calls, good, one_task, shell, submit, write};
use serde_json::{Value, json};
use std::fs;

/// Nothing was made a run: exit, the error's code in the document (exit 2 has none), and a word of the hint.
fn refused(desk: &Desk, args: &[&str], expected: (i32, &str)) -> String {
    let told = desk.told(&mut desk.quantum(&[&["run"], args].concat()));
    let json = args.contains(&"--json");
    let code = match (json, told.exit) {
        (true, 0 | 1 | 3 | 4) => told.document()["error"]["code"].as_str().unwrap_or("none").to_owned(),
        (true, _) => {
            assert_eq!(told.stdout, "", "exit 2 has no document");
            String::new()
        }
        (false, _) => String::new(),
    };
    assert_eq!((told.exit, code.as_str()), expected, "{args:?}: {}", told.stderr);
    told.stderr + &told.stdout
}

#[test]
fn the_command_line() {
    let desk = Desk::new();
    let model = desk.script(&good());
    let good = ["--json", "--model", model.as_str()];
    let check = |args: &[&str], says: &str| {
        let said = refused(&desk, &[args, &good].concat(), (2, ""));
        assert!(said.contains(says), "{args:?} says {said:?}");
    };
    check(&[], "required");
    check(&[""], "empty");
    check(&["  \n"], "empty");
    check(&["#"], "empty");
    check(&["x", "--issue", "y"], "cannot be used with");
    check(&["--issue", "/nonexistent"], "can't be read");
    check(&["x", "--nonsense"], "unexpected");
    check(&["x", "--budget", "much"], "dollars");
    check(&["x", "--max-steps", "0"], "0");
    check(&["x", "--role", "No Role"], "role");
    check(&["x", "--branch", "main"], "exists");
    check(&["x", "--branch", "a..b"], "legal");
    check(&["x", "--branch", "main/x"], "exists");
    check(&["x", "--base", "nowhere"], "names no commit");
    for (spec, says) in
        [("gpt", "PROVIDER/NAME"), ("azure/x", "not built yet"), ("scripted//nonexistent", "can't be read")]
    {
        let said = refused(&desk, &["x", "--json", "--model", spec], (2, ""));
        assert!(said.contains(says), "{spec} says {said:?}");
    }
    fs::write(desk.path().join("bad.jsonl"), "{}\nnot json\n").unwrap();
    let bad = format!("scripted/{}", desk.path().join("bad.jsonl").display());
    assert!(refused(&desk, &["x", "--json", "--model", &bad], (2, "")).contains("line 2"));
}

#[test]
fn the_machine() {
    let desk = Desk::new();
    let said = refused(&desk, &["x", "--json"], (1, "no_model"));
    assert!(said.contains("--model"), "{said}");
    refused(&desk, &["x", "--json", "--model", "openai/gpt-5"], (1, "no_key"));
    fs::write(desk.path().join("q.toml"), "model = \"openai/x\"\nbudgt_usd = 1\n").unwrap();
    let config = desk.path().join("q.toml");
    let said = refused(&desk, &["x", "--json", "--config", config.to_str().unwrap()], (1, "config_wrong"));
    assert!(said.contains("line 2") && said.contains("budget_usd"), "{said}");
    let told = desk.told(desk.quantum(&["run", "x", "--json"]).env("QUANTUM_DATA_DIR", "/dev/null/x"));
    assert_eq!((told.exit, told.document()["error"]["code"].as_str()), (1, Some("data_folder")));
    let told = desk.told(desk.quantum(&["run", "x", "--json"]).env("QUANTUM_SANDBOX", "container"));
    assert_eq!((told.exit, told.document()["error"]["code"].as_str()), (1, Some("config_value")));
}

#[test]
fn the_repository() {
    let desk = Desk::new();
    let model = desk.script(&good());
    let run =
        |repo: &str, expected| refused(&desk, &["x", "--json", "--model", &model, "--repo", repo], expected);
    run(desk.path().to_str().unwrap(), (1, "not_a_repository"));
    run("/nonexistent", (1, "not_a_repository"));
    let empty = Desk::empty();
    assert!(run(empty.repo().to_str().unwrap(), (1, "no_commit")).contains("git commit"));
    let bare = desk.path().join("bare.git");
    desk.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    assert!(run(bare.to_str().unwrap(), (1, "bare_repository")).contains("--base"));
    let told = desk.told(&mut desk.quantum(&[
        "run",
        "Make it good",
        "--json",
        "--model",
        &model,
        "--repo",
        bare.to_str().unwrap(),
        "--base",
        "main",
    ]));
    assert_eq!((told.exit, told.document()["outcome"].as_str()), (0, Some("proposed")), "{}", told.stderr);
    desk.commit(".github/quantum.yml", "verify: [make test]\nprotekt: [x]\n");
    let said = run(".", (1, "config_wrong"));
    assert!(said.contains("line 2") && said.contains("protect"), "{said}");
}

#[test]
fn a_dirty_tree_is_left_alone_and_left_out() {
    let desk = Desk::new();
    desk.write("value", "uncommitted\n");
    desk.write("untracked", "mine\n");
    let before = desk.standing();
    let told = desk.run(&good(), &[]);
    assert_eq!(told.exit, 0, "{}", told.stderr);
    assert!(told.stderr.contains("uncommitted changes"), "{}", told.stderr);
    let branch = told.document()["branch"].as_str().unwrap().to_owned();
    assert_eq!(desk.git(&["show", &format!("{branch}:value")]), "good");
    assert!(desk.git(&["ls-tree", "--name-only", &branch]).lines().all(|name| name != "untracked"));
    assert!(desk.standing().contains(&before[before.len() - 40..]));
    assert_eq!(fs::read_to_string(desk.repo().join("value")).unwrap(), "uncommitted\n");
}

#[test]
fn odd_files_come_through_unchanged() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let desk = Desk::new();
    desk.git(&["config", "core.autocrlf", "true"]);
    fs::write(desk.repo().join(OsStr::from_bytes(b"caf\xe9")), "latin\n").unwrap();
    fs::write(desk.repo().join("binary"), [0, 159, 146, 150, 0]).unwrap();
    std::os::unix::fs::symlink("../outside", desk.repo().join("outward")).unwrap();
    desk.git(&["-c", "core.autocrlf=false", "add", "-A"]);
    desk.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        "160000,1111111111111111111111111111111111111111,module",
    ]);
    fs::write(desk.path().join("crlf"), "a\r\nb\r\n").unwrap();
    let blob = desk.git(&["hash-object", "-w", "--no-filters", desk.path().join("crlf").to_str().unwrap()]);
    desk.git(&["update-index", "--add", "--cacheinfo", &format!("100755,{blob},crlf")]);
    desk.git(&["commit", "-qm", "odd"]);
    let told = desk.run(&good(), &[]);
    assert_eq!(
        told.document()["files"],
        json!([{"path": "value", "added": 1, "removed": 1}]),
        "{}",
        told.stderr
    );
}

#[test]
fn fifty_thousand_files_are_a_repository_like_any_other() {
    use std::fmt::Write as _;
    let desk = Desk::new();
    let mut stream =
        "commit refs/heads/main\ncommitter A <a@localhost> 1700000000 +0000\ndata 1\nx\n".to_owned();
    for n in 0..50_000 {
        let text = format!("file {n}\n");
        write!(stream, "M 100644 inline d{}/e{}/f{n}\ndata {}\n{text}\n", n / 5_000, n / 100, text.len())
            .unwrap();
    }
    let (path, repo) = (desk.path().join("stream"), desk.path().join("large.git"));
    fs::write(&path, stream).unwrap();
    let large = repo.to_str().unwrap();
    desk.git(&["init", "-q", "--bare", large]);
    #[expect(clippy::disallowed_methods, reason = "git makes what it judges")]
    let mut import = std::process::Command::new("git");
    import.args(["-C", large, "fast-import", "--quiet"]).stdin(fs::File::open(path).unwrap());
    assert!(import.status().unwrap().success());
    let lines = [write("coder", "d3/e170/f17042", "changed\n"), submit("coder", "Change one")];
    let told = desk.run(&lines, &["--role", "coder", "--repo", large, "--base", "main"]);
    let document = told.document();
    assert_eq!(document["outcome"], "unverified", "{document:#}\n{}", told.stderr);
    assert_eq!(document["files"], json!([{"path": "d3/e170/f17042", "added": 1, "removed": 1}]));
    let branch = document["branch"].as_str().unwrap();
    assert_eq!(desk.git(&["-C", large, "diff", "--name-only", "main", branch]), "d3/e170/f17042");
}

/// Models that misbehave: outcome, exit, error code.
#[test]
fn bad_models() {
    let repeat = |line: Value, times: usize| std::iter::repeat_n(line, times).collect::<Vec<_>>();
    let wrong_tool = calls("planner", &[("launch_rockets", json!({}))]);
    let wrong_path = calls("planner", &[("read", json!({"path": "../../../etc/shadow"}))]);
    let malformed = json!({"tool_calls": [{"name": "read", "arguments": "{\"path\": "}]});
    let cycle = json!([{"id": "a", "title": "a", "needs": ["b"]}, {"id": "b", "title": "b", "needs": ["a"]}]);
    let bad_plan = calls("planner", &[("submit", json!({"kind": "plan", "summary": "x", "tasks": cycle}))]);
    let rows: Vec<(&str, Vec<Value>, &str, i32)> = vec![
        ("nothing", repeat(json!({"text": ""}), 20), "failed", 1),
        ("a loop", repeat(shell("planner", "echo again"), 100), "failed", 1),
        ("a wrong tool, then right", [vec![wrong_tool], good()].concat(), "proposed", 0),
        ("a wrong path, then right", [vec![wrong_path], good()].concat(), "proposed", 0),
        ("malformed arguments, then right", [vec![malformed], good()].concat(), "proposed", 0),
        ("an impossible plan, then right", [vec![bad_plan], good()].concat(), "proposed", 0),
        (
            "429, then right",
            [vec![json!({"error": {"status": 429, "retry_after": 0}})], good()].concat(),
            "proposed",
            0,
        ),
        ("a wrong key", repeat(json!({"error": {"status": 401}}), 5), "failed", 1),
        ("a script that is over", vec![one_task()], "failed", 1),
    ];
    for (name, lines, outcome, exit) in rows {
        let desk = Desk::new();
        let before = desk.standing();
        let told = desk.run(&lines, &[]);
        let document = told.document();
        assert_eq!(
            (document["outcome"].as_str().unwrap(), told.exit),
            (outcome, exit),
            "{name}: {document:#}\n{}",
            told.stderr
        );
        if exit != 0 {
            assert!(
                document["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()),
                "{name}: {document:#}"
            );
            assert_eq!(before, desk.standing(), "{name}");
        }
    }
}

#[test]
fn what_an_agent_leaves_behind_is_not_in_the_commit() {
    let desk = Desk::new();
    desk.commit(".gitignore", "ignored/\n*.log\n");
    let mess = shell(
        "coder",
        "mkdir ignored && echo x > ignored/a && echo x > b.log && mkfifo pipe && git init -q . ; mkdir -p sub/.git && echo x > sub/.git/config; ln -s value inside; true",
    );
    let lines = [one_task(), mess, write("coder", "value", "good\n"), submit("coder", "Good")];
    let told = desk.run(&lines, &[]);
    let files: Vec<_> = told.document()["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(files, ["inside", "value"], "{}", told.stderr);
}
