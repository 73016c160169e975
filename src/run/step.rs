//! The table in code: one function per phase, no wildcard arm. A function here only notes what it is told; what is
//! asked for next follows in [`super::flow`].

use super::{
    Event, Ground, Hold, Merging, Run, Stage, Verdict,
    flow::build,
    held::{closed, keeping, paused},
    turn::{Standing, Told, Turn},
};
use crate::clock::Timestamp;

/// What a step made of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The run as it is now.
    pub run: Run,
    /// What it wants done, in this order.
    pub effects: Vec<super::Effect>,
    /// Why the event meant nothing; the run is as it was, and there are no effects.
    pub ignored: Option<Ignored>,
}

/// Why an event meant nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The run is over.
    Closed,
    /// The table has no row for it in this phase.
    NotNow,
    /// The outcome of an older round or attempt, or of something that was not asked for.
    Stale,
    /// Heard before.
    Repeated,
    /// The deadline has not passed yet.
    Early,
    /// Nobody was asked.
    NotAsked,
}

/// Tells a run one thing. Total: every event in every phase is answered.
///
/// Texts in the event are cut to their bounds first ([`Event::bounded`]).
pub fn step(run: Run, event: &Event, now: Timestamp) -> Step {
    debug_assert_eq!(run.check(), Ok(()), "the run was damaged before the step");
    let before = Standing::of(&run);
    let mut turn = Turn { run: run.clone(), now, effects: Vec::new() };
    if let Err(ignored) = tell(&mut turn, event.clone().bounded()) {
        return Step { run, effects: Vec::new(), ignored: Some(ignored) };
    }
    build::advance(&mut turn);
    turn.end(&before);
    debug_assert_eq!(turn.run.check(), Ok(()), "the step damaged the run: {event:?}");
    Step { run: turn.run, effects: turn.effects, ignored: None }
}

fn tell(turn: &mut Turn, event: Event) -> Told {
    if let Event::Idled { since } = event {
        return turn.idled(since);
    }
    match turn.run.state.hold.clone() {
        Some(Hold::Keeping { round, .. }) => keeping(turn, event, round),
        Some(Hold::Paused { cause }) => paused(turn, event, &cause),
        Some(Hold::Closed { outcome }) => closed(turn, event, outcome),
        None => on_ground(turn, event),
    }
}

/// What a run without a hold is told; also what works still report while it is held.
pub(super) fn on_ground(turn: &mut Turn, event: Event) -> Told {
    match turn.run.state.ground {
        Ground::Queued => queued(turn, event),
        Ground::Planning { .. } => planning(turn, event),
        Ground::Working => working(turn, event),
        Ground::Verifying { .. } => verifying(turn, event),
        Ground::Publishing { .. } => publishing(turn, event),
        Ground::Watching { .. } => watching(turn, event),
    }
}

fn queued(turn: &mut Turn, event: Event) -> Told {
    match event {
        Event::Started => {
            turn.begin();
            Ok(())
        }
        Event::OutOfBudget { work, cap } => turn.over_budget(work, cap),
        Event::EffectRefused { key, report } => turn.refuse(key, report),
        Event::Gone { what } => turn.gone(&what),
        Event::Cancelled => turn.cancel(),
        Event::PullEnded { merged } => turn.pull_ended(merged),
        Event::Retried => turn.nothing_to_retry(),
        Event::AnswerGiven { .. } | Event::Approved => Err(Ignored::NotAsked),
        Event::Snapshotted(_)
        | Event::Planned { .. }
        | Event::Asked { .. }
        | Event::Answered { .. }
        | Event::NoChange { .. }
        | Event::TaskDone { .. }
        | Event::TaskFailed { .. }
        | Event::ChangeRefused { .. }
        | Event::Idled { .. }
        | Event::Merged { .. }
        | Event::Conflicted { .. }
        | Event::Verified { .. }
        | Event::Unverified { .. }
        | Event::VerifyFailed { .. }
        | Event::Published { .. }
        | Event::Moved { .. }
        | Event::Woke => Err(Ignored::NotNow),
    }
}

fn planning(turn: &mut Turn, event: Event) -> Told {
    match event {
        Event::Snapshotted(snapshot) => {
            // The first one stays: everything is pinned to it.
            if turn.run.state.snapshot.is_some() {
                return Err(Ignored::Stale);
            }
            turn.run.state.tree = Some(snapshot.tree.clone());
            turn.run.state.snapshot = Some(snapshot);
            Ok(())
        }
        Event::Planned { work, plan, draft } => build::planned(turn, &work, plan, draft),
        // A planner that did the work instead of planning it: a plan of one task with this draft.
        Event::TaskDone { work, proposal } => {
            let plan =
                super::Plan::single("coder", turn.run.intent.title.clone(), turn.run.intent.text.clone());
            build::planned(turn, &work, plan, Some(proposal))
        }
        Event::Asked { work, question } => {
            turn.run.running(&work)?.stage = Stage::Asking { question };
            Ok(())
        }
        Event::Answered { work, text } => build::unchanged(turn, &work, true, text),
        Event::NoChange { work, why } => build::unchanged(turn, &work, false, why),
        Event::TaskFailed { work, report } => build::failed(turn, &work, report),
        Event::ChangeRefused { work, report } => build::refused(turn, &work, report),
        Event::OutOfBudget { work, cap } => turn.over_budget(work, cap),
        Event::EffectRefused { key, report } => turn.refuse(key, report),
        Event::Gone { what } => turn.gone(&what),
        Event::Cancelled => turn.cancel(),
        Event::PullEnded { merged } => turn.pull_ended(merged),
        Event::Retried => turn.nothing_to_retry(),
        Event::AnswerGiven { .. } | Event::Approved => Err(Ignored::NotAsked),
        Event::Started
        | Event::Merged { .. }
        | Event::Conflicted { .. }
        | Event::Verified { .. }
        | Event::Unverified { .. }
        | Event::VerifyFailed { .. }
        | Event::Published { .. }
        | Event::Moved { .. }
        | Event::Idled { .. }
        | Event::Woke => Err(Ignored::NotNow),
    }
}

fn working(turn: &mut Turn, event: Event) -> Told {
    match event {
        Event::TaskDone { work, proposal } => {
            turn.run.running(&work)?.stage = Stage::Submitted { proposal };
            Ok(())
        }
        Event::Asked { work, question } => {
            turn.run.running(&work)?.stage = Stage::Asking { question };
            Ok(())
        }
        Event::Answered { work, text } => build::unchanged(turn, &work, true, text),
        Event::NoChange { work, why } => build::unchanged(turn, &work, false, why),
        Event::TaskFailed { work, report } => build::failed(turn, &work, report),
        Event::ChangeRefused { work, report } => build::refused(turn, &work, report),
        Event::Merged { task, round, attempt, tree } => {
            build::merged(turn, &Merging { task, round, attempt }, Ok(tree))
        }
        Event::Conflicted { task, round, attempt, files } => {
            build::merged(turn, &Merging { task, round, attempt }, Err(files))
        }
        Event::OutOfBudget { work, cap } => turn.over_budget(work, cap),
        Event::EffectRefused { key, report } => turn.refuse(key, report),
        Event::Gone { what } => turn.gone(&what),
        Event::Cancelled => turn.cancel(),
        Event::PullEnded { merged } => turn.pull_ended(merged),
        Event::Woke => turn.woke(),
        Event::Retried => turn.nothing_to_retry(),
        Event::AnswerGiven { .. } | Event::Approved => Err(Ignored::NotAsked),
        Event::Started
        | Event::Snapshotted(_)
        | Event::Planned { .. }
        | Event::Verified { .. }
        | Event::Unverified { .. }
        | Event::VerifyFailed { .. }
        | Event::Published { .. }
        | Event::Moved { .. }
        | Event::Idled { .. } => Err(Ignored::NotNow),
    }
}

fn verifying(turn: &mut Turn, event: Event) -> Told {
    match event {
        Event::Verified { round, receipt } => {
            turn.run.take_verify(round)?;
            // The receipt is believed, not the name of the event.
            let verdict = if receipt.shows_pass() { Verdict::Verified } else { Verdict::Unverified };
            turn.run.state.unverified_why =
                (verdict == Verdict::Unverified).then(|| "the receipt does not show a pass".to_owned());
            turn.run.state.receipt = Some(receipt);
            turn.run.state.ground = Ground::Publishing { verdict, asked: None };
            Ok(())
        }
        Event::Unverified { round, why, receipt } => {
            turn.run.take_verify(round)?;
            turn.run.state.unverified_why = Some(why);
            turn.run.state.receipt = Some(receipt);
            turn.run.state.ground = Ground::Publishing { verdict: Verdict::Unverified, asked: None };
            Ok(())
        }
        Event::VerifyFailed { round, receipt } => {
            turn.run.take_verify(round)?;
            build::verify_failed(turn, receipt);
            Ok(())
        }
        Event::OutOfBudget { work, cap } => turn.over_budget(work, cap),
        Event::EffectRefused { key, report } => turn.refuse(key, report),
        Event::Gone { what } => turn.gone(&what),
        Event::Cancelled => turn.cancel(),
        Event::PullEnded { merged } => turn.pull_ended(merged),
        Event::Woke => turn.woke(),
        Event::Retried => turn.nothing_to_retry(),
        Event::AnswerGiven { .. } | Event::Approved => Err(Ignored::NotAsked),
        Event::Started
        | Event::Snapshotted(_)
        | Event::Planned { .. }
        | Event::Asked { .. }
        | Event::Answered { .. }
        | Event::NoChange { .. }
        | Event::TaskDone { .. }
        | Event::TaskFailed { .. }
        | Event::ChangeRefused { .. }
        | Event::Idled { .. }
        | Event::Merged { .. }
        | Event::Conflicted { .. }
        | Event::Published { .. }
        | Event::Moved { .. } => Err(Ignored::NotNow),
    }
}

fn publishing(turn: &mut Turn, event: Event) -> Told {
    match event {
        Event::Published { round, branch, head } => {
            let verdict = turn.run.take_publish(round)?;
            turn.published(branch, head);
            turn.run.state.ground = Ground::Watching { verdict, told: false };
            Ok(())
        }
        Event::Moved { round, branch } => {
            turn.run.take_publish(round)?;
            turn.run.state.moved = Some(branch);
            Ok(())
        }
        Event::OutOfBudget { work, cap } => turn.over_budget(work, cap),
        Event::EffectRefused { key, report } => turn.refuse(key, report),
        Event::Gone { what } => turn.gone(&what),
        Event::Cancelled => turn.cancel(),
        Event::PullEnded { merged } => turn.pull_ended(merged),
        Event::Woke => turn.woke(),
        Event::Retried => turn.nothing_to_retry(),
        Event::AnswerGiven { .. } | Event::Approved => Err(Ignored::NotAsked),
        Event::Started
        | Event::Snapshotted(_)
        | Event::Planned { .. }
        | Event::Asked { .. }
        | Event::Answered { .. }
        | Event::NoChange { .. }
        | Event::TaskDone { .. }
        | Event::TaskFailed { .. }
        | Event::ChangeRefused { .. }
        | Event::Idled { .. }
        | Event::Merged { .. }
        | Event::Conflicted { .. }
        | Event::Verified { .. }
        | Event::Unverified { .. }
        | Event::VerifyFailed { .. } => Err(Ignored::NotNow),
    }
}

fn watching(turn: &mut Turn, event: Event) -> Told {
    match event {
        Event::OutOfBudget { work, cap } => turn.over_budget(work, cap),
        Event::EffectRefused { key, report } => turn.refuse(key, report),
        Event::Gone { what } => turn.gone(&what),
        Event::Cancelled => turn.cancel(),
        Event::PullEnded { merged } => turn.pull_ended(merged),
        Event::Retried => turn.nothing_to_retry(),
        Event::AnswerGiven { .. } | Event::Approved => Err(Ignored::NotAsked),
        Event::Started
        | Event::Snapshotted(_)
        | Event::Planned { .. }
        | Event::Asked { .. }
        | Event::Answered { .. }
        | Event::NoChange { .. }
        | Event::TaskDone { .. }
        | Event::TaskFailed { .. }
        | Event::ChangeRefused { .. }
        | Event::Idled { .. }
        | Event::Merged { .. }
        | Event::Conflicted { .. }
        | Event::Verified { .. }
        | Event::Unverified { .. }
        | Event::VerifyFailed { .. }
        | Event::Published { .. }
        | Event::Moved { .. }
        | Event::Woke => Err(Ignored::NotNow),
    }
}
