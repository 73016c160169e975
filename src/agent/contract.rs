//! What the engine hands an agent, and what an agent gives back.

use crate::{
    ids::{ContentHash, TaskId, Usd, WorkId},
    limits::agent as limits,
    model::{Message, Reply, ToolCall, ToolSpec, Usage},
    report::Report,
    run::{Assignment, Cap, Plan, Question},
    sandbox::toolbox::Toolbox,
    tool::{self, CallBounds, ToolEnd, ToolError},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// One line of a transcript. Append-only; resuming is reloading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// First line only: this transcript goes on where that work's transcript ended.
    Continued { work: WorkId },
    /// A message we put in.
    Said { message: Message },
    /// The model's answer to call `step`.
    Replied { step: u32, reply: Reply },
    /// A tool's answer; `output` names the whole output in the store when the text was cut.
    ToolAnswered { call: String, text: String, output: Option<ContentHash> },
    /// From here on the tool answers before this line are shown as stubs, all but the last `kept`.
    Elided { kept: u32 },
    /// Everything before was summarised to this (the task itself is always kept).
    Compacted { summary: String },
    /// How it ended.
    Ended { end: WorkEnd },
}

/// How a work ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum WorkEnd {
    /// A plan.
    Plan { plan: Plan },
    /// The workspace is the proposal.
    Proposal { title: String, summary: String },
    /// A question to a person.
    Question { question: Question },
    /// An answer in text.
    Answer { text: String },
    /// Nothing to change.
    NoChange { why: String },
    /// A cap would have been passed.
    OutOfBudget { cap: Cap },
    /// Given up: stuck in a loop, no usable answer, refused by the provider.
    Failed { report: Report },
    /// Cancelled from outside.
    Cancelled,
}

/// The durable side of an agent, as the engine gives it. Implemented by the store and, for tests, in memory.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// The transcript so far, in order.
    async fn load(&self, work: &WorkId) -> Result<Vec<Entry>, Report>;
    /// Appends entries durably, the first at position `at` (fails when that position is taken: two agents on one work).
    async fn append(&self, work: &WorkId, at: u32, entries: &[Entry]) -> Result<(), Report>;
    /// Books the cost of a call before it leaves and appends `entries` at `at`, in one transaction. Durable.
    async fn book(&self, call: &CallKey, at: u32, entries: &[Entry], reserve: Booking) -> Result<(), Report>;
    /// Books a settled call: the answer's entry and its real cost in one transaction (also for a failed call: its cost).
    async fn settle(&self, call: &CallKey, at: u32, entries: &[Entry], cost: Booking) -> Result<(), Report>;
    /// Keeps bytes whole and names them.
    async fn keep(&self, bytes: &[u8]) -> Result<ContentHash, Report>;
    /// The highest attempt booked for this call so far; 0 when none was: an attempt is never booked twice.
    async fn attempts(&self, work: &WorkId, step: u32) -> Result<u32, Report>;
    /// Everything booked for this run so far (unsettled bookings count in full), and the number of model calls.
    async fn booked(&self) -> Result<(Booking, u32), Report>;
}

/// One attempt at one model call: the effect key of a model call is work + step; attempts are billed apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallKey {
    /// Whose call.
    pub work: WorkId,
    /// Which call of the work (from 1).
    pub step: u32,
    /// Which attempt at it (from 1).
    pub attempt: u32,
}

/// Money and tokens of calls. `usd` None: price not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Money.
    pub usd: Option<Usd>,
    /// Tokens.
    pub usage: Usage,
}

/// Everything an agent is told besides its assignment.
#[derive(Clone, Debug, Default)]
pub struct Background {
    /// The request as typed by the person (trusted to be the task, quoted all the same).
    pub request: String,
    /// The plan's summary and tasks, rendered, when there is a plan.
    pub plan: Option<Plan>,
    /// `AGENTS.md` of the base commit.
    pub instructions: Option<String>,
    /// The tree's files, one a line, cut to a stated number.
    pub files: String,
    /// The commands that will check the result.
    pub checks: Vec<String>,
    /// Outputs named by the assignment's reason, loaded from the store and cut.
    pub evidence: String,
    /// What the setup did or could not do, one line.
    pub setup: String,
}

/// What an agent is to do and with what.
#[derive(Clone, Debug)]
pub struct Job {
    /// The decision.
    pub assignment: Assignment,
    /// The background.
    pub background: Background,
    /// The budget of the whole run.
    pub budget: Caps,
    /// The workspace was just built from the assignment's tree: what stored tool calls of this transcript did to files
    /// is missing in it and is done again first. False only when the workspace of the same work is handed over as it was.
    pub fresh_workspace: bool,
    /// Called with what happens, for a person watching.
    pub watch: Watch,
}

/// The caps of a run, absolute.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Money.
    pub usd: Option<Usd>,
    /// Model calls.
    pub steps: u32,
    /// When the time is over.
    pub deadline: crate::clock::Timestamp,
}

/// The hands of an agent: what its tool calls reach. The sandbox's toolbox, or a test's fake.
#[async_trait]
pub trait Bench: Send {
    /// What the model is shown of these tools.
    fn specs(&self, tools: &[&str]) -> Vec<ToolSpec> {
        tool::specs(tools)
    }
    /// Runs one tool call, which may take as long as `left`.
    async fn call(&mut self, call: &ToolCall, allowed: &[&str], left: Duration)
    -> Result<ToolEnd, ToolError>;
}

#[async_trait]
impl Bench for Toolbox {
    async fn call(
        &mut self,
        call: &ToolCall,
        allowed: &[&str],
        left: Duration,
    ) -> Result<ToolEnd, ToolError> {
        let bounds = CallBounds { shell: left.min(limits::SHELL) };
        tool::call(call, allowed, bounds, self).await
    }
}

/// Shows progress; must not block.
#[derive(Clone)]
pub struct Watch(pub Arc<dyn Fn(Progress) + Send + Sync>);

impl Watch {
    /// Shows nothing.
    pub fn silent() -> Self {
        Self(Arc::new(|_| {}))
    }
    /// Shows this.
    pub fn show(&self, progress: Progress) {
        (self.0)(progress);
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

/// What a person watching sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The run is now in this phase.
    Phase(String),
    /// The plan.
    Planned(Plan),
    /// A task changed its state.
    Task(TaskId, crate::run::TaskState),
    /// A model is being asked (role, task, step).
    Asking { role: String, task: TaskId, step: u32 },
    /// A tool runs: its name and a short form of its arguments.
    Tool { task: TaskId, name: String, brief: String },
    /// A tool ended, in one line.
    ToolDone { task: TaskId, line: String },
    /// Booked so far.
    Spent { usd: Option<Usd>, calls: u32, input_tokens: u64, output_tokens: u64 },
    /// A command of verify or setup runs.
    Command { what: String, command: String },
    /// Something worth a line.
    Note(String),
}
