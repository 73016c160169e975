//! Retry, money, time and cancellation. Time is paused: waiting costs nothing.

use super::*;
use quantumlayer::run::Cap;
use tokio::time::Instant;

fn busy(status: u16, after: Option<u64>) -> Answer {
    let (model, message) = ("puppet/one".to_owned(), "busy".to_owned());
    Some(Err(ModelError::Busy { model, status, message, after: after.map(Duration::from_secs) }))
}

fn network(sent: bool) -> Answer {
    Some(Err(ModelError::Network { model: "puppet/one".to_owned(), cause: "reset".to_owned(), sent }))
}

/// Fails so for `times` calls, then submits. Gives the end, the calls, the seconds waited, and the money booked.
async fn play(error: fn() -> Answer, times: usize) -> (WorkEnd, usize, u64, u64) {
    let mut story = Story::new(Puppet::new(move |n, _| if n <= times { error() } else { calls(&[SUBMIT]) }));
    let start = Instant::now();
    let end = story.play().await.unwrap();
    let usd = story.memory.booked().await.unwrap().0.usd.unwrap();
    assert!(story.memory.bookings.lock().unwrap().values().all(|(_, settled)| *settled), "all settled");
    (end, story.model.asked(), start.elapsed().as_secs(), usd.0)
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_by_class() {
    let (end, asked, seconds, usd) = play(|| busy(429, Some(70)), 2).await;
    assert_eq!((end, asked, seconds, usd), (submitted(), 3, 140, 200), "the provider's time; not billed");
    let (end, asked, seconds, usd) = play(|| busy(503, None), 4).await;
    assert!((11..=19).contains(&seconds), "1 + 2 + 4 + 8 seconds, a quarter either way: {seconds}");
    assert_eq!((end, asked, usd), (submitted(), 5, 200));
    let (end, asked, ..) = play(|| busy(500, None), 99).await;
    assert_eq!((failed_with(&end), asked), ("model_busy", 8));
    let (end, asked, _, usd) = play(|| network(false), 99).await;
    assert_eq!((failed_with(&end), asked, usd), ("model_network", 4, 0));
    let (end, asked, _, usd) = play(|| network(true), 1).await;
    assert_eq!((end, asked), (submitted(), 2));
    assert!(usd > 100_000, "settled at its reserve: {usd}");
    let refused = || {
        let (model, message, hint) = ("m".to_owned(), "wrong key".to_owned(), "set the key".to_owned());
        Some(Err(ModelError::Refused { model, status: 401, message, hint }))
    };
    let (end, asked, seconds, usd) = play(refused, 99).await;
    assert_eq!((failed_with(&end), asked, seconds, usd), ("model_refused", 1, 0, 0));
    let (end, asked, seconds, _) = play(|| busy(429, Some(3_600)), 99).await;
    assert_eq!((failed_with(&end), asked, seconds), ("model_busy", 1, 0), "the time is past the deadline");
}

#[tokio::test(start_paused = true)]
async fn a_transient_end_is_not_the_last_word() {
    let mut story = Story::new(Puppet::new(|n, _| if n <= 4 { network(false) } else { calls(&[SUBMIT]) }));
    assert_eq!(failed_with(&story.play().await.unwrap()), "model_network");
    assert!(
        story
            .notes()
            .iter()
            .all(|note| note.starts_with("no answer from puppet/one: reset; trying again in"))
    );
    assert_eq!(story.notes().len(), 3);
    assert_eq!(story.play().await, Ok(submitted()));
}

#[tokio::test]
async fn caps_stop_before_the_call_and_more_budget_goes_on() {
    let look = |n: usize| calls(&[("shell", &format!("{{\"command\":\"{n}\"}}"))]);
    let mut story = Story::new(Puppet::new(move |n, _| if n < 6 { look(n) } else { calls(&[SUBMIT]) }));
    story.job.budget.steps = 3;
    assert_eq!(story.play().await, Ok(WorkEnd::OutOfBudget { cap: Cap::Steps }));
    assert_eq!(story.model.asked(), 3);
    assert_eq!(story.play().await, Ok(WorkEnd::OutOfBudget { cap: Cap::Steps }));
    story.job.budget.steps = 60;
    story.job.budget.usd = Some(Usd(700));
    assert_eq!(story.play().await, Ok(WorkEnd::OutOfBudget { cap: Cap::Usd }));
    story.job.budget.usd = None;
    story.clock.advance(Duration::from_secs(1_800));
    assert_eq!(story.play().await, Ok(WorkEnd::OutOfBudget { cap: Cap::Minutes }));
    assert_eq!(story.model.asked(), 3);
    story.job.budget.deadline = Timestamp(3_600_000);
    assert_eq!(story.play().await, Ok(submitted()));
    assert_eq!(story.model.asked(), 6);
}

#[tokio::test]
async fn no_answer_costs_more_than_the_cap() {
    let mut story = Story::new(Puppet::new(|n, question| {
        let output_tokens = u64::from(question.max_output_tokens);
        let bytes: usize = question.messages.iter().map(|m| format!("{m:?}").len()).sum();
        let call =
            ToolCall { id: String::new(), name: "write".into(), arguments: format!("{{\"path\":\"{n}\"}}") };
        let usage = Usage { input_tokens: bytes as u64 / 5, cached_input_tokens: 0, output_tokens };
        Some(Ok(Reply { calls: vec![call], usage, ..Reply::default() }))
    }));
    story.job.budget.usd = Some(Usd(300_000));
    assert_eq!(story.play().await, Ok(WorkEnd::OutOfBudget { cap: Cap::Usd }));
    let spent = story.memory.booked().await.unwrap().0.usd.unwrap();
    assert!(spent <= Usd(300_000) && spent > Usd(250_000), "{spent}");
}

#[tokio::test(start_paused = true)]
async fn cancelled_anywhere_ends_at_once() {
    type Make = fn() -> Puppet;
    let table: [(&str, Make); 3] = [
        ("asking", || Puppet::new(|_, _| None)),
        ("a tool", || Puppet::new(|_, _| calls(&[("shell", "{\"command\":\"hang\"}")]))),
        ("waiting", || Puppet::new(|_, _| busy(429, Some(1_000)))),
    ];
    for (name, model) in table {
        let mut story = Story::new(model());
        let (cancel, start) = (story.cancel.clone(), Instant::now());
        let stop = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            cancel.cancel();
        };
        assert_eq!(tokio::join!(story.play(), stop).0, Ok(WorkEnd::Cancelled), "{name}");
        assert_eq!(start.elapsed().as_secs(), 5, "{name}");
        assert_eq!(story.play().await, Ok(WorkEnd::Cancelled), "{name}: no call leaves");
        assert_eq!(story.model.asked(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_call_that_hangs() {
    for model in [Puppet::new(|_, _| None), Puppet::new(|_, _| calls(&[("shell", "{\"command\":\"hang\"}")]))]
    {
        let (mut story, start) = (Story::new(model), Instant::now());
        assert_eq!(story.play().await, Ok(WorkEnd::OutOfBudget { cap: Cap::Minutes }));
        assert_eq!(start.elapsed().as_secs(), 1_800);
    }
}
