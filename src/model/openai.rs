//! `openai/NAME`: Chat Completions over HTTP, streamed, at OpenAI or any server that speaks the same
//! (`OPENAI_BASE_URL`). Asks once; the key is in one header and in no error.

use super::{
    Model, ModelError, Price, Question, Reply, Usage,
    wire::{self, Answer, Chunk},
};
use crate::{ids::Secret, limits::model as limits};
use async_trait::async_trait;
use eventsource_stream::{EventStreamError, Eventsource};
use futures_util::StreamExt;
use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use serde_json::Value;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

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
    pub(super) window: u64,
    pub(super) client: Client,
    /// The server wants `max_tokens` instead of `max_completion_tokens`; learned from its refusal.
    pub(super) old_limit: AtomicBool,
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
        self.window
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
        match self.send(question, watch).await {
            // a refused parameter costs nothing: the other spelling is the same question
            Err(ModelError::Refused { status: 400, message, .. }) if message == OTHER_LIMIT => {
                self.send(question, watch).await
            }
            answer => answer,
        }
    }

    async fn send(
        &self,
        question: &Question<'_>,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        let old = self.old_limit.load(Ordering::Relaxed);
        let body =
            wire::request(&self.model, question, if old { "max_tokens" } else { "max_completion_tokens" });
        let body = body.to_string();
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
            request.send().await.map_err(|error| self.network(&kind(&error), !error.is_connect()))?;
        if response.status() != StatusCode::OK {
            return Err(self.refused(response).await);
        }
        let streamed = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let answer =
            if streamed { self.stream(response, watch).await? } else { self.whole(response, watch).await? };
        if answer.is_empty() {
            let usage = Usage { input_tokens: bytes as u64 / 4, ..Usage::default() };
            return Err(self.nonsense("an answer without a choice", usage));
        }
        Ok(answer.reply(question.asker.step, bytes))
    }

    async fn stream(
        &self,
        response: Response,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Answer, ModelError> {
        let mut answer = Answer::default();
        let mut events = response.bytes_stream().eventsource();
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(EventStreamError::Transport(error)) => return Err(self.network(&kind(&error), true)),
                Err(EventStreamError::Utf8(_) | EventStreamError::Parser(_)) => {
                    return Err(self.nonsense("a stream that is no event stream", Usage::default()));
                }
            };
            if event.data.trim() == "[DONE]" {
                return Ok(answer);
            }
            if event.data.is_empty() {
                continue;
            }
            self.add(&mut answer, &event.data, watch)?;
        }
        // some servers leave [DONE] out; without a finish reason the stream was cut
        if answer.is_finished() {
            Ok(answer)
        } else {
            Err(self.network("the stream ended in mid-answer", true))
        }
    }

    async fn whole(
        &self,
        response: Response,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Answer, ModelError> {
        let text = self.bounded(response).await?;
        let mut answer = Answer::default();
        self.add(&mut answer, &text, watch)?;
        Ok(answer)
    }

    fn add(
        &self,
        answer: &mut Answer,
        data: &str,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<(), ModelError> {
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|_| self.nonsense("something that is not its API's JSON", Usage::default()))?;
        if let Some(error) = chunk.error.as_ref().filter(|error| !error.is_null()) {
            return Err(self.busy(500, message_of(error), None));
        }
        let text = answer.add(chunk).map_err(|cause| self.nonsense(&cause, Usage::default()))?;
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
            bytes.extend_from_slice(&part.map_err(|error| self.network(&kind(&error), true))?);
            if bytes.len() > limits::ANSWER_BYTES {
                return Err(self.nonsense("a body that is too long", Usage::default()));
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A status that is not 200, as an error with its class.
    async fn refused(&self, response: Response) -> ModelError {
        let status = response.status().as_u16();
        let after = retry_after(response.headers());
        let text = self.bounded(response).await.unwrap_or_default();
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let error = if body["error"].is_null() { &body } else { &body["error"] };
        let code = [&error["code"], &error["type"]].into_iter().find_map(|v| v.as_str()).unwrap_or_default();
        if matches!(code, "context_length_exceeded" | "exceed_context_size_error")
            || error["type"] == "exceed_context_size_error"
        {
            return ModelError::TooLong {
                model: self.spec.clone(),
                tokens: error["n_prompt_tokens"].as_u64(),
            };
        }
        let param = error["param"].as_str().unwrap_or_default();
        if status == 400 && matches!(param, "max_tokens" | "max_completion_tokens") {
            let old = param == "max_completion_tokens";
            if self.old_limit.swap(old, Ordering::Relaxed) != old {
                let (model, message) = (self.spec.clone(), OTHER_LIMIT.to_owned());
                return ModelError::Refused { model, status, message, hint: "ask again".to_owned() };
            }
        }
        // an account without money answers 429 too, and no waiting helps
        let no_money = code == "insufficient_quota" || error["type"] == "insufficient_quota";
        match status {
            408 | 409 | 425 | 429 | 500.. if !no_money => self.busy(status, message_of(error), after),
            _ => ModelError::Refused {
                model: self.spec.clone(),
                status,
                message: self.clean(&message_of(error)),
                hint: hint(status, no_money),
            },
        }
    }

    fn busy(&self, status: u16, message: String, after: Option<Duration>) -> ModelError {
        ModelError::Busy { model: self.spec.clone(), status, message: self.clean(&message), after }
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

/// Our own mark for a refusal that the other spelling of the limit answers.
const OTHER_LIMIT: &str = "the other name of the answer's limit is wanted";

fn message_of(error: &Value) -> String {
    let text = error["message"].as_str().or(error["detail"].as_str()).or(error.as_str());
    text.unwrap_or("without saying why").to_owned()
}

fn hint(status: u16, no_money: bool) -> String {
    match status {
        _ if no_money => "the account has no money left: add some, or name another model with --model",
        401 | 403 => "check OPENAI_API_KEY: it is wrong, expired, or not allowed to use this model",
        404 => "check the model's name and OPENAI_BASE_URL (it includes /v1)",
        400 | 422 => "this server does not understand the question; name another model with --model",
        _ => "check OPENAI_BASE_URL, or name another model with --model",
    }
    .to_owned()
}

/// What went wrong on the wire, without the URL.
fn kind(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "time-out"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"))
}

/// Seconds, or an HTTP date (RFC 9110 §10.2.3) measured against the answer's own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get(reqwest::header::DATE)?.to_str().ok()?).ok()?;
    at.duration_since(now).ok()
}
