//! What a run wants done, as data. Every effect has a key: performing the same key twice changes nothing.

use super::event::{Proposal, Question};
use crate::ids::{RunId, Sha, TaskId, WorkId};
use serde::{Deserialize, Serialize};

/// What a run wants done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Tell the requester that it was heard.
    Acknowledge,
    /// Read the base: commit, tree, configuration. Answered by `Snapshotted`.
    Snapshot { round: u32 },
    /// Show where the run is (a status comment; a line on a terminal). Of several, the highest `seq` is the newest.
    Status { seq: u32, phase: String },
    /// Let an agent work. Answered by `Planned`, `TaskDone`, `Asked`, `Answered`, `NoChange`, `TaskFailed`, `ChangeRefused` or `OutOfBudget`.
    Work(Assignment),
    /// Merge a proposal into the run's tree. Answered by `Merged` or `Conflicted`.
    Merge { task: TaskId, round: u32, attempt: u32, into: Sha, proposal: Proposal },
    /// Run the repository's own checks on a tree. Answered by `Verified`, `Unverified` or `VerifyFailed`.
    Verify { round: u32, tree: Sha },
    /// Make the commit and the branch (and later the pull request). The message ends with the run's trailer.
    /// Answered by `Published` or `Moved`.
    Publish { round: u32, tree: Sha, parent: Sha, title: String, message: String, verdict: Verdict },
    /// Ask the requester.
    Ask { slot: u32, question: Question },
    /// Show the plan and ask for approval.
    AskApproval { slot: u32 },
    /// Tell the requester: one for every end, one for every pause that nobody was asked about.
    Reply { seq: u32, about: About, text: String },
    /// End every sandbox of the run. A stopped work need not be answered for; a late answer does no harm.
    StopWorks { seq: u32 },
}

/// What a reply is about: the one result comment is for ends and pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The run is over.
    End,
    /// The run waits until somebody acts.
    Pause,
    /// A command had nothing to act on; the run goes on as it was.
    Command,
}

/// What an agent is to do. Long texts are in the store; here is only what the decision was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Whose transcript it writes.
    pub work: WorkId,
    /// The role, by name.
    pub role: String,
    /// One line.
    pub title: String,
    /// What to do.
    pub text: String,
    /// The tree it starts from; with `continues` the tree that the continued work started from.
    pub tree: Sha,
    /// Go on in the transcript and workspace of this work (a one-task plan goes on in the planner's).
    pub continues: Option<WorkId>,
    /// Why an earlier attempt did not do: the error, the conflict, the failing command's output hash, a person's answer.
    pub reason: Option<Reason>,
}

/// Why there is another attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// The last attempt failed like this.
    Failed { text: String },
    /// The last attempt's changes conflicted in these files.
    Conflict { files: Vec<String> },
    /// Verify failed; the receipt's commands with their output in the store.
    Verify { receipt: super::event::Receipt },
    /// A person answered a question.
    Answer { question: String, answer: String },
}

/// What is known about the tree that is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every command exited 0 and tests ran.
    Verified,
    /// Nothing could tell.
    Unverified,
    /// Verify failed after the last round.
    Failed,
}

impl Effect {
    /// What makes repeating it safe: an effect with a key that was performed is not performed again.
    pub fn key(&self, run: &RunId) -> String {
        match self {
            Self::Acknowledge => format!("{run}/acknowledge"),
            Self::Snapshot { round } => Self::snapshot_key(run, *round),
            Self::Status { seq, .. } => format!("{run}/status/{seq}"),
            Self::Work(assignment) => Self::work_key(&assignment.work),
            Self::Merge { task, round, attempt, .. } => Self::merge_key(run, *round, task, *attempt),
            Self::Verify { round, .. } => Self::verify_key(run, *round),
            Self::Publish { round, .. } => Self::publish_key(run, *round),
            Self::Ask { slot, .. } => format!("{run}/question-{slot}"),
            Self::AskApproval { slot } => format!("{run}/approval-{slot}"),
            Self::Reply { seq, .. } => format!("{run}/reply/{seq}"),
            Self::StopWorks { seq } => format!("{run}/stop/{seq}"),
        }
    }

    pub(super) fn snapshot_key(run: &RunId, round: u32) -> String {
        format!("{run}/snapshot/{round}")
    }
    pub(super) fn work_key(work: &WorkId) -> String {
        format!("{work}/work")
    }
    pub(super) fn merge_key(run: &RunId, round: u32, task: &TaskId, attempt: u32) -> String {
        format!("{run}/merge/{round}/{task}/{attempt}")
    }
    pub(super) fn verify_key(run: &RunId, round: u32) -> String {
        format!("{run}/verify/{round}")
    }
    pub(super) fn publish_key(run: &RunId, round: u32) -> String {
        format!("{run}/publish/{round}")
    }
    /// Whether a key is of an effect whose outcome the run waits for.
    pub(super) fn is_awaited_key(run: &RunId, key: &str) -> bool {
        let rest = key.strip_prefix(run.as_str()).unwrap_or(key);
        key.ends_with("/work")
            || ["/snapshot/", "/merge/", "/verify/", "/publish/"].iter().any(|kind| rest.starts_with(kind))
    }
}
