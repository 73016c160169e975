//! What may not leave in a change: the whole change is refused, nothing is published, and it is said which file and why.

use super::{Desk, one_task, shell, submit, write};
use serde_json::Value;

/// Every attempt does the same; none may leave.
fn refused(attempt: &[Value], file: &str, why: &str) {
    let desk = Desk::new();
    let before = desk.standing();
    let lines = [&[one_task()], attempt, attempt, attempt].concat();
    let told = desk.run(&lines, &[]);
    let document = told.document();
    assert_eq!((document["outcome"].as_str(), told.exit), (Some("failed"), 1), "{document:#}");
    assert_eq!(
        (document["error"]["code"].as_str(), &document["branch"]),
        (Some("unsafe_change"), &Value::Null)
    );
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains(file) && message.contains(why), "{message}");
    assert!(!document["error"]["hint"].as_str().unwrap().is_empty());
    assert_eq!(before, desk.standing(), "nothing is published");
}

#[test]
fn a_secret_does_not_leave() {
    let token = format!("ghp_{}", "a1B2c3D4e5".repeat(4));
    let lines = [write("coder", "value", &format!("good\n{token}\n")), submit("coder", "Good")];
    refused(&lines, "value", "a GitHub token (line 2)");
}

#[test]
fn a_link_that_leads_out_does_not_leave() {
    let lines = [shell("coder", "echo good > value; ln -s /etc/passwd host"), submit("coder", "Good")];
    refused(&lines, "host", "leads out");
}

#[test]
fn a_secret_does_not_leave_in_a_summary() {
    let token = format!("glpat-{}", "a1B2c3D4e5".repeat(3));
    let desk = Desk::new();
    let told = desk.run(&[one_task(), write("coder", "value", "good\n"), submit("coder", &token)], &[]);
    let document = told.document();
    assert_eq!(
        (document["error"]["code"].as_str(), &document["branch"]),
        (Some("unsafe_change"), &Value::Null)
    );
    assert!(!document["error"].to_string().contains(&token), "{document:#}");
}
