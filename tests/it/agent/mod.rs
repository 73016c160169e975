//! Agents with a memory that can crash, a model of a few lines and a bench of strings.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test's world fails the test")]

mod asking;
mod bad_models;
mod conversation;
mod resume;

use async_trait::async_trait;
use quantumlayer::{
    agent::{
        Hands,
        contract::{Background, Bench, Booking, CallKey, Caps, Entry, Job, Ledger, Progress, Watch, WorkEnd},
        work,
    },
    clock::{Clock, Timestamp},
    ids::{ContentHash, RunId, Sha, TaskId, Usd, WorkId},
    model::{Message, Model, ModelError, Price, Question, Reply, ToolCall, ToolSpec, Usage},
    report::{Class, Report},
    run::Assignment,
    tool::{Submission, ToolEnd, ToolError},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// A ledger in memory. The write with the number `crash` fails, before or after it took hold; so do all later ones.
#[derive(Default)]
struct Memory {
    lines: Mutex<HashMap<WorkId, Vec<Entry>>>,
    bookings: Mutex<BTreeMap<CallKey, (Booking, bool)>>,
    kept: Mutex<Vec<Vec<u8>>>,
    writes: Mutex<u32>,
    crash: Mutex<Option<(u32, bool)>>,
}

impl Memory {
    fn write(&self, act: impl FnOnce()) -> Result<(), Report> {
        let mut writes = self.writes.lock().unwrap();
        *writes += 1;
        match *self.crash.lock().unwrap() {
            Some((at, taken)) if *writes >= at => {
                if *writes == at && taken {
                    act();
                }
                Err(Report::new(Class::Broken, "crash", "crash", ""))
            }
            _ => {
                act();
                Ok(())
            }
        }
    }
    fn put(&self, work: &WorkId, at: u32, entries: &[Entry]) {
        let mut lines = self.lines.lock().unwrap();
        let own = lines.entry(work.clone()).or_default();
        assert_eq!(own.len(), at as usize, "a line was written twice or left out");
        own.extend_from_slice(entries);
    }
    fn of(&self, work: &WorkId) -> Vec<Entry> {
        self.lines.lock().unwrap().get(work).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Ledger for Memory {
    async fn load(&self, work: &WorkId) -> Result<Vec<Entry>, Report> {
        Ok(self.of(work))
    }
    async fn append(&self, work: &WorkId, at: u32, entries: &[Entry]) -> Result<(), Report> {
        self.write(|| self.put(work, at, entries))
    }
    async fn book(&self, call: &CallKey, at: u32, entries: &[Entry], reserve: Booking) -> Result<(), Report> {
        self.write(|| {
            self.put(&call.work, at, entries);
            let before = self.bookings.lock().unwrap().insert(call.clone(), (reserve, false));
            assert!(before.is_none(), "{call:?} was booked twice");
        })
    }
    async fn settle(&self, call: &CallKey, at: u32, entries: &[Entry], cost: Booking) -> Result<(), Report> {
        self.write(|| {
            self.put(&call.work, at, entries);
            let before = self.bookings.lock().unwrap().insert(call.clone(), (cost, true));
            assert!(matches!(before, Some((_, false))), "{call:?} was not open");
        })
    }
    async fn keep(&self, bytes: &[u8]) -> Result<ContentHash, Report> {
        self.kept.lock().unwrap().push(bytes.to_vec());
        Ok(ContentHash::of(bytes))
    }
    async fn attempts(&self, work: &WorkId, step: u32) -> Result<u32, Report> {
        let bookings = self.bookings.lock().unwrap();
        let of = bookings.keys().filter(|key| key.work == *work && key.step == step);
        Ok(of.map(|key| key.attempt).max().unwrap_or(0))
    }
    async fn booked(&self) -> Result<(Booking, u32), Report> {
        let bookings = self.bookings.lock().unwrap();
        let mut sum = Booking { usd: Some(Usd(0)), usage: Usage::default() };
        for (booking, _) in bookings.values() {
            sum.usd = sum.usd.zip(booking.usd).map(|(a, b)| a.plus(b));
            sum.usage.input_tokens += booking.usage.input_tokens;
            sum.usage.output_tokens += booking.usage.output_tokens;
        }
        Ok((sum, bookings.len() as u32))
    }
}

/// What a puppet does with a question.
type Answer = Option<Result<Reply, ModelError>>;

type Mind = Box<dyn Fn(usize, &Question<'_>) -> Answer + Send + Sync>;

/// A model of a few lines; None: it never answers. It insists on a legal conversation.
struct Puppet {
    answer: Mind,
    wire: Mutex<Vec<Vec<Message>>>,
    price: Option<Price>,
    window: u64,
}

impl Puppet {
    fn new(answer: impl Fn(usize, &Question<'_>) -> Answer + Send + Sync + 'static) -> Self {
        let price = Some(Price { input: 1.0, cached_input: 1.0, output: 10.0 });
        Self { answer: Box::new(answer), wire: Mutex::default(), price, window: 1_000_000 }
    }
    fn asked(&self) -> usize {
        self.wire.lock().unwrap().len()
    }
}

#[async_trait]
impl Model for Puppet {
    fn name(&self) -> &str {
        "puppet/one"
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
        _: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        legal(question.messages);
        let n = {
            let mut wire = self.wire.lock().unwrap();
            wire.push(question.messages.to_vec());
            wire.len()
        };
        match (self.answer)(n, question) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

/// Rules first, turns taken, every call answered right behind it, ids unique, nothing empty.
fn legal(messages: &[Message]) {
    assert!(matches!(messages.first(), Some(Message::System { .. })));
    let (mut open, mut ids, mut user) = (Vec::new(), HashSet::new(), false);
    for message in messages {
        match message {
            Message::Tool { call, .. } => assert_eq!(open.remove(0), *call, "an answer to another call"),
            _ => assert!(open.is_empty(), "calls without an answer: {open:?}"),
        }
        match message {
            Message::User { text } => assert!(!user && !text.is_empty(), "two user messages in a row"),
            Message::Assistant { text, calls } => {
                let object = |call: &ToolCall| {
                    serde_json::from_str::<serde_json::Value>(&call.arguments).is_ok_and(|v| v.is_object())
                };
                assert!(calls.iter().all(object), "arguments that servers refuse: {calls:?}");
                assert!(!text.is_empty() || !calls.is_empty());
                open = calls.iter().map(|call| call.id.clone()).collect();
                assert!(calls.iter().all(|call| ids.insert(call.id.clone())), "an id twice");
            }
            _ => {}
        }
        user = matches!(message, Message::User { .. });
    }
    assert!(open.is_empty());
}

/// Files as strings; `shell` appends a line to `log`, `hang` never ends, `bomb` ends the sandbox.
#[derive(Default)]
struct Strings {
    files: BTreeMap<String, String>,
    done: Vec<String>,
}

#[async_trait]
impl Bench for Strings {
    fn specs(&self, tools: &[&str]) -> Vec<ToolSpec> {
        let spec = |name: &&str| ToolSpec {
            name: name.split(':').next().unwrap_or("").to_owned(),
            description: String::new(),
            parameters: serde_json::json!({"type": "object"}),
        };
        tools.iter().map(spec).collect()
    }
    async fn call(&mut self, call: &ToolCall, _: &[&str], _: Duration) -> Result<ToolEnd, ToolError> {
        let Ok(arguments) = serde_json::from_str::<serde_json::Value>(&call.arguments) else {
            return Err(ToolError::Tell("arguments are not JSON".to_owned()));
        };
        let field = |name: &str| arguments[name].as_str().unwrap_or("").to_owned();
        self.done.push(format!("{} {}", call.name, call.arguments));
        let text = match call.name.as_str() {
            "shell" => match field("command").as_str() {
                "hang" => std::future::pending().await,
                "bomb" => {
                    let report =
                        Report::new(Class::Transient, "sandbox_ended", "the sandbox ended: memory", "");
                    return Err(ToolError::Stop(report));
                }
                command => {
                    let log = self.files.entry("log".to_owned()).or_default();
                    log.push_str(command);
                    log.push('\n');
                    format!(
                        "ran {command}\n{}",
                        "x".repeat(arguments["bytes"].as_u64().unwrap_or(0) as usize)
                    )
                }
            },
            "write" => {
                self.files.insert(field("path"), field("text"));
                "written".to_owned()
            }
            "read" => match self.files.get(&field("path")) {
                Some(text) => text.clone(),
                None => return Err(ToolError::Tell(format!("no file {}", field("path")))),
            },
            "submit" => {
                let (title, summary) = (field("title"), field("summary"));
                return Ok(ToolEnd::Submitted(Submission::Proposal { title, summary }));
            }
            other => {
                return Err(ToolError::Tell(format!(
                    "no tool {other}; there are shell, read, write, submit"
                )));
            }
        };
        Ok(ToolEnd::Text { line: text.lines().next().unwrap_or("").to_owned(), text, whole: None })
    }
}

/// Everything one story needs.
struct Story {
    model: Puppet,
    memory: Memory,
    bench: Strings,
    clock: Clock,
    cancel: CancellationToken,
    job: Job,
    seen: Arc<Mutex<Vec<Progress>>>,
}

impl Story {
    fn new(model: Puppet) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let watch = Watch(Arc::new({
            let seen = seen.clone();
            move |progress| seen.lock().unwrap().push(progress)
        }));
        let assignment = Assignment {
            work: work_id("t1"),
            role: "coder".to_owned(),
            title: "Add a file".to_owned(),
            text: "Add the file a.".to_owned(),
            tree: Sha::new("0".repeat(40)),
            continues: None,
            reason: None,
        };
        let background = Background { request: "A file, please.".to_owned(), ..Background::default() };
        let budget = Caps { usd: Some(Usd(2_000_000)), steps: 60, deadline: Timestamp(1_800_000) };
        Self {
            model,
            memory: Memory::default(),
            bench: Strings::default(),
            clock: Clock::manual(Timestamp(0)),
            cancel: CancellationToken::new(),
            job: Job { assignment, background, budget, fresh_workspace: true, watch },
            seen,
        }
    }
    async fn play(&mut self) -> Result<WorkEnd, Report> {
        let hands = Hands {
            model: &self.model,
            toolbox: &mut self.bench,
            ledger: &self.memory,
            clock: &self.clock,
            cancel: &self.cancel,
        };
        work(&self.job, hands).await
    }
    fn notes(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter_map(|p| if let Progress::Note(text) = p { Some(text.clone()) } else { None })
            .collect()
    }
}

fn work_id(task: &str) -> WorkId {
    WorkId { run: RunId::new("run"), task: TaskId::new(task), round: 1, attempt: 1 }
}

fn usage() -> Usage {
    Usage { input_tokens: 100, cached_input_tokens: 0, output_tokens: 10 }
}

fn say(text: &str) -> Answer {
    Some(Ok(Reply { text: text.to_owned(), usage: usage(), ..Reply::default() }))
}

/// Calls as `name`, `arguments`.
fn calls(list: &[(&str, &str)]) -> Answer {
    let call = |(name, arguments): &(&str, &str)| ToolCall {
        id: "call_0".to_owned(),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
    };
    Some(Ok(Reply { calls: list.iter().map(call).collect(), usage: usage(), ..Reply::default() }))
}

const SUBMIT: (&str, &str) = ("submit", r#"{"title":"Add a","summary":"Added a."}"#);

fn submitted() -> WorkEnd {
    WorkEnd::Proposal { title: "Add a".to_owned(), summary: "Added a.".to_owned() }
}

fn failed_with(end: &WorkEnd) -> &str {
    match end {
        WorkEnd::Failed { report } => &report.code,
        other => panic!("not a failure: {other:?}"),
    }
}
