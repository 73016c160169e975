//! What a run can be told. An event is ≤ [`crate::limits::run::WIRE_BYTES`] on the wire: bigger things go into the
//! store and are named by content hash.

use super::plan::Plan;
use crate::{
    clock::Timestamp,
    ids::{ContentHash, Sha, TaskId, WorkId},
    report::Report,
};
use serde::{Deserialize, Serialize};

/// What a run is told. Facts only; what follows from them is [`super::step()`]'s business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The run may begin.
    Started,
    /// The base was read: everything the run does is pinned to it.
    Snapshotted(Snapshot),
    /// The planner has a plan. With a draft it has done the plan's only task already, in its own transcript.
    Planned { work: WorkId, plan: Plan, draft: Option<Proposal> },
    /// An agent asks a person.
    Asked { work: WorkId, question: Question },
    /// An agent answers in text; nothing was changed.
    Answered { work: WorkId, text: String },
    /// An agent says that there is nothing to change, and why.
    NoChange { work: WorkId, why: String },
    /// A task's agent proposes changes.
    TaskDone { work: WorkId, proposal: Proposal },
    /// A task's work ended without a proposal. Transient: it goes on where it stands; broken: another attempt begins afresh,
    /// told why; refused: no further attempt.
    TaskFailed { work: WorkId, report: Report },
    /// What a task's agent proposes may not leave, and why. Goes on as `TaskFailed` does, and people are told whatever a later
    /// attempt comes to.
    ChangeRefused { work: WorkId, report: Report },
    /// A task's changes are in the run's tree. Task, round and attempt are those of the merge that was asked for.
    Merged { task: TaskId, round: u32, attempt: u32, tree: Sha },
    /// A task's changes do not fit the run's tree.
    Conflicted { task: TaskId, round: u32, attempt: u32, files: Vec<String> },
    /// Every command exited 0, and tests ran.
    Verified { round: u32, receipt: Receipt },
    /// Nothing could tell whether the changes work (no command, no tests ran, or only old failures are left).
    Unverified { round: u32, why: String, receipt: Receipt },
    /// A command failed in a way that it did not fail on the base.
    VerifyFailed { round: u32, receipt: Receipt },
    /// The branch exists and holds this commit.
    Published { round: u32, branch: String, head: Sha },
    /// Somebody else wrote our branch.
    Moved { round: u32, branch: String },
    /// A cap would have been passed.
    OutOfBudget { work: Option<WorkId>, cap: Cap },
    /// A person answered what was asked.
    AnswerGiven { text: String },
    /// A person approved what was shown.
    Approved,
    /// A person wants it tried again.
    Retried,
    /// A person wants it stopped.
    Cancelled,
    /// An effect was refused and will be refused again until somebody acts on the hint.
    EffectRefused { key: String, report: Report },
    /// What the run is about no longer exists, or we lost access to it.
    Gone { what: String },
    /// A person merged what was published, or closed it without.
    PullEnded { merged: bool },
    /// The deadline the run asked for has passed.
    Woke,
    /// Nobody worked on it from then until now: the program was away, or it waited for a place. None of its minutes went by.
    Idled { since: Timestamp },
}

/// Everything a run is pinned to, read once at its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The commit it starts from.
    pub base: Sha,
    /// That commit's tree.
    pub tree: Sha,
    /// Digest of the repository's configuration at the base, when it has one.
    pub config: Option<ContentHash>,
    /// Digest of the repository's `AGENTS.md` at the base, when it has one.
    pub instructions: Option<ContentHash>,
}

/// What an agent submits as its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// One line, the commit's subject.
    pub title: String,
    /// What was changed and why.
    pub summary: String,
    /// The tree the agent started from.
    pub from: Sha,
    /// The workspace's files as a tree.
    pub tree: Sha,
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// Offered answers; empty for free text.
    pub choices: Vec<String>,
}

/// Which cap would have been passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    /// Money.
    Usd,
    /// Minutes of wall time.
    Minutes,
    /// Model calls.
    Steps,
}

/// The commands that were run to check a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// In the order they ran.
    pub commands: Vec<Check>,
    /// What the reader should know: no sandbox, setup not possible and the line of config that would help, old failures.
    pub notes: Vec<String>,
}

/// One command that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// As it was given to `sh -c`.
    pub command: String,
    /// None when it did not finish (killed, timed out): never a pass.
    pub exit_code: Option<i32>,
    /// Wall time in milliseconds.
    pub millis: u64,
    /// SHA-256 over stdout and stderr as captured; the store holds the bytes.
    pub output: ContentHash,
    /// Tests that ran, when the runner is a known one.
    pub tests_run: Option<u32>,
    /// True when the same command failed in the same way on the base commit.
    pub failed_on_base: bool,
}

impl Receipt {
    /// Whether the receipt itself shows a pass: every command finished with exit code 0, and not all of them are known
    /// to have run no test. The run believes this, not the event's name.
    pub fn shows_pass(&self) -> bool {
        !self.commands.is_empty()
            && self.commands.iter().all(|c| c.exit_code == Some(0))
            && !self.commands.iter().all(|c| c.tests_run == Some(0))
    }
}
