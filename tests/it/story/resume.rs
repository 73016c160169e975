//! `kill -9` at any moment, then the same command again: the same branch, one commit, no stored answer asked for again.

use super::{Desk, calls, good, one_task, shell, stop::started, submit, write};
use serde_json::json;
use std::{collections::BTreeSet, process::Stdio};

#[test]
fn a_killed_run_goes_on_where_it_stopped() {
    let whole = Desk::new();
    let expected = whole.run(&lines(), &[]).document();
    let moments = [
        "planning",
        "planner: asking",
        "working",
        "coder on t1: asking the model (step 1)",
        "t1: write",
        "t1: shell",
        "(step 3)",
        "verifying",
        "verify: make",
        "publishing",
    ];
    let mut killed = 0;
    for moment in moments {
        let desk = Desk::new();
        let (mut child, _stderr) = started(&desk, &lines(), moment);
        child.kill().unwrap();
        child.wait().unwrap();
        // it is fast: it may have come to its end before the kill, and then the second run is another one
        let branches = || desk.git(&["branch", "--list", "quantum/*"]).lines().count();
        let is_over = branches() == 1;
        let told = desk.run(&lines(), &[]);
        let document = told.document();
        assert_eq!(document["outcome"], "proposed", "killed at {moment:?}: {document:#}\n{}", told.stderr);
        let tree = |desk: &Desk, head: &serde_json::Value| {
            desk.git(&["rev-parse", &format!("{}^{{tree}}", head.as_str().unwrap())])
        };
        assert_eq!(tree(&desk, &document["head"]), tree(&whole, &expected["head"]), "killed at {moment:?}");
        assert!(branches() == 1 || is_over, "killed at {moment:?}");
        killed += usize::from(!is_over);
        assert_eq!(desk.git(&["rev-list", "--count", "main..", document["branch"].as_str().unwrap()]), "1");
        // one in flight at the kill may be booked once more, and no more than that
        let calls = document["cost"]["model_calls"].as_u64().unwrap();
        assert!((4..=5).contains(&calls), "killed at {moment:?}: {calls} calls");
    }
    assert!(killed >= 3, "only {killed} of the kills came in time");
}

fn lines() -> Vec<serde_json::Value> {
    vec![
        one_task(),
        write("coder", "value", "good\n"),
        shell("coder", "cat value; echo x >> log"),
        submit("coder", "Make it good"),
    ]
}

#[test]
fn the_same_request_with_a_fresh_store_does_not_meet_the_old_branch() {
    let desk = Desk::new();
    let first = desk.run(&good(), &[]).document();
    std::fs::remove_dir_all(desk.path().join("data")).unwrap();
    let second = desk.run(&good(), &[]).document();
    assert_eq!(
        (&first["outcome"], &second["outcome"]),
        (&json!("proposed"), &json!("proposed")),
        "{second:#}"
    );
    assert_ne!(first["branch"], second["branch"]);
}

#[test]
fn the_same_request_at_the_same_time_is_a_run_each() {
    let desk = Desk::new();
    let model = desk.script(&good());
    let args = ["run", "Make it good", "--json", "--model", &model];
    let start = || desk.quantum(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let all: Vec<_> = (0..4).map(|_| start()).collect();
    let mut branches = BTreeSet::new();
    for child in all {
        let output = child.wait_with_output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["outcome"], "proposed", "{document:#}");
        branches.insert(document["branch"].as_str().unwrap().to_owned());
    }
    assert_eq!(branches.len(), 4);
    assert_eq!(desk.git(&["branch", "--list", "quantum/*"]).lines().count(), 4);
}

#[test]
fn the_same_request_after_an_end_is_a_new_run() {
    let desk = Desk::new();
    let first = desk.run(&good(), &[]).document();
    let second = desk.run(&good(), &[]).document();
    assert_eq!((&first["outcome"], &second["outcome"]), (&json!("proposed"), &json!("proposed")));
    assert_ne!(first["branch"], second["branch"]);
    let ask = calls("planner", &[("submit", json!({"question": "Which?"}))]);
    assert_eq!(desk.run(&[ask], &[]).exit, 3);
    assert_eq!(desk.run(&good(), &[]).exit, 0);
}

#[test]
fn a_model_that_fails_for_a_while_is_asked_on_where_it_was() {
    let desk = Desk::new();
    let failed = json!({"role": "coder", "error": {"status": 503, "message": "busy", "retry_after": 0}});
    let mut lines = vec![one_task(), write("coder", "value", "good\n")];
    // more than one call tries again: the task fails, and goes on
    lines.extend(vec![failed; 5]);
    lines.extend([shell("coder", "cat value"), submit("coder", "Make it good")]);
    let document = desk.run(&lines, &[]).document();
    // the answer that was given is not given again: what it wrote is there all the same
    assert_eq!(document["outcome"], "proposed", "{document:#}");
    assert_eq!(document["files"][0]["path"], "value", "{document:#}");
}
