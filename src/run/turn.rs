//! One step being taken: the run as it becomes, and the effects so far. Here are the rows of the table that hold in
//! every open phase: pause, keep, close, cancel, refuse, retry.

use super::{
    About, Branch, Cap, Cause, Effect, Ground, Hold, Ignored, Outcome, Phase, Reason, Run, Stage, Then,
    Verdict, reply,
};
use crate::{
    clock::Timestamp,
    ids::{Sha, WorkId},
    limits::run::IDLE,
    report::Report,
};

/// Whether an event meant something.
pub(super) type Told = Result<(), Ignored>;

/// One step being taken.
pub(super) struct Turn {
    pub(super) run: Run,
    pub(super) now: Timestamp,
    pub(super) effects: Vec<Effect>,
}

impl Turn {
    pub(super) fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn number(&mut self) -> u32 {
        self.run.state.told += 1;
        self.run.state.told
    }

    pub(super) fn reply(&mut self, about: About, text: String) {
        let seq = self.number();
        self.push(Effect::Reply { seq, about, text });
    }

    fn stop_works(&mut self) {
        let seq = self.number();
        self.push(Effect::StopWorks { seq });
    }

    /// Waits for this cause. Works that could still spend are stopped; a local run first keeps what is merged.
    pub(super) fn pause(&mut self, cause: Cause) {
        match &cause {
            Cause::Question { task } => {
                let question = self.run.state.find(task).and_then(|a| match &a.stage {
                    Stage::Asking { question } => Some(question.clone()),
                    _ => None,
                });
                self.run.state.slots += 1;
                let slot = self.run.state.slots;
                self.effects.extend(question.map(|question| Effect::Ask { slot, question }));
                self.run.state.hold = Some(Hold::Paused { cause });
            }
            Cause::Approval => {
                self.run.state.slots += 1;
                self.push(Effect::AskApproval { slot: self.run.state.slots });
                self.run.state.hold = Some(Hold::Paused { cause });
            }
            Cause::Budget | Cause::Timeout { .. } => {
                self.stop_works();
                self.keep_then(Then::Pause { cause });
            }
            Cause::Conflict { .. } | Cause::Failed { .. } | Cause::Moved | Cause::Refused => {
                self.keep_then(Then::Pause { cause });
            }
        }
    }

    /// Stops, after what is merged is on the branch where nobody else will go on with it.
    fn keep_then(&mut self, then: Then) {
        match self.keeps() {
            Some(verdict) => {
                let round = self.run.round;
                self.publish(verdict);
                self.run.state.hold = Some(Hold::Keeping { round, then });
            }
            None => self.finish(then),
        }
    }

    /// What a local run can say about the merged tree that is on no branch yet.
    fn keeps(&self) -> Option<Verdict> {
        let state = &self.run.state;
        let is_kept = state.branch.as_ref().is_some_and(|b| Some(&b.tree) == state.tree.as_ref());
        if self.run.rules.watch || is_kept || !state.has_changes() {
            return None;
        }
        match state.ground {
            Ground::Working | Ground::Verifying { .. } => {
                Some(if state.fixes > 0 { Verdict::Failed } else { Verdict::Unverified })
            }
            Ground::Publishing { verdict, asked: None }
                if state.refused.is_none() && state.moved.is_none() =>
            {
                Some(verdict)
            }
            // The branch could not be written, or is being written: asking twice does not help.
            Ground::Publishing { .. } => None,
            Ground::Queued | Ground::Planning { .. } | Ground::Watching { .. } => None,
        }
    }

    /// The stop itself.
    pub(super) fn finish(&mut self, then: Then) {
        match then {
            Then::Pause { cause } => {
                self.run.state.hold = Some(Hold::Paused { cause });
                let text = reply::pause(&self.run);
                self.reply(About::Pause, text);
            }
            Then::Close { outcome } => self.close(outcome),
        }
    }

    /// The end. `Silent` is what it says, and who merged or closed a pull request need not be told.
    pub(super) fn close(&mut self, outcome: Outcome) {
        self.run.state.hold = Some(Hold::Closed { outcome });
        if !matches!(outcome, Outcome::Silent | Outcome::Merged | Outcome::Abandoned) {
            let text = reply::end(&self.run);
            self.reply(About::End, text);
        }
    }

    /// Asks for the branch, in this round.
    pub(super) fn publish(&mut self, verdict: Verdict) {
        let state = &self.run.state;
        let (Some(tree), Some(snapshot)) = (state.tree.clone(), &state.snapshot) else { return };
        let parent = state.branch.as_ref().map_or(&snapshot.base, |b| &b.head).clone();
        let (title, message) = reply::commit(&self.run, verdict);
        self.push(Effect::Publish { round: self.run.round, tree, parent, title, message, verdict });
    }

    /// The branch is written.
    pub(super) fn published(&mut self, name: String, head: Sha) {
        let tree = self.run.state.tree.clone();
        self.run.state.branch = tree.map(|tree| Branch { name, head, tree });
    }

    /// A person wants it stopped.
    pub(super) fn cancel(&mut self) -> Told {
        self.stop_works();
        let then = Then::Close { outcome: Outcome::Cancelled };
        match (&self.run.state.hold, &self.run.state.ground) {
            (Some(Hold::Keeping { round, .. }), _) => {
                self.run.state.hold = Some(Hold::Keeping { round: *round, then });
            }
            // The branch is being written already: its name belongs into the reply.
            (None, Ground::Publishing { asked: Some(round), .. }) if !self.run.rules.watch => {
                self.run.state.hold = Some(Hold::Keeping { round: *round, then });
            }
            (_, _) => self.keep_then(then),
        }
        Ok(())
    }

    /// There is nothing left to work on, or no right to.
    pub(super) fn gone(&mut self, what: &str) -> Told {
        self.stop_works();
        self.run.state.hold = Some(Hold::Closed { outcome: Outcome::Gone });
        let text = reply::gone(&self.run, what);
        self.reply(About::End, text);
        Ok(())
    }

    /// A person decided about what was published: there is nothing more to do about it.
    pub(super) fn pull_ended(&mut self, merged: bool) -> Told {
        if self.run.state.branch.is_none() {
            return Err(Ignored::NotNow);
        }
        self.stop_works();
        self.close(if merged { Outcome::Merged } else { Outcome::Abandoned });
        Ok(())
    }

    /// A cap would have been passed: a fact that pauses the run as soon as nothing else does.
    pub(super) fn over_budget(&mut self, work: Option<WorkId>, cap: Cap) -> Told {
        if let Some(work) = work {
            let attempts = self.run.running(&work)?;
            // It ran, so its transcript is there to go on with.
            attempts.stage = Stage::Again { continues: Some(work), reason: None };
        }
        self.run.state.budget.get_or_insert(cap);
        Ok(())
    }

    /// An effect was refused: what it was to bring is asked for again once a person acted.
    pub(super) fn refuse(&mut self, key: String, report: Report) -> Told {
        let id = self.run.id.clone();
        if self.run.state.refused_key.as_ref() == Some(&key) {
            return Err(Ignored::Repeated);
        }
        if Effect::is_awaited_key(&id, &key) && !self.run.forget(|awaited| awaited == key) {
            return Err(Ignored::Stale);
        }
        self.run.state.refused.get_or_insert(report);
        self.run.state.refused_key = Some(key);
        Ok(())
    }

    /// A phase took too long. While a branch is being kept, that is the end of the waiting for it.
    pub(super) fn woke(&mut self) -> Told {
        if self.run.wake_at().is_none_or(|at| self.now < at) {
            return Err(Ignored::Early);
        }
        let phase = self.run.phase();
        match self.run.state.hold.clone() {
            Some(Hold::Keeping { then, .. }) => self.finish(then),
            Some(Hold::Paused { .. }) => self.close(Outcome::Silent),
            Some(Hold::Closed { .. }) => return Err(Ignored::Closed),
            None => self.pause(Cause::Timeout { phase }),
        }
        Ok(())
    }

    /// What went by while nobody worked on it is none of its minutes, and moves its deadline.
    pub(super) fn idled(&mut self, since: Timestamp) -> Told {
        let from = since.max(self.run.state.since);
        if !self.run.is_at_work() || self.now.since(from) < IDLE {
            return Err(Ignored::Early);
        }
        self.count_work(from);
        Ok(())
    }

    /// A person answered: the work that asked goes on with the answer.
    pub(super) fn answered(&mut self, cause: &Cause, answer: String) -> Told {
        let Cause::Question { task } = cause else { return Err(Ignored::NotAsked) };
        let id = self.run.id.clone();
        let attempts = self.run.state.find_mut(task).ok_or(Ignored::NotAsked)?;
        let Stage::Asking { question } = &attempts.stage else { return Err(Ignored::NotAsked) };
        let work = WorkId { run: id, task: task.clone(), round: attempts.round, attempt: attempts.attempt };
        let reason = Reason::Answer { question: question.text.clone(), answer };
        attempts.stage = Stage::Again { continues: Some(work), reason: Some(reason) };
        self.run.state.hold = None;
        Ok(())
    }

    /// A person wants it tried again, and it was not the run's to wait.
    pub(super) fn retry_paused(&mut self, cause: &Cause) -> Told {
        if matches!(cause, Cause::Question { .. } | Cause::Approval) {
            return self.nothing_to_retry();
        }
        if matches!(cause, Cause::Budget | Cause::Timeout { .. }) {
            self.run.forget(|_| true);
        }
        self.retry();
        Ok(())
    }

    /// A person wants it tried again after its end: the same run, the next attempt, with what is merged.
    pub(super) fn retry_closed(&mut self, outcome: Outcome) -> Told {
        match outcome {
            Outcome::VerifyFailed => {
                self.run.state.ground = Ground::Verifying { asked: None };
                self.run.state.fixes = 0;
            }
            Outcome::Cancelled | Outcome::Gone => {}
            Outcome::Proposed
            | Outcome::Unverified
            | Outcome::Answered
            | Outcome::NoChange
            | Outcome::Merged
            | Outcome::Abandoned
            | Outcome::Silent => return self.nothing_to_retry(),
        }
        self.run.forget(|_| true);
        self.run.attempt += 1;
        self.run.state.used_millis = 0;
        if self.run.state.ground == Ground::Queued {
            self.begin();
        }
        self.retry();
        Ok(())
    }

    /// The run begins.
    pub(super) fn begin(&mut self) {
        self.push(Effect::Acknowledge);
        let planner = super::state::Attempts::new(super::planner_task());
        self.run.state.ground = Ground::Planning { asked: None, planner };
    }

    pub(super) fn nothing_to_retry(&mut self) -> Told {
        let text = reply::nothing_to_retry(&self.run);
        self.reply(About::Command, text);
        Ok(())
    }

    /// A new round: what was asked for in an older one and not answered is stale from now on when it is asked again.
    fn retry(&mut self) {
        self.run.round += 1;
        let run = self.run.id.clone();
        let state = &mut self.run.state;
        let is_timeout = matches!(&state.hold, Some(Hold::Paused { cause: Cause::Timeout { .. } }));
        if state.budget.take().is_some() || is_timeout {
            state.grants += 1;
            state.used_millis = 0;
        }
        state.refused = None;
        state.withheld = None;
        state.moved = None;
        for attempts in state.attempts_mut() {
            attempts.failures = 0;
            attempts.conflicts = 0;
            attempts.stage = match &attempts.stage {
                Stage::Failed { report } => attempts.after(&run, report),
                Stage::Conflicted { files } => {
                    Stage::Again { continues: None, reason: Some(Reason::Conflict { files: files.clone() }) }
                }
                Stage::Pending
                | Stage::Again { .. }
                | Stage::Running { .. }
                | Stage::Asking { .. }
                | Stage::Submitted { .. }
                | Stage::Unchanged { .. }
                | Stage::Done { .. } => continue,
            };
        }
        state.hold = None;
    }

    /// After the event: time that was used, and a status when people see something new.
    pub(super) fn end(&mut self, before: &Standing) {
        let after = Standing::of(&self.run);
        if after == *before {
            return;
        }
        if before.is_at_work {
            self.count_work(self.now);
        }
        self.run.state.since = self.now;
        if (Standing { is_at_work: before.is_at_work, ..after }) == *before {
            return;
        }
        let status = Effect::Status { seq: self.number(), phase: reply::label(&self.run) };
        let first = |e: &Effect| matches!(e, Effect::Acknowledge | Effect::StopWorks { .. });
        let at = self.effects.iter().take_while(|e| first(e)).count();
        self.effects.insert(at, status);
    }

    /// It was worked on until then, and from now on it is counted anew.
    fn count_work(&mut self, until: Timestamp) {
        let state = &mut self.run.state;
        let used = u64::try_from(until.since(state.since).as_millis()).unwrap_or(u64::MAX);
        state.used_millis = state.used_millis.saturating_add(used);
        state.since = self.now;
    }
}

/// What people see of where a run is, and whether its minutes are running there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    phase: Phase,
    cause: Option<Cause>,
    outcome: Option<Outcome>,
    is_at_work: bool,
}

impl Standing {
    pub(super) fn of(run: &Run) -> Self {
        let (cause, outcome) = (run.cause().cloned(), run.outcome());
        Self { phase: run.phase(), cause, outcome, is_at_work: run.is_at_work() }
    }
}
