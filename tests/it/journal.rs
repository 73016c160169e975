//! The wire form is locked: what was written by this version is read by the next ones.

use crate::runs::*;
use quantumlayer::{
    clock::Timestamp,
    ids::{ContentHash, RunId, Sha, TaskId, WorkId},
    report::{Class, Hint},
    run::{
        About, Assignment, Cap, Effect, Event, Misfit, Phase, Reason, Snapshot, Verdict,
        journal::{self, Entry, WireError},
    },
};

fn work() -> WorkId {
    WorkId { run: RunId::new("run"), task: TaskId::new("t1"), round: 1, attempt: 2 }
}

fn every_event() -> Vec<Event> {
    let (task, tree) = (TaskId::new("t1"), Sha::new("tree"));
    let hash = Some(ContentHash::new("hash"));
    let snapshot =
        Snapshot { base: Sha::new("base"), tree: tree.clone(), config: hash.clone(), instructions: hash };
    vec![
        Event::Started,
        Event::Snapshotted(snapshot),
        Event::Planned {
            work: work(),
            plan: plan(&[("t1", &[]), ("t2", &["t1"])]),
            draft: Some(proposal("t1")),
        },
        Event::Asked { work: work(), question: question() },
        Event::Answered { work: work(), text: "text".into() },
        Event::NoChange { work: work(), why: "why".into() },
        Event::TaskDone { work: work(), proposal: proposal("t1") },
        Event::TaskFailed { work: work(), report: report(Class::Transient) },
        Event::ChangeRefused { work: work(), report: report(Class::Broken) },
        Event::Merged { task: task.clone(), round: 1, attempt: 2, tree: tree.clone() },
        Event::Conflicted { task, round: 1, attempt: 2, files: vec!["a".into()] },
        Event::Verified { round: 1, receipt: receipt(0) },
        Event::Unverified { round: 1, why: "why".into(), receipt: receipt(0) },
        Event::VerifyFailed { round: 1, receipt: receipt(1) },
        Event::Published { round: 1, branch: "b".into(), head: Sha::new("head") },
        Event::Moved { round: 1, branch: "b".into() },
        Event::OutOfBudget { work: Some(work()), cap: Cap::Usd },
        Event::AnswerGiven { text: "text".into() },
        Event::Approved,
        Event::Retried,
        Event::PullEnded { merged: true },
        Event::Cancelled,
        Event::EffectRefused { key: "key".into(), report: report(Class::Refused) },
        Event::Gone { what: "what".into() },
        Event::Woke,
        Event::Idled { since: Timestamp(7) },
    ]
}

fn every_effect() -> Vec<Effect> {
    let tree = Sha::new("tree");
    let assignment = |reason| {
        Effect::Work(Assignment {
            work: work(),
            role: "coder".into(),
            title: "title".into(),
            text: "text".into(),
            tree: tree.clone(),
            continues: Some(work()),
            reason: Some(reason),
        })
    };
    vec![
        Effect::Acknowledge,
        Effect::Snapshot { round: 1 },
        Effect::Status { seq: 1, phase: "planning".into() },
        assignment(Reason::Failed { text: "text".into() }),
        assignment(Reason::Conflict { files: vec!["a".into()] }),
        assignment(Reason::Verify { receipt: receipt(1) }),
        assignment(Reason::Answer { question: "q".into(), answer: "a".into() }),
        Effect::Merge {
            task: TaskId::new("t1"),
            round: 1,
            attempt: 2,
            into: tree.clone(),
            proposal: proposal("t1"),
        },
        Effect::Verify { round: 1, tree: tree.clone() },
        Effect::Publish {
            round: 1,
            tree,
            parent: Sha::new("base"),
            title: "title".into(),
            message: "message".into(),
            verdict: Verdict::Verified,
        },
        Effect::Ask { slot: 1, question: question() },
        Effect::AskApproval { slot: 1 },
        Effect::Reply { seq: 1, about: About::End, text: "text".into() },
        Effect::StopWorks { seq: 1 },
    ]
}

#[test]
fn the_wire_form_of_events_is_locked() {
    let lines: Vec<_> = every_event()
        .into_iter()
        .zip(1..)
        .map(|(event, seq)| {
            let entry = Entry { seq, at: Timestamp(1_000), event };
            let line = journal::encode_entry(&entry).unwrap();
            assert_eq!(journal::decode_entry(seq, &line).unwrap(), entry);
            line
        })
        .collect();
    insta::assert_snapshot!("wire_events", lines.join("\n"));
}

#[test]
fn the_wire_form_of_effects_and_their_keys_is_locked() {
    let id = RunId::new("run");
    let lines: Vec<_> = every_effect()
        .into_iter()
        .map(|effect| {
            let line = journal::encode_effect(&effect).unwrap();
            assert_eq!(journal::decode_effect(&line).unwrap(), effect);
            format!("{}\n  {line}", effect.key(&id))
        })
        .collect();
    insta::assert_snapshot!("wire_effects", lines.join("\n"));
}

#[test]
fn the_wire_form_of_runs_is_locked() {
    let mut asked = Teller::halfway(watched());
    asked.tell(asked.asked("t2"));
    asked.tell(asked.done("t3"));
    let mut fixing = Teller::verifying(watched());
    fixing.tell(Event::VerifyFailed { round: 1, receipt: receipt(1) });
    let mut kept = Teller::halfway(RULES);
    kept.tell(Event::Cancelled);
    let runs = [Teller::new(RULES, None), Teller::planning(RULES), asked, fixing, kept];
    let lines: Vec<_> = runs.iter().map(|it| journal::encode_run(&it.run).unwrap()).collect();
    insta::assert_snapshot!("wire_runs", lines.join("\n"));
}

#[test]
fn what_can_not_be_read_is_named() {
    let check = |text: &str, expected: &str| {
        let error = journal::decode_entry(7, text).expect_err("refused");
        assert_eq!(error.to_string().lines().next().unwrap(), expected);
        assert_eq!(error.class(), Class::Broken);
        assert!(!error.hint().is_empty());
    };
    let event = r#""seq":7,"at":1,"event":{"kind":"started"}"#;
    assert!(journal::decode_entry(7, &format!("{{\"v\":1,{event}}}")).is_ok());
    check(&format!("{{\"v\":2,{event}}}"), "entry 7 has version 2; this program reads 1");
    check(&format!("{{{event}}}"), "entry 7 can't be read: missing field `v` at line 1 column 43");
    check("", "entry 7 can't be read: EOF while parsing a value at line 1 column 0");
    check("{\"v\":1", "entry 7 can't be read: EOF while parsing an object at line 1 column 6");
    check("{\"v\":1,\"seq\":8,\"at\":1,\"event\":{\"kind\":\"woke\"}}", "entry 7 can't be used");
    let unknown = journal::decode_entry(7, "{\"v\":1,\"seq\":7,\"at\":1,\"event\":{\"kind\":\"odd\"}}");
    assert!(unknown.unwrap_err().to_string().starts_with("entry 7 can't be read: unknown variant `odd`"));
    let big = Entry { seq: 7, at: Timestamp(1), event: Event::Gone { what: "x".repeat(40_000) } };
    let error = journal::encode_entry(&big).unwrap_err();
    assert!(matches!(error, WireError::TooBig { limit: 32_768, .. }), "{error}");
    assert!(journal::encode_entry(&Entry { event: big.event.bounded(), ..big }).is_ok());
    check(&"x".repeat(40_000), "entry 7 has 40000 bytes on the wire, more than 32768");
    let damaged = journal::encode_run(&Teller::halfway(RULES).run)
        .unwrap()
        .replace("\"tree\":\"tree-1\"", "\"tree\":null");
    let error = journal::decode_run(&damaged).unwrap_err();
    assert!(
        matches!(error, WireError::Misfit { source: Misfit::Damaged("a tree without a base"), .. }),
        "{error}"
    );
}

#[test]
fn a_journal_leads_to_the_same_run_or_says_where_not() {
    let it = Teller::verifying(RULES);
    assert_eq!(journal::replay(it.fresh.clone(), &it.journal), Ok(it.run.clone()));
    assert_eq!(journal::check_replay(it.fresh.clone(), &it.journal, &it.run), Ok(()));
    let mut other = it.run.clone();
    other.state.tree = Some(Sha::new("elsewhere"));
    let misfit = journal::check_replay(it.fresh.clone(), &it.journal, &other).unwrap_err();
    let expected =
        "after entry 5 the journal leads to \"tree-1\" at /state/tree, but \"elsewhere\" is stored";
    assert_eq!(misfit.to_string(), expected);
    let gap: Vec<_> = it.journal.iter().filter(|e| e.seq != 3).cloned().collect();
    assert_eq!(journal::replay(it.fresh.clone(), &gap), Err(Misfit::Order { expected: 3, found: 4 }));
    assert_eq!(journal::replay(it.fresh.clone(), &[]).map(|r| r.phase()), Ok(Phase::Queued));
}
