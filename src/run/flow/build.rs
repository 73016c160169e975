//! Build: plan, work, verify, publish. What is to be done follows from what the run knows; what was asked for is
//! remembered, so that asking again changes nothing.

use super::schedule;
use crate::{
    ids::{RunId, WorkId},
    intent::cut,
    limits::run::{CONFLICT_REDOS, DONE_BYTES, TASK_ATTEMPTS},
    report::{Class, Hint, Report},
    run::{
        Answer, ApprovePlan, Attempts, Cause, Effect, Ground, Ignored, Outcome, Plan, Proposal, Reason,
        Receipt, Stage, Verdict,
        plan::PlanError,
        planner_task,
        turn::{Told, Turn},
    },
};

/// Asks for everything that can be done now. Nothing while the run is held.
pub(in crate::run) fn advance(turn: &mut Turn) {
    while turn.run.state.hold.is_none() && move_on(turn) {}
}

/// True when the ground changed, so that there may be more to do.
fn move_on(turn: &mut Turn) -> bool {
    if let Some(cause) = obstacle(turn) {
        turn.pause(cause);
        return false;
    }
    let round = turn.run.round;
    let has_changes = turn.run.state.has_changes();
    match &mut turn.run.state.ground {
        Ground::Queued => false,
        Ground::Planning { asked, planner } => {
            if turn.run.state.snapshot.is_some() {
                return plan_on(turn);
            }
            if asked.is_none() && !planner.is_at_work() {
                *asked = Some(round);
                turn.push(Effect::Snapshot { round });
            }
            false
        }
        Ground::Working => schedule::move_on(turn),
        Ground::Verifying { .. } if !has_changes => {
            let answers = turn.run.state.answer.as_ref().is_some_and(|a| a.answers);
            turn.close(if answers { Outcome::Answered } else { Outcome::NoChange });
            false
        }
        Ground::Verifying { asked } => {
            if let (None, Some(tree)) = (&asked, turn.run.state.tree.clone()) {
                *asked = Some(round);
                turn.push(Effect::Verify { round, tree });
            }
            false
        }
        Ground::Publishing { verdict, asked } => {
            if asked.is_none() {
                *asked = Some(round);
                let verdict = *verdict;
                turn.publish(verdict);
            }
            false
        }
        Ground::Watching { verdict, told } => {
            let outcome = match verdict {
                Verdict::Verified => Outcome::Proposed,
                Verdict::Unverified => Outcome::Unverified,
                Verdict::Failed => Outcome::VerifyFailed,
            };
            if !turn.run.rules.watch {
                turn.close(outcome);
            } else if !*told {
                *told = true;
                let text = crate::run::reply::published(&turn.run);
                turn.reply(crate::run::About::End, text);
            }
            false
        }
    }
}

/// What keeps the run from going on, if anything; of several, the one a person can do most about.
fn obstacle(turn: &Turn) -> Option<Cause> {
    let state = &turn.run.state;
    if state.refused.is_some() {
        return Some(Cause::Refused);
    }
    if state.moved.is_some() {
        return Some(Cause::Moved);
    }
    let of_task = state.attempts().find_map(|a| match a.stage {
        Stage::Asking { .. } => Some(Cause::Question { task: a.task.clone() }),
        Stage::Failed { .. } => Some(Cause::Failed { task: a.task.clone() }),
        Stage::Conflicted { .. } => Some(Cause::Conflict { task: a.task.clone() }),
        Stage::Pending
        | Stage::Again { .. }
        | Stage::Running { .. }
        | Stage::Submitted { .. }
        | Stage::Unchanged { .. }
        | Stage::Done { .. } => None,
    });
    of_task
        .or(state.approval_wanted.then_some(Cause::Approval))
        .or(state.budget.is_some().then_some(Cause::Budget))
}

/// The base is read: a planner works, unless the request names the role that does it.
fn plan_on(turn: &mut Turn) -> bool {
    let intent = &turn.run.intent;
    if let Some(role) = &intent.role {
        let plan = Plan::single(role, intent.title.clone(), intent.text.clone());
        // The role `planner` is no task but what happens anyway.
        if plan.check().is_ok() {
            adopt(turn, plan, Stage::Pending, None);
            return true;
        }
    }
    let Ground::Planning { planner, .. } = &turn.run.state.ground else { return false };
    match &planner.stage {
        Stage::Pending | Stage::Again { .. } => schedule::start(turn, &planner_task()),
        Stage::Unchanged { .. } => {
            let answers = turn.run.state.answer.as_ref().is_some_and(|a| a.answers);
            turn.close(if answers { Outcome::Answered } else { Outcome::NoChange });
        }
        Stage::Running { .. }
        | Stage::Asking { .. }
        | Stage::Submitted { .. }
        | Stage::Failed { .. }
        | Stage::Conflicted { .. }
        | Stage::Done { .. } => {}
    }
    false
}

/// The planner has a plan. One that can't be carried out is a failed attempt at planning.
pub(in crate::run) fn planned(turn: &mut Turn, work: &WorkId, plan: Plan, draft: Option<Proposal>) -> Told {
    let planner = turn.run.running(work)?;
    let too_many = draft.as_ref().map(|_| plan.tasks.len()).filter(|tasks| *tasks > 1);
    let checked = plan.check().err().or(too_many.map(PlanError::DraftOfMany));
    if let Some(bad) = checked {
        return failed(turn, work, bad.report());
    }
    let from = planner.from.clone();
    let first = match draft {
        Some(proposal) => Stage::Submitted { proposal },
        // The planner has read the repository: the only task goes on in its transcript.
        None if plan.tasks.len() == 1 => Stage::Again { continues: Some(work.clone()), reason: None },
        None => Stage::Pending,
    };
    turn.run.state.approval_wanted = match turn.run.rules.approve_plan {
        ApprovePlan::Never => false,
        ApprovePlan::Auto => plan.is_daring(),
        ApprovePlan::Always => true,
    };
    adopt(turn, plan, first, from);
    Ok(())
}

fn adopt(turn: &mut Turn, plan: Plan, first: Stage, from: Option<crate::ids::Sha>) {
    let state = &mut turn.run.state;
    state.tasks = plan.tasks.iter().map(|t| Attempts::new(t.id.clone())).collect();
    if let Some(attempts) = state.tasks.first_mut() {
        attempts.stage = first;
        attempts.from = from;
    }
    state.plan = Some(plan);
    state.ground = Ground::Working;
}

/// An agent changes nothing and says why, or answers.
pub(in crate::run) fn unchanged(turn: &mut Turn, work: &WorkId, answers: bool, text: String) -> Told {
    let attempts = turn.run.running(work)?;
    attempts.stage = Stage::Unchanged { text: cut::text(&text, DONE_BYTES) };
    turn.run.state.answer = Some(Answer { answers, text });
    Ok(())
}

/// A work ended without a proposal: the class decides whether it is tried again, and from where.
pub(in crate::run) fn failed(turn: &mut Turn, work: &WorkId, report: Report) -> Told {
    let run = turn.run.id.clone();
    fail(turn.run.running(work)?, &run, report);
    Ok(())
}

/// A proposal that may not leave: the whole change is dropped, and what was wrong with it is kept for the people.
pub(in crate::run) fn refused(turn: &mut Turn, work: &WorkId, report: Report) -> Told {
    let message = report.message.clone();
    failed(turn, work, report)?;
    turn.run.state.withheld = Some(message);
    Ok(())
}

fn fail(attempts: &mut Attempts, run: &RunId, report: Report) {
    attempts.failures += 1;
    let is_last = report.class == Class::Refused || attempts.failures >= TASK_ATTEMPTS;
    attempts.stage = if is_last { Stage::Failed { report } } else { attempts.after(run, &report) };
}

/// The merge that is being done ended like this: a tree, or files that conflict.
pub(in crate::run) fn merged(
    turn: &mut Turn,
    merge: &crate::run::Merging,
    end: Result<crate::ids::Sha, Vec<String>>,
) -> Told {
    let state = &mut turn.run.state;
    state.merging.take_if(|m| m == merge).ok_or(Ignored::Stale)?;
    let attempts = state.find_mut(&merge.task).ok_or(Ignored::Stale)?;
    let Stage::Submitted { proposal } = &attempts.stage else { return Err(Ignored::Stale) };
    match end {
        Ok(tree) => {
            let (title, summary) = (proposal.title.clone(), cut::text(&proposal.summary, DONE_BYTES));
            attempts.stage = Stage::Done { title, summary };
            state.tree = Some(tree);
        }
        Err(files) => {
            attempts.conflicts += 1;
            attempts.stage = if attempts.conflicts > CONFLICT_REDOS {
                Stage::Conflicted { files }
            } else {
                Stage::Again { continues: None, reason: Some(Reason::Conflict { files }) }
            };
        }
    }
    Ok(())
}

/// The checks failed: a fixer while rounds are left, else the branch says so.
pub(in crate::run) fn verify_failed(turn: &mut Turn, receipt: Receipt) {
    let run = &mut turn.run;
    if run.state.fixes >= run.rules.fix_attempts {
        run.state.ground = Ground::Publishing { verdict: Verdict::Failed, asked: None };
    } else {
        run.round += 1;
        run.state.fixes += 1;
        let mut fixer = Attempts::new(crate::ids::TaskId::new(format!("fix-{}", run.state.fixes)));
        let reason = Some(Reason::Verify { receipt: receipt.clone() });
        fixer.stage = Stage::Again { continues: None, reason };
        run.state.fixer = Some(fixer);
        run.state.ground = Ground::Working;
    }
    run.state.receipt = Some(receipt);
}
