//! What must be true of every run, at both ends of every border: after a step, after a run was read from the store.

use super::{Cause, Ground, Hold, Phase, Run, Stage, flow};
use crate::{
    limits::run::{CONFLICT_REDOS, TASK_ATTEMPTS},
    report::{Class, Hint},
};

/// Something that does not fit: a damaged run, or a journal that tells another story.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A run that no history leads to.
    #[error("the run is damaged: {0}")]
    Damaged(&'static str),
    /// Entries are missing, twice or out of order.
    #[error("the journal has entry {found} where {expected} belongs")]
    Order { expected: u64, found: u64 },
    /// The run is damaged after this entry.
    #[error("the run is damaged after entry {seq}: {what}")]
    After { seq: u64, what: &'static str },
    /// The stored run is not the one that the journal leads to.
    #[error("after entry {seq} the journal leads to {replayed} at {at}, but {stored} is stored")]
    Differs { seq: u64, at: String, stored: String, replayed: String },
}

impl Hint for Misfit {
    fn code(&self) -> &'static str {
        "misfit"
    }
    fn hint(&self) -> String {
        "the run was written by another version or was damaged: start it again, or go back to the version that wrote it"
            .to_owned()
    }
    fn class(&self) -> Class {
        Class::Broken
    }
}

impl Run {
    /// Checks what must be true of every run.
    pub fn check(&self) -> Result<(), Misfit> {
        let is = |fact: bool, what: &'static str| if fact { Ok(()) } else { Err(Misfit::Damaged(what)) };
        let state = &self.state;
        is(self.attempt >= 1 && self.round >= 1, "attempts and rounds count from 1")?;
        let ids = state.plan.iter().flat_map(|p| &p.tasks).map(|t| &t.id);
        is(ids.eq(state.tasks.iter().map(|a| &a.task)), "the attempts are not the plan's")?;
        is(state.plan.as_ref().is_none_or(|p| p.check().is_ok()), "the plan can't be carried out")?;
        let is_past_planning = !matches!(state.ground, Ground::Queued | Ground::Planning { .. });
        is(state.plan.is_some() == is_past_planning, "a plan and a phase that do not fit")?;
        is(state.snapshot.is_some() == state.tree.is_some(), "a tree without a base")?;
        is(state.snapshot.is_some() || !is_past_planning, "work without a base")?;
        let is_finishing = is_past_planning && state.ground.phase() != Phase::Working;
        is(!is_finishing || state.attempts().all(|a| a.is_done()), "finishing with a task undone")?;
        is(!is_finishing || state.fixer.is_none() && state.merging.is_none(), "finishing while working")?;
        is(state.fixer.is_none() || state.tasks.iter().all(|a| a.is_done()), "fixing with a task undone")?;
        self.check_tasks()?;
        self.check_hold()
    }

    fn check_tasks(&self) -> Result<(), Misfit> {
        let is = |fact: bool, what: &'static str| if fact { Ok(()) } else { Err(Misfit::Damaged(what)) };
        let state = &self.state;
        let places = self.rules.tasks_at_once.max(1) as usize;
        is(state.attempts().filter(|a| a.is_at_work()).count() <= places, "more tasks at work than allowed")?;
        for attempts in state.attempts() {
            let has_begun = attempts.is_at_work() || attempts.is_done();
            let needs_are_merged = flow::needs_are_merged(self, &attempts.task);
            is(!has_begun || needs_are_merged, "a task began before what it needs was merged")?;
            is(attempts.failures <= TASK_ATTEMPTS, "more attempts than allowed")?;
            is(attempts.conflicts <= CONFLICT_REDOS + 1, "more redos than allowed")?;
            let is_running = matches!(attempts.stage, Stage::Running { .. });
            is(!is_running || attempts.attempt >= 1 && attempts.from.is_some(), "a work without a name")?;
        }
        is(state.fixes <= self.rules.fix_attempts, "more fixer rounds than allowed")?;
        let Some(merging) = &state.merging else { return Ok(()) };
        let first = state.attempts().find(|a| a.is_at_work());
        let is_first =
            first.is_some_and(|a| a.task == merging.task && matches!(a.stage, Stage::Submitted { .. }));
        is(is_first, "a merge out of plan order")
    }

    fn check_hold(&self) -> Result<(), Misfit> {
        let is = |fact: bool, what: &'static str| if fact { Ok(()) } else { Err(Misfit::Damaged(what)) };
        let state = &self.state;
        let cause = match &state.hold {
            None | Some(Hold::Closed { .. }) => return Ok(()),
            Some(Hold::Keeping { .. }) => return is(!self.rules.watch, "keeping where somebody watches"),
            Some(Hold::Paused { cause }) => cause,
        };
        match cause {
            Cause::Question { .. } => is(self.question().is_some(), "waits for an answer without a question"),
            Cause::Approval => is(state.approval_wanted, "waits for an approval that nobody wants"),
            Cause::Moved => is(state.moved.is_some(), "waits for a branch that did not move"),
            Cause::Budget => is(state.budget.is_some(), "waits for money that is there"),
            Cause::Refused => is(state.refused.is_some(), "waits for what was not refused"),
            Cause::Failed { .. } | Cause::Conflict { .. } => {
                is(self.error().is_some(), "waits for a task that did not fail")
            }
            Cause::Timeout { .. } => Ok(()),
        }
    }
}
