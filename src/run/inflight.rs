//! What the run asked for and waits for. An outcome counts only for what was asked for last.

use super::{Attempts, Effect, Ground, Ignored, Run, Stage, Verdict};
use crate::ids::{TaskId, WorkId};

impl Run {
    /// The name of a work of this run.
    pub(super) fn work_id(&self, task: &TaskId, attempt: u32, round: u32) -> WorkId {
        WorkId { run: self.id.clone(), task: task.clone(), round, attempt }
    }

    /// The attempts whose newest work is this one and runs.
    pub(super) fn running(&mut self, work: &WorkId) -> Result<&mut Attempts, Ignored> {
        if work.run != self.id {
            return Err(Ignored::Stale);
        }
        let is_it = |a: &&mut Attempts| {
            a.task == work.task
                && (a.round, a.attempt) == (work.round, work.attempt)
                && matches!(a.stage, Stage::Running { .. })
        };
        self.state.attempts_mut().find(is_it).ok_or(Ignored::Stale)
    }

    /// The verify of this round is answered.
    pub(super) fn take_verify(&mut self, round: u32) -> Result<(), Ignored> {
        match &mut self.state.ground {
            Ground::Verifying { asked } => asked.take_if(|asked| *asked == round).map(|_| ()),
            Ground::Queued
            | Ground::Planning { .. }
            | Ground::Working
            | Ground::Publishing { .. }
            | Ground::Watching { .. } => None,
        }
        .ok_or(Ignored::Stale)
    }

    /// The publish of this round is answered; what it was to say.
    pub(super) fn take_publish(&mut self, round: u32) -> Result<Verdict, Ignored> {
        match &mut self.state.ground {
            Ground::Publishing { verdict, asked } => asked.take_if(|asked| *asked == round).map(|_| *verdict),
            Ground::Queued
            | Ground::Planning { .. }
            | Ground::Working
            | Ground::Verifying { .. }
            | Ground::Watching { .. } => None,
        }
        .ok_or(Ignored::Stale)
    }

    /// The branch that a stop waited for was the one that the run itself asked for: then it is published.
    pub(super) fn was_published(&mut self, round: u32) {
        if let Ok(verdict) = self.take_publish(round) {
            self.state.ground = Ground::Watching { verdict, told: false };
        }
    }

    /// Forgets having asked for what these keys name, so that it is asked for again. True when there was such a thing.
    ///
    /// A work that may have begun is gone on with, unless it went on with another itself: whether it got that far is
    /// not known, and what the other one holds (a person's answer) must not be lost.
    pub(super) fn forget(&mut self, is_named: impl Fn(&str) -> bool) -> bool {
        let id = self.id.clone();
        let state = &mut self.state;
        let mut found = false;
        for attempts in state.attempts_mut() {
            let Stage::Running { continues, reason } = &attempts.stage else { continue };
            let (round, attempt) = (attempts.round, attempts.attempt);
            let work = WorkId { run: id.clone(), task: attempts.task.clone(), round, attempt };
            if is_named(&Effect::work_key(&work)) {
                let continues = Some(continues.clone().unwrap_or(work));
                attempts.stage = Stage::Again { continues, reason: reason.clone() };
                found = true;
            }
        }
        let merge = |m: &mut super::Merging| is_named(&Effect::merge_key(&id, m.round, &m.task, m.attempt));
        found |= state.merging.take_if(merge).is_some();
        found
            | match &mut state.ground {
                Ground::Planning { asked, .. } => {
                    // The snapshot was answered when it is there; forgetting it is harmless.
                    asked.take_if(|round| is_named(&Effect::snapshot_key(&id, *round))).is_some()
                        && state.snapshot.is_none()
                }
                Ground::Verifying { asked } => {
                    asked.take_if(|round| is_named(&Effect::verify_key(&id, *round))).is_some()
                }
                Ground::Publishing { asked, .. } => {
                    asked.take_if(|round| is_named(&Effect::publish_key(&id, *round))).is_some()
                }
                Ground::Queued | Ground::Working | Ground::Watching { .. } => false,
            }
    }
}
