//! Chat Completions as servers really speak it (OpenAI's API reference, "Chat"): what is missing, null or of another
//! type than documented is tolerated where its meaning is clear.

use super::{
    Message, Question, Reply, ToolCall, Usage,
    dialect::{Dialect, is_window},
    prose,
};
use crate::limits::model as limits;
use serde_json::{Value, json};
use std::time::Duration;

/// The request's body, as this server wants it.
pub(super) fn request(model: &str, question: &Question<'_>, dialect: &Dialect) -> Value {
    let messages: Vec<Value> = match dialect.prose && !question.tools.is_empty() {
        true => prose::messages(question).iter().map(message).collect(),
        false => question.messages.iter().map(message).collect(),
    };
    let mut body = json!({ "model": model, "messages": messages, "stream": !dialect.whole });
    if !dialect.no_usage && !dialect.whole {
        body["stream_options"] = json!({ "include_usage": true });
    }
    let limit = if dialect.old_limit { "max_tokens" } else { "max_completion_tokens" };
    body[limit] = json!(dialect.most(question.max_output_tokens));
    if !question.tools.is_empty() && !dialect.prose {
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

/// Chunks put together, or one whole answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    text: String,
    /// Why the model does not answer, in its own words.
    refusal: String,
    calls: Vec<ToolCall>,
    /// The index that the server counts each call by.
    indexes: Vec<Option<u64>>,
    usage: Value,
    finish: Option<String>,
    bytes: usize,
}

impl Answer {
    /// Adds a chunk; gives the text that came with it. `Err`: the answer is too long.
    pub(super) fn add(&mut self, chunk: &Value) -> Result<String, String> {
        if chunk["usage"].is_object() {
            self.usage = chunk["usage"].clone();
        }
        // one answer was asked for; a server that gives more counts them
        let mut choices = chunk["choices"].as_array().into_iter().flatten();
        let Some(choice) = choices.find(|choice| choice["index"].as_u64().unwrap_or(0) == 0) else {
            return Ok(String::new());
        };
        if let Some(finish) = choice["finish_reason"].as_str().filter(|finish| !finish.is_empty()) {
            self.finish = Some(finish.to_ascii_lowercase());
        }
        let delta = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        let text = content(&delta["content"]);
        self.text.push_str(&text);
        let refusal = delta["refusal"].as_str().unwrap_or_default();
        self.refusal.push_str(refusal);
        self.bytes += text.len() + refusal.len();
        match &delta["tool_calls"] {
            Value::Array(calls) => calls.iter().for_each(|call| self.call(call)),
            call @ Value::Object(_) => self.call(call),
            _ => {}
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

    /// A part of a call.
    fn call(&mut self, raw: &Value) {
        let function = if raw["function"].is_object() { &raw["function"] } else { raw };
        let (id, name) = (text_of(&raw["id"]), text_of(&function["name"]));
        let at = self.place_of(raw["index"].as_u64(), &id, &name);
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() {
            call.id = id;
        }
        // most servers repeat a name or leave it out; some send it in pieces
        if call.name != name {
            call.name.push_str(&name);
        }
        let arguments = match &function["arguments"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            // some servers send an object where a text is documented
            value => value.to_string(),
        };
        self.bytes += arguments.len() + name.len();
        call.arguments.push_str(&arguments);
    }

    /// Which call a part belongs to: the one of its index, else of its id, else the last one. A part with a name begins a
    /// new call where nothing says that it goes on with that one: some servers give all calls one index, others each part
    /// an id of its own.
    fn place_of(&mut self, index: Option<u64>, id: &str, name: &str) -> usize {
        let known = match index {
            Some(_) => self.indexes.iter().rposition(|known| *known == index),
            None => (self.calls.iter().rposition(|call| !id.is_empty() && call.id == id))
                .or(self.calls.len().checked_sub(1)),
        };
        let goes_on = known.filter(|at| {
            let told = &self.calls[*at].id;
            let counted = index.is_some() && (id.is_empty() || told.is_empty());
            name.is_empty() || counted || (!id.is_empty() && told == id)
        });
        goes_on.unwrap_or_else(|| {
            self.calls.push(ToolCall { id: String::new(), name: String::new(), arguments: String::new() });
            self.indexes.push(index);
            self.calls.len() - 1
        })
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether anything came that the provider counts.
    pub(super) fn has_begun(&self) -> bool {
        self.bytes > 0 || !self.calls.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_begun() && self.finish.is_none()
    }

    /// The provider took the answer away.
    pub(super) fn is_filtered(&self) -> bool {
        !self.has_begun() && self.finish.as_deref() == Some("content_filter")
    }

    /// The whole answer. `question_bytes` estimates what the provider did not count (4 bytes a token).
    pub(super) fn reply(mut self, step: u32, question_bytes: usize) -> Reply {
        for (at, call) in self.calls.iter_mut().enumerate() {
            if call.id.is_empty() {
                call.id = format!("call_{step}_{at}");
            }
        }
        let usage = usage(&self.usage, question_bytes, self.bytes);
        let text = if self.text.is_empty() { self.refusal } else { self.text };
        let cut = matches!(self.finish.as_deref(), Some("length" | "max_tokens"));
        Reply { text, calls: self.calls, usage, cut }
    }
}

/// What the provider counted. A number that is missing, none or beyond any window is estimated: no question is free.
fn usage(told: &Value, question_bytes: usize, answer_bytes: usize) -> Usage {
    let number = |value: &Value| {
        let number = value.as_u64().or_else(|| value.as_f64().map(|number| number.max(0.0) as u64));
        number.filter(|number| (1..=limits::TOKENS_MOST).contains(number))
    };
    let input_tokens = number(&told["prompt_tokens"]).unwrap_or(question_bytes as u64 / limits::TOKEN_BYTES);
    let cached = number(&told["prompt_tokens_details"]["cached_tokens"]).unwrap_or(0);
    Usage {
        input_tokens,
        cached_input_tokens: cached.min(input_tokens),
        output_tokens: number(&told["completion_tokens"])
            .unwrap_or(answer_bytes as u64 / limits::TOKEN_BYTES),
    }
}

/// Content is a text, or a list of parts with texts.
fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str().or(part.as_str())).collect()
        }
        _ => String::new(),
    }
}

/// A name or an id; some servers number their ids.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Why a server does not answer: a status and whatever it says.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// How long to wait, when it says so.
    pub(super) after: Option<Duration>,
    /// What it says, for a person.
    pub(super) message: String,
    error: Value,
    /// All of it in lower case, for what has no field.
    words: String,
}

impl Refusal {
    /// From the body of an answer that is no 200.
    pub(super) fn read(status: u16, after: Option<Duration>, body: &str) -> Self {
        let value = serde_json::from_str(body).unwrap_or_else(|_| match body.trim_start().starts_with('<') {
            true => Value::Null, // a page for a person with a browser
            false => Value::String(body.trim().to_owned()),
        });
        Self::of(status, after, value)
    }

    /// From the error within a stream that began well. Its code may be a status.
    pub(super) fn in_stream(error: Value) -> Self {
        let code = [&error["code"], &error["status"], &error["status_code"]].into_iter();
        let status = code.filter_map(Value::as_u64).find(|code| (400..600).contains(code)).unwrap_or(500);
        Self::of(u16::try_from(status).unwrap_or(500), None, json!({ "error": error }))
    }

    fn of(status: u16, after: Option<Duration>, body: Value) -> Self {
        // some servers answer a list of one
        let body = match body {
            Value::Array(mut list) if !list.is_empty() => list.remove(0),
            body => body,
        };
        let error = if body["error"].is_null() { body } else { body["error"].clone() };
        let text = [&error["message"], &error["detail"], &error["error_description"], &error["msg"], &error];
        let text = text.into_iter().find_map(Value::as_str).map(str::to_owned);
        let message = text.filter(|text| !text.is_empty()).unwrap_or_else(|| match &error["detail"] {
            Value::Null => "without saying why".to_owned(),
            detail => detail.to_string(),
        });
        let mut words = error.to_string().to_ascii_lowercase();
        words.truncate(words.floor_char_boundary(limits::REFUSAL_BYTES));
        Self { status, after, message, error, words }
    }

    /// Whether it says this word (in lower case).
    pub(super) fn says(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// The conversation does not fit. Few servers have a code for it.
    pub(super) fn is_too_long(&self) -> bool {
        const CODES: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];
        let code = |key: &str| self.error[key].as_str().is_some_and(|code| CODES.contains(&code));
        let told = |words: &[&str]| words.iter().any(|word| self.says(word));
        match self.status {
            413 => true,
            400 | 422 | 500 => code("code") || code("type") || told(&TOO_LONG),
            _ => false,
        }
    }

    /// Tokens of the question, when they are told.
    pub(super) fn prompt_tokens(&self) -> Option<u64> {
        self.error["n_prompt_tokens"].as_u64()
    }

    /// Tokens that would fit, when they are told.
    pub(super) fn window(&self) -> Option<u64> {
        let told = self.error["n_ctx"].as_u64().or_else(|| {
            let after = WINDOW.iter().find_map(|words| Some(self.words.split_once(words)?.1))?;
            numbers(after).next()
        });
        told.filter(|window| is_window(*window))
    }

    /// The largest number in it that is smaller than `most`.
    pub(super) fn number_below(&self, most: u32) -> Option<u32> {
        let numbers = numbers(&self.words).filter_map(|number| u32::try_from(number).ok());
        numbers.filter(|number| (limits::OUTPUT_TOKENS_LEAST..most).contains(number)).max()
    }

    /// An account without money answers 429 too, and no waiting helps.
    pub(super) fn is_without_money(&self) -> bool {
        ["code", "type"].iter().any(|key| self.error[*key] == "insufficient_quota")
    }
}

/// How servers without a code say that a conversation is too long.
const TOO_LONG: [&str; 7] = [
    "context length",
    "context size",
    "context window",
    "prompt is too long",
    "input token count",
    "reduce the length of the",
    "tokens + `max_new_tokens`",
];
/// What the number of tokens that fit stands behind.
const WINDOW: [&str; 4] =
    ["context length is", "context length of", "context window of", "max_new_tokens` must be <="];

/// The whole numbers in a text.
fn numbers(text: &str) -> impl Iterator<Item = u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok())
}
