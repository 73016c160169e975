//! How a run ends in its thread when not by a pull request that is fine: each end once, and true.

use super::{Town, good};
use serde_json::{Value, json};

fn call(role: &str, name: &str, arguments: Value) -> Value {
    json!({"role": role, "tool_calls": [{"name": name, "arguments": arguments}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_fail_after_the_last_round_are_a_draft_that_says_so() {
    let mut lines = good();
    lines[1] = call("coder", "write", json!({"path": "value", "content": "worse\n"}));
    for _ in 0..3 {
        lines.push(call("fixer", "write", json!({"path": "value", "content": "still bad\n"})));
        lines.push(call("fixer", "submit", json!({"kind": "proposal", "title": "Try", "summary": "Tried."})));
    }
    let town = Town::new(&lines).await;
    // it passes as it is, so that what fails is the change's doing
    town.hub.push(town.usual.repo, town.usual.ada, "main", &[("value", Some("good\n"))]);
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    insta::assert_snapshot!(town.thread(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_one_comment_that_mentions_who_asked() {
    let town = Town::new(&[json!({"role": "planner", "text": "It already says so, see @eve and #7."})]).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    insta::assert_snapshot!(town.thread(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_over_is_a_pause_and_retry_goes_on() {
    let town = Town::new(&good()[..2]).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    town.say(number, town.usual.ada, "/quantum build again").await;
    town.say(number, town.usual.ada, "/quantum status").await;
    town.say(number, town.usual.ada, "/quantum cancel").await;
    town.say(number, town.usual.ada, "/quantum cancel").await;
    insta::assert_snapshot!(town.thread(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_a_person_ends_is_the_end_of_the_run() {
    for merged in [true, false] {
        let town = Town::new(&good()).await;
        let number = town.issue();
        town.say(number, town.usual.ada, "/quantum build").await;
        match merged {
            true => drop(town.hub.merge(town.usual.repo, number + 1, town.usual.ada)),
            false => town.hub.close(town.usual.repo, number + 1, town.usual.ada),
        }
        town.settle().await;
        let thread = town.thread(number);
        let said = if merged { "**Merged**" } else { "**Closed by a person**" };
        assert_eq!(thread.matches(said).count(), 1, "{thread}");
        assert_eq!(thread.matches("slot=status").count(), 1, "{thread}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_does_not_parse_refuses_the_run_by_its_line() {
    let town = Town::new(&good()).await;
    let config = [(".github/quantum.yml", Some("verify: [make test]\nverfy: [x]\n"))];
    town.hub.push(town.usual.repo, town.usual.ada, "main", &config);
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    let thread = town.thread(number);
    assert!(thread.contains("line 2") && thread.contains("did you mean `verify`?"), "{thread}");
    assert!(thread.contains("confused by") && !thread.contains("slot=status"), "{thread}");
    assert!(thread.contains("did you mean `verify`?\n"), "{thread}");
    assert!(thread.contains("Mend it on the default branch, then say `/quantum build` again.\n"), "{thread}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_configuration_says_mentions_and_links_nobody_when_it_is_refused() {
    let town = Town::new(&good()).await;
    let config = "pull_request:\n  branch: \"@acme/everybody [x](https://evil.example)\"\n";
    town.hub.push(town.usual.repo, town.usual.ada, "main", &[(".github/quantum.yml", Some(config))]);
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    insta::assert_snapshot!(town.thread(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_protected_is_not_published() {
    let mut lines = good();
    lines[1] = call("coder", "write", json!({"path": ".github/workflows/ci.yml", "content": "on: push\n"}));
    lines.push(call("coder", "submit", json!({"kind": "no_change", "summary": "It can't be done."})));
    lines.push(call("coder", "submit", json!({"kind": "no_change", "summary": "It can't be done."})));
    let town = Town::new(&lines).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    assert_eq!(town.hub.branches(town.usual.repo), ["main"]);
    assert_eq!(town.hub.count("POST", "/pulls"), 0);
    // the next attempt had nothing to change; which change was refused is said all the same
    let (thread, said) =
        (town.thread(number), "the change touches a path that is protected: .github/workflows/ci.yml.");
    assert!(thread.contains("Nothing was changed.") && thread.matches(said).count() == 2, "{thread}");
}
