//! Chat Completions as servers really speak it (OpenAI's API reference, "Chat"): what is missing, null or of another
//! type than documented is tolerated where its meaning is clear.

use super::{Message, Question, Reply, ToolCall, Usage};
use crate::limits::model as limits;
use serde::Deserialize;
use serde_json::{Value, json};

/// The request's body. `limit_key` is how this server calls the limit of the answer.
pub(super) fn request(model: &str, question: &Question<'_>, limit_key: &str) -> Value {
    let messages: Vec<Value> = question.messages.iter().map(message).collect();
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    body[limit_key] = json!(question.max_output_tokens);
    if !question.tools.is_empty() {
        let tools = question.tools.iter().map(|tool| json!({"type": "function", "function": tool}));
        body["tools"] = Value::Array(tools.collect());
    }
    body
}

fn message(message: &Message) -> Value {
    match message {
        Message::System { text } => json!({"role": "system", "content": text}),
        Message::User { text } => json!({"role": "user", "content": text}),
        Message::Tool { call, text } => json!({"role": "tool", "tool_call_id": call, "content": text}),
        Message::Assistant { text, calls } if calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        Message::Assistant { text, calls } => {
            let calls = calls.iter().map(|call| {
                json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
            });
            let content = if text.is_empty() { Value::Null } else { json!(text) };
            json!({"role": "assistant", "content": content, "tool_calls": calls.collect::<Vec<_>>()})
        }
    }
}

/// One streamed chunk, or a whole answer: the fields that we read.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<RawUsage>,
    /// Some servers report trouble in mid-stream.
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct Choice {
    #[serde(default, alias = "message")]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    tool_calls: Option<Vec<RawCall>>,
}

#[derive(Debug, Default, Deserialize)]
struct RawCall {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<RawFunction>,
}

#[derive(Debug, Default, Deserialize)]
struct RawFunction {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct RawUsage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<RawDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct RawDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

/// Chunks put together.
#[derive(Debug, Default)]
pub(super) struct Answer {
    text: String,
    calls: Vec<ToolCall>,
    usage: Option<RawUsage>,
    finish: Option<String>,
    bytes: usize,
}

impl Answer {
    /// Adds a chunk; gives the text that came with it. `Err`: the answer is too long.
    pub(super) fn add(&mut self, chunk: Chunk) -> Result<String, String> {
        if chunk.usage.is_some() {
            self.usage = chunk.usage;
        }
        let Some(choice) = chunk.choices.unwrap_or_default().into_iter().next() else {
            return Ok(String::new());
        };
        self.finish = choice.finish_reason.or(self.finish.take());
        let delta = choice.delta.unwrap_or_default();
        let text = delta.content.map(content).unwrap_or_default();
        self.bytes += text.len();
        self.text.push_str(&text);
        for call in delta.tool_calls.unwrap_or_default() {
            self.call(call);
        }
        if self.bytes > limits::ANSWER_BYTES || self.calls.len() > limits::CALLS {
            return Err(format!(
                "an answer of more than {} KiB or {} calls",
                limits::ANSWER_BYTES / 1024,
                limits::CALLS
            ));
        }
        Ok(text)
    }

    /// A part of a call: it belongs to its index; without one, an id begins a new call.
    fn call(&mut self, raw: RawCall) {
        let function = raw.function.unwrap_or_default();
        let id = raw.id.unwrap_or_default();
        let same = |call: &ToolCall| id.is_empty() || call.id == id;
        let at = match raw.index {
            Some(index) if index < self.calls.len() => index,
            None if function.name.is_none() && self.calls.last().is_some_and(same) => self.calls.len() - 1,
            _ => {
                self.calls.push(ToolCall {
                    id: String::new(),
                    name: String::new(),
                    arguments: String::new(),
                });
                self.calls.len() - 1
            }
        };
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = function.name.unwrap_or_default();
        }
        let arguments = match function.arguments {
            Some(Value::String(text)) => text,
            Some(Value::Null) | None => String::new(),
            // some servers send an object where a text is documented
            Some(value) => value.to_string(),
        };
        self.bytes += arguments.len();
        call.arguments.push_str(&arguments);
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.calls.is_empty() && self.finish.is_none()
    }

    /// The whole answer. `question_bytes` estimates what the provider did not count (4 bytes a token).
    pub(super) fn reply(mut self, step: u32, question_bytes: usize) -> Reply {
        for (at, call) in self.calls.iter_mut().enumerate() {
            if call.id.is_empty() {
                call.id = format!("call_{step}_{at}");
            }
        }
        let raw = self.usage.unwrap_or_default();
        let usage = Usage {
            input_tokens: raw.prompt_tokens.unwrap_or(question_bytes as u64 / 4),
            cached_input_tokens: raw.prompt_tokens_details.and_then(|d| d.cached_tokens).unwrap_or(0),
            output_tokens: raw.completion_tokens.unwrap_or(self.bytes as u64 / 4),
        };
        Reply { text: self.text, calls: self.calls, usage, cut: self.finish.as_deref() == Some("length") }
    }
}

/// Content is a text, or a list of parts with texts.
fn content(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}
