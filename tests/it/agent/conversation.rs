//! What the model is shown: a stable prefix, a conversation that fits, the task always.

use super::*;

fn total(messages: &[Message]) -> usize {
    messages.iter().map(|m| serde_json::to_string(m).unwrap().len()).sum()
}

fn long(n: usize, bytes: usize) -> Answer {
    calls(&[("shell", &format!("{{\"command\":\"step {n}\",\"bytes\":{bytes}}}"))])
}

/// A model that counts like the estimate does.
fn counting(answer: Answer, question: &Question<'_>) -> Answer {
    answer.map(|answer| {
        answer.map(|mut reply| {
            reply.usage.input_tokens = total(question.messages) as u64 / 4;
            reply
        })
    })
}

#[tokio::test]
async fn the_prefix_is_stable_and_the_thread_is_watched() {
    let mut story = Story::new(Puppet::new(|n, _| if n < 5 { long(n, 10) } else { calls(&[SUBMIT]) }));
    assert_eq!(story.play().await, Ok(submitted()));
    let wire = story.model.wire.lock().unwrap().clone();
    assert!(wire.windows(2).all(|pair| pair[1].starts_with(&pair[0])));
    let seen = story.seen.lock().unwrap();
    let shown: Vec<_> = seen.iter().take(4).map(|p| format!("{p:?}")).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    Asking { role: "coder", task: TaskId("t1"), step: 1 }
    Spent { usd: Some(Usd(200)), calls: 1, input_tokens: 100, output_tokens: 10 }
    Tool { task: TaskId("t1"), name: "shell", brief: "step 1" }
    ToolDone { task: TaskId("t1"), line: "ran step 1" }
    "#);
}

#[tokio::test]
async fn old_outputs_are_dropped_first_and_the_prefix_is_stable_again() {
    let mut story = Story::new(Puppet::new(|n, question| {
        assert!(total(question.messages) < 4 * 40_000);
        counting(if n < 30 { long(n, 10_000) } else { calls(&[SUBMIT]) }, question)
    }));
    story.model.window = 40_000;
    assert_eq!(story.play().await, Ok(submitted()));
    let lines = story.memory.of(&work_id("t1"));
    let elided = lines.iter().filter(|line| matches!(line, Entry::Elided { .. })).count();
    assert!((1..8).contains(&elided), "{elided}");
    let wire = story.model.wire.lock().unwrap().clone();
    let breaks = wire.windows(2).filter(|pair| !pair[1].starts_with(&pair[0])).count();
    assert_eq!(breaks, elided, "the prefix changes only then");
    let last = serde_json::to_string(wire.last().unwrap()).unwrap();
    assert!(last.contains("[output of shell dropped, 10011 bytes]") && last.contains("Add the file a."));
}

#[tokio::test]
async fn what_can_not_be_dropped_is_summarised_and_the_task_stays() {
    let mut story = Story::new(Puppet::new(|n, question| {
        let last = question.messages.last();
        if matches!(last, Some(Message::User { text }) if text.contains("no longer fits")) {
            return say("NOTES: a is half done");
        }
        let Some(Message::User { text }) = question.messages.get(1) else { panic!("no task") };
        assert!(text.contains("Add the file a."), "the task is kept");
        let text = format!("{{\"path\":\"{n}\",\"text\":\"{}\"}}", "y".repeat(5_000));
        counting(if n < 30 { calls(&[("write", &text)]) } else { calls(&[SUBMIT]) }, question)
    }));
    story.model.window = 20_000;
    assert_eq!(story.play().await, Ok(submitted()));
    let lines = story.memory.of(&work_id("t1"));
    let notes =
        |line: &&Entry| matches!(line, Entry::Compacted { summary } if summary == "NOTES: a is half done");
    assert!(lines.iter().filter(notes).count() > 1);
    let first: Vec<_> = story.model.wire.lock().unwrap().iter().map(|m| m[0].clone()).collect();
    assert!(first.windows(2).all(|pair| pair[0] == pair[1]), "the rules stay");
    assert_eq!(story.memory.booked().await.unwrap().1 as usize, story.model.asked(), "summaries are billed");
}

#[tokio::test]
async fn a_model_that_says_too_long_gets_less_or_the_work_ends() {
    let too_long = || Some(Err(ModelError::TooLong { model: "m".to_owned(), tokens: None }));
    let mut story = Story::new(Puppet::new(move |n, question| match n {
        _ if total(question.messages) > 30_000 => too_long(),
        _ if n < 12 => long(n, 9_000),
        _ => calls(&[SUBMIT]),
    }));
    assert_eq!(story.play().await, Ok(submitted()));
    let lines = story.memory.of(&work_id("t1"));
    let summary =
        lines.iter().find_map(|l| if let Entry::Compacted { summary } = l { Some(summary) } else { None });
    assert!(
        summary.is_some_and(
            |text| text.contains("shell {\"command\":\"step 1\"") && text.contains("→ ran step 1")
        )
    );

    let mut story = Story::new(Puppet::new(move |_, _| too_long()));
    assert_eq!(failed_with(&story.play().await.unwrap()), "model_window");
    assert_eq!(story.model.asked(), 2);
}

#[tokio::test]
async fn a_crash_around_a_compaction_changes_nothing() {
    let model = || {
        let mut model = Puppet::new(|_, question| {
            if matches!(question.messages.last(), Some(Message::User { text }) if text.contains("no longer fits"))
            {
                return say("NOTES");
            }
            let said = question.messages.iter().filter(|m| matches!(m, Message::Assistant { .. })).count();
            let compacted = format!("{:?}", question.messages).contains("NOTES");
            let text = format!("{{\"path\":\"{said}{compacted}\",\"text\":\"{}\"}}", "y".repeat(5_000));
            counting(
                if compacted && said > 2 { calls(&[SUBMIT]) } else { calls(&[("write", &text)]) },
                question,
            )
        });
        model.window = 20_000;
        model
    };
    let mut calm = Story::new(model());
    assert_eq!(calm.play().await, Ok(submitted()));
    let writes = *calm.memory.writes.lock().unwrap();
    for crash in (1..=writes).flat_map(|at| [(at, false), (at, true)]) {
        let mut story = Story::new(model());
        *story.memory.crash.lock().unwrap() = Some(crash);
        assert!(story.play().await.is_err());
        *story.memory.crash.lock().unwrap() = None;
        story.bench = Strings::default();
        assert_eq!(story.play().await, Ok(submitted()), "{crash:?}");
        assert_eq!(story.memory.of(&work_id("t1")), calm.memory.of(&work_id("t1")), "{crash:?}");
        assert!(story.model.asked() <= calm.model.asked() + 1, "{crash:?}");
    }
}

#[tokio::test]
async fn a_huge_answer_is_cut_and_kept_whole() {
    let mut story = Story::new(Puppet::new(|n, _| if n == 1 { long(1, 200_000) } else { calls(&[SUBMIT]) }));
    assert_eq!(story.play().await, Ok(submitted()));
    assert_eq!(story.memory.kept.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [200_011]);
    assert!(total(&story.model.wire.lock().unwrap()[1]) < 100_000);
}

#[tokio::test]
async fn a_task_that_fills_the_window_is_not_summarised_at_every_step() {
    let mut story = Story::new(Puppet::new(|n, question| {
        counting(if n < 12 { long(n, 10) } else { calls(&[SUBMIT]) }, question)
    }));
    story.model.window = 1_000;
    assert_eq!(story.play().await, Ok(submitted()));
    let lines = story.memory.of(&work_id("t1"));
    let compacted = lines.iter().filter(|line| matches!(line, Entry::Compacted { .. })).count();
    assert!(compacted <= 6, "{compacted} of {} calls were for notes", story.model.asked());
}
