//! What agents say is looked through for secrets before people see it.

use super::{Town, good};
use serde_json::{Value, json};

const SECRET: &str = "ghp_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5z";

fn submit(role: &str, arguments: Value) -> Value {
    json!({"role": role, "tool_calls": [{"name": "submit", "arguments": arguments}]})
}

/// Everything that was sent to GitHub.
fn sent(town: &Town) -> String {
    town.hub.requests().iter().map(|entry| entry.body.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_a_question_and_a_plan_with_a_secret_are_not_posted() {
    let answer = json!({"role": "planner", "text": format!("It is `{SECRET}`, as the file says.")});
    let question = submit(
        "planner",
        json!({"kind": "question", "question": format!("May {SECRET} be used?"), "choices": ["yes", "no"]}),
    );
    let plan = submit(
        "planner",
        json!({"kind": "plan", "plan": {"summary": "Make it good.", "confidence": 90, "tasks": [
            {"id": "t1", "role": "coder", "title": format!("Use {SECRET}"), "text": "Write good.", "needs": []}]}}),
    );
    for (what, line, run) in [
        ("answer", answer, "closed: answered"),
        ("question", question, "paused: question"),
        ("plan", plan.clone(), "paused: failed"),
    ] {
        let town = Town::new(&[line]).await;
        let number = town.issue();
        town.say(number, town.usual.ada, "/quantum build").await;
        town.say(number, town.usual.ada, "/quantum status").await;
        let thread = town.thread(number);
        assert_eq!(town.run().await, run, "{what}: {thread}");
        assert!(!sent(&town).contains("aB3dE5fG7hI9"), "{what}: {thread}");
        assert!(thread.contains("not shown: it holds what looks like a GitHub token"), "{what}: {thread}");
        assert!(thread.contains("If it is a real one, replace it where it is used"), "{what}: {thread}");
        assert!(thread.contains("@ada"), "{what}: {thread}");
    }
    // the plan's words are in the pull request too
    let mut lines = good();
    lines[0] = plan;
    let town = Town::new(&lines).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    let thread = town.thread(number);
    assert!(thread.contains("PR #2") && !sent(&town).contains("aB3dE5fG7hI9"), "{thread}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_with_a_secret_is_not_published() {
    let mut lines = good();
    lines[2] = submit(
        "coder",
        json!({"kind": "proposal", "title": "Make it good", "summary": format!("With {SECRET}.")}),
    );
    let town = Town::new(&lines).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    let thread = town.thread(number);
    assert_eq!(town.run().await, "paused: refused", "{thread}");
    assert!(thread.contains("the commit's message holds what looks like a GitHub token"), "{thread}");
    assert!(!sent(&town).contains("aB3dE5fG7hI9"), "{thread}");
    assert_eq!(town.hub.branches(town.usual.repo), ["main"]);
}
