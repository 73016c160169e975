//! Models: one adapter a provider, one trait. A key never leaves the adapter, not even in an error.

mod dialect;
mod fallback;
mod openai;
pub mod price;
mod prose;
pub mod scripted;
pub mod spec;
mod wire;

use crate::{
    ids::{TaskId, Usd},
    report::{Class, Hint},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One model behind one provider.
#[async_trait]
pub trait Model: Send + Sync {
    /// The spec it was made from, e.g. `openai/gpt-5`.
    fn name(&self) -> &str;
    /// The spec of the one that is asked next: of a chain, the one whose turn it is.
    fn asked(&self) -> &str {
        self.name()
    }
    /// What a call costs; None when the price is not known.
    fn price(&self) -> Option<Price>;
    /// Tokens that fit into one question and its answer.
    fn window(&self) -> u64;
    /// Asks once: no retry inside. `watch` gets text as it streams in.
    async fn ask(
        &self,
        question: &Question<'_>,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError>;
}

/// Dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// Sent.
    pub input: f64,
    /// Sent and found in the provider's prompt cache.
    pub cached_input: f64,
    /// Received.
    pub output: f64,
}

impl Price {
    /// What this usage costs, rounded up to a millionth of a dollar.
    pub fn of(&self, usage: &Usage) -> Usd {
        let fresh = usage.input_tokens.saturating_sub(usage.cached_input_tokens) as f64;
        let dollars_e6 = fresh * self.input
            + usage.cached_input_tokens as f64 * self.cached_input
            + usage.output_tokens as f64 * self.output;
        Usd(dollars_e6.ceil().max(0.0) as u64)
    }
}

/// One question: the whole conversation so far.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Who asks (for scripted models, errors and logs; never sent).
    pub asker: Asker<'a>,
    /// The conversation.
    pub messages: &'a [Message],
    /// What the model may call.
    pub tools: &'a [ToolSpec],
    /// Most tokens of the answer.
    pub max_output_tokens: u32,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The role's name.
    pub role: &'a str,
    /// The task.
    pub task: &'a TaskId,
    /// Which call of this work (from 1).
    pub step: u32,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Message {
    /// Ours, fixed.
    System { text: String },
    /// Ours or a person's.
    User { text: String },
    /// The model's.
    Assistant { text: String, calls: Vec<ToolCall> },
    /// A tool's answer.
    Tool { call: String, text: String },
}

/// A tool call the model asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id for it (made up when the provider gives none).
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them: JSON text, possibly malformed.
    pub arguments: String,
}

/// A tool as the model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: serde_json::Value,
}

/// What a model answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Its words.
    pub text: String,
    /// The tools it wants called, in order.
    pub calls: Vec<ToolCall>,
    /// What it used, as the provider says; estimated (4 bytes a token) when it doesn't say.
    pub usage: Usage,
    /// True when the answer was cut by the token limit.
    pub cut: bool,
}

/// Tokens of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Sent, cached ones included.
    pub input_tokens: u64,
    /// Of these, found in the provider's cache.
    #[serde(default)]
    pub cached_input_tokens: u64,
    /// Received.
    pub output_tokens: u64,
}

/// Why there is no answer. No variant holds a key, a header or a URL with credentials.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    /// No connection, connection lost, time-out. `sent`: the question may have been billed.
    #[error("no answer from {model}: {cause}")]
    Network { model: String, cause: String, sent: bool },
    /// HTTP 408, 409, 429, 5xx: try again, after this long when the provider says so.
    #[error("{model} answered {status}: {message}")]
    Busy { model: String, status: u16, message: String, after: Option<Duration> },
    /// HTTP 401, 403, 404, 400 …: will be refused again. `hint` says what to change.
    #[error("{model} refused: {status} {message}")]
    Refused { model: String, status: u16, message: String, hint: String },
    /// The conversation no longer fits the model's window.
    #[error("the conversation does not fit {model}'s window")]
    TooLong { model: String, tokens: Option<u64> },
    /// Answered, but not the protocol.
    #[error("{model} answered nonsense: {cause}")]
    Nonsense { model: String, cause: String, usage: Usage },
    /// A script has no line left for this call.
    #[error("{model} has no answer left for role {role}, task {task}, step {step}")]
    ScriptOver { model: String, role: String, task: String, step: u32 },
}

impl ModelError {
    /// What was used for it, as far as the provider said so.
    pub fn usage(&self) -> Usage {
        match self {
            Self::Nonsense { usage, .. } => *usage,
            Self::Network { .. }
            | Self::Busy { .. }
            | Self::Refused { .. }
            | Self::TooLong { .. }
            | Self::ScriptOver { .. } => Usage::default(),
        }
    }
}

/// Whether a status may be another one soon. Not implemented (501) and HTTP version (505) won't: nobody is there who speaks
/// this protocol.
fn is_busy(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500..) && !matches!(status, 501 | 505)
}

impl Hint for ModelError {
    fn code(&self) -> &'static str {
        match self {
            Self::Network { .. } => "model_network",
            Self::Busy { .. } => "model_busy",
            Self::Refused { .. } => "model_refused",
            Self::TooLong { .. } => "model_window",
            Self::Nonsense { .. } => "model_nonsense",
            Self::ScriptOver { .. } => "script_over",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::Network { cause, .. } if cause.contains("certificate") => "the server's certificate is not trusted: name its authority's file in SSL_CERT_FILE, or check the model's base URL".to_owned(),
            Self::Network { .. } => "check the network and the model's base URL (`quantum doctor` asks it), then run again".to_owned(),
            Self::Busy { .. } => "the provider is busy or the limit is reached; run again later or name another model with --model".to_owned(),
            Self::Refused { hint, .. } => hint.clone(),
            Self::TooLong { .. } => "make the request (or AGENTS.md) smaller, or name a model with a larger window with --model".to_owned(),
            Self::Nonsense { .. } => "run again, or name another model with --model".to_owned(),
            Self::ScriptOver { .. } => "record a new conversation with `quantum run --record FILE`, or add the missing line".to_owned(),
        }
    }
    fn class(&self) -> Class {
        match self {
            Self::Network { .. } | Self::Busy { .. } | Self::Nonsense { .. } => Class::Transient,
            Self::Refused { .. } | Self::TooLong { .. } | Self::ScriptOver { .. } => Class::Refused,
        }
    }
}
