//! The table in code, second part: a run that is held by something. What its works still report goes to the function
//! of the phase that lies under the hold.

use super::{
    Cause, Effect, Event, Hold, Ignored, Outcome,
    step::on_ground,
    turn::{Told, Turn},
};

/// A local run writes what is merged before it stops. (Its phase is `Publishing`.)
pub(super) fn keeping(turn: &mut Turn, event: Event, in_round: u32) -> Told {
    let finish = |turn: &mut Turn| match turn.run.state.hold.take() {
        Some(Hold::Keeping { then, .. }) => {
            turn.finish(then);
            Ok(())
        }
        other => {
            turn.run.state.hold = other;
            Err(Ignored::Stale)
        }
    };
    match event {
        Event::Published { round, branch, head } if round == in_round => {
            turn.published(branch, head);
            turn.run.was_published(round);
            finish(turn)
        }
        Event::Moved { round, branch } if round == in_round => {
            turn.run.state.moved = Some(branch);
            finish(turn)
        }
        Event::EffectRefused { key, report } => {
            let is_publish = key == Effect::publish_key(&turn.run.id, in_round);
            if !is_publish {
                return turn.refuse(key, report);
            }
            turn.run.state.refused.get_or_insert(report);
            turn.run.state.refused_key = Some(key);
            finish(turn)
        }
        Event::Published { .. } | Event::Moved { .. } => Err(Ignored::Stale),
        Event::Woke => turn.woke(),
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
        | Event::OutOfBudget { .. } => on_ground(turn, event),
    }
}

pub(super) fn paused(turn: &mut Turn, event: Event, cause: &Cause) -> Told {
    match event {
        Event::AnswerGiven { text } => turn.answered(cause, text),
        Event::Approved if *cause == Cause::Approval => {
            turn.run.state.approval_wanted = false;
            turn.run.state.hold = None;
            Ok(())
        }
        Event::Approved => Err(Ignored::NotAsked),
        Event::Retried => turn.retry_paused(cause),
        Event::Cancelled => turn.cancel(),
        Event::PullEnded { merged } => turn.pull_ended(merged),
        Event::Gone { what } => turn.gone(&what),
        Event::Woke => turn.woke(),
        // Noted, and gone on with later: a second cause does not replace the first.
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
        | Event::OutOfBudget { .. }
        | Event::EffectRefused { .. } => on_ground(turn, event),
    }
}

pub(super) fn closed(turn: &mut Turn, event: Event, outcome: Outcome) -> Told {
    match event {
        Event::Retried => turn.retry_closed(outcome),
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
        | Event::OutOfBudget { .. }
        | Event::AnswerGiven { .. }
        | Event::Approved
        | Event::Cancelled
        | Event::EffectRefused { .. }
        | Event::Gone { .. }
        | Event::PullEnded { .. }
        | Event::Woke => Err(Ignored::Closed),
    }
}
