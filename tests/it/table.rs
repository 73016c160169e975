//! The run's table, row by row.

use crate::runs::*;
use quantumlayer::{
    clock::Timestamp,
    ids::{TaskId, WorkId},
    report::Class,
    run::{ApprovePlan, Cap, Cause, Event, Plan, Receipt, Rules},
};
use std::time::Duration;

const ONE: &[(&str, &[&str])] = &[("t1", &[])];
const TWO: &[(&str, &[&str])] = &[("t1", &[]), ("t2", &[])];

fn planned(it: &Teller, plan: Plan) -> Event {
    Event::Planned { work: it.work("plan"), plan, draft: None }
}

#[test]
fn queued_and_planning() {
    let mut it = Teller::new(RULES, None);
    it.row(Event::Started, "planning | acknowledge, status, snapshot");
    it.row(Event::Started, "ignored: NotNow");
    it.row(snapshotted(), "planning | work plan/1/1 on tree-0");
    it.row(snapshotted(), "ignored: Stale");
    let mut one = it.clone();
    one.row(planned(&it, plan(ONE)), "working | status, work t1/1/1 on tree-0 after plan/1");
    it.clone().row(planned(&it, plan(TWO)), "working | status, work t1/1/1 on tree-0, work t2/1/1 on tree-0");

    let mut role = Teller::new(RULES, Some("coder"));
    role.tell(Event::Started);
    role.row(snapshotted(), "working | status, work t1/1/1 on tree-0");
    let mut planner = Teller::new(RULES, Some("planner"));
    planner.tell(Event::Started);
    planner.row(snapshotted(), "planning | work plan/1/1 on tree-0");
}

#[test]
fn a_draft_is_merged_not_done_again() {
    let mut it = Teller::planning(RULES);
    let draft = |it: &Teller, graph| Event::Planned {
        work: it.work("plan"),
        plan: plan(graph),
        draft: Some(proposal("plan")),
    };
    it.clone().row(draft(&it, ONE), "working | status, merge t1 into tree-0");
    it.clone().row(it.done("plan"), "working | status, merge t1 into tree-0");
    it.clone().row(draft(&it, TWO), "planning | work plan/1/2 on tree-0 because failed");

    let mut asked = Teller::planning(Rules { approve_plan: ApprovePlan::Always, ..RULES });
    asked.row(draft(&it, ONE), "paused: approval | status, ask approval 1");
    asked.row(Event::Approved, "working | status, merge t1 into tree-0");

    it.tell(draft(&it, ONE));
    it.row(it.conflicted("t1"), "working | work t1/1/1 on tree-0 because conflict");
}

#[test]
fn plans_that_need_approval() {
    let six: Vec<(&str, &[&str])> = ["a", "b", "c", "d", "e", "f"].map(|id| (id, [].as_slice())).into();
    let ask = "paused: approval | status, ask approval 1";
    let row = |rule, plan: Plan, expected: &str| {
        let mut it = Teller::planning(Rules { approve_plan: rule, ..RULES });
        let event = planned(&it, plan);
        it.row(event, expected);
        it
    };
    let go = "working | status, work t1/1/1 on tree-0 after plan/1";
    row(ApprovePlan::Never, Plan { confidence: 1, ..plan(ONE) }, go);
    row(ApprovePlan::Auto, Plan { confidence: 70, ..plan(ONE) }, go);
    row(ApprovePlan::Auto, Plan { confidence: 69, ..plan(ONE) }, ask);
    row(ApprovePlan::Auto, plan(&six[..5]), "working | status, work a/1/1 on tree-0, work b/1/1 on tree-0");
    row(ApprovePlan::Auto, plan(&six), ask);
    let mut it = row(ApprovePlan::Always, plan(ONE), ask);
    it.row(Event::AnswerGiven { text: "yes".into() }, "ignored: NotAsked");
    it.row(Event::Retried, "paused: approval | reply command");
    it.row(Event::Approved, go);
    it.row(Event::Approved, "ignored: NotAsked");
}

#[test]
fn a_plan_that_can_not_be_carried_out_is_a_failed_attempt() {
    let mut it = Teller::planning(RULES);
    let circle = plan(&[("t1", &["t2"]), ("t2", &["t1"])]);
    it.row(planned(&it, circle.clone()), "planning | work plan/1/2 on tree-0 because failed");
    it.row(planned(&it, plan(&[])), "planning | work plan/1/3 on tree-0 because failed");
    it.row(planned(&it, circle), "paused: failed | status, reply pause");
    it.row(Event::Retried, "planning | status, work plan/2/4 on tree-0 because failed");
}

#[test]
fn questions_and_answers() {
    let mut it = Teller::planning(RULES);
    it.row(it.asked("plan"), "paused: question | status, ask 1");
    assert_eq!(it.run.question(), Some(&question()));
    it.row(Event::Approved, "ignored: NotAsked");
    let answer = || Event::AnswerGiven { text: "all".into() };
    it.row(answer(), "planning | status, work plan/1/2 on tree-0 after plan/1 because answer");
    it.row(answer(), "ignored: NotAsked");

    // Two ask at once: the second question waits for the first answer, and a result that comes meanwhile is kept.
    let mut it = Teller::halfway(Rules { tasks_at_once: 3, ..RULES });
    it.row(it.asked("t3"), "paused: question | status, ask 1");
    it.row(it.asked("t2"), "paused: question | ");
    assert_eq!(it.run.cause(), Some(&Cause::Question { task: TaskId::new("t3") }));
    it.row(answer(), "paused: question | status, ask 2");
    assert_eq!(it.run.cause(), Some(&Cause::Question { task: TaskId::new("t2") }));
    it.row(answer(),
        "working | status, work t2/1/2 on tree-1 after t2/1 because answer, work t3/1/2 on tree-1 after t3/1 because answer",
    );
}

#[test]
fn agents_that_change_nothing() {
    let text = || "It is right already.".to_owned();
    let mut it = Teller::planning(RULES);
    let event = Event::Answered { work: it.work("plan"), text: text() };
    it.clone().row(event, "closed: answered | status, reply end");
    let event = Event::NoChange { work: it.work("plan"), why: text() };
    it.row(event, "closed: no_change | status, reply end");

    let mut it = Teller::working(RULES, ONE);
    let event = Event::Answered { work: it.work("t1"), text: text() };
    it.clone().row(event, "closed: answered | status, reply end");
    let event = Event::NoChange { work: it.work("t1"), why: text() };
    it.row(event, "closed: no_change | status, reply end");
    assert_eq!(it.run.summary(), text());

    // With other tasks it is one of several.
    let mut it = Teller::halfway(RULES);
    let event = Event::NoChange { work: it.work("t3"), why: text() };
    it.row(event, "working | ");
    it.row(it.done("t2"), "working | merge t2 into tree-1");
    it.row(it.merged("t2", "tree-2"), "verifying | status, verify 1 tree-2");

    // Changes that come to nothing are no changes.
    let mut it = Teller::working(RULES, ONE);
    it.tell(it.done("t1"));
    it.row(it.merged("t1", "tree-0"), "closed: no_change | status, reply end");
}

#[test]
fn merges_happen_one_at_a_time_in_plan_order() {
    let mut it = Teller::working(RULES, &[("t1", &[]), ("t2", &[]), ("t3", &["t2"]), ("t4", &[])]);
    it.row(it.done("t2"), "working | ");
    it.row(it.done("t1"), "working | merge t1 into tree-0");
    it.row(it.done("t1"), "ignored: Stale");
    it.row(it.merged("t2", "tree-x"), "ignored: Stale");
    it.row(it.merged("t1", "tree-1"), "working | work t4/1/1 on tree-1, merge t2 into tree-1");
    it.row(it.merged("t2", "tree-2"), "working | work t3/1/1 on tree-2");
    it.row(it.done("t4"), "working | ");
    it.row(it.done("t3"), "working | merge t3 into tree-2");
    it.row(it.merged("t3", "tree-3"), "working | merge t4 into tree-3");
    it.row(it.merged("t4", "tree-4"), "verifying | status, verify 1 tree-4");

    // A task that comes first in the plan but needs a later one does not keep that one waiting.
    let mut it = Teller::working(RULES, &[("t1", &["t2"]), ("t2", &[])]);
    it.row(it.done("t2"), "working | merge t2 into tree-0");
    it.row(it.merged("t2", "tree-2"), "working | work t1/1/1 on tree-2");

    // Nor does one that is done pass it when it becomes ready: whoever comes first, the order is the same.
    let mut it = Teller::working(RULES, &[("t1", &["t2"]), ("t2", &[]), ("t3", &[])]);
    it.row(it.done("t3"), "working | ");
    it.row(it.done("t2"), "working | merge t2 into tree-0");
    it.row(it.merged("t2", "tree-2"), "working | work t1/1/1 on tree-2");
    it.row(it.done("t1"), "working | merge t1 into tree-2");
    it.row(it.merged("t1", "tree-1"), "working | merge t3 into tree-1");

    // One at a time: the next begins on the merged tree.
    let mut it = Teller::working(Rules { tasks_at_once: 1, ..RULES }, TWO);
    it.row(it.done("t1"), "working | merge t1 into tree-0");
    it.row(it.merged("t1", "tree-1"), "working | work t2/1/1 on tree-1");
}

#[test]
fn conflicts_are_redone_twice() {
    let mut it = Teller::halfway(watched());
    it.tell(it.done("t2"));
    for attempt in 2..=3 {
        let redo = format!("working | work t2/1/{attempt} on tree-1 because conflict");
        it.row(it.conflicted("t2"), &redo);
        it.row(it.conflicted("t2"), "ignored: Stale");
        it.row(it.done("t2"), "working | merge t2 into tree-1");
    }
    // An outcome of an older merge comes again: it is not the outcome of this one.
    let old = Event::Conflicted { task: TaskId::new("t2"), round: 1, attempt: 2, files: vec![] };
    it.row(old, "ignored: Stale");
    it.row(it.conflicted("t2"), "paused: conflict | status, reply pause");
    assert_eq!(it.run.error().unwrap().message, "the changes of t2 conflict in src/sum.rs");
    // What comes meanwhile is not lost.
    it.row(it.done("t3"), "paused: conflict | ");
    it.row(Event::Retried, "working | status, work t2/2/4 on tree-1 because conflict");
    it.row(it.done("t2"), "working | merge t2 into tree-1");
    it.row(it.merged("t2", "tree-2"), "working | merge t3 into tree-2");
}

#[test]
fn failures_are_retried_by_their_class() {
    let mut it = Teller::halfway(watched());
    let first = it.failed("t2", Class::Transient);
    it.row(first.clone(), "working | work t2/1/2 on tree-1 after t2/1");
    it.row(first, "ignored: Stale");
    it.row(it.failed("t2", Class::Broken), "working | work t2/1/3 on tree-1 because failed");
    let mut refused = it.clone();
    it.row(it.failed("t2", Class::Transient), "paused: failed | status, reply pause");
    it.row(Event::Retried, "working | status, work t2/2/4 on tree-1 after t2/3");
    refused.row(refused.failed("t3", Class::Refused), "paused: failed | status, reply pause");
    assert_eq!(refused.run.error(), Some(report(Class::Refused)));
}

#[test]
fn verify_and_fix() {
    let mut it = Teller::verifying(RULES);
    let verified = |round, receipt| Event::Verified { round, receipt };
    it.clone().row(verified(1, receipt(0)), "publishing | status, publish 1 tree-1 on base verified");
    it.clone().row(verified(2, receipt(0)), "ignored: Stale");
    // The receipt is believed, not the event.
    for no_pass in [receipt(1), Receipt::default()] {
        let expected = "publishing | status, publish 1 tree-1 on base unverified";
        it.clone().row(verified(1, no_pass), expected);
    }
    let unverified = Event::Unverified { round: 1, why: "no tests".into(), receipt: Receipt::default() };
    it.clone().row(unverified, "publishing | status, publish 1 tree-1 on base unverified");

    let failed = |round| Event::VerifyFailed { round, receipt: receipt(101) };
    it.row(failed(1), "working | status, work fix-1/2/1 on tree-1 because verify");
    it.row(failed(1), "ignored: NotNow");
    let mut gives_up = it.clone();
    it.row(it.done("fix-1"), "working | merge fix-1 into tree-1");
    it.row(it.merged("fix-1", "tree-2"), "verifying | status, verify 2 tree-2");
    it.row(failed(2), "publishing | status, publish 2 tree-2 on base failed");
    it.row(it.published(), "closed: verify_failed | status, reply end");
    it.row(Event::Retried, "verifying | status, verify 3 tree-2");
    it.row(failed(3), "working | status, work fix-1/4/1 on tree-2 because verify");

    let event = Event::NoChange { work: gives_up.work("fix-1"), why: "can't".into() };
    gives_up.row(event, "publishing | status, publish 2 tree-1 on base failed");
}

#[test]
fn publish_and_after() {
    let mut it = Teller::publishing(RULES);
    it.clone().row(it.published(), "closed: proposed | status, reply end");
    let moved = |round| Event::Moved { round, branch: "quantum/run".into() };
    it.row(moved(2), "ignored: Stale");
    it.row(moved(1), "paused: moved | status, reply pause");
    it.row(Event::Retried, "publishing | status, publish 2 tree-1 on base verified");
    it.row(moved(1), "ignored: Stale");

    let mut it = Teller::publishing(watched());
    it.row(it.published(), "watching | status, reply end");
    it.row(it.published(), "ignored: NotNow");
    it.row(Event::Retried, "watching | reply command");
    it.row(Event::Cancelled, "closed: cancelled | stop, status, reply end");
}

#[test]
fn budget() {
    let mut it = Teller::halfway(watched());
    let over = |work: Option<WorkId>| Event::OutOfBudget { work, cap: Cap::Usd };
    let work = it.work("t2");
    it.row(over(Some(work.clone())), "paused: budget | stop, status, reply pause");
    it.row(over(Some(work)), "ignored: Stale");
    let before = it.run.allowance();
    it.row(
        Event::Retried,
        "working | status, work t2/2/2 on tree-1 after t2/1, work t3/2/2 on tree-1 after t3/1",
    );
    let after = it.run.allowance();
    assert_eq!((after.steps, after.usd.unwrap().0), (2 * before.steps, 2 * before.usd.unwrap().0));
    let mut verifying = Teller::verifying(watched());
    verifying.row(over(None), "paused: budget | stop, status, reply pause");
    verifying.row(Event::Retried, "verifying | status, verify 2 tree-1");
}

#[test]
fn a_merge_that_was_stopped_is_asked_for_again() {
    let mut it = Teller::working(watched(), ONE);
    it.tell(it.done("t1"));
    let old = it.merged("t1", "tree-1");
    it.row(Event::OutOfBudget { work: None, cap: Cap::Steps }, "paused: budget | stop, status, reply pause");
    // What was done all the same counts.
    it.clone().row(old.clone(), "paused: budget | ");
    it.row(Event::Retried, "working | status, merge t1 into tree-0");
    it.row(old, "ignored: Stale");
    it.row(it.merged("t1", "tree-1"), "verifying | status, verify 2 tree-1");
}

#[test]
fn an_answer_survives_a_stop() {
    let mut it = Teller::working(watched(), ONE);
    it.tell(it.asked("t1"));
    it.tell(Event::AnswerGiven { text: "all".into() });
    it.tell(Event::OutOfBudget { work: None, cap: Cap::Minutes });
    // The second work may not have begun: the third goes on with the first, and is told the answer.
    it.row(Event::Retried, "working | status, work t1/2/3 on tree-0 after t1/1 because answer");
}

#[test]
fn cancelled_and_gone() {
    let mut it = Teller::halfway(watched());
    let gone = Event::Gone { what: "the issue".into() };
    it.clone().row(gone.clone(), "closed: gone | stop, status, reply end");
    it.row(Event::Cancelled, "closed: cancelled | stop, status, reply end");
    for event in [Event::Cancelled, gone, Event::Approved, it.done("t2")] {
        it.row(event, "ignored: Closed");
    }
    it.row(
        Event::Retried,
        "working | status, work t2/2/2 on tree-1 after t2/1, work t3/2/2 on tree-1 after t3/1",
    );
    assert_eq!((it.run.attempt, it.run.round), (2, 2));
    let mut queued = Teller::new(RULES, None);
    queued.row(Event::Cancelled, "closed: cancelled | stop, status, reply end");
    queued.row(Event::Retried, "planning | acknowledge, status, snapshot");
    let mut over = Teller::publishing(RULES);
    over.tell(over.published());
    over.row(Event::Retried, "closed: proposed | reply command");
}

#[test]
fn refused_effects() {
    let mut it = Teller::halfway(watched());
    let id = it.run.id.clone();
    let refused = |key: String| Event::EffectRefused { key, report: report(Class::Refused) };
    let work = format!("{id}/t2/1/1/work");
    it.row(refused(format!("{id}/t2/1/9/work")), "ignored: Stale");
    it.row(refused(work.clone()), "paused: refused | status, reply pause");
    it.row(refused(work.clone()), "ignored: Repeated");
    assert_eq!(it.run.error(), Some(report(Class::Refused)));
    it.row(Event::Retried, "working | status, work t2/2/2 on tree-1 after t2/1");
    it.row(refused(work), "ignored: Repeated");
    // Of what nobody waits for, only the hint counts.
    it.row(refused(format!("{id}/status/1")), "paused: refused | status, reply pause");
    it.row(Event::Retried, "working | status");

    let mut it = Teller::new(RULES, None);
    it.tell(Event::Started);
    it.row(refused(format!("{id}/snapshot/1")), "paused: refused | status, reply pause");
    it.row(Event::Retried, "planning | status, snapshot");
    for (mut it, key, expected) in [
        (Teller::verifying(watched()), "verify/1", "verifying | status, verify 2 tree-1"),
        (
            Teller::publishing(watched()),
            "publish/1",
            "publishing | status, publish 2 tree-1 on base verified",
        ),
    ] {
        it.row(refused(format!("{id}/{key}")), "paused: refused | status, reply pause");
        it.row(Event::Retried, expected);
    }
}

#[test]
fn deadlines() {
    let minutes = Duration::from_secs(32 * 60);
    let mut it = Teller::halfway(watched());
    assert_eq!(it.run.wake_at(), Some(it.run.state.since.after(minutes)));
    it.row(Event::Woke, "ignored: Early");
    it.late().row(Event::Woke, "paused: timeout | stop, status, reply pause");
    assert_eq!(it.run.wake_at(), None);
    it.row(Event::Woke, "ignored: Early");
    it.row(
        Event::Retried,
        "working | status, work t2/2/2 on tree-1 after t2/1, work t3/2/2 on tree-1 after t3/1",
    );
    for (mut it, again) in [
        (Teller::verifying(watched()), "verifying | status, verify 2 tree-1"),
        (Teller::publishing(watched()), "publishing | status, publish 2 tree-1 on base verified"),
    ] {
        it.late().row(Event::Woke, "paused: timeout | stop, status, reply pause");
        it.row(Event::Retried, again);
    }
    let mut it = Teller::planning(RULES);
    assert_eq!(it.run.wake_at(), None);
    it.tell(it.asked("plan"));
    assert_eq!(it.run.wake_at(), Some(it.now.after(Duration::from_secs(30 * 24 * 3600))));
    it.late().row(Event::Woke, "closed: silent | status");
}

#[test]
fn minutes_do_not_run_while_people_think() {
    let mut it = Teller::planning(RULES);
    it.tell(it.asked("plan"));
    assert_eq!(it.run.allowance().deadline, None);
    it.now = it.now.after(Duration::from_secs(7 * 24 * 3600));
    it.tell(Event::AnswerGiven { text: "all".into() });
    // Started at second 1, asked at second 3: two seconds are used.
    assert_eq!(it.run.allowance().deadline, Some(it.now.after(Duration::from_secs(30 * 60 - 2))));
    assert!(Timestamp(0) < it.now);
}
