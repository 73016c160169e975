//! A model that answers by what it is asked, for as many as ask.

use async_trait::async_trait;
use quantumlayer::model::{Message, Model, ModelError, Price, Question, Reply, ToolCall};
use serde_json::{Value, json};

/// Who says this wants the change itself, not an answer.
pub(super) const IN_FULL: &str = "and do it in full";

pub(super) struct Clerk;

fn call(name: &str, arguments: Value) -> Reply {
    let call =
        ToolCall { id: format!("call-{name}"), name: name.to_owned(), arguments: arguments.to_string() };
    Reply { calls: vec![call], ..Reply::default() }
}

#[async_trait]
impl Model for Clerk {
    fn name(&self) -> &str {
        "scripted/clerk"
    }
    fn price(&self) -> Option<Price> {
        Some(Price { input: 0.0, cached_input: 0.0, output: 0.0 })
    }
    fn window(&self) -> u64 {
        1_000_000
    }
    async fn ask(
        &self,
        question: &Question<'_>,
        _: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        let is_full = question
            .messages
            .iter()
            .any(|message| matches!(message, Message::User { text } if text.contains(IN_FULL)));
        let has_written = question.messages.iter().any(|message| {
            matches!(message, Message::Assistant { calls, .. } if calls.iter().any(|call| call.name == "write"))
        });
        Ok(match (question.asker.role, is_full, has_written) {
            ("planner", false, _) => Reply { text: "It says bad.".to_owned(), ..Reply::default() },
            ("planner", true, _) => call(
                "submit",
                json!({"kind": "plan", "plan": {
                    "summary": "Make it good.", "confidence": 90,
                    "tasks": [{"id": "t1", "role": "coder", "title": "Make it good", "text": "Write good.", "needs": []}],
                }}),
            ),
            (_, _, false) => call("write", json!({"path": "value", "content": "good\n"})),
            (_, _, true) => call(
                "submit",
                json!({"kind": "proposal", "title": "Make it good", "summary": "It says good."}),
            ),
        })
    }
}
