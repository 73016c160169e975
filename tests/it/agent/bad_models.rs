//! Models that return nothing, garbage, loops, wrong tools, wrong arguments: an honest end within a bound.

use super::*;

async fn check(name: &str, expected: Result<WorkEnd, &str>, most_calls: usize, model: Puppet) {
    let mut story = Story::new(model);
    let end = story.play().await.unwrap();
    match expected {
        Ok(expected) => assert_eq!(end, expected, "{name}"),
        Err(code) => assert_eq!(failed_with(&end), code, "{name}: {end:?}"),
    }
    assert_eq!(story.model.asked(), most_calls, "{name}");
    assert_eq!(story.play().await, Ok(end), "{name}: stored");
    assert_eq!(story.model.asked(), most_calls, "{name}: not asked again");
}

fn cut(text: &str) -> Answer {
    Some(Ok(Reply { text: text.to_owned(), cut: true, usage: usage(), ..Reply::default() }))
}

#[tokio::test]
async fn every_bad_model_has_an_honest_end() {
    let answer = |text: &str| Ok(WorkEnd::Answer { text: text.to_owned() });
    check("nothing", Err("no_answer"), 3, Puppet::new(|_, _| say(""))).await;
    check("blank", Err("no_answer"), 3, Puppet::new(|_, _| say(" \n"))).await;
    check("only thoughts", Err("no_answer"), 3, Puppet::new(|_, _| say("<think>well"))).await;
    check("half a call", Err("garbage"), 3, Puppet::new(|_, _| say("<tool_call>{\"name\":"))).await;
    check("no end", Err("garbage"), 3, Puppet::new(|_, _| cut(&"la ".repeat(50_000)))).await;
    check("words", answer("It is done."), 1, Puppet::new(|_, _| say("It is done."))).await;
    check("words after a slip", answer("Hi"), 3, Puppet::new(|n, _| say(if n < 3 { "" } else { "Hi" })))
        .await;
    check("a loop", Err("stuck"), 22, Puppet::new(|_, _| calls(&[("read", "{\"path\":\"x\"}")]))).await;
    let turns = Puppet::new(|n, _| {
        calls(&[("read", if n % 2 == 0 { "{\"path\":\"x\"}" } else { "{\"path\":\"y\"}" })])
    });
    check("a loop in turns", Err("stuck"), 23, turns).await;
    check("a loop of wrong tools", Err("stuck"), 22, Puppet::new(|_, _| calls(&[("browse", "{}")]))).await;
    check("a loop of bad arguments", Err("stuck"), 22, Puppet::new(|_, _| calls(&[("shell", "{\"command")])))
        .await;
    let text =
        "```json\n{\"name\":\"submit\",\"arguments\":{\"title\":\"Add a\",\"summary\":\"Added a.\"}}\n```";
    check("a call in text", Ok(submitted()), 1, Puppet::new(move |_, _| say(text))).await;
    check(
        "corrected",
        Ok(submitted()),
        2,
        Puppet::new(|n, _| if n == 1 { say("") } else { calls(&[SUBMIT]) }),
    )
    .await;
}

#[tokio::test]
async fn a_call_that_was_cut_off_is_told_so() {
    let mut story = Story::new(Puppet::new(|n, question| match (n, question.messages.last()) {
        (1, _) => calls(&[("write", "{\"path\":\"a\",\"text\":\"half")])
            .map(|answer| answer.map(|reply| Reply { cut: true, ..reply })),
        (_, Some(Message::Tool { text, .. })) => {
            assert!(text.contains("cut off"), "{text}");
            calls(&[SUBMIT])
        }
        other => panic!("{other:?}"),
    }));
    assert_eq!(story.play().await, Ok(submitted()));
    assert!(story.bench.files.is_empty());
}

/// No token limit is told, but the end is missing all the same: nothing of it is done.
#[tokio::test]
async fn half_a_call_is_told_and_does_nothing() {
    for half in [
        "{\"path\":\"a\",\"text\":\"half",
        "{\"path\":\"a\",\"text\":\"half\"",
        "{\"path\":\"a\",\"text\":\"f(\"}\") and more\"}",
    ] {
        let mut story = Story::new(Puppet::new(move |n, question| match (n, question.messages.last()) {
            (1, _) => calls(&[("write", half)]),
            (_, Some(Message::Tool { text, .. })) => {
                assert!(text.contains("not JSON"), "{text}");
                calls(&[SUBMIT])
            }
            other => panic!("{other:?}"),
        }));
        assert_eq!(story.play().await, Ok(submitted()), "{half}");
        assert!(story.bench.files.is_empty(), "{half}");
    }
}

#[tokio::test]
async fn a_flood_of_calls_is_bounded_and_answered() {
    let mut story = Story::new(Puppet::new(|n, question| match n {
        1 => calls(&[("shell", "{\"command\":\"x\"}"); 100]),
        _ => {
            let last = question.messages.last();
            assert!(
                matches!(last, Some(Message::Tool { text, .. }) if text.contains("at most 16")),
                "{last:?}"
            );
            calls(&[SUBMIT])
        }
    }));
    assert_eq!(story.play().await, Ok(submitted()));
    assert_eq!(story.bench.files["log"].lines().count(), 16);
}

#[tokio::test]
async fn a_mistake_is_told_and_the_work_goes_on() {
    let mut story = Story::new(Puppet::new(|n, question| match (n, question.messages.last()) {
        (1, _) => calls(&[("browse", "{}"), ("shell", "nonsense"), ("read", "{\"path\":\"/etc/passwd\"}")]),
        (_, Some(Message::Tool { text, .. })) => {
            assert_eq!(text, "no file /etc/passwd");
            calls(&[SUBMIT, SUBMIT, ("write", "{\"path\":\"late\",\"text\":\"\"}")])
        }
        other => panic!("{other:?}"),
    }));
    assert_eq!(story.play().await, Ok(submitted()));
    assert!(story.bench.files.is_empty(), "nothing runs after submit");
}
