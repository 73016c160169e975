//! `openai/NAME`: Chat Completions over HTTP, streamed, at OpenAI or any server that speaks the same
//! (`OPENAI_BASE_URL`). Asks once; the key is in one header and in no error.

use super::{
    Model, ModelError, Price, Question, Reply, Usage,
    dialect::{Dialect, Learned},
    is_busy,
    wire::{self, Answer, Refusal},
};
use crate::{http, ids::Secret, limits::model as limits};
use async_trait::async_trait;
use eventsource_stream::{EventStreamError, Eventsource};
use futures_util::StreamExt;
use reqwest::{Client, Response, header::CONTENT_TYPE};
use serde_json::Value;
use std::pin::pin;

/// One model of one server.
pub(super) struct OpenAi {
    /// The spec, e.g. `openai/gpt-5`.
    pub(super) spec: String,
    /// The name the server knows.
    pub(super) model: String,
    /// The base URL, with `/v1` and without a `/` at its end.
    pub(super) base: String,
    pub(super) key: Option<Secret>,
    pub(super) price: Option<Price>,
    pub(super) client: Client,
    /// How the server wants to be asked.
    pub(super) learned: Learned,
}

#[async_trait]
impl Model for OpenAi {
    fn name(&self) -> &str {
        &self.spec
    }
    fn price(&self) -> Option<Price> {
        self.price
    }
    fn window(&self) -> u64 {
        self.learned.now().window
    }
    async fn ask(
        &self,
        question: &Question<'_>,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        let total = tokio::time::timeout(limits::ANSWER, self.once(question, watch));
        total.await.unwrap_or_else(|_| Err(self.network("the answer took too long", true)))
    }
}

impl OpenAi {
    async fn once(
        &self,
        question: &Question<'_>,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        for _ in 0..limits::DIALECT_TRIES {
            let dialect = self.learned.now();
            match self.send(question, &dialect, watch).await {
                Err(Failed::Refused(refusal))
                    if self.learned.learn(&refusal, dialect, question.max_output_tokens) => {}
                Err(Failed::Refused(refusal)) => return Err(self.refused(&refusal)),
                Err(Failed::Otherwise(error)) => return Err(error),
                Ok(reply) => return Ok(self.redacted(reply)),
            }
        }
        Err(self.nonsense("one refusal after another", Usage::default()))
    }

    async fn send(
        &self,
        question: &Question<'_>,
        dialect: &Dialect,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, Failed> {
        let body = wire::request(&self.model, question, dialect).to_string();
        let bytes = body.len();
        let mut request = self
            .client
            .post(format!("{}/chat/completions", self.base))
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let response =
            request.send().await.map_err(|error| self.network(&http::cause(&error), !error.is_connect()))?;
        let (status, after) = (response.status().as_u16(), http::retry_after(response.headers()));
        if status != 200 {
            let body = self.bounded(response).await.unwrap_or_default();
            return Err(Failed::Refused(Refusal::read(status, after, &body)));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        let answer = if kind.starts_with("text/html") {
            return Err(self.useless("an HTML page instead of an answer", hint(405, false)));
        } else if kind.starts_with("text/event-stream") {
            self.stream(response, watch).await?
        } else {
            self.whole(response, watch).await?
        };
        if answer.is_filtered() {
            let hint = "describe the request in other words, or name another model with --model";
            return Err(self.useless("the provider's content filter took the answer away", hint.to_owned()));
        }
        if answer.is_empty() {
            let usage = Usage { input_tokens: bytes as u64 / limits::TOKEN_BYTES, ..Usage::default() };
            return Err(self.nonsense("an answer without a choice", usage).into());
        }
        Ok(answer.reply(question.asker.step, bytes))
    }

    async fn stream(
        &self,
        response: Response,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Answer, Failed> {
        let mut answer = Answer::default();
        let (mut all, mut line) = (0, 0);
        let bounded = response.bytes_stream().map(|part| {
            let part = part.map_err(Some)?;
            all += part.len();
            // the decoder looks at an unfinished line again with every part of it
            line = part.iter().rev().position(|byte| *byte == b'\n').unwrap_or(line + part.len());
            if all > limits::STREAM_BYTES || line > limits::EVENT_BYTES {
                return Err(None);
            }
            Ok::<_, Option<reqwest::Error>>(part)
        });
        let mut events = pin!(bounded.eventsource());
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                // whatever breaks behind the end does no harm
                Err(_) if answer.is_finished() => return Ok(answer),
                Err(EventStreamError::Transport(Some(error))) => {
                    return Err(self.network(&http::cause(&error), true).into());
                }
                Err(EventStreamError::Transport(None)) => {
                    return Err(self.nonsense("a stream that is too long", Usage::default()).into());
                }
                Err(EventStreamError::Utf8(_) | EventStreamError::Parser(_)) => {
                    let what = "a stream that is no event stream";
                    return Err(self.nonsense(what, Usage::default()).into());
                }
            };
            match event.data.trim() {
                "[DONE]" => return Ok(answer),
                "" => {}
                data => self.add(&mut answer, data, event.event == "error", watch)?,
            }
        }
        // some servers leave [DONE] out; without a finish reason the stream was cut
        if answer.is_finished() {
            Ok(answer)
        } else {
            Err(self.network("the stream ended in mid-answer", true).into())
        }
    }

    /// A body that is not labelled as a stream; it may be one all the same.
    async fn whole(
        &self,
        response: Response,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Answer, Failed> {
        let text = self.bounded(response).await?;
        let mut answer = Answer::default();
        if text.trim_start().starts_with('{') {
            self.add(&mut answer, &text, false, watch)?;
            return Ok(answer);
        }
        let lines = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        let mut done = false;
        for data in lines.filter(|data| !data.is_empty()) {
            done = data == "[DONE]";
            if done {
                break;
            }
            self.add(&mut answer, data, false, watch)?;
        }
        if answer.is_empty() {
            let what = "something that is not its API's JSON";
            return Err(self.nonsense(what, Usage::default()).into());
        }
        if !(done || answer.is_finished()) {
            return Err(self.network("the stream ended in mid-answer", true).into());
        }
        Ok(answer)
    }

    fn add(
        &self,
        answer: &mut Answer,
        data: &str,
        is_error: bool,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<(), Failed> {
        let chunk: Value = serde_json::from_str(data)
            .map_err(|_| self.nonsense("something that is not its API's JSON", Usage::default()))?;
        let told =
            [&chunk["error"], &chunk["choices"][0]["error"]].into_iter().find(|error| !error.is_null());
        if let Some(error) = told.or(is_error.then_some(&chunk)) {
            let refusal = Refusal::in_stream(error.clone());
            if answer.has_begun() {
                let cause = format!("it stopped in mid-answer: {}", refusal.message);
                return Err(self.network(&cause, true).into());
            }
            return Err(Failed::Refused(refusal));
        }
        let text = answer.add(&chunk).map_err(|cause| self.nonsense(&cause, Usage::default()))?;
        if !text.is_empty() {
            watch(&text);
        }
        Ok(())
    }

    /// A body of bounded size.
    async fn bounded(&self, response: Response) -> Result<String, ModelError> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(part) = stream.next().await {
            bytes.extend_from_slice(&part.map_err(|error| self.network(&http::cause(&error), true))?);
            if bytes.len() > limits::ANSWER_BYTES {
                return Err(self.nonsense("a body that is too long", Usage::default()));
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A refusal that nothing can be learned from, as an error with its class.
    fn refused(&self, refusal: &Refusal) -> ModelError {
        let (model, status) = (self.spec.clone(), refusal.status);
        if refusal.is_too_long() {
            return ModelError::TooLong { model, tokens: refusal.prompt_tokens() };
        }
        let no_money = refusal.is_without_money();
        let message = self.clean(&refusal.message);
        if is_busy(status) && !no_money {
            return ModelError::Busy { model, status, message, after: refusal.after };
        }
        ModelError::Refused { model, status, message, hint: hint(status, no_money) }
    }

    /// An answer that is none, and will be none again.
    fn useless(&self, message: &str, hint: String) -> Failed {
        let (model, message) = (self.spec.clone(), message.to_owned());
        Failed::Otherwise(ModelError::Refused { model, status: 200, message, hint })
    }

    /// A server that repeats the key does not get it into transcripts and recordings. A key that is a mere word (`ollama`,
    /// `x`) is none, and may well be part of an answer.
    fn redacted(&self, mut reply: Reply) -> Reply {
        let key = self.key.as_ref().filter(|key| key.expose().len() >= limits::KEY_BYTES);
        if let Some(key) = key {
            reply.text = key.redact(&reply.text);
            for call in &mut reply.calls {
                call.arguments = key.redact(&call.arguments);
            }
        }
        reply
    }

    fn network(&self, cause: &str, sent: bool) -> ModelError {
        ModelError::Network { model: self.spec.clone(), cause: self.clean(cause), sent }
    }

    fn nonsense(&self, cause: &str, usage: Usage) -> ModelError {
        ModelError::Nonsense { model: self.spec.clone(), cause: self.clean(cause), usage }
    }

    /// Providers repeat keys in their messages (S-38); whatever comes from outside is cut and without control characters.
    fn clean(&self, text: &str) -> String {
        let text = self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text));
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limits::MESSAGE_CHARS).collect()
    }
}

/// Why there is no reply.
enum Failed {
    /// The server says why; something may be learned from it.
    Refused(Refusal),
    Otherwise(ModelError),
}

impl From<ModelError> for Failed {
    fn from(error: ModelError) -> Self {
        Self::Otherwise(error)
    }
}

fn hint(status: u16, no_money: bool) -> String {
    match status {
        _ if no_money => "the account has no money left: add some, or name another model with --model",
        401 | 403 => "check OPENAI_API_KEY: it is wrong, expired, or not allowed to use this model",
        404 => "check the model's name and OPENAI_BASE_URL (it includes /v1)",
        300..=399 | 405 => {
            "check OPENAI_BASE_URL: there is no Chat Completions server at it (it includes /v1)"
        }
        400 | 422 => "this server does not understand the question; name another model with --model",
        _ => "check OPENAI_BASE_URL, or name another model with --model",
    }
    .to_owned()
}
