//! A key that GitHub no longer takes, and clocks that are wrong.

use super::{Town, good};
use crate::world::{Fault, Role};
use quantumlayer::clock::{Clock, Timestamp};
use std::time::Duration;

/// How far this machine's clock may be off, in minutes.
const OFF: &[i64] = &[10, -10, 3 * 60, -3 * 60, 40 * 24 * 60];

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_set_by_githubs() {
    let whole = Town::new(&good()).await;
    let number = whole.issue();
    whole.say(number, whole.usual.ada, "/quantum build").await;
    for minutes in OFF {
        let theirs = Clock::manual(Timestamp(Clock::System.now().0 - minutes * 60_000));
        let town = Town::by(&good(), theirs, Clock::System).await;
        let number = town.issue();
        town.say(number, town.usual.ada, "/quantum build").await;
        assert_eq!(
            town.thread(number),
            whole.thread(number),
            "{minutes} minutes ahead\n{}",
            town.hub.log_text()
        );
        // each token is made once, not once a call
        let log = town.hub.log_text();
        let made = log.lines().filter(|line| line.contains("/access_tokens 201")).count();
        let plain = whole.hub.log_text();
        let usual = plain.lines().filter(|line| line.contains("/access_tokens 201")).count();
        assert!(made <= usual, "{minutes} minutes ahead: {made} tokens, usually {usual}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_delivery_told_of_is_found_by_a_clock_that_is_hours_off_too() {
    let hour = Duration::from_secs(3_600);
    for ahead in [3, -3] {
        let ours = Clock::manual(Clock::System.now());
        let theirs = Clock::manual(Timestamp(ours.now().0 - ahead * 3_600_000));
        let town = Town::by(&[], theirs.clone(), ours).await;
        // what a server does first, and learns GitHub's clock by
        town.github.app().await.unwrap();
        town.app.sweep().await.unwrap();
        let goes_on = || {
            town.clock.advance(hour);
            theirs.advance(hour);
        };
        goes_on();
        let (hub, ada) = (&town.hub, town.usual.ada);
        let fresh = hub.repo("acme/fresh", &[]);
        hub.permit(fresh, ada, Role::Write);
        let number = hub.open_issue(fresh, ada, "Hello", "");
        town.hear().await;
        hub.comment(fresh, number, ada, "/quantum help");
        hub.lose(1);
        goes_on();
        assert_eq!(town.reconcile().await.heard, 1, "{ahead} hours ahead: {}", hub.log_text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_that_is_wrong_everything_waits_and_then_goes_on() {
    let whole = Town::new(&good()).await;
    let number = whole.issue();
    whole.say(number, whole.usual.ada, "/quantum build").await;
    let expected = whole.thread(number);
    for is_begun in [false, true] {
        let town = Town::new(&good()).await;
        let number = town.issue();
        town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum build");
        if is_begun {
            town.take_in().await;
        }
        town.hub.rotate_key();
        for _ in 0..30 {
            town.settle().await;
        }
        let thread = town.thread(number);
        assert!(!thread.contains("rocket by") && !thread.contains("confused by"), "{thread}");
        assert_eq!(thread.contains("quantum-acme"), is_begun, "{thread}");
        let trouble = town.github.shut_out().unwrap().to_string();
        assert!(trouble.contains("GitHub does not take the App's key"), "{trouble}");
        let refused = town.hub.log_text().lines().filter(|line| line.contains(" 401")).count();
        assert!(refused < 10, "it knocks at a closed door: {}", town.hub.log_text());
        // the program is started again with the key that is good now
        let town = town.stopped_when(async {}).await.again(&good()).await;
        for _ in 0..3 {
            town.settle().await;
        }
        let thread = town.thread(number).replace(" (edited once)", "");
        assert_eq!(thread, expected, "{is_begun}\n{}", town.hub.log_text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_taken_asks_again_ever_later_and_goes_on_without_a_start() {
    let town = Town::by_hand(&good()).await;
    let number = town.issue();
    town.hub.fault("POST", "/access_tokens", 1, Fault::status(401));
    town.hub.fault("GET", "/app", 1, Fault::status(401));
    town.say(number, town.usual.ada, "/quantum build").await;
    assert!(town.github.shut_out().is_some());
    for (seconds, asked) in [(0, 0), (5, 1), (5, 1), (5, 2)] {
        town.clock.advance(Duration::from_secs(seconds));
        town.work().await;
        assert_eq!(town.hub.count("GET", "/app"), asked, "{}", town.hub.log_text());
        assert_eq!(town.run().await, if asked < 2 { "none" } else { "watching" });
    }
}
