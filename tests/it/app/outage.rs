//! GitHub is away for a while: what a run needs of it waits, what it has to say is said once, and nothing stops for it.

use super::{Town, good};
use crate::{
    runs::{RULES, Teller, snapshotted},
    world::Fault,
};
use quantumlayer::{
    limits::{app::GITHUB_FAILURES, engine as limits},
    run::{Event, Rules},
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
