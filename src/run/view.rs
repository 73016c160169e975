//! What others may ask a run: for people, for documents, for budgets.

use super::{Cap, Cause, Hold, Outcome, Phase, Question, Run, Stage, Task, TaskState};
use crate::{
    clock::Timestamp,
    ids::{TaskId, Usd},
    report::{Class, Report},
};
use std::time::Duration;

/// What the works of a run may use altogether, from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Money; None: no cap in money.
    pub usd: Option<Usd>,
    /// Model calls.
    pub steps: u32,
    /// When the minutes are over, while they run.
    pub deadline: Option<Timestamp>,
}

impl Run {
    /// What its works may use: the rules, once for every time the budget was granted. Minutes do not run while the
    /// run waits for people.
    pub fn allowance(&self) -> Allowance {
        let grants = self.state.grants;
        let left = self.minutes().saturating_sub(Duration::from_millis(self.state.used_millis));
        Allowance {
            usd: self.rules.usd.map(|usd| Usd(usd.0.saturating_mul(u64::from(grants)))),
            steps: self.rules.steps.saturating_mul(grants),
            deadline: self.phase().is_active().then(|| self.state.since.after(left)),
        }
    }

    /// Why it waits.
    pub fn cause(&self) -> Option<&Cause> {
        match &self.state.hold {
            Some(Hold::Paused { cause }) => Some(cause),
            Some(Hold::Keeping { .. } | Hold::Closed { .. }) | None => None,
        }
    }

    /// How it ended.
    pub fn outcome(&self) -> Option<Outcome> {
        match &self.state.hold {
            Some(Hold::Closed { outcome }) => Some(*outcome),
            Some(Hold::Keeping { .. } | Hold::Paused { .. }) | None => None,
        }
    }

    /// The question it waits for an answer to.
    pub fn question(&self) -> Option<&Question> {
        let Some(Cause::Question { task }) = self.cause() else { return None };
        self.state.find(task).and_then(|a| match &a.stage {
            Stage::Asking { question } => Some(question),
            _ => None,
        })
    }

    /// What went wrong, when it waits because something did.
    pub fn error(&self) -> Option<Report> {
        let report =
            |code: &str, message: String, hint: &str| Some(Report::new(Class::Refused, code, message, hint));
        let retry = "look at what is named and say `retry`, or run again";
        match self.cause()? {
            Cause::Question { .. } | Cause::Approval => None,
            Cause::Failed { task } => match &self.state.find(task)?.stage {
                Stage::Failed { report } => Some(report.clone()),
                _ => None,
            },
            Cause::Conflict { task } => match &self.state.find(task)?.stage {
                Stage::Conflicted { files } => report(
                    "conflict",
                    format!("the changes of {task} conflict in {}", files.join(", ")),
                    retry,
                ),
                _ => None,
            },
            Cause::Refused => self.state.refused.clone(),
            Cause::Moved => {
                let branch = self.state.moved.as_deref().unwrap_or("the branch");
                report(
                    "branch_moved",
                    format!("somebody else changed {branch}"),
                    "their commits are kept; rename or delete that branch and say `retry`, or ask anew",
                )
            }
            Cause::Budget => {
                let (cap, flag) = match self.state.budget? {
                    Cap::Usd => ("money", "`--budget` or `budget.usd`"),
                    Cap::Minutes => ("minutes", "`budget.minutes`"),
                    Cap::Steps => ("steps", "`--max-steps` or `budget.steps`"),
                };
                report(
                    "out_of_budget",
                    format!("the next call would pass the cap in {cap}"),
                    &format!("allow more with {flag}, or ask for less at once"),
                )
            }
            Cause::Timeout { phase } => report(
                "timeout",
                format!("{} took longer than {} minutes", super::reply::phase(*phase), self.rules.minutes),
                retry,
            ),
        }
    }

    /// Where each task of the plan is, in plan order.
    pub fn tasks(&self) -> Vec<(&Task, TaskState)> {
        let is_closed = self.phase() == Phase::Closed;
        let plan = self.state.plan.iter().flat_map(|plan| &plan.tasks);
        plan.zip(&self.state.tasks).map(|(task, attempts)| (task, attempts.task_state(is_closed))).collect()
    }

    /// A task of the plan.
    pub fn task(&self, id: &TaskId) -> Option<&Task> {
        self.state.plan.as_ref()?.tasks.iter().find(|t| t.id == *id)
    }

    /// What was done, or what was said instead of it: the agents' own words.
    pub fn summary(&self) -> String {
        super::reply::summary(self)
    }
}
