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
    Snapshot,
    /// Show where the run is (a status comment; a line on a terminal).
    Status { phase: String },
    /// Let an agent work. Answered by `Planned`, `TaskDone`, `Asked`, `Answered`, `NoChange`, `TaskFailed` or `OutOfBudget`.
    Work(Assignment),
    /// Merge a proposal into the run's tree. Answered by `Merged` or `Conflicted`.
    Merge { task: TaskId, round: u32, into: Sha, proposal: Proposal },
    /// Run the repository's own checks on a tree. Answered by `Verified`, `Unverified` or `VerifyFailed`.
    Verify { round: u32, tree: Sha },
    /// Make the commit and the branch (and later the pull request). Answered by `Published` or `Moved`.
    Publish { round: u32, tree: Sha, parent: Sha, title: String, message: String, verdict: Verdict },
    /// Ask the requester.
    Ask { slot: u32, question: Question },
    /// Show the plan and ask for approval.
    AskApproval { slot: u32 },
    /// Say how it ended: the run's one terminal reply.
    Reply { text: String },
    /// End every sandbox of the run.
    StopWorks,
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
    /// The tree it starts from.
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
            Self::Snapshot => format!("{run}/snapshot"),
            Self::Status { phase } => format!("{run}/status/{phase}"),
            Self::Work(assignment) => format!("{}/work", assignment.work),
            Self::Merge { task, round, into, proposal } => {
                format!("{run}/merge/{round}/{task}/{into}/{}", proposal.tree)
            }
            Self::Verify { round, tree } => format!("{run}/verify/{round}/{tree}"),
            Self::Publish { round, tree, .. } => format!("{run}/publish/{round}/{tree}"),
            Self::Ask { slot, .. } => format!("{run}/question-{slot}"),
            Self::AskApproval { slot } => format!("{run}/approval-{slot}"),
            Self::Reply { .. } => format!("{run}/result"),
            Self::StopWorks => format!("{run}/stop"),
        }
    }
}
