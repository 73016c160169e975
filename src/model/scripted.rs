//! `scripted/FILE`: recorded answers, one JSON object a line (docs/command-line.md), and the recorder that writes such a file.

use super::{Asker, Model, ModelError, Price, Question, Reply, ToolCall, Usage, is_busy};
use crate::limits::model as limits;
use async_trait::async_trait;
use rustix::fs::Access;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// One line of a script.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Call>>,
    #[serde(default)]
    usage: Option<Tokens>,
    /// The answer was cut off by the token limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: serde_json::Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tokens {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    cached_input_tokens: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Failure {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Seconds the provider asks to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// Plays a script.
pub struct Scripted {
    name: String,
    state: Mutex<State>,
}

struct State {
    /// The lines; a used one is None.
    lines: Vec<Option<Line>>,
    /// Calls by role and task so far.
    asked: BTreeMap<(String, String), u32>,
}

impl State {
    /// Takes the first unused line that matches. A work that goes on after a crash asks its n-th question first: what
    /// it was answered before is stored, so those lines are passed over.
    fn take(&mut self, asker: &Asker<'_>) -> Option<Line> {
        let asked = self.asked.entry((asker.role.to_owned(), asker.task.to_string())).or_default();
        let missed = asker.step.saturating_sub(1).saturating_sub(*asked);
        *asked += missed + 1;
        for _ in 0..missed {
            // an answer that was settled may have taken several attempts
            while self.next(asker).is_some_and(|line| line.error.is_some()) {}
        }
        self.next(asker)
    }

    fn next(&mut self, asker: &Asker<'_>) -> Option<Line> {
        let fits = |line: &Line| {
            line.role.as_deref().is_none_or(|role| role == asker.role)
                && line.task.as_deref().is_none_or(|task| task == asker.task.as_str())
        };
        self.lines.iter_mut().find(|line| line.as_ref().is_some_and(fits)).and_then(Option::take)
    }
}

impl Scripted {
    /// From a file; the error names the line.
    pub fn open(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| format!("{} can't be read: {cause}", path.display()))?;
        Self::parse(&format!("scripted/{}", path.display()), &text)
    }

    /// From text.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut lines = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |why: String| format!("{name}, line {}: {why}", at + 1);
            if !line.trim_start().starts_with('{') {
                return Err(wrong("an answer is a JSON object".to_owned()));
            }
            let line: Line = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            lines.push(Some(line));
        }
        Ok(Self { name: name.to_owned(), state: Mutex::new(State { lines, asked: BTreeMap::new() }) })
    }
}

#[async_trait]
impl Model for Scripted {
    fn name(&self) -> &str {
        &self.name
    }
    fn price(&self) -> Option<Price> {
        Some(Price { input: 0.0, cached_input: 0.0, output: 0.0 })
    }
    fn window(&self) -> u64 {
        limits::WINDOW
    }
    async fn ask(
        &self,
        question: &Question<'_>,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        let asker = question.asker;
        let line = self.state.lock().unwrap_or_else(PoisonError::into_inner).take(&asker);
        let Some(line) = line else {
            let (role, task) = (asker.role.to_owned(), asker.task.to_string());
            return Err(ModelError::ScriptOver { model: self.name.clone(), role, task, step: asker.step });
        };
        if let Some(failure) = line.error {
            return Err(failed(&self.name, failure));
        }
        let tokens = line.usage.unwrap_or_default();
        let calls = line.tool_calls.unwrap_or_default().into_iter().enumerate().map(|(at, call)| ToolCall {
            id: format!("call_{}_{at}", asker.step),
            name: call.name,
            arguments: match call.arguments {
                // a text stands for itself, so that a script can hold malformed arguments
                serde_json::Value::String(text) => text,
                serde_json::Value::Null => "{}".to_owned(),
                value => value.to_string(),
            },
        });
        let text = line.text.unwrap_or_default();
        watch(&text);
        let usage = Usage {
            input_tokens: tokens.input_tokens,
            cached_input_tokens: tokens.cached_input_tokens,
            output_tokens: tokens.output_tokens,
        };
        Ok(Reply { text, calls: calls.collect(), usage, cut: line.cut })
    }
}

fn failed(model: &str, failure: Failure) -> ModelError {
    let message = failure.message.unwrap_or_else(|| "the script says so".to_owned());
    let (model, status) = (model.to_owned(), failure.status);
    if is_busy(status) {
        let after = failure.retry_after.map(Duration::from_secs);
        return ModelError::Busy { model, status, message, after };
    }
    ModelError::Refused { model, status, message, hint: "change the script's line".to_owned() }
}

/// Writes every answer of another model as a script.
pub struct Recorder {
    inner: Arc<dyn Model>,
    path: PathBuf,
    /// None until the first answer: until then an old file stays as it is.
    file: Mutex<Option<std::fs::File>>,
}

impl Recorder {
    /// Writes to a new file; an old one is replaced at the first answer. A place that can't be written is refused now.
    pub fn new(inner: Arc<dyn Model>, path: &Path) -> Result<Self, String> {
        writable(path).map_err(|cause| format!("{} can't be written: {cause}", path.display()))?;
        Ok(Self { inner, path: path.to_owned(), file: Mutex::new(None) })
    }

    fn write(&self, line: &Line) {
        let text = serde_json::to_string(line).unwrap_or_default();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match file.take() {
            Some(file) => Ok(file),
            None => std::fs::File::create(&self.path),
        };
        let written = opened.and_then(|opened| writeln!(file.insert(opened), "{text}"));
        if let Err(error) = written {
            tracing::warn!(%error, "the recording lacks an answer");
        }
    }
}

/// Whether a file can be written or made there; nothing is touched.
fn writable(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(std::io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(rustix::fs::access(path, Access::WRITE_OK)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Ok(rustix::fs::access(folder.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK)?)
        }
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Model for Recorder {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn price(&self) -> Option<Price> {
        self.inner.price()
    }
    fn window(&self) -> u64 {
        self.inner.window()
    }
    async fn ask(
        &self,
        question: &Question<'_>,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        let answer = self.inner.ask(question, watch).await;
        let mut line = Line {
            role: Some(question.asker.role.to_owned()),
            task: Some(question.asker.task.to_string()),
            ..Line::default()
        };
        match &answer {
            Ok(reply) => {
                line.text = Some(reply.text.clone());
                line.tool_calls = Some(reply.calls.iter().map(recorded).collect());
                line.cut = reply.cut;
                line.usage = Some(Tokens {
                    input_tokens: reply.usage.input_tokens,
                    output_tokens: reply.usage.output_tokens,
                    cached_input_tokens: reply.usage.cached_input_tokens,
                });
                self.write(&line);
            }
            Err(ModelError::Busy { status, .. } | ModelError::Refused { status, .. }) => {
                line.error = Some(Failure { status: *status, message: None, retry_after: None });
                self.write(&line);
            }
            // what never came as an answer can't be played again
            Err(_) => {}
        }
        answer
    }
}

fn recorded(call: &ToolCall) -> Call {
    let arguments = serde_json::from_str(&call.arguments)
        .unwrap_or_else(|_| serde_json::Value::String(call.arguments.clone()));
    Call { name: call.name.clone(), arguments }
}
