//! Tools in words, for servers that take none: what may be called stands in the rules, calls are blocks of JSON in the
//! answer (the agent finds them there), tool answers are messages of ours. A pure function of the question, so the
//! prompt's prefix stays stable.

use super::{Message, Question, ToolCall, ToolSpec};
use std::collections::HashMap;

/// The conversation without anything that only servers with tools understand.
pub(super) fn messages(question: &Question<'_>) -> Vec<Message> {
    let mut told: Vec<Message> = Vec::new();
    let mut names: HashMap<&str, &str> = HashMap::new();
    for message in question.messages {
        let next = match message {
            Message::System { text } => {
                Message::System { text: format!("{text}\n\n{}", rules(question.tools)) }
            }
            Message::User { text } => Message::User { text: text.clone() },
            Message::Assistant { text, calls } => {
                names.extend(calls.iter().map(|call| (call.id.as_str(), call.name.as_str())));
                Message::Assistant { text: spoken(text, calls), calls: Vec::new() }
            }
            Message::Tool { call, text } => {
                let name = names.get(call.as_str()).copied().unwrap_or("a tool");
                Message::User { text: format!("Answer of `{name}`:\n{text}") }
            }
        };
        // turns are taken: some templates refuse two messages of one side
        match (told.last_mut(), next) {
            (Some(Message::User { text: last }), Message::User { text }) => {
                last.push_str("\n\n");
                last.push_str(&text);
            }
            (_, next) => told.push(next),
        }
    }
    told
}

fn rules(tools: &[ToolSpec]) -> String {
    let mut text = String::from(
        "# Tools\n\nCall a tool by ending your answer with one block like this, and nothing behind it:\n\n\
         ```json\n{\"name\": \"TOOL\", \"arguments\": {}}\n```\n\nThe answer comes in the next message. These are the tools, \
         with the JSON Schema of their arguments:\n",
    );
    for tool in tools {
        text.push_str(&format!("\n- `{}`: {} {}\n", tool.name, tool.description, tool.parameters));
    }
    text
}

/// What the model said, with its calls as it would write them here.
fn spoken(text: &str, calls: &[ToolCall]) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend((!text.is_empty()).then(|| text.to_owned()));
    parts.extend(calls.iter().map(|call| {
        format!("```json\n{{\"name\": \"{}\", \"arguments\": {}}}\n```", call.name, call.arguments)
    }));
    parts.join("\n\n")
}
