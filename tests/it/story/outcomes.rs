//! Every outcome of the table, with its exit, its branch and what `verified` says.

use super::{Desk, Told, calls, good, one_task, shell, submit, write};
use serde_json::{Value, json};

/// Runs and compares outcome, exit, verified and whether there is a branch; gives the document.
fn check(desk: &Desk, lines: &[Value], more: &[&str], expected: (&str, i32, bool, bool)) -> Value {
    let before = desk.standing();
    let told = desk.run(lines, more);
    let document = told.document();
    let seen = (
        document["outcome"].as_str().unwrap(),
        told.exit,
        document["verified"].as_bool().unwrap(),
        document["branch"].is_string(),
    );
    assert_eq!(seen, expected, "{document:#}\n{}", told.stderr);
    let after = desk.standing();
    match document["branch"].as_str() {
        None => assert_eq!((before, &document["head"]), (after, &document["base"])),
        Some(branch) => {
            let line = format!("{} commit\trefs/heads/{branch}", document["head"].as_str().unwrap());
            assert_eq!(before, after.replacen(&format!("{line}\n"), "", 1), "one branch more, nothing else");
            desk.git(&["fsck", "--strict"]);
        }
    }
    document
}

#[test]
fn a_verified_change_is_proposed() {
    let desk = Desk::new();
    let document = check(&desk, &good(), &[], ("proposed", 0, true, true));
    let branch = document["branch"].as_str().unwrap();
    assert!(branch.starts_with("quantum/run-make-it-good-"), "{branch}");
    assert_eq!(document["files"], json!([{"path": "value", "added": 1, "removed": 1}]));
    assert_eq!(document["receipt"][0]["command"], "make test");
    assert_eq!(
        (&document["receipt"][0]["exit_code"], &document["receipt"][0]["tests_run"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(
        document["plan"],
        json!([{"id": "t1", "role": "coder", "title": "Make it good", "needs": [], "state": "done"}])
    );
    assert_eq!(
        document["cost"],
        json!({"usd": 0.0, "input_tokens": 30, "output_tokens": 15, "model_calls": 3})
    );
    assert_eq!((&document["question"], &document["error"]), (&Value::Null, &Value::Null));
    let log = desk.git(&["log", "-1", "--format=%an <%ae> %s%n%(trailers)", branch]);
    assert!(log.starts_with("Ada <ada@example.com> Make it good\n"), "{log}");
    assert!(log.contains("Quantum-Run: "), "{log}");
}

#[test]
fn without_walls_it_is_said_at_the_start_and_once_in_the_receipt() {
    let desk = Desk::new();
    let model = desk.script(&good());
    let mut command = desk.quantum(&["run", "Make it good", "--json", "--model", &model]);
    let told = desk.told(command.env("QUANTUM_SANDBOX", "danger-host"));
    let document = told.document();
    assert_eq!(document["outcome"], "proposed", "{document:#}\n{}", told.stderr);
    let notes = document["notes"].as_array().unwrap().iter();
    assert_eq!(notes.filter(|note| note.to_string().contains("danger-host")).count(), 1, "{document:#}");
    let planning = told.stderr.find("planning").unwrap();
    assert!(told.stderr.find("WARNING: danger-host").is_some_and(|at| at < planning), "{}", told.stderr);
}

#[test]
fn without_a_check_nothing_is_called_verified() {
    let desk = Desk::empty();
    desk.commit("value", "bad\n");
    let document = check(&desk, &good(), &[], ("unverified", 0, false, true));
    assert!(document["notes"].to_string().contains("verify:"), "{document:#}");
}

#[test]
fn checks_that_run_no_test_verify_nothing() {
    let desk = Desk::new();
    desk.commit("check.sh", "echo 'test result: ok. 0 passed; 0 failed'\n");
    let document = check(&desk, &good(), &[], ("unverified", 0, false, true));
    assert!(document["notes"].to_string().contains("no test"), "{document:#}");
}

#[test]
fn old_failures_are_named_and_not_held_against_the_change() {
    let desk = Desk::new();
    let lines = [one_task(), write("coder", "other", "x\n"), submit("coder", "Something else")];
    let document = check(&desk, &lines, &[], ("unverified", 0, false, true));
    assert!(document["notes"].to_string().contains("value_is_good"), "{document:#}");
}

#[test]
fn a_text_is_an_answer() {
    let desk = Desk::new();
    let document =
        check(&desk, &[json!({"text": "It is bad because of value."})], &[], ("answered", 0, false, false));
    assert_eq!(document["summary"], "It is bad because of value.");
}

#[test]
fn no_change_is_no_branch() {
    let desk = Desk::new();
    let nothing = calls("coder", &[("submit", json!({"kind": "no_change", "text": "it is good already"}))]);
    check(&desk, &[one_task(), nothing], &[], ("no_change", 0, false, false));
    check(
        &desk,
        &[one_task(), shell("coder", "cat value"), submit("coder", "Nothing")],
        &[],
        ("no_change", 0, false, false),
    );
}

#[test]
fn a_question_waits() {
    let desk = Desk::new();
    let ask =
        calls("planner", &[("submit", json!({"question": "Which value?", "choices": ["good", "better"]}))]);
    let document = check(&desk, &[ask], &["--yes"], ("question", 3, false, false));
    assert_eq!(document["question"], json!({"text": "Which value?", "choices": ["good", "better"]}));
}

#[test]
fn a_plan_waits_for_approval_and_goes_on_with_yes() {
    let desk = Desk::new();
    desk.commit(".github/quantum.yml", "approve_plan: true\n");
    let document = check(&desk, &good(), &[], ("question", 3, false, false));
    assert!(document["question"]["text"].as_str().unwrap().contains("Make it good"));
    assert_eq!(document["plan"][0]["state"], "pending");
    // the plan is stored: only the coder is asked now
    let told = desk.run(&good()[1..], &["--yes"]);
    assert_eq!((told.document()["outcome"].as_str().unwrap(), told.exit), ("proposed", 0), "{}", told.stderr);
    assert_eq!(told.document()["run"], document["run"]);
}

#[test]
fn a_change_that_breaks_the_checks_fails_and_keeps_its_branch() {
    let desk = Desk::new();
    desk.commit("value", "good\n");
    desk.commit(".github/quantum.yml", "fix: { max_attempts: 1 }\n");
    let fixer = [write("fixer", "value", "still bad\n"), submit("fixer", "Try")];
    let lines =
        [vec![one_task(), write("coder", "value", "bad\n"), submit("coder", "Break it")], fixer.to_vec()]
            .concat();
    let document = check(&desk, &lines, &[], ("failed", 1, false, true));
    assert_eq!(document["error"]["code"], "verify_failed");
    assert_eq!(document["receipt"][0]["exit_code"], 2, "make's own");
    let tail = document["receipt"][0]["output_tail"].as_str().unwrap();
    assert!(tail.contains("test value_is_good ... FAILED"), "{tail}");
}

/// The same without `--json`: what a person reads.
fn read(desk: &Desk, lines: &[Value], more: &[&str]) -> Told {
    let model = desk.script(lines);
    desk.told(&mut desk.quantum(&[&["run", "Make it good", "--model", &model], more].concat()))
}

#[test]
fn a_person_reads_why_a_check_failed_and_is_not_offered_the_branch() {
    let desk = Desk::new();
    desk.commit("value", "good\n");
    desk.commit(".github/quantum.yml", "fix: { max_attempts: 1 }\n");
    let bad = |role: &str, text: &str| [write(role, "value", text), submit(role, "Break it")];
    let lines = [vec![one_task()], bad("coder", "bad\n").to_vec(), bad("fixer", "worse\n").to_vec()].concat();
    let told = read(&desk, &lines, &[]);
    assert_eq!(told.exit, 1, "{}", told.stderr);
    assert!(told.stderr.contains("    | test value_is_good ... FAILED\n"), "{}", told.stderr);
    assert!(told.stderr.contains("look at it  git diff HEAD...quantum/"), "{}", told.stderr);
    assert!(told.stderr.contains("drop it     git branch -D quantum/"), "{}", told.stderr);
    assert!(!told.stderr.contains("merge"), "{}", told.stderr);
}

#[test]
fn what_to_do_with_a_branch_depends_on_what_is_known_of_it() {
    let desk = Desk::new();
    let told = read(&desk, &good(), &[]);
    assert!(told.stderr.contains("\ntake it     git merge quantum/"), "{}", told.stderr);
    let unchecked = Desk::empty();
    unchecked.commit("value", "bad\n");
    let told = read(&unchecked, &good(), &[]);
    assert!(told.stderr.contains("\ntake it unverified  git merge quantum/"), "{}", told.stderr);
    assert!(told.stderr.contains("\nlook at it          git diff"), "{}", told.stderr);
    // nowhere to merge
    let bare = desk.path().join("bare").display().to_string();
    desk.git(&["clone", "-q", "--bare", ".", &bare]);
    let told = read(&desk, &good(), &["--repo", &bare, "--base", "main"]);
    assert!(told.stderr.contains("outcome   proposed"), "{}", told.stderr);
    let branch = told.stdout.trim_end();
    assert!(told.stderr.contains(&format!("git -C {bare} log -p -1 {branch}\n")), "{}", told.stderr);
    assert!(!told.stderr.contains("merge") && !told.stderr.contains("HEAD..."), "{}", told.stderr);
}

#[test]
fn what_a_person_should_know_is_in_the_document_once() {
    let desk = Desk::new();
    desk.commit(".github/quantum.yaml", "verify: [true]\n");
    desk.write("value", "not committed\n");
    let model = desk.script(&good());
    let mut command = desk.quantum(&["run", "Make it good", "--json", "--model", &model]);
    let told = desk.told(command.env("QUANTUM_GITHUB_CLIENT_ID", "Iv1.1").env("QUANTUM_MODLE", "x"));
    let document = told.document();
    let notes: Vec<_> =
        document["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    for said in [
        "the repository has uncommitted changes; they are left out",
        "not in effect yet: QUANTUM_GITHUB_CLIENT_ID",
        ".github/quantum.yaml is not read",
        "QUANTUM_MODLE is not a setting",
    ] {
        assert_eq!(notes.iter().filter(|note| note.contains(said)).count(), 1, "{said:?}: {notes:?}");
        assert!(told.stderr.contains(&format!("note: {said}")), "{}", told.stderr);
    }
}

#[test]
fn the_fixer_is_shown_the_failure_and_mends_it() {
    let desk = Desk::new();
    desk.commit("value", "good\n");
    let lines = [
        one_task(),
        write("coder", "value", "bad\n"),
        submit("coder", "Break it"),
        write("fixer", "value", "very good\n"),
        submit("fixer", "Mend it"),
    ];
    let document = check(&desk, &lines, &[], ("proposed", 0, true, true));
    assert_eq!(desk.git(&["show", &format!("{}:value", document["branch"].as_str().unwrap())]), "very good");
}

#[test]
fn steps_are_a_cap() {
    let desk = Desk::new();
    let document = check(&desk, &good(), &["--max-steps", "2"], ("out_of_budget", 4, false, false));
    assert_eq!(document["cost"]["model_calls"], 2);
}

#[test]
fn two_tasks_are_merged_and_a_conflict_is_done_again() {
    let desk = Desk::new();
    let task =
        |id: &str, needs: Value| json!({"id": id, "role": "coder", "title": id, "text": id, "needs": needs});
    let plan = calls(
        "planner",
        &[(
            "submit",
            json!({"summary": "Two.", "confidence": 0.9, "tasks": [task("a", json!([])), task("b", json!(["a"]))]}),
        )],
    );
    let with = |task: &str, mut line: Value| {
        line["task"] = json!(task);
        line
    };
    let lines = [
        plan,
        with("a", write("coder", "value", "good\n")),
        with("a", submit("coder", "First")),
        with(
            "b",
            shell("coder", "grep good value && echo more > extra && chmod +x extra && ln -s value link"),
        ),
        with("b", submit("coder", "Second")),
    ];
    let document = check(&desk, &lines, &[], ("proposed", 0, true, true));
    let files: Vec<&str> =
        document["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert_eq!(files, ["extra", "link", "value"]);
    let tree = desk.git(&["ls-tree", "-r", document["branch"].as_str().unwrap(), "extra", "link"]);
    assert!(tree.contains("100755") && tree.contains("120000"), "{tree}");
}

#[test]
fn a_planner_that_does_the_work_itself_is_taken_at_it() {
    let desk = Desk::new();
    let lines = [
        json!({"tool_calls": [{"name": "shell", "arguments": {"command": ["bash", "-lc", "echo good > value"]}}]}),
        json!({"tool_calls": [{"name": "submit", "arguments": {"summary": "Made it good"}}]}),
    ];
    let document = check(&desk, &lines, &[], ("proposed", 0, true, true));
    assert_eq!(document["plan"].as_array().unwrap().len(), 1);
}

#[test]
fn a_role_skips_the_plan() {
    let desk = Desk::new();
    check(&desk, &good()[1..], &["--role", "coder", "--branch", "mine/one"], ("proposed", 0, true, true));
    assert_eq!(desk.git(&["show", "mine/one:value"]), "good");
}

#[test]
fn a_protected_path_refuses_the_change() {
    let desk = Desk::new();
    let again = [write("coder", ".github/workflows/x.yml", "on: push\n"), submit("coder", "Workflow")];
    let lines = [vec![one_task()], again.to_vec(), again.to_vec(), again.to_vec()].concat();
    let document = check(&desk, &lines, &[], ("failed", 1, false, false));
    assert_eq!(document["error"]["code"], "protected_path", "{document:#}");
}

#[test]
fn a_recording_plays_again() {
    let (desk, other) = (Desk::new(), Desk::new());
    let record = desk.path().join("record.jsonl");
    // a run that gets no answer leaves an older recording as it is, and a place that can't be is refused at once
    let kept = || std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, "an older one\n").unwrap();
    assert_eq!(desk.run(&[], &["--record", record.to_str().unwrap()]).exit, 1);
    assert_eq!(kept(), "an older one\n");
    let told = desk.run(&good(), &["--record", desk.path().to_str().unwrap()]);
    assert_eq!((told.exit, told.stdout.as_str()), (2, ""), "{}", told.stderr);
    assert_eq!(desk.run(&good(), &["--record", "/no/such/file"]).exit, 2);
    let first = check(&desk, &good(), &["--record", record.to_str().unwrap()], ("proposed", 0, true, true));
    let spec = format!("scripted/{}", record.display());
    let told = other.told(&mut other.quantum(&["run", "Make it good", "--json", "--model", &spec]));
    let second = told.document();
    assert_eq!(second["outcome"], "proposed", "{}", told.stderr);
    let tree = |desk: &Desk, document: &Value| {
        desk.git(&["rev-parse", &format!("{}^{{tree}}", document["head"].as_str().unwrap())])
    };
    assert_eq!(tree(&desk, &first), tree(&other, &second));
}
