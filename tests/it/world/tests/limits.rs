//! GitHub's limits, and what the log counts.

use super::{Caller, usual};
use crate::world::Fault;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn limits_are_noted_and_enforced_when_told() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    let at = format!("/repos/acme/widgets/issues/{issue}/comments");
    for _ in 0..81 {
        assert_eq!(bot.post(&at, json!({"body": "x"})).await.status, 201);
        hub.clock().advance(Duration::from_millis(700));
    }
    let violations = hub.violations();
    assert!(
        violations[0].starts_with("spacing: 700 ms after the last mutation: POST /repos/acme"),
        "{violations:?}"
    );
    assert!(violations.last().unwrap().starts_with("content: 81 in a minute"), "{violations:?}");
    hub.enforce_limits();
    let refused = bot.post(&at, json!({"body": "x"})).await;
    assert_eq!((refused.status, refused.header("retry-after")), (403, "60"));
    hub.clock().advance(Duration::from_secs(59));
    assert_eq!(bot.get(&at).await.status, 200);
    assert!(hub.violations().last().unwrap().starts_with("waiting: sent 1000 ms before it may"));
    hub.clock().advance(Duration::from_secs(2));
    assert_eq!(bot.post(&at, json!({"body": "x"})).await.status, 201);
}

#[tokio::test]
async fn points_and_the_primary_limit() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    for n in 1..=901 {
        let got = bot.get("/repos/acme/widgets").await;
        assert_eq!(got.header("x-ratelimit-remaining"), (5000 - n).to_string());
    }
    assert!(hub.violations()[0].starts_with("points: 901 in a minute"));
    let rate = bot.get("/rate_limit").await;
    assert_eq!(rate.body["rate"]["limit"], 5000);
    assert_eq!(rate.header("x-ratelimit-reset"), (super::NOON.0 / 1000 + 3600).to_string());
}

#[tokio::test]
async fn what_has_not_changed_is_free() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let first = bot.get("/repos/acme/widgets").await;
    let url = format!("{}/repos/acme/widgets", hub.url());
    let ask = async || {
        let request = bot.client.get(&url).bearer_auth(&bot.bearer);
        request.header("if-none-match", first.header("etag")).send().await.unwrap()
    };
    let again = ask().await;
    assert_eq!(again.status(), 304);
    assert_eq!(again.headers()["x-ratelimit-remaining"], first.header("x-ratelimit-remaining"));
    hub.archive(place.repo, true);
    assert_eq!(ask().await.status(), 200);
}

#[tokio::test]
async fn a_request_before_its_time_is_noted() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    hub.fault("GET", "/repos/{owner}/{repo}", 1, Fault::limited(429, Some(30)));
    assert_eq!(bot.get("/repos/acme/widgets").await.status, 429);
    hub.clock().advance(Duration::from_secs(30));
    bot.get("/repos/acme/widgets").await;
    assert_eq!(hub.violations(), Vec::<String>::new());
}

#[tokio::test]
#[should_panic(expected = "spacing: 0 ms after the last mutation")]
async fn who_insists_on_limits_fails_by_them() {
    let (hub, place) = usual();
    hub.insist_on_limits();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    for content in ["eyes", "rocket"] {
        let at = format!("/repos/acme/widgets/issues/{issue}/reactions");
        bot.post(&at, json!({"content": content})).await;
    }
}

#[tokio::test]
async fn the_log_counts_without_tokens() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    let at = format!("/repos/acme/widgets/issues/{issue}");
    bot.get(&at).await;
    bot.post(&format!("{at}/comments"), json!({"body": "x"})).await;
    bot.post(&format!("{at}/labels"), json!({"labels": ["x"]})).await;
    bot.delete("/installation/token").await;
    let tally = hub.tally();
    assert_eq!((tally.calls, tally.points, tally.content), (3, 11, 1));
    let last = hub.requests().pop().unwrap();
    assert_eq!(hub.requests()[2].body["body"], "x");
    assert_eq!((last.status, last.who.starts_with("installation ")), (Some(204), true));
    hub.forget_log();
    assert_eq!(hub.tally().calls, 0);
}
