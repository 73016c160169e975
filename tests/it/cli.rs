//! The command line as people and programs meet it: help, wrong usage, pipes, terminals.

use crate::story::{Desk, Told, calls};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
    process::{Command, Stdio},
};

fn told(desk: &Desk, args: &[&str]) -> Told {
    desk.told(&mut desk.quantum(args))
}

/// A run that only answers, its request on standard input.
fn piped(desk: &Desk, args: &[&str], input: &[u8]) -> Told {
    let model = desk.script(&[json!({"text": "an answer"})]);
    let mut command = desk.quantum(&[&["run", "--json", "--model", &model, "--issue", "-"], args].concat());
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap();
    // a request that is too long is not read to its end
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told {
        exit: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[test]
fn help_and_version_are_data() {
    let desk = Desk::new();
    let check = |args: &[&str], says: &[&str]| {
        let told = told(&desk, args);
        assert_eq!((told.exit, told.stderr.as_str()), (0, ""), "{args:?}");
        for word in says {
            assert!(told.stdout.contains(word), "{args:?} does not say {word:?}: {}", told.stdout);
        }
    };
    check(&["--version"], &[concat!("quantum ", env!("CARGO_PKG_VERSION"))]);
    check(&["--help"], &["run", "demo", "doctor", "branch"]);
    let flags = [
        "--issue",
        "--repo",
        "--base",
        "--branch",
        "--model",
        "--role",
        "--budget",
        "--max-steps",
        "--json",
        "--yes",
        "--record",
        "--config",
        "Exit codes: 0 done",
    ];
    check(&["run", "--help"], &flags);
    check(&["help", "run"], &flags);
    check(&["doctor", "--help"], &["--json", "--model"]);
    check(&["demo", "--help"], &["--model"]);
    check(&["serve", "--help"], &["--config"]);
    check(&["receive", "--help"], &["--event"]);
    check(&["runs", "--help"], &["list", "show", "cancel", "retry"]);
    let listed = told(&desk, &["--help"]).stdout;
    assert!(listed.contains("serve") && !listed.contains("worker"), "{listed}");
}

#[test]
fn wrong_usage_is_exit_2_and_leaves_stdout_empty() {
    let desk = Desk::new();
    let check = |args: &[&str], says: &str| {
        let told = told(&desk, args);
        assert_eq!((told.exit, told.stdout.as_str()), (2, ""), "{args:?}: {}", told.stderr);
        assert!(told.stderr.contains(says), "{args:?} does not say {says:?}: {}", told.stderr);
    };
    check(&[], "Usage: quantum <COMMAND>");
    check(&["run"], "--issue <FILE|->");
    check(&["rum"], "'run'");
    check(&["docter", "--json"], "'doctor'");
    check(&["--json", "run", "x"], "--json");
    check(&["run", "x", "y"], "'y'");
    check(&["run", "--bugdet", "1", "x"], "--budget");
    check(&["run", "x", "--budget", "-1"], "dollars");
    check(&["run", "x", "--budget", "NaN"], "dollars");
    check(&["run", "x", "--max-steps", "-1"], "1..");
    check(&["run", "x", "--max-steps", "99999999999"], "1..");
    check(&["run", "x", "--config", ""], "--config");
    check(&["run", "x", "--role", "codr"], "'coder'");
    check(&["doctor", "x"], "'x'");
    check(&["receive", "payload.json"], "--event");
    check(&["runs", "forget"], "'forget'");
    let later = ["action", "setup", "replay", "worker", "eval"];
    for verb in later {
        check(&[verb], &format!("`quantum {verb}` is not built yet"));
    }
    check(&["replay", "somerun", "--json"], "`quantum replay` is not built yet");
    check(&["token", "create"], "`quantum token` is not built yet");
}

#[test]
fn a_request_comes_from_standard_input_or_a_file() {
    let desk = Desk::new();
    for (input, says) in
        [(&b""[..], "empty"), (b" \n\t\r\n", "empty"), (b"\xef\xbb\xbf\n", "empty"), (b"##\n", "empty")]
    {
        let told = piped(&desk, &[], input);
        assert_eq!((told.exit, told.stdout.as_str()), (2, ""), "{input:?}");
        assert!(told.stderr.contains(says), "{}", told.stderr);
    }
    let told = piped(&desk, &[], &b"x".repeat(300_000));
    assert_eq!((told.exit, told.stdout.as_str()), (2, ""));
    assert!(told.stderr.contains("too long") && told.stderr.contains("256 KiB"), "{}", told.stderr);
    for input in [&b"# Title\r\n\r\nbody"[..], b"\xef\xbb\xbf# Title\n", b"caf\xe9 \xff\n"] {
        assert_eq!(piped(&desk, &[], input).document()["outcome"], "answered", "{input:?}");
    }
    let told = piped(&desk, &[], &b"word ".repeat(4_000));
    assert_eq!(told.exit, 0);
    assert!(told.document()["notes"].to_string().contains("longer than 16 KiB"), "{}", told.stdout);
    let refused = self::told(&desk, &["run", "--issue", desk.path().to_str().unwrap(), "--json"]);
    assert_eq!((refused.exit, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("can't be read"), "{}", refused.stderr);
}

#[test]
fn the_first_line_of_an_issue_is_its_title() {
    let check = |issue: &str, expected: &str| {
        let desk = Desk::new();
        let path = desk.path().join("issue.md");
        fs::write(&path, issue).unwrap();
        let model = desk.script(&crate::story::good()[1..]);
        let issue_path = path.to_str().unwrap();
        let args = ["run", "--issue", issue_path, "--role", "coder", "--json", "--model", &model];
        let told = told(&desk, &args);
        let document = told.document();
        assert_eq!(document["plan"][0]["title"], expected, "{}", told.stderr);
        let branch = document["branch"].as_str().unwrap();
        assert!(branch.starts_with("quantum/run-mend-the-value-"), "{branch}");
    };
    check("# Mend the value\n\nIt is bad.\n", "Mend the value");
    check("\n\n  ### Mend the value\r\n\r\nIt is bad.\r\n", "Mend the value");
    check("\u{feff}Mend the value", "Mend the value");
}

#[test]
fn a_long_request_reaches_the_agents() {
    let desk = Desk::new();
    let request = format!("# Title\n{}the-last-wish\n", "word ".repeat(2_000));
    assert_eq!(piped(&desk, &[], request.as_bytes()).exit, 0);
    let files = fs::read_dir(desk.path().join("data")).unwrap().flatten();
    let stored = files.filter(|file| file.file_name().to_string_lossy().starts_with("quantum.db"));
    let kept = stored
        .map(|file| fs::read(file.path()).unwrap())
        .any(|bytes| bytes.windows(b"the-last-wish".len()).any(|window| window == b"the-last-wish"));
    assert!(kept, "what the planner was asked is not the whole request");
}

#[test]
fn doctor_is_a_list_for_people_and_a_document_for_programs() {
    let desk = Desk::new();
    let model = desk.script(&[]);
    let check = |args: &[&str], ok: bool| -> Value {
        let told = told(&desk, &[&["doctor", "--json"], args].concat());
        let document: Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!((told.exit, &document["ok"]), (i32::from(!ok), &json!(ok)), "{document:#}");
        for check in document["checks"].as_array().unwrap() {
            assert!(check["name"].is_string() && check["ok"].is_boolean(), "{check}");
            assert_eq!(check["hint"].is_null(), check["ok"] == json!(true), "a hint is a remedy: {check}");
        }
        document
    };
    let document = check(&["--model", &model], true);
    let names = document["checks"].to_string();
    for part in ["settings", "sandbox", "toolchains", "git", "store", "model"] {
        assert!(names.contains(part), "{names}");
    }
    check(&[], false);
    check(&["--model", "scripted//no/such"], false);
    check(&["--config", "/no/such"], false);
    // what is wrong with one thing does not keep the others from being looked at
    let lost =
        desk.told(desk.quantum(&["doctor"]).env("QUANTUM_DATA_DIR", "/dev/null/x").env("PATH", "/no/such"));
    for part in ["FAIL settings", "FAIL toolchains", "FAIL store", "FAIL git", "ok   sandbox: user namespace"]
    {
        assert!(lost.stdout.contains(part), "{part}: {}", lost.stdout);
    }
    let told = told(&desk, &["doctor", "--model", "gpt"]);
    assert_eq!(told.exit, 1);
    assert!(told.stdout.contains("FAIL model") && told.stdout.contains("PROVIDER/NAME"), "{}", told.stdout);
    assert!(!told.stdout.contains('\u{1b}') && !told.stderr.contains('\u{1b}'), "colours in a pipe");
}

#[test]
fn a_run_that_waits_is_listed_shown_and_cancelled_for_people_and_programs() {
    let desk = Desk::new();
    let ask = json!({"question": "Which\u{1b}[31m value?", "choices": ["good", "better"]});
    desk.run(&[calls("planner", &[("submit", ask)])], &[]);
    let list = told(&desk, &["runs", "list"]);
    let place = desk.repo().display().to_string();
    assert!(list.stdout.contains("  paused: question  ") && list.stdout.contains(&place), "{}", list.stdout);
    assert!(list.stderr.contains("last change") && list.stdout.lines().count() == 1, "{}", list.stderr);
    let document = |args: &[&str]| -> Value {
        let told = told(&desk, &[&["runs", "--json"], args].concat());
        assert_eq!(told.exit, 0, "{}", told.stderr);
        serde_json::from_str(&told.stdout).unwrap()
    };
    let list = document(&[]);
    assert_eq!((&list, list.get("next")), (&document(&["list"]), Some(&Value::Null)));
    assert!(told(&desk, &["runs"]).stdout.contains("  paused: question  "));
    let listed = &list["items"][0];
    assert_eq!((&listed["at"], &listed["owner"]), (&json!("paused: question"), &Value::Null));
    let run = listed["run"].as_str().unwrap();
    let shown = document(&["show", run]);
    assert!(shown["next"].as_str().unwrap().contains("ask again with the answer"), "{shown}");
    assert_eq!((&shown["cost"]["model_calls"], &shown["pull_request"]), (&json!(1), &Value::Null));
    assert_eq!((&shown["phase"], shown.get("outcome")), (&json!("paused"), Some(&Value::Null)));
    for key in ["run", "phase", "at", "created", "updated"] {
        assert!(!shown[key].is_null() && shown[key] == listed[key], "{key}: {shown}");
    }
    let text = told(&desk, &["runs", "show", run]).stdout;
    for line in [
        "at      paused: question\n",
        "why     Which",
        "next    no answer",
        "cost    $0.0000, 1 model calls\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let has_id = |line: &&str| line.contains(run);
    assert_eq!(text.lines().filter(has_id).collect::<Vec<_>>(), [format!("run     {run}")], "{text}");
    assert!(!text.contains('\u{1b}'), "a model drives the terminal: {text}");
    let cancelled = document(&["cancel", run]);
    assert_eq!((&cancelled["at"], &cancelled["why"]), (&json!("closed: cancelled"), &Value::Null));
    assert_eq!((&cancelled["phase"], &cancelled["outcome"]), (&json!("closed"), &json!("cancelled")));
    let again = told(&desk, &["runs", "cancel", run, "--json"]);
    assert_eq!((again.exit, again.stdout.as_str()), (1, ""));
    assert!(again.stderr.contains("nothing to do about it"), "{}", again.stderr);
    assert_eq!(document(&["retry", run])["run"], run);
    // it waits for its answer again, and there is nothing to try again
    let again = told(&desk, &["runs", "retry", run, "--json"]);
    assert_eq!((again.exit, again.stdout.as_str()), (1, ""), "{}", again.stderr);
    assert!(again.stderr.contains("nothing to retry in this run"), "{}", again.stderr);
}

#[test]
fn a_reader_that_leaves_is_no_panic() {
    let desk = Desk::new();
    let model = desk.script(&[json!({"text": "an answer"})]);
    for args in [&["doctor"][..], &["--help"], &["run", "x", "--json", "--model", &model]] {
        let mut command = desk.quantum(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let exit = child.wait().unwrap().code();
        assert!(
            exit.is_some_and(|exit| exit <= 1) && !said.contains("panicked"),
            "{args:?}: {exit:?} {said}"
        );
        // what a program waits for did not arrive: that is no success
        assert!(!args.contains(&"--json") || exit == Some(1), "{args:?}: {said}");
    }
}

/// What the program writes to a terminal of this kind, and its exit.
fn on_a_terminal(command: &mut Command, kind: &str) -> (String, Option<i32>) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let theirs = fs::File::options()
        .read(true)
        .write(true)
        .open(OsStr::from_bytes(ptsname(&ours, Vec::new()).unwrap().as_bytes()));
    let mut child = command.env("TERM", kind).stdout(Stdio::null()).stderr(theirs.unwrap()).spawn().unwrap();
    // our copy of the other end would keep the terminal open
    command.stderr(Stdio::null());
    let (mut seen, mut ours) = (Vec::new(), fs::File::from(ours));
    // the end of a terminal is an error
    let _ = ours.read_to_end(&mut seen);
    (String::from_utf8_lossy(&seen).into_owned(), child.wait().unwrap().code())
}

#[test]
fn a_terminal_shows_tasks_tool_money_and_time_live() {
    let desk = Desk::new();
    // a tool that takes as long as a person needs to see it
    let tool = crate::story::shell("coder", "sleep 1; echo good > value");
    let mut lines = crate::story::good();
    lines.insert(1, tool);
    let model = desk.script(&lines);
    let mut command = desk.quantum(&["run", "Make it good", "--model", &model]);
    let (seen, exit) = on_a_terminal(&mut command, "xterm-256color");
    assert_eq!(exit, Some(0), "{seen}");
    for part in
        ["\u{1b}[", "working · 0:0", "$0.0000 · ", "model calls", "[>] t1 Make it good", "t1: shell sleep 1"]
    {
        assert!(seen.contains(part), "{part:?} is not in {seen:?}");
    }
    // how far each task came stays on the screen
    let end = seen.rfind("[x] t1 Make it good").unwrap();
    assert!(seen[end..].contains("look at it  git diff HEAD...quantum/"), "{seen:?}");
    // one that can't move its cursor gets lines
    let mut again = desk.quantum(&["run", "Make it good", "--model", &model]);
    let (seen, exit) = on_a_terminal(&mut again, "dumb");
    assert_eq!(exit, Some(0), "{seen}");
    assert!(!seen.contains('\u{1b}') && seen.contains("[0:00] planning"), "{seen:?}");
}

#[test]
fn the_demo_ends_with_a_verified_branch() {
    let desk = Desk::new();
    #[expect(clippy::disallowed_methods, reason = "rustup finds its toolchain by it")]
    let home = std::env::var_os("HOME").unwrap_or_default();
    let mut command = desk.quantum(&["demo"]);
    command.env_remove("QUANTUM_DATA_DIR").env("HOME", home).env("TMPDIR", desk.path());
    let demo = desk.told(&mut command);
    assert_eq!(demo.exit, 0, "{}", demo.stderr);
    for part in [
        "recording that ships with the program",
        "+    (fahrenheit - 32.0) * 5.0 / 9.0",
        "cargo test --no-fail-fast: exit 0, 4 tests",
        "outcome   proposed",
        "What to do next:",
    ] {
        assert!(demo.stderr.contains(part), "{part:?} is not in {}", demo.stderr);
    }
    let branch = demo.stdout.trim_end();
    let folder = demo.stderr.lines().find_map(|line| line.trim().strip_prefix("clean up")).unwrap();
    let folder = folder.trim().strip_prefix("rm -r ").unwrap();
    desk.git(&["-C", &format!("{folder}/sample"), "merge", "-q", branch]);
    // without cargo, it says so at once and claims nothing
    let demo = desk.told(command.env("PATH", "/usr/bin/nowhere").env("HOME", "/nonexistent"));
    assert_eq!(demo.exit, 0, "{}", demo.stderr);
    assert!(
        demo.stderr.contains("cargo is not on PATH") && demo.stderr.contains("outcome   unverified"),
        "{}",
        demo.stderr
    );
}
