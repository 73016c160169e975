//! DECIDE: the durable life of one intent, as a pure state machine.
//!
//! `step(run, event, now)` returns the new run and a list of effects; no clock, no IO, no randomness, no async.
//!
//! The table (design §3) stands here; `step.rs` has one function per phase and no wildcard arm.

pub mod effect;
pub mod event;
pub mod plan;

use crate::{
    clock::Timestamp,
    ids::{RunId, Sha, TaskId, Usd},
    intent::Intent,
};
pub use effect::{Assignment, Effect, Reason, Verdict};
pub use event::{Cap, Check, Event, Proposal, Question, Receipt, Snapshot, Spent};
pub use plan::{Plan, Task};
use serde::{Deserialize, Serialize};

/// The durable life of one intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// What is wanted.
    pub intent: Intent,
    /// What it may use, and how it is to go.
    pub rules: Rules,
    /// When it was created.
    pub created: Timestamp,
    /// Counts `retry` (from 1).
    pub attempt: u32,
    /// Counts publish–watch cycles and fixer rounds (from 1).
    pub round: u32,
    /// Everything else a run knows; helpers of `step` own its shape.
    pub state: State,
}

/// What a run may use, and how it is to go; fixed at its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// When a person must approve the plan.
    pub approve_plan: ApprovePlan,
    /// Fixer rounds after a failed verify (`fix.max_attempts`).
    pub fix_attempts: u32,
    /// Whether anybody can say more after publishing (false for `quantum run`: published is the end).
    pub watch: bool,
    /// Tasks that may be worked on at the same time (default 1).
    pub tasks_at_once: u32,
    /// Money; None: no cap in money.
    pub usd: Option<Usd>,
    /// Wall time in minutes.
    pub minutes: u32,
    /// Model calls.
    pub steps: u32,
}

/// When a person must approve the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovePlan {
    /// Never.
    Never,
    /// When confidence is below 70 % or there are more than 5 tasks.
    Auto,
    /// Always.
    Always,
}

/// Placeholder until `step` is written: the facts a run has gathered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What the run is pinned to.
    pub snapshot: Option<Snapshot>,
    /// The tree with everything merged so far.
    pub tree: Option<Sha>,
    /// The plan.
    pub plan: Option<Plan>,
    /// Where each task is.
    pub tasks: Vec<(TaskId, TaskState)>,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Not started.
    Pending,
    /// An agent works on it, or its merge waits.
    Running,
    /// Merged.
    Done,
    /// Given up.
    Failed,
    /// Not needed any more.
    Skipped,
}

/// Where a run is. Derived by [`Run::phase`], never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not begun.
    Queued,
    /// A planner works.
    Planning,
    /// Tasks are worked on and merged.
    Working,
    /// The repository's own checks run.
    Verifying,
    /// The branch is written.
    Publishing,
    /// Published; waiting for people and checks.
    Watching,
    /// Waits for a person or for more budget.
    Paused,
    /// Over.
    Closed,
}
