//! DECIDE: the durable life of one intent, as a pure state machine.
//!
//! [`step()`] takes a run, an event and the time, and returns the new run and a list of effects: no clock, no IO, no
//! randomness, no async. The table is the specification; a pair that is not in it is [`Ignored`].
//!
//! | Phase | Told | Becomes | Effects |
//! |---|---|---|---|
//! | Queued | Started | Planning | acknowledge, status, snapshot |
//! | Planning | Snapshotted | Planning | let the planner work |
//! | Planning | Snapshotted, the intent names a role | Working | one task with that role |
//! | Planning | Planned, no approval wanted | Working | start tasks that need nothing; the only task goes on in the planner's transcript |
//! | Planning | Planned with a draft (or TaskDone) | Working | the only task is done: merge it |
//! | Planning | Planned, approval wanted or confidence low | Paused(approval) | show the plan, ask |
//! | Planning | Planned, can't be carried out | as TaskFailed | |
//! | Planning, Working | Asked | Paused(question) | ask the requester |
//! | Planning | Answered / NoChange | Closed(answered / no_change) | reply |
//! | Working | Answered / NoChange, nothing else to do | Closed(answered / no_change) | reply |
//! | Working | Answered / NoChange, other tasks or changes | Working | the task counts as done in its turn; a fixer's: Publishing (failing) |
//! | Working | TaskDone | Working | queue its merge: one at a time, in plan order |
//! | Working | Merged | Working | start tasks now ready, on that tree; next merge |
//! | Working | Merged, none left | Verifying | verify |
//! | Working | Merged, none left, tree equals the base's | Closed(no_change / answered) | reply |
//! | Working | Conflicted, redo left (≤ 2) | Working | redo on the merged tree |
//! | Working | Conflicted, none left | Paused(conflict) | say which files |
//! | Planning, Working | TaskFailed, attempts left (≤ 2) | the same | transient: the work goes on where it stands; else retry with the reason in the prompt |
//! | Planning, Working | ChangeRefused | as TaskFailed | told in every comment |
//! | Planning, Working | TaskFailed, none left or refused | Paused(failed) | say what is done |
//! | Verifying | Verified / Unverified | Publishing | publish; a receipt that shows no pass is Unverified |
//! | Verifying | VerifyFailed, rounds left | Working | a fixer, in the next round |
//! | Verifying | VerifyFailed, none left | Publishing (failing) | publish all the same |
//! | Publishing | Published, watching | Watching | status, terminal reply |
//! | Publishing | Published, not watching | Closed(proposed / unverified / verify_failed) | status, terminal reply |
//! | Publishing | Moved | Paused(moved) | stop, never force |
//! | any open | OutOfBudget | Paused(budget) | stop works, say what is done |
//! | any open | Cancelled | Closed(cancelled) | stop works, say what was kept |
//! | any open | EffectRefused | Paused(refused) | post the hint |
//! | any open | Gone | Closed(gone) | stop works, say so |
//! | any open, published | PullEnded | Closed(merged / abandoned) | stop works, status only |
//! | Working, Verifying, Publishing | Woke after the deadline | Paused(timeout) | stop works, say what was waited for |
//! | any at work | Idled | the same | none of its minutes went by: the deadline moves |
//! | Paused(question) | AnswerGiven | where it was | the asking task goes on with the answer |
//! | Paused(approval) | Approved | where it was | go on |
//! | Paused(question, approval) | Woke after 30 days | Closed(silent) | status only |
//! | Paused (other causes) | Retried | where it was, next round | ask again for what was stopped or refused |
//! | Paused | what works report | Paused | noted, gone on with later |
//! | Closed(verify_failed, cancelled, gone) | Retried | where it was, next round and attempt | go on |
//! | any other | Retried | the same | reply: nothing to retry |
//!
//! Watching's rows for reviews and checks, and deploying, are not built yet.
//!
//! **A local run** (`rules.watch` is false) has nobody who comes back to it. So when it stops (budget, failed, conflict,
//! timeout, refused, cancelled) with changes that are on no branch, its phase is Publishing until they are on one, or
//! can't be (Published, Moved, EffectRefused, Woke); then it is what the table says.
//!
//! **Held runs.** A hold lies over where the run stands; outcomes of works still change what lies below, so nothing is
//! lost, and a second cause shows when the first is gone. **Rounds** count from 1: a fixer and a retry begin a new one, and what
//! was asked for in an older one and asked again is stale.
//!
//! Deliberately absent: who may approve or cancel (`intent`), how effects are done (`engine`).

pub mod bounds;
pub mod comment;
pub mod effect;
pub mod event;
mod flow;
mod held;
mod inflight;
mod invariants;
pub mod journal;
pub mod markdown;
pub mod plan;
pub mod reply;
pub mod state;
mod step;
mod turn;
mod view;

use crate::{
    clock::Timestamp,
    ids::{RunId, TaskId, Usd},
    intent::{Intent, cut},
    limits::run::{DEADLINE_GRACE, PUBLISHED_WITHIN, SILENCE, TEXT_BYTES, TITLE_BYTES},
};
pub use effect::{About, Assignment, Effect, Reason, Verdict};
pub use event::{Cap, Check, Event, Proposal, Question, Receipt, Snapshot};
pub use invariants::Misfit;
pub use plan::{Plan, Task};
use serde::{Deserialize, Serialize};
pub use state::{Answer, Attempts, Branch, Cause, Ground, Hold, Merging, Outcome, Stage, State, Then};
use std::time::Duration;
pub use step::{Ignored, Step, step};
pub use view::Allowance;

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
    /// Everything else a run knows.
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

impl Phase {
    /// All of them, in the order of a run.
    pub(crate) const ALL: [Self; 8] = [
        Self::Queued,
        Self::Planning,
        Self::Working,
        Self::Verifying,
        Self::Publishing,
        Self::Watching,
        Self::Paused,
        Self::Closed,
    ];
}

impl Run {
    /// A run that has not begun. Its texts are cut to their bounds.
    pub fn new(id: RunId, intent: Intent, rules: Rules, created: Timestamp) -> Self {
        let intent = Intent {
            title: cut::line(&intent.title, TITLE_BYTES),
            text: cut::text(&intent.text, TEXT_BYTES),
            ..intent
        };
        Self { id, intent, rules, created, attempt: 1, round: 1, state: State::new(created) }
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        match self.state.hold {
            Some(Hold::Keeping { .. }) => Phase::Publishing,
            Some(Hold::Paused { .. }) => Phase::Paused,
            Some(Hold::Closed { .. }) => Phase::Closed,
            None => self.state.ground.phase(),
        }
    }

    /// When it wants to be told [`Event::Woke`]; earlier ones are ignored.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let span = match (self.phase(), self.cause()) {
            // it waits for GitHub as long as that may be away
            (Phase::Publishing, _) if self.rules.watch => PUBLISHED_WITHIN,
            (Phase::Working | Phase::Verifying | Phase::Publishing, _) => self.minutes() + DEADLINE_GRACE,
            (Phase::Paused, Some(Cause::Question { .. } | Cause::Approval)) => SILENCE,
            (Phase::Queued | Phase::Planning | Phase::Watching | Phase::Paused | Phase::Closed, _) => {
                return None;
            }
        };
        Some(self.state.since.after(span))
    }

    fn minutes(&self) -> Duration {
        Duration::from_secs(u64::from(self.rules.minutes) * 60)
    }
}

/// The task whose work is planning.
pub(crate) fn planner_task() -> TaskId {
    TaskId::new("plan")
}
