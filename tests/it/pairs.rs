//! Every pair of phase and event, and what a local run keeps.

use crate::runs::*;
use quantumlayer::{
    ids::Sha,
    report::Class,
    run::{Cap, Event, Outcome, Phase, Plan, Question, Receipt, Rules, Verdict},
};

const TWO: &[(&str, &[&str])] = &[("t1", &[]), ("t2", &[])];
fn planned(it: &Teller, plan: Plan) -> Event {
    Event::Planned { work: it.work("plan"), plan, draft: None }
}

#[test]
fn a_local_run_keeps_what_is_merged_when_it_stops() {
    let keep = "publish 1 tree-1 on base unverified";
    let mut it = Teller::halfway(RULES);
    it.row(Event::Cancelled, &format!("publishing | stop, status, {keep}"));
    it.clone().row(it.done("t2"), "publishing | ");
    it.clone().row(Event::Cancelled, "publishing | stop");
    it.clone().row(Event::Moved { round: 1, branch: "b".into() }, "closed: cancelled | status, reply end");
    it.clone().late().row(Event::Woke, "closed: cancelled | status, reply end");
    it.row(it.published(), "closed: cancelled | status, reply end");
    assert_eq!(it.run.state.branch.as_ref().unwrap().name, "quantum/run");

    let mut it = Teller::halfway(RULES);
    let over = Event::OutOfBudget { work: Some(it.work("t2")), cap: Cap::Steps };
    it.row(over, &format!("publishing | stop, status, {keep}"));
    it.row(it.published(), "paused: budget | status, reply pause");
    // Nothing new is merged: there is nothing more to keep.
    it.clone().row(Event::Cancelled, "closed: cancelled | stop, status, reply end");
    it.row(
        Event::Retried,
        "working | status, work t2/2/2 on tree-1 after t2/1, work t3/2/2 on tree-1 after t3/1",
    );

    // A branch that is being written is waited for; its name belongs into the reply.
    let mut it = Teller::publishing(RULES);
    it.row(Event::Cancelled, "publishing | stop");
    it.row(it.published(), "closed: cancelled | status, reply end");

    // Nothing merged, nothing kept; where somebody watches, it is in the run.
    Teller::working(RULES, TWO).row(Event::Cancelled, "closed: cancelled | stop, status, reply end");
    Teller::halfway(watched()).row(Event::Cancelled, "closed: cancelled | stop, status, reply end");
}

/// Runs in every phase, with every cause and every outcome.
fn everywhere() -> Vec<Teller> {
    let mut all = vec![Teller::new(RULES, None), Teller::planning(RULES)];
    let started = all[0].clone();
    all.push(started);
    all[2].tell(Event::Started);
    for rules in [RULES, watched()] {
        all.extend([Teller::working(rules.clone(), TWO), Teller::halfway(rules.clone())]);
        all.extend([Teller::verifying(rules.clone()), Teller::publishing(rules.clone())]);
    }
    let key = format!("{}/status/1", all[0].run.id);
    let stops = [
        Event::Cancelled,
        Event::OutOfBudget { work: None, cap: Cap::Usd },
        Event::EffectRefused { key, report: report(Class::Refused) },
        Event::Gone { what: "it".into() },
        Event::Moved { round: 1, branch: "b".into() },
        Event::Woke,
    ];
    let open = all.clone();
    for it in &open {
        for stop in &stops {
            let mut it = it.clone();
            if *stop == Event::Woke && it.run.wake_at().is_some() {
                it.late();
            }
            it.tell(stop.clone());
            all.push(it);
        }
        for mut it in ["plan", "t1", "t2"].map(|task| (it.clone(), task)).map(|(mut it, task)| {
            it.tell(it.asked(task));
            it
        }) {
            all.push(it.clone());
            it.tell(it.failed("t3", Class::Refused));
            it.tell(it.published());
            all.push(it);
        }
    }
    all
}

/// Every event, fitting where it can.
fn everything(it: &Teller) -> Vec<Event> {
    let works = ["plan", "t1", "t2", "t3", "fix-1"];
    let mut all = vec![
        Event::Started,
        snapshotted(),
        planned(it, plan(TWO)),
        planned(it, plan(&[])),
        Event::Verified { round: it.run.round, receipt: receipt(0) },
        Event::Unverified { round: it.run.round, why: "why".into(), receipt: Receipt::default() },
        Event::VerifyFailed { round: it.run.round, receipt: receipt(1) },
        it.published(),
        Event::Moved { round: it.run.round, branch: "b".into() },
        Event::OutOfBudget { work: None, cap: Cap::Minutes },
        Event::AnswerGiven { text: "yes".into() },
        Event::Approved,
        Event::Retried,
        Event::Cancelled,
        Event::EffectRefused { key: "odd".into(), report: report(Class::Broken) },
        Event::Gone { what: "it".into() },
        Event::Woke,
    ];
    for task in works {
        let work = || it.work(task);
        all.extend([
            it.asked(task),
            it.done(task),
            it.failed(task, Class::Transient),
            it.failed(task, Class::Refused),
            it.merged(task, "tree-9"),
            it.conflicted(task),
            Event::Answered { work: work(), text: "t".into() },
            Event::NoChange { work: work(), why: "w".into() },
            Event::OutOfBudget { work: Some(work()), cap: Cap::Steps },
        ]);
    }
    all
}

#[test]
fn every_pair_of_phase_and_event_is_answered() {
    let (mut pairs, mut ignored) = (0, 0);
    for it in everywhere() {
        for event in everything(&it) {
            let mut it = it.clone();
            let before = it.run.clone();
            let told = it.step(event.clone());
            pairs += 1;
            if told.ignored.is_some() {
                ignored += 1;
                assert_eq!(told.run, before, "an ignored event changed the run: {event:?}");
                assert!(told.effects.is_empty());
            }
            told.run.check().unwrap();
        }
    }
    assert!(pairs > 5_000 && ignored > pairs / 4, "{pairs} pairs, {ignored} ignored");
}

/// What each phase makes of each event: the table as it is in code.
#[test]
fn the_table_in_code() {
    let outcome = |outcome: Outcome| {
        let mut it = Teller::verifying(RULES);
        let verdict = match outcome {
            Outcome::VerifyFailed => Verdict::Failed,
            _ => Verdict::Verified,
        };
        it.tell(match verdict {
            Verdict::Failed => Event::Unverified { round: 1, why: "x".into(), receipt: Receipt::default() },
            _ => Event::Verified { round: 1, receipt: receipt(0) },
        });
        it.tell(it.published());
        it
    };
    let told = |mut it: Teller, events: &[Event]| {
        events.iter().for_each(|e| drop(it.tell(e.clone())));
        it
    };
    let asked = |it: &Teller| it.asked("plan");
    let planning = Teller::planning(RULES);
    let half = Teller::halfway(watched());
    let rows = [
        ("queued", Teller::new(RULES, None)),
        ("planning", planning.clone()),
        ("working", half.clone()),
        ("verifying", Teller::verifying(watched())),
        ("publishing", Teller::publishing(watched())),
        ("watching", told(Teller::publishing(watched()), &[Teller::publishing(watched()).published()])),
        ("paused: question", told(planning.clone(), &[asked(&planning)])),
        ("paused: budget", told(half.clone(), &[Event::OutOfBudget { work: None, cap: Cap::Usd }])),
        ("keeping", told(Teller::halfway(RULES), &[Event::Cancelled])),
        ("closed: cancelled", told(half.clone(), &[Event::Cancelled])),
        ("closed: proposed", outcome(Outcome::Proposed)),
    ];
    let mut lines = Vec::new();
    for (name, it) in rows {
        let it_events = table_events(&it);
        for (event, events) in it_events {
            let answers: Vec<_> = events.into_iter().map(|e| it.clone().tell(e)).collect();
            lines.push(format!("{name:17} | {event:15} | {}", answers.join(" / ")));
        }
    }
    insta::assert_snapshot!("table", lines.join("\n"));
}

/// One fitting event of each kind.
fn table_events(it: &Teller) -> Vec<(String, Vec<Event>)> {
    let task = match it.run.state.ground {
        quantumlayer::run::Ground::Planning { .. } => "plan",
        _ => "t2",
    };
    let mut seen: Vec<(String, Vec<Event>)> = Vec::new();
    for event in everything(it) {
        let name = match serde_json::to_value(&event).unwrap() {
            value @ serde_json::Value::Object(_) => value["kind"].as_str().unwrap().to_owned(),
            other => other.to_string(),
        };
        let of_other_task = serde_json::to_value(&event).unwrap();
        let of = of_other_task["work"]["task"].as_str().or(of_other_task["task"].as_str()).unwrap_or(task);
        if of == task && !seen.iter().any(|(n, _)| *n == name) {
            seen.push((name, vec![event]));
        }
    }
    seen
}

#[test]
fn a_plan_of_many_tasks_fits_the_wire() {
    let long = "\u{1}\"long\\ \n".repeat(2_000);
    let mut it = Teller::planning(Rules { tasks_at_once: 20, ..watched() });
    let ids: Vec<_> = (0..20).map(|i| format!("task-with-long-id-{i}")).collect();
    let graph: Vec<(&str, &[&str])> = ids.iter().map(|id| (id.as_str(), [].as_slice())).collect();
    let mut big = plan(&graph);
    big.summary = long.clone();
    for task in &mut big.tasks {
        (task.title, task.text) = (long.clone(), long.clone());
        task.role = "a-role-with-20-bytes".into();
    }
    it.tell(planned(&it, big));
    assert_eq!(it.run.phase(), Phase::Working);
    let mut asked = it.clone();
    for id in &ids {
        let question = Question { text: long.clone(), choices: vec![long.clone(); 50] };
        asked.tell(Event::Asked { work: it.work(id), question });
        let mut trouble = report(Class::Transient);
        (trouble.message, trouble.hint) = (long.clone(), long.clone());
        it.clone().tell(Event::TaskFailed { work: it.work(id), report: trouble });
    }
    for id in &ids {
        asked.tell(Event::AnswerGiven { text: format!("{id}{long}") });
    }
    assert_eq!(asked.run.phase(), Phase::Working);
    for id in &ids {
        let mut proposal = proposal(id);
        (proposal.title, proposal.summary) = (long.clone(), long.clone());
        proposal.from = Sha::new("a".repeat(40));
        it.tell(Event::TaskDone { work: it.work(id), proposal });
    }
    for id in &ids {
        it.tell(it.merged(id, &format!("tree-{id}")));
    }
    assert_eq!(it.run.phase(), Phase::Verifying);
    let mut receipt = receipt(0);
    receipt.commands = vec![receipt.commands[0].clone(); 100];
    receipt.commands[99].exit_code = None;
    receipt.commands.iter_mut().for_each(|c| c.command = long.clone());
    receipt.notes = vec![long.clone(); 100];
    // The one that did not finish is the last of a hundred, and still counts.
    let answer = it.tell(Event::Verified { round: 1, receipt });
    assert!(answer.ends_with("on base unverified"), "{answer}");
}
