//! Stopping a run: the sandbox's whole tree is gone, the outcome says cancelled.

use super::{Desk, one_task, shell, submit, write};
use crate::process::{running, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

/// Starts a run and gives it when its stderr shows this text.
pub(super) fn started(
    desk: &Desk,
    lines: &[serde_json::Value],
    until: &str,
) -> (Child, BufReader<std::process::ChildStderr>) {
    let model = desk.script(lines);
    let mut command = desk.quantum(&["run", "Make it good", "--json", "--model", &model]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while stderr.read_line(&mut line).unwrap() > 0 && !line.contains(until) {
        line.clear();
    }
    (child, stderr)
}

#[test]
fn an_interrupt_ends_the_sandbox_and_says_so() {
    for (signal, marker) in [(Signal::INT, "86399.125"), (Signal::TERM, "86399.25")] {
        let desk = Desk::new();
        let before = desk.standing();
        let sleep = shell("coder", &format!("setsid sleep {marker} & sleep {marker}"));
        let (child, _stderr) = started(&desk, &[one_task(), sleep], &format!("sleep {marker}"));
        // the line is shown before the command starts: wait until it has
        wait_until("both sleeps", || running(marker) >= 2);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), document["outcome"].as_str()), (Some(1), Some("cancelled")));
        assert_eq!(running(&format!("sleep {marker}")), 0);
        assert_eq!(before, desk.standing());
        let left: Vec<_> = std::fs::read_dir(desk.path().join("data/work"))
            .map(|all| all.flatten().collect())
            .unwrap_or_default();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn whoever_interrupts_twice_is_told_the_same() {
    let desk = Desk::new();
    let sleep = shell("coder", "sleep 86399.375");
    let (child, _stderr) = started(&desk, &[one_task(), sleep], "sleep 86399.375");
    for _ in 0..2 {
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), document["outcome"].as_str()), (Some(1), Some("cancelled")));
    wait_until("the sleep is gone", || running("sleep 86399.375") == 0);
}

#[test]
fn whatever_moment_is_interrupted_nothing_is_left_over() {
    let moments = [
        "planning",
        "planner: asking",
        "working",
        "t1: write",
        "t1: shell",
        "verifying",
        "verify: make",
        "publishing",
    ];
    let lines = [
        one_task(),
        write("coder", "value", "good\n"),
        shell("coder", "cat value"),
        submit("coder", "Make it good"),
    ];
    let mut cancelled = 0;
    for moment in moments {
        let desk = Desk::new();
        let (child, _stderr) = started(&desk, &lines, moment);
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // it is fast: it may have come to its end before the signal
        match (document["outcome"].as_str(), output.status.code()) {
            (Some("cancelled"), Some(1)) => cancelled += 1,
            (Some("proposed"), Some(0)) => {}
            other => panic!("{moment:?}: {other:?} {document:#}"),
        }
        let branch = document["branch"].as_str().unwrap_or_default();
        assert_eq!(
            desk.git(&["branch", "--list", "quantum/*", "--format=%(refname:short)"]),
            branch,
            "{moment:?}"
        );
        assert_eq!(desk.git(&["status", "--porcelain"]), "");
        let left: Vec<_> = std::fs::read_dir(desk.path().join("data/work"))
            .map(|all| all.flatten().collect())
            .unwrap_or_default();
        assert!(left.is_empty(), "{moment:?}: {left:?}");
    }
    assert!(cancelled >= 3, "only {cancelled} of the signals came in time");
}
