//! `scripted/FILE`: every clause of the contract, and what `--record` writes plays again.

use super::*;
use quantumlayer::{
    model::scripted::{Recorder, Scripted},
    report::Hint,
};

/// Asks as this role, task and step; an answer in one line.
async fn asked(model: &dyn Model, role: &str, task: &str, step: u32) -> String {
    let task = TaskId::new(task);
    let asker = Asker { role, task: &task, step };
    let question = Question { asker, messages: &[], tools: &[], max_output_tokens: 1 };
    match model.ask(&question, &|_| {}).await {
        Ok(reply) => {
            let calls: Vec<_> =
                reply.calls.iter().map(|call| format!(" {} {}", call.name, call.arguments)).collect();
            let cut = if reply.cut { " cut" } else { "" };
            format!(
                "{}{}{cut} {}/{}",
                reply.text,
                calls.concat(),
                reply.usage.input_tokens,
                reply.usage.output_tokens
            )
        }
        Err(error) => error.to_string(),
    }
}

fn script(lines: &[Value]) -> Scripted {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Scripted::parse("scripted/x", &text).unwrap()
}

#[tokio::test]
async fn the_first_unused_line_that_matches_is_taken() {
    let model = script(&[
        json!({"role": "coder", "text": "coder's"}),
        json!({"task": "t2", "text": "t2's"}),
        json!({"role": "coder", "task": "t1", "text": "coder's t1"}),
        json!({"text": "anybody's"}),
    ]);
    assert_eq!(asked(&model, "planner", "plan", 1).await, "anybody's 0/0");
    assert_eq!(asked(&model, "fixer", "t2", 1).await, "t2's 0/0");
    assert_eq!(asked(&model, "coder", "t1", 1).await, "coder's 0/0");
    assert_eq!(
        asked(&model, "coder", "t2", 1).await,
        "scripted/x has no answer left for role coder, task t2, step 1"
    );
    assert_eq!(asked(&model, "coder", "t1", 2).await, "coder's t1 0/0");
}

#[tokio::test]
async fn an_answer_has_text_calls_usage_or_an_error() {
    let model = script(&[
        json!({"text": "x", "tool_calls": [{"name": "shell", "arguments": {"command": "ls"}}, {"name": "read", "arguments": "{half"}, {"name": "submit"}],
            "usage": {"input_tokens": 3, "output_tokens": 4}}),
        json!({"text": null, "tool_calls": null, "usage": null}),
        json!({"text": "long", "cut": true}),
        json!({"error": {"status": 429, "retry_after": 3}}),
        json!({"error": {"status": 401, "message": "no"}}),
        json!({"error": {"status": 501, "message": "never"}}),
    ]);
    assert_eq!(asked(&model, "a", "t", 1).await, r#"x shell {"command":"ls"} read {half submit {} 3/4"#);
    assert_eq!(asked(&model, "a", "t", 2).await, " 0/0");
    assert_eq!(asked(&model, "a", "t", 3).await, "long cut 0/0");
    let task = TaskId::new("t");
    let question = Question {
        asker: Asker { role: "a", task: &task, step: 4 },
        messages: &[],
        tools: &[],
        max_output_tokens: 1,
    };
    let busy = model.ask(&question, &|_| {}).await.unwrap_err();
    assert!(matches!(busy, ModelError::Busy { status: 429, after: Some(after), .. } if after.as_secs() == 3));
    assert_eq!(asked(&model, "a", "t", 4).await, "scripted/x refused: 401 no");
    assert_eq!(asked(&model, "a", "t", 4).await, "scripted/x refused: 501 never");
    let over = model.ask(&question, &|_| {}).await.unwrap_err();
    assert_eq!(over.code(), "script_over");
    assert!(over.hint().contains("--record"));
}

#[tokio::test]
async fn a_work_that_goes_on_after_a_crash_passes_over_what_it_was_answered() {
    let failed = json!({"error": {"status": 503}});
    let model =
        script(&[json!({"text": "1"}), failed.clone(), failed, json!({"text": "2"}), json!({"text": "3"})]);
    assert_eq!(asked(&model, "coder", "t1", 3).await, "3 0/0");
}

#[test]
fn lines_that_are_none_are_named() {
    for (text, part) in [
        ("{}\nnot json\n", "line 2"),
        ("\n\n{\"rolle\":\"coder\"}\n", "line 3: unknown field `rolle`"),
        ("{\"tool_calls\":[{\"arguments\":{}}]}", "line 1: missing field `name`"),
        ("[]", "line 1"),
    ] {
        let why = Scripted::parse("scripted/x", text).err().unwrap();
        assert!(why.contains("scripted/x") && why.contains(part), "{why}");
    }
    assert!(Scripted::parse("x", "").is_ok() && Scripted::parse("x", "\r\n{\"text\":\"x\"}\r\n").is_ok());
}

#[tokio::test]
async fn what_is_recorded_plays_again() {
    let lines = [
        json!({"role": "planner", "task": "plan", "text": "a", "tool_calls": [{"name": "shell", "arguments": {"command": "ls"}}, {"name": "read", "arguments": "{half"}],
            "usage": {"input_tokens": 3, "output_tokens": 4, "cached_input_tokens": 1}}),
        json!({"error": {"status": 503}}),
        json!({"text": "cut", "cut": true, "tool_calls": []}),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.jsonl");
    let recorder = Recorder::new(Arc::new(script(&lines)), &path).unwrap();
    let (played, source) = (Scripted::open, &recorder);
    let mut first = Vec::new();
    for step in 1..=3 {
        first.push(asked(source, "planner", "plan", step).await);
    }
    drop(recorder);
    let again = played(&path).unwrap();
    for (step, expected) in (1..=3).zip(first) {
        let name = format!("scripted/{}", path.display());
        assert_eq!(asked(&again, "planner", "plan", step).await.replace(&name, "scripted/x"), expected);
    }
}
