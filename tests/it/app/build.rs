//! `/quantum build`, from the comment to the draft pull request.

use super::{Town, good};
use quantumlayer::metrics::Metrics;

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_becomes_a_draft_pull_request_with_evidence() {
    let town = Town::new(&good()).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    insta::assert_snapshot!(town.thread(number));
    let tally = town.hub.tally();
    assert!(
        tally.calls <= 20 && tally.points <= 70 && tally.content <= 3,
        "{tally:?}\n{}",
        town.hub.log_text()
    );
    // one token each to ask who it is, to talk and fetch, to publish
    assert_eq!(town.hub.count("POST", "/access_tokens"), 3, "{}", town.hub.log_text());
    let counted = town.metrics.text();
    // every kind, end and outcome was there from the start
    let lines = |text: &str| {
        text.lines()
            .filter(|line| line.starts_with("quantum_effects") || line.starts_with("quantum_runs"))
            .count()
    };
    assert_eq!(lines(&counted), lines(&Metrics::new().text()), "{counted}");
    for line in [
        "quantum_effects_total{kind=\"publish\",result=\"done\"} 1",
        "quantum_model_calls_total{provider=\"scripted\",model=\"story\",result=\"ok\"} 3",
        "quantum_sandbox_starts_total{result=\"ok\"} 3",
    ] {
        assert!(counted.contains(line), "{counted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_comes_again_changes_nothing() {
    let town = Town::new(&good()).await;
    let number = town.issue();
    town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum build");
    town.hub.double(1);
    town.settle().await;
    let once = town.thread(number);
    town.settle().await;
    assert_eq!(town.thread(number), once);
    assert_eq!(town.hub.branches(town.usual.repo).len(), 2);
}
