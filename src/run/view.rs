//! What others may ask a run: for people, for documents, for budgets.

use super::{Cap, Cause, Hold, Outcome, Phase, Question, Run, Stage, Task, TaskState};
use crate::{
    clock::Timestamp,
    ids::{TaskId, Usd},
    intent::command::Command,
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
            deadline: self.is_at_work().then(|| self.state.since.after(left)),
        }
    }

    /// Whether its minutes are running: not while it waits, for people or for GitHub, which may be away for hours when the
    /// commit is fetched and when the branch is written there.
    pub fn is_at_work(&self) -> bool {
        let waits_for_github = self.rules.watch;
        match self.phase() {
            Phase::Planning => self.state.snapshot.is_some() || !waits_for_github,
            Phase::Working | Phase::Verifying => true,
            Phase::Publishing => !waits_for_github,
            Phase::Queued | Phase::Watching | Phase::Paused | Phase::Closed => false,
        }
    }

    /// How long it was at work, since it was last given a whole budget of minutes; waiting for people or for its turn
    /// does not count.
    pub fn time_at_work(&self, now: Timestamp) -> Duration {
        let current = if self.is_at_work() { now.since(self.state.since) } else { Duration::ZERO };
        Duration::from_millis(self.state.used_millis).saturating_add(current)
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

    /// Whether it waits and `retry` lets it go on.
    pub fn is_stopped(&self) -> bool {
        match self.cause() {
            None | Some(Cause::Question { .. } | Cause::Approval) => false,
            Some(
                Cause::Conflict { .. }
                | Cause::Failed { .. }
                | Cause::Moved
                | Cause::Budget
                | Cause::Timeout { .. }
                | Cause::Refused,
            ) => true,
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
        let again = self.again();
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
                    &format!("look at what is named and {again}, or ask for less at once"),
                ),
                _ => None,
            },
            Cause::Refused => self.state.refused.clone(),
            Cause::Moved => {
                let branch = self.state.moved.as_deref().unwrap_or("the branch");
                report(
                    "branch_moved",
                    format!("somebody else changed {branch}"),
                    &format!("their commits are kept; rename or delete that branch and {again}"),
                )
            }
            Cause::Budget => {
                let cap = self.state.budget?;
                let name = match cap {
                    Cap::Usd => "money",
                    Cap::Minutes => "minutes",
                    Cap::Steps => "steps",
                };
                report(
                    "out_of_budget",
                    format!("the next call would pass the cap in {name}"),
                    &self.allow_more(cap),
                )
            }
            Cause::Timeout { phase } => report(
                "timeout",
                format!("{} took longer than {} minutes", super::reply::phase(*phase), self.rules.minutes),
                &self.allow_more(Cap::Minutes),
            ),
        }
    }

    /// How a run that stopped goes on; at a terminal there is nobody to say `retry` to.
    fn again(&self) -> String {
        match self.rules.watch {
            true => format!("say {}", Command::Retry.shown()),
            false => "run the same command again".to_owned(),
        }
    }

    /// Where more is allowed.
    fn allow_more(&self, cap: Cap) -> String {
        let (flag, key) = match cap {
            Cap::Usd => ("`--budget` or ", "`budget.usd`"),
            Cap::Minutes => ("", "`budget.minutes`"),
            Cap::Steps => ("`--max-steps` or ", "`budget.steps`"),
        };
        match self.rules.watch {
            // what a run may do is read when it starts
            true => format!(
                "another run may use more with {key} in `.github/quantum.yml` (at most the server's own); or ask for less \
                 at once"
            ),
            false => format!("allow more with {flag}{key}, or ask for less at once"),
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
