//! What a run knows. Facts only: the phase people see is derived from them ([`super::Run::phase`]).
//!
//! `ground` is where the run stands by what was done; `hold` lies over it while the run waits for a person or is
//! over. What works report under a hold still changes the ground, so nothing is lost when the run goes on.

use super::{Cap, Phase, Plan, Proposal, Question, Reason, Receipt, Snapshot, TaskState, Verdict};
use crate::{
    clock::Timestamp,
    ids::{RunId, Sha, TaskId, WorkId},
    report::{Class, Report},
};
use serde::{Deserialize, Serialize};

/// The facts a run has gathered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Where the run stands.
    pub ground: Ground,
    /// What keeps it from going on.
    pub hold: Option<Hold>,
    /// When the present phase began.
    pub since: Timestamp,
    /// Active time before `since`, in milliseconds: waiting for people does not count.
    pub used_millis: u64,
    /// How often the budget was granted: once, and again by each `retry` after it was used up.
    pub grants: u32,
    /// Numbers statuses, replies and stops.
    pub told: u32,
    /// Numbers questions and approvals.
    pub slots: u32,
    /// What the run is pinned to.
    pub snapshot: Option<Snapshot>,
    /// The tree with everything merged so far.
    pub tree: Option<Sha>,
    /// The plan.
    pub plan: Option<Plan>,
    /// The attempts at each task of the plan, in its order.
    pub tasks: Vec<Attempts>,
    /// The one merge that is being done.
    pub merging: Option<Merging>,
    /// The fixer of this round.
    pub fixer: Option<Attempts>,
    /// Fixer rounds so far.
    pub fixes: u32,
    /// The plan waits for a person's approval.
    pub approval_wanted: bool,
    /// The cap that would have been passed.
    pub budget: Option<Cap>,
    /// The effect that was refused, until somebody acts on it.
    pub refused: Option<Report>,
    /// The key of the last refusal: hearing of it twice is hearing of it once.
    pub refused_key: Option<String>,
    /// Why an attempt's change was refused since a person last said `retry`; of several, the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
    /// Our branch, when somebody else wrote it.
    pub moved: Option<String>,
    /// The last round's receipt.
    pub receipt: Option<Receipt>,
    /// Why nothing could tell whether the changes work.
    pub unverified_why: Option<String>,
    /// What an agent said instead of changing something.
    pub answer: Option<Answer>,
    /// The branch that was written.
    pub branch: Option<Branch>,
}

/// Where a run stands by what was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Ground {
    /// Not begun.
    Queued,
    /// The base is read (`asked`: in which round that was asked for), then a planner works.
    Planning { asked: Option<u32>, planner: Attempts },
    /// Tasks, or a fixer, are worked on and merged.
    Working,
    /// The checks run (`asked`: in which round that was asked for).
    Verifying { asked: Option<u32> },
    /// The branch is written (`asked`: in which round that was asked for).
    Publishing { verdict: Verdict, asked: Option<u32> },
    /// Published (`told`: the requester knows).
    Watching { verdict: Verdict, told: bool },
}

/// What keeps a run from going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "snake_case")]
pub enum Hold {
    /// What is merged is written to the branch before a local run stops.
    Keeping { round: u32, then: Then },
    /// Waits.
    Paused { cause: Cause },
    /// Over.
    Closed { outcome: Outcome },
}

/// How a local run stops once what is merged is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "snake_case")]
pub enum Then {
    /// It waits.
    Pause { cause: Cause },
    /// It is over.
    Close { outcome: Outcome },
}

/// Why a run waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// An agent asked a person.
    Question { task: TaskId },
    /// A person must approve the plan.
    Approval,
    /// A task's changes conflict again and again.
    Conflict { task: TaskId },
    /// A task failed.
    Failed { task: TaskId },
    /// Somebody else wrote our branch.
    Moved,
    /// A cap would have been passed.
    Budget,
    /// A phase took too long.
    Timeout { phase: Phase },
    /// An effect was refused.
    Refused,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Changes, verified.
    Proposed,
    /// Changes; nothing could verify them.
    Unverified,
    /// Changes; the checks failed after the last round.
    VerifyFailed,
    /// A text.
    Answered,
    /// The tree equals the base's.
    NoChange,
    /// Stopped by a person.
    Cancelled,
    /// What it was about is gone.
    Gone,
    /// A person merged what was published.
    Merged,
    /// A person closed what was published.
    Abandoned,
    /// Nobody answered.
    Silent,
}

/// The attempts at one task: the planner's, a plan's, a fixer's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// The task.
    pub task: TaskId,
    /// How far it is.
    pub stage: Stage,
    /// The newest work's attempt; 0: none yet. Never counts back.
    pub attempt: u32,
    /// The newest work's round.
    pub round: u32,
    /// The tree that the newest work started from.
    pub from: Option<Sha>,
    /// Attempts that failed since a person last said `retry`.
    pub failures: u32,
    /// Merges that conflicted since then.
    pub conflicts: u32,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Not started.
    Pending,
    /// To be started again (or in the planner's transcript); it keeps its place among the tasks at work.
    Again { continues: Option<WorkId>, reason: Option<Reason> },
    /// An agent works; what it was started with.
    Running { continues: Option<WorkId>, reason: Option<Reason> },
    /// Waits for a person's answer.
    Asking { question: Question },
    /// Its merge waits or is being done.
    Submitted { proposal: Proposal },
    /// Nothing was changed; waits for its turn in plan order like a merge.
    Unchanged { text: String },
    /// No attempt is left.
    Failed { report: Report },
    /// No redo is left.
    Conflicted { files: Vec<String> },
    /// Merged, or nothing to merge.
    Done { title: String, summary: String },
}

/// A merge that is being done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merging {
    /// Whose proposal.
    pub task: TaskId,
    /// Asked for in this round.
    pub round: u32,
    /// Which attempt proposed it.
    pub attempt: u32,
}

/// What an agent said instead of changing something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// True: the text answers the request. False: it says why there is nothing to change.
    pub answers: bool,
    /// What it said.
    pub text: String,
}

/// A branch that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Its head.
    pub head: Sha,
    /// The head's tree.
    pub tree: Sha,
}

impl State {
    pub(super) fn new(created: Timestamp) -> Self {
        Self {
            ground: Ground::Queued,
            hold: None,
            since: created,
            used_millis: 0,
            grants: 1,
            told: 0,
            slots: 0,
            snapshot: None,
            tree: None,
            plan: None,
            tasks: Vec::new(),
            merging: None,
            fixer: None,
            fixes: 0,
            approval_wanted: false,
            budget: None,
            refused: None,
            refused_key: None,
            withheld: None,
            moved: None,
            receipt: None,
            unverified_why: None,
            answer: None,
            branch: None,
        }
    }

    /// Every series of attempts that may be going on, in plan order; a fixer comes last.
    pub(super) fn attempts(&self) -> impl Iterator<Item = &Attempts> {
        let planner = match &self.ground {
            Ground::Planning { planner, .. } => Some(planner),
            Ground::Queued
            | Ground::Working
            | Ground::Verifying { .. }
            | Ground::Publishing { .. }
            | Ground::Watching { .. } => None,
        };
        planner.into_iter().chain(&self.tasks).chain(&self.fixer)
    }

    /// The same, to change them.
    pub(super) fn attempts_mut(&mut self) -> impl Iterator<Item = &mut Attempts> {
        let planner = match &mut self.ground {
            Ground::Planning { planner, .. } => Some(planner),
            Ground::Queued
            | Ground::Working
            | Ground::Verifying { .. }
            | Ground::Publishing { .. }
            | Ground::Watching { .. } => None,
        };
        planner.into_iter().chain(&mut self.tasks).chain(&mut self.fixer)
    }

    /// The attempts at this task.
    pub(super) fn find(&self, task: &TaskId) -> Option<&Attempts> {
        self.attempts().find(|a| a.task == *task)
    }

    /// The same, to change them.
    pub(super) fn find_mut(&mut self, task: &TaskId) -> Option<&mut Attempts> {
        self.attempts_mut().find(|a| a.task == *task)
    }

    /// The earliest task at work: the one that is merged next.
    pub(super) fn first_at_work(&mut self) -> Option<&mut Attempts> {
        self.attempts_mut().find(|a| a.is_at_work())
    }

    /// Whether anything was merged that the base does not have.
    pub(super) fn has_changes(&self) -> bool {
        self.tree.as_ref().zip(self.snapshot.as_ref()).is_some_and(|(tree, base)| *tree != base.tree)
    }
}

impl Ground {
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Queued => Phase::Queued,
            Self::Planning { .. } => Phase::Planning,
            Self::Working => Phase::Working,
            Self::Verifying { .. } => Phase::Verifying,
            Self::Publishing { .. } => Phase::Publishing,
            Self::Watching { .. } => Phase::Watching,
        }
    }
}

impl Attempts {
    pub(super) fn new(task: TaskId) -> Self {
        Self { task, stage: Stage::Pending, attempt: 0, round: 0, from: None, failures: 0, conflicts: 0 }
    }

    /// How it goes on after the newest work failed like this. What could only not be had (a model that did not answer) is
    /// asked for where the work stands, and nothing that was answered is asked again; what was done wrong is begun afresh,
    /// told why.
    pub(super) fn after(&self, run: &RunId, report: &Report) -> Stage {
        if report.class == Class::Transient {
            let (round, attempt) = (self.round, self.attempt);
            let work = WorkId { run: run.clone(), task: self.task.clone(), round, attempt };
            return Stage::Again { continues: Some(work), reason: None };
        }
        let text = format!("{}\n{}", report.message, report.hint).trim_end().to_owned();
        Stage::Again { continues: None, reason: Some(Reason::Failed { text }) }
    }

    /// Started and not merged: such a task holds one of the places among the tasks at work.
    pub(super) fn is_at_work(&self) -> bool {
        !matches!(self.stage, Stage::Pending | Stage::Done { .. })
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done { .. })
    }

    /// For people: where the task is.
    pub(super) fn task_state(&self, is_closed: bool) -> TaskState {
        match &self.stage {
            Stage::Done { .. } => TaskState::Done,
            Stage::Failed { .. } | Stage::Conflicted { .. } => TaskState::Failed,
            _ if is_closed => TaskState::Skipped,
            Stage::Pending => TaskState::Pending,
            Stage::Again { .. } if self.attempt == 0 => TaskState::Pending,
            Stage::Again { .. }
            | Stage::Running { .. }
            | Stage::Asking { .. }
            | Stage::Submitted { .. }
            | Stage::Unchanged { .. } => TaskState::Running,
        }
    }
}
