//! GitHub is away for a while: what a run needs of it waits, what it has to say is said once, and nothing stops for it.

use super::{Town, chance::noon, good};
use crate::{
    runs::{RULES, Teller, snapshotted},
    world::Fault,
};
use quantumlayer::{
    limits::{app::GITHUB_FAILURES, engine as limits},
    run::{Event, Phase, Rules},
};
use serde_json::{Value, json};
use std::time::Duration;

/// More than a run on somebody's laptop would bear.
const AWAY: u32 = limits::EFFECT_FAILURES + 4;

/// Each of these requests, from that one on, is asked for while GitHub is away: the thread ends as on a calm day.
async fn away(lines: &[Value], end: &str, outages: &[(&str, u32)]) {
    let calm = Town::new(lines).await;
    let number = calm.issue();
    calm.say(number, calm.usual.ada, "/quantum build").await;
    let expected = calm.thread(number);
    for (path, first) in outages {
        let town = Town::new(lines).await;
        let number = town.issue();
        town.hub.fault_some("POST", path, *first, AWAY, Fault::status(502));
        town.say(number, town.usual.ada, "/quantum build").await;
        assert_eq!(town.run().await, end, "{path}\n{}", town.hub.log_text());
        assert_eq!(town.thread(number), expected, "{path}\n{}", town.hub.log_text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_no_end_and_stops_nothing() {
    let outages = [("/reactions", 2), ("/git/trees", 1), ("/check-runs", 1), ("/access_tokens", 3)];
    away(&good(), "watching", &outages).await;
    let answer = [json!({"role": "planner", "text": "It already says so."})];
    let outages = [("/issues/{issue_number}/comments", 1), ("/reactions", 2)];
    away(&answer, "closed: answered", &outages).await;
}

#[test]
fn an_outage_may_last_for_hours() {
    let wait = |failures: u32| {
        let doubled = limits::BACKOFF_FIRST.saturating_mul(1 << failures.min(16));
        doubled.min(limits::BACKOFF_MOST)
    };
    let all: Duration = (0..GITHUB_FAILURES - 1).map(wait).sum();
    assert!(all > Duration::from_secs(8 * 3_600), "{all:?}");
    assert!(all < quantumlayer::limits::run::PUBLISHED_WITHIN, "it says itself why it did not go");
}

#[test]
fn minutes_do_not_run_while_github_is_waited_for() {
    let mut it = Teller::new(Rules { watch: true, ..RULES }, None);
    it.tell(Event::Started);
    it.now = it.now.after(Duration::from_secs(2 * 3600));
    assert_eq!((it.run.allowance().deadline, it.run.time_at_work(it.now)), (None, Duration::ZERO));
    it.row(snapshotted(), "planning | work plan/1/1 on tree-0");
    assert_eq!(it.run.allowance().deadline, Some(it.now.after(Duration::from_secs(30 * 60))));
}

#[test]
fn time_that_nobody_worked_moves_the_deadline_once() {
    let mut it = Teller::halfway(Rules { watch: true, ..RULES });
    let (minute, hours) = (Duration::from_secs(60), Duration::from_secs(4 * 3_600));
    let (worked, deadline) = (it.run.time_at_work(it.now), it.run.allowance().deadline.unwrap());
    let idle = Event::Idled { since: it.now.after(minute) };
    // telling takes a second
    it.now = it.now.after(minute + hours - Duration::from_secs(1));
    it.row(idle.clone(), "working | ");
    assert_eq!(it.run.time_at_work(it.now), worked + minute);
    assert_eq!(it.run.allowance().deadline, Some(deadline.after(hours)));
    assert!(it.run.wake_at().is_some_and(|at| at > it.now.after(29 * minute)));
    it.row(idle, "ignored: Early");
    it.row(Event::Woke, "ignored: Early");
}

/// The server itself was away for longer than the run's minutes, with an agent at work.
#[tokio::test(flavor = "multi_thread")]
async fn minutes_do_not_run_while_the_server_is_away() {
    let sleeps = json!({"name": "shell", "arguments": {"command": "sleep 1000"}});
    let town = Town::at(noon(), &[good()[0].clone(), json!({"role": "coder", "tool_calls": [sleeps]})]).await;
    let number = town.issue();
    town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum build");
    town.hub.deliver_all().await;
    let store = town.store.clone();
    let at_work = async move {
        while !store.list_runs(1).await.unwrap().iter().any(|run| run.phase == Phase::Working) {
            tokio::task::yield_now().await;
        }
    };
    let town = town.stopped_when(at_work).await.again(&good()[1..]).await;
    town.later(Duration::from_secs(3 * 3_600));
    town.app.sweep().await.unwrap();
    assert_eq!(town.run().await, "working");
    town.settle().await;
    assert_eq!(town.run().await, "watching", "{}", town.thread(number));
    let shown = town.hub.thread(town.usual.repo, number);
    assert!(!shown.contains(" h"), "only what was worked is shown: {shown}");
}
