//! A crash at any write: the same end, the same files, nothing asked twice that was stored.

use super::*;

fn coder() -> Puppet {
    // Answers by what it is shown, not by count: a question that is asked again gets the same answer.
    Puppet::new(|_, question| {
        let said = question.messages.iter().filter(|m| matches!(m, Message::Assistant { .. })).count();
        match said {
            0 => calls(&[("shell", r#"{"command":"one"}"#), ("write", r#"{"path":"a","text":"1"}"#)]),
            1 => calls(&[("shell", r#"{"command":"two"}"#), ("read", r#"{"path":"a"}"#)]),
            2 => calls(&[("write", r#"{"path":"a","text":"2"}"#), ("read", r#"{"path":"gone"}"#)]),
            _ => calls(&[SUBMIT, ("shell", r#"{"command":"late"}"#)]),
        }
    })
}

fn files() -> BTreeMap<String, String> {
    [("a", "2"), ("log", "one\ntwo\n")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

#[tokio::test]
async fn a_crash_at_any_write_changes_nothing() {
    let mut calm = Story::new(coder());
    assert_eq!(calm.play().await, Ok(submitted()));
    assert_eq!((calm.model.asked(), &calm.bench.files), (4, &files()));
    let lines = calm.memory.of(&work_id("t1"));
    let writes = *calm.memory.writes.lock().unwrap();
    assert_eq!(writes, 9, "two a step, one at the end");

    for crash in (1..=writes).flat_map(|at| [(at, false), (at, true)]) {
        let mut story = Story::new(coder());
        *story.memory.crash.lock().unwrap() = Some(crash);
        assert_eq!(story.play().await.unwrap_err().code, "crash");
        *story.memory.crash.lock().unwrap() = None;
        story.bench = Strings::default();
        assert_eq!(story.play().await, Ok(submitted()), "{crash:?}");
        assert!(story.model.asked() <= 4 + 1, "{crash:?}: {} calls", story.model.asked());
        assert_eq!(story.memory.of(&work_id("t1")), lines, "{crash:?}");
        if crash != (writes, true) {
            assert_eq!(story.bench.files, files(), "{crash:?}");
        }
        // What was in flight at the crash stays booked.
        let (booked, attempts) = story.memory.booked().await.unwrap();
        assert_eq!(
            attempts as usize,
            story.model.asked() + usize::from(crash.1 && crash.0 < 9 && crash.0 % 2 == 1),
            "{crash:?}"
        );
        assert!(booked.usd.unwrap() >= Usd(4 * 200));
    }
}

#[tokio::test]
async fn an_ended_work_is_not_asked_again() {
    let mut story = Story::new(coder());
    let end = story.play().await;
    let files = story.bench.files.clone();
    story.bench = Strings::default();
    assert_eq!(story.play().await, end);
    // a crash may have come before anybody took the workspace: its files are made again, the model is not asked
    assert_eq!((story.model.asked(), story.bench.files), (4, files));
}

#[tokio::test]
async fn the_same_workspace_gets_no_call_twice() {
    let mut story = Story::new(coder());
    *story.memory.crash.lock().unwrap() = Some((4, false));
    assert!(story.play().await.is_err());
    *story.memory.crash.lock().unwrap() = None;
    story.job.fresh_workspace = false;
    assert_eq!(story.play().await, Ok(submitted()));
    assert_eq!(story.bench.files, files());
    assert_eq!(story.bench.done.iter().filter(|call| call.contains("\"one\"")).count(), 1);
}

#[tokio::test]
async fn what_ended_the_sandbox_is_told_and_not_done_again() {
    let model = Puppet::new(|n, question| match n {
        1 => calls(&[("shell", r#"{"command":"one"}"#), ("shell", r#"{"command":"bomb"}"#)]),
        _ => {
            let Some(Message::Tool { text, .. }) = question.messages.last() else { panic!("no answer") };
            assert!(text.contains("the sandbox ended: memory"), "{text}");
            calls(&[SUBMIT])
        }
    });
    let mut story = Story::new(model);
    assert_eq!(story.play().await.unwrap_err().code, "sandbox_ended");
    story.bench = Strings::default();
    assert_eq!(story.play().await, Ok(submitted()));
    assert_eq!(story.bench.done.iter().filter(|call| call.contains("bomb")).count(), 0);
    assert_eq!(story.bench.files["log"], "one\n");
}

#[tokio::test]
async fn a_task_goes_on_in_the_planners_conversation() {
    let mut story = Story::new(Puppet::new(|n, _| match n {
        1 => calls(&[("shell", r#"{"command":"look"}"#)]),
        2 => calls(&[("submit", r#"{"title":"plan","summary":""}"#)]),
        3 => calls(&[("read", r#"{"path":"log"}"#)]),
        _ => calls(&[SUBMIT]),
    }));
    story.job.assignment.work = work_id("plan");
    story.job.assignment.role = "planner".to_owned();
    story.play().await.unwrap();
    story.job.assignment.work = work_id("t1");
    story.job.assignment.role = "coder".to_owned();
    story.job.assignment.continues = Some(work_id("plan"));
    story.bench = Strings::default();
    assert_eq!(story.play().await, Ok(submitted()));
    assert_eq!(
        story.bench.files["log"], "look\n",
        "the planner's command was done again in the new workspace"
    );

    let wire = story.model.wire.lock().unwrap().clone();
    assert!(wire[2].starts_with(&wire[1]), "one conversation");
    let Some(Message::User { text }) = wire[2].last() else { panic!("no task") };
    assert!(text.contains("# Your task: Add a file") && text.contains("Add the file a."), "{text}");
    let own = story.memory.of(&work_id("t1"));
    assert_eq!(own.first(), Some(&Entry::Continued { work: work_id("plan") }));
    // The link is in the transcript: the same work resumes on top of it whatever the assignment says.
    story.job.assignment.continues = None;
    let mut lines = own;
    lines.pop();
    story.memory.lines.lock().unwrap().insert(work_id("t1"), lines);
    assert!(story.play().await.is_ok());
}
