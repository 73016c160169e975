//! Which task starts and whose changes are merged next.
//!
//! Merges happen in plan order: the earliest task at work is merged next, and later ones wait for it even when they
//! are done before. A task at work never needs one that is not merged, so nobody waits in a circle; and because
//! places become free by merges only, the order in which works happen to finish changes nothing.

use crate::{
    ids::TaskId,
    intent::cut,
    limits::run::DONE_BYTES,
    run::{Assignment, Attempts, Effect, Ground, Merging, Run, Stage, Verdict, turn::Turn},
};

/// Starts, merges, and leaves for `Verifying` when nothing is left. True when the ground changed.
///
/// Starting comes first: a task that becomes ready goes before later ones in plan order, whether those are done or not.
pub(super) fn move_on(turn: &mut Turn) -> bool {
    loop {
        while let Some(task) = next_start(&turn.run) {
            start(turn, &task);
        }
        if !pass_unchanged(&mut turn.run) {
            break;
        }
        if turn.run.state.fixer.take_if(|f| f.is_done()).is_some() {
            // A fixer that changes nothing has given up, which ends the rounds.
            turn.run.state.ground = Ground::Publishing { verdict: Verdict::Failed, asked: None };
            return true;
        }
    }
    merge_next(turn);
    if !turn.run.state.attempts().all(Attempts::is_done) {
        return false;
    }
    turn.run.state.fixer = None;
    turn.run.state.ground = Ground::Verifying { asked: None };
    true
}

/// Lets an agent work on this task.
pub(super) fn start(turn: &mut Turn, task: &TaskId) {
    let Some(mut assignment) = assignment(&turn.run, task) else { return };
    let round = turn.run.round;
    let Some(attempts) = turn.run.state.find_mut(task) else { return };
    if let Stage::Again { continues, reason } = &attempts.stage {
        assignment.continues = continues.clone();
        assignment.reason = reason.clone();
    }
    // What is gone on with is a workspace of the tree it started from.
    if let (Some(_), Some(from)) = (&assignment.continues, &attempts.from) {
        assignment.tree = from.clone();
    }
    attempts.attempt += 1;
    attempts.round = round;
    attempts.from = Some(assignment.tree.clone());
    attempts.stage =
        Stage::Running { continues: assignment.continues.clone(), reason: assignment.reason.clone() };
    assignment.work.attempt = attempts.attempt;
    turn.push(Effect::Work(assignment));
}

/// The next one in plan order changed nothing: it counts as merged. False when it is not so.
fn pass_unchanged(run: &mut Run) -> bool {
    let Some(attempts) = run.state.first_at_work() else { return false };
    let Stage::Unchanged { text } = &attempts.stage else { return false };
    let summary = cut::text(text, DONE_BYTES);
    attempts.stage = Stage::Done { title: String::new(), summary };
    true
}

/// Asks for the next merge in plan order, when its changes are there.
fn merge_next(turn: &mut Turn) {
    let run = &mut turn.run;
    let (round, into) = (run.round, run.state.tree.clone());
    if run.state.merging.is_some() {
        return;
    }
    let (Some(attempts), Some(into)) = (run.state.first_at_work(), into) else { return };
    let Stage::Submitted { proposal } = &attempts.stage else { return };
    let (task, attempt, proposal) = (attempts.task.clone(), attempts.attempt, proposal.clone());
    run.state.merging = Some(Merging { task: task.clone(), round, attempt });
    turn.push(Effect::Merge { task, round, attempt, into, proposal });
}

/// The first task in plan order that may start now.
fn next_start(run: &Run) -> Option<TaskId> {
    let state = &run.state;
    let places = run.rules.tasks_at_once.max(1) as usize;
    let is_free = state.attempts().filter(|a| a.is_at_work()).count() < places;
    let may_start = |a: &&Attempts| match a.stage {
        Stage::Again { .. } => true,
        Stage::Pending => is_free && needs_are_merged(run, &a.task),
        Stage::Running { .. }
        | Stage::Asking { .. }
        | Stage::Submitted { .. }
        | Stage::Unchanged { .. }
        | Stage::Failed { .. }
        | Stage::Conflicted { .. }
        | Stage::Done { .. } => false,
    };
    state.attempts().find(may_start).map(|a| a.task.clone())
}

/// Whether everything this task needs is in the run's tree.
pub(in crate::run) fn needs_are_merged(run: &Run, task: &TaskId) -> bool {
    run.task(task)
        .is_none_or(|t| t.needs.iter().all(|need| run.state.find(need).is_some_and(Attempts::is_done)))
}

/// The next work at this task, on the present tree.
fn assignment(run: &Run, task: &TaskId) -> Option<Assignment> {
    let (role, title, text) = match run.task(task) {
        Some(task) => (task.role.clone(), task.title.clone(), task.text.clone()),
        None if matches!(run.state.ground, Ground::Planning { .. }) => {
            ("planner".to_owned(), run.intent.title.clone(), run.intent.text.clone())
        }
        None => ("fixer".to_owned(), "Make the failing checks pass".to_owned(), run.intent.text.clone()),
    };
    let tree = run.state.tree.clone()?;
    let work = run.work_id(task, 0, run.round);
    Some(Assignment { work, role, title, text, tree, continues: None, reason: None })
}
