//! What a run says, word for word.

use crate::runs::*;
use quantumlayer::{
    clock::Timestamp,
    ids::TaskId,
    report::Class,
    run::{ApprovePlan, Cap, Effect, Event, Receipt, Rules, Task, reply},
};
use std::time::Duration;

/// The text of the last reply, or of the commit that was asked for.
fn said(it: &Teller) -> String {
    let text = it.effects.iter().find_map(|effect| match effect {
        Effect::Reply { text, .. } => Some(text.clone()),
        Effect::Publish { title, message, .. } => Some(format!("{title}\n\n{message}")),
        _ => None,
    });
    text.expect("something is said")
}

fn after(mut it: Teller, event: Event) -> String {
    it.tell(event);
    said(&it)
}

#[test]
fn proposed() {
    let mut it = Teller::publishing(RULES);
    insta::assert_snapshot!(said(&it), @r"
    Did t1

    What t1 changed.

    Verified by the repository's own checks.

    Quantum-Run: ibrwjhm2cal4ppaqbrtkewm2on/1
    ");
    it.tell(it.published());
    insta::assert_snapshot!(said(&it), @r"
    Did t1

    What t1 changed.

    The checks pass:
    - `cargo test` exited 0 after 1.2 s, 12 tests

    The changes are on the branch quantum/run (head).

    Next: look at the changes and merge the branch.
    ");
    insta::assert_snapshot!(after(it, Event::Retried), @"There is nothing to retry in this run: it is over, and its branch is written.");
}

#[test]
fn several_tasks_make_one_commit() {
    let mut it = Teller::halfway(RULES);
    it.tell(it.done("t2"));
    it.tell(it.done("t3"));
    it.tell(it.merged("t2", "tree-2"));
    it.tell(it.merged("t3", "tree-3"));
    let event = Event::Unverified { round: 1, why: "no test was found".into(), receipt: Receipt::default() };
    it.tell(event);
    insta::assert_snapshot!(said(&it), @r"
    Fix the sum

    Did t1
    What t1 changed.

    Did t2
    What t2 changed.

    Did t3
    What t3 changed.

    Not verified.

    Quantum-Run: ibrwjhm2cal4ppaqbrtkewm2on/1
    ");
    it.tell(it.published());
    insta::assert_snapshot!(said(&it), @r"
    Fix the sum

    Did t1
    What t1 changed.

    Did t2
    What t2 changed.

    Did t3
    What t3 changed.

    Not verified: no test was found.

    The changes are on the branch quantum/run (head).

    Next: look at the changes and try them before you merge the branch.
    ");
}

#[test]
fn verify_failed() {
    let mut it = Teller::verifying(RULES);
    it.tell(Event::VerifyFailed { round: 1, receipt: receipt(101) });
    it.tell(it.done("fix-1"));
    it.tell(it.merged("fix-1", "tree-2"));
    let mut last = receipt(101);
    last.commands[0].exit_code = None;
    last.notes.push("setup was not possible: add `setup: [\"npm ci\"]`".into());
    it.tell(Event::VerifyFailed { round: 2, receipt: last });
    it.tell(it.published());
    insta::assert_snapshot!(said(&it), @r#"
    Did t1

    What t1 changed.

    The checks still fail after 1 attempt to fix them:
    - `cargo test` did not finish after 1.2 s, 12 tests
    - setup was not possible: add `setup: ["npm ci"]`

    The changes are on the branch quantum/run (head).

    Next: look at what fails; the branch is a start, not a result.
    "#);
}

#[test]
fn text_only() {
    let it = Teller::planning(RULES);
    let work = || it.work("plan");
    insta::assert_snapshot!(after(it.clone(), Event::Answered { work: work(), text: "It adds up.".into() }), @"It adds up.");
    insta::assert_snapshot!(after(it.clone(), Event::NoChange { work: work(), why: "It is right.".into() }), @r"
    Nothing was changed.

    It is right.
    ");
}

#[test]
fn stopped() {
    let mut it = Teller::halfway(RULES);
    it.tell(Event::Cancelled);
    insta::assert_snapshot!(said(&it), @r"
    Did t1

    What t1 changed.

    Not verified.

    Quantum-Run: ibrwjhm2cal4ppaqbrtkewm2on/1
    ");
    insta::assert_snapshot!(after(it.clone(), it.published()), @r"
    Cancelled.

    The changes are on the branch quantum/run (head).
    ");
    let refused =
        Event::EffectRefused { key: format!("{}/publish/1", it.run.id), report: report(Class::Refused) };
    insta::assert_snapshot!(after(it, refused), @r"
    Cancelled.

    The changes could not be written to a branch.
    ");
    insta::assert_snapshot!(after(Teller::planning(RULES), Event::Cancelled), @r"
    Cancelled.

    Nothing was written.
    ");
    insta::assert_snapshot!(after(Teller::halfway(watched()), Event::Gone { what: "the issue #12".into() }), @r"
    Stopped: the issue #12 is gone or can't be reached any more.

    Tasks done: 1 of 3.

    What is done is kept on the server for a retry; nothing is on GitHub yet.
    ");
}

#[test]
fn paused() {
    let it = Teller::halfway(watched());
    let over = Event::OutOfBudget { work: Some(it.work("t2")), cap: Cap::Usd };
    insta::assert_snapshot!(after(it.clone(), over), @r"
    Stopped before it costs more: the next call would pass the cap in money.

    Tasks done: 1 of 3.

    What is done is kept on the server for a retry; nothing is on GitHub yet.

    Next: another run may use more with `budget.usd` in `.github/quantum.yml` (at most the server's own); or ask for less at once.
    ");
    insta::assert_snapshot!(after(it.clone(), it.failed("t2", Class::Refused)), @r"
    Stopped: the task t2 failed: it did not work.

    Tasks done: 1 of 3.

    What is done is kept on the server for a retry; nothing is on GitHub yet.

    Next: look at it.
    ");
    insta::assert_snapshot!(after(it.clone().late().clone(), Event::Woke), @r"
    Stopped: working took longer than 30 minutes.

    Tasks done: 1 of 3.

    What is done is kept on the server for a retry; nothing is on GitHub yet.

    Next: another run may use more with `budget.minutes` in `.github/quantum.yml` (at most the server's own); or ask for less at once.
    ");
    let refused = Event::EffectRefused { key: "key".into(), report: report(Class::Refused) };
    insta::assert_snapshot!(after(it.clone(), refused), @r"
    Stopped: it did not work.

    Tasks done: 1 of 3.

    What is done is kept on the server for a retry; nothing is on GitHub yet.

    Next: look at it.
    ");
    let mut conflict = it.clone();
    conflict.tell(conflict.done("t2"));
    for _ in 0..3 {
        conflict.tell(conflict.conflicted("t2"));
        conflict.tell(conflict.done("t2"));
    }
    insta::assert_snapshot!(reply::pause(&conflict.run), @r"
    Stopped: the changes of t2 conflict in src/sum.rs.

    Tasks done: 1 of 3.

    What is done is kept on the server for a retry; nothing is on GitHub yet.

    Next: look at what is named and say `/quantum retry`, or ask for less at once.
    ");
    let moved = Event::Moved { round: 1, branch: "quantum/run".into() };
    insta::assert_snapshot!(after(Teller::publishing(watched()), moved), @r"
    Stopped: somebody else changed quantum/run.

    Tasks done: 1 of 1.

    What is done is kept on the server for a retry.

    Next: their commits are kept; rename or delete that branch and say `/quantum retry`.
    ");
}

#[test]
fn asked() {
    let mut it = Teller::planning(RULES);
    it.tell(it.asked("plan"));
    insta::assert_snapshot!(after(it, Event::Retried), @"There is nothing to retry in this run: it waits for an answer.");
    let mut it = Teller::planning(RULES);
    let mut graph = plan(&[("t1", &[]), ("t2", &["t1"])]);
    graph.tasks.push(Task { id: TaskId::new("t3"), role: "tester".into(), ..graph.tasks[1].clone() });
    it.tell(Event::Planned { work: it.work("plan"), plan: graph, draft: None });
    insta::assert_snapshot!(reply::plan(&it.run), @r"
    Some tasks.

    1. Do t1 (t1: coder)
    2. Do t2 (t2: coder, after t1)
    3. Do t2 (t3: tester, after t1)

    The planner is 90 % sure.
    ");
}

#[test]
fn a_thread_is_told_what_its_people_can_say() {
    let publishing = Teller::publishing(watched());
    let mut watching = publishing.clone();
    watching.tell(publishing.published());
    insta::assert_snapshot!(after(watching, Event::Retried), @"There is nothing to retry in this run: its pull request is open. When it is merged or closed, `/quantum build` on an issue starts another.");
    insta::assert_snapshot!(after(Teller::halfway(watched()), Event::Retried), @"There is nothing to retry in this run: it is at work. `/quantum cancel` ends it.");
    let planning = Teller::planning(watched());
    let mut answered = planning.clone();
    answered.tell(Event::Answered { work: planning.work("plan"), text: "It adds up.".into() });
    insta::assert_snapshot!(after(answered, Event::Retried), @"There is nothing to retry in this run: it is over, and answered. `/quantum build` on an issue starts another.");
    let rules = Rules { approve_plan: ApprovePlan::Always, ..watched() };
    let asks = Teller::working(rules, &[("t1", &[])]);
    insta::assert_snapshot!(after(asks, Event::Retried), @"There is nothing to retry in this run: it waits for its plan to be approved. `/quantum cancel` ends it.");
}

#[test]
fn waiting_is_no_time_at_work() {
    let seconds = |it: &Teller, now: u64| {
        it.run.time_at_work(Timestamp::default().after(Duration::from_secs(now))).as_secs()
    };
    let days = 5 * 24 * 3600;
    assert_eq!(seconds(&Teller::new(watched(), None), days), 0, "it was queued");
    let publishing = Teller::publishing(watched());
    let begun = publishing.now.since(Timestamp(0)).as_secs();
    // a second in the queue, and one until the commit was fetched; on GitHub it waits for GitHub
    let at_work = begun - 2;
    assert_eq!(seconds(&publishing, begun + 60), at_work);
    let mut watching = publishing.clone();
    watching.tell(publishing.published());
    assert_eq!(seconds(&watching, days), at_work, "its pull request waits for people");
    let mut asked = Teller::planning(watched());
    asked.tell(asked.asked("plan"));
    assert_eq!(seconds(&asked, days), asked.now.since(Timestamp(0)).as_secs() - 2);
    let here = Teller::publishing(RULES);
    let begun = here.now.since(Timestamp(0)).as_secs();
    assert_eq!(seconds(&here, begun + 60), begun + 59, "nobody is waited for here but for its turn");
}
