//! Every command, by those who may and those who may not.

use super::{Town, good};
use quantumlayer::{
    intent::notice::RepoRef,
    limits::{github::CREATED_AN_HOUR, intent::STARTS_PER_ACTOR},
};
use std::time::Duration;

/// After this, a story that waits hangs.
const HANGS: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_met_with_silence_and_collaborators_with_a_sentence() {
    let town = Town::new(&good()).await;
    let number = town.issue();
    town.say(number, town.usual.eve, "/quantum build").await;
    town.say(number, town.usual.rita, "/quantum build\n\n/quantum my-words").await;
    town.say(number, town.usual.rita, "/quantum build please").await;
    town.say(number, town.usual.ada, "/quantum biuld").await;
    town.say(number, town.usual.ada, "/quantum help").await;
    town.say(number, town.usual.ada, "/quantum status").await;
    town.say(number, town.usual.ada, "> /quantum build\n\nnothing").await;
    insta::assert_snapshot!(town.thread(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opened_an_issue_and_may_not_write_is_told_no_once_a_day() {
    let town = Town::by_hand(&good()).await;
    let (repo, eve) = (town.usual.repo, town.usual.eve);
    let number = town.hub.open_issue(repo, eve, "Look at me", "Again and again.");
    for _ in 0..5 {
        town.say(number, eve, "/quantum cancel").await;
    }
    let thread = town.thread(number);
    let count = |what: &str| thread.matches(what).count();
    let said = (count("nothing to cancel"), count("eyes by"), count("confused by"));
    assert_eq!(said, (1, 1, 1), "{thread}");
    // who may write is told each time
    for _ in 0..2 {
        town.say(number, town.usual.ada, "/quantum cancel").await;
    }
    assert_eq!(town.thread(number).matches("nothing to cancel").count(), 3);
    town.clock.advance(Duration::from_secs(24 * 3_600));
    town.say(number, eve, "/quantum cancel").await;
    assert_eq!(town.thread(number).matches("nothing to cancel").count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_comments_than_may_be_made_in_an_hour_stop_nothing_else() {
    let town = Town::by_hand(&good()).await;
    let (hub, ada) = (&town.hub, town.usual.ada);
    let (number, other) = (town.issue(), town.issue());
    let repo =
        RepoRef { id: town.usual.repo.0, owner: "acme".into(), name: "widgets".into(), is_private: false };
    let desk = town.github.desk(town.usual.installation, repo);
    for n in 0..CREATED_AN_HOUR {
        if n % 50 == 0 {
            town.clock.advance(Duration::from_secs(61));
        }
        desk.comment(number, "something").await.unwrap();
    }
    hub.comment(town.usual.repo, number, ada, "/quantum help");
    town.take_in().await;
    let thread = town.thread(number);
    assert_eq!(
        (thread.matches("eyes by").count(), thread.matches("slot=answer").count()),
        (1, 0),
        "{thread}"
    );
    for words in ["/quantum build", "/quantum cancel"] {
        hub.comment(town.usual.repo, other, ada, words);
        town.take_in().await;
    }
    let thread = town.thread(other);
    assert_eq!((thread.matches("eyes by").count(), thread.matches("rocket by").count()), (2, 1), "{thread}");
    town.clock.advance(Duration::from_secs(3_600));
    town.settle().await;
    assert_eq!(town.thread(number).matches("slot=answer").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_waits_for_nobody_who_is_being_answered() {
    let town = Town::new(&good()).await;
    let (hub, repo, ada) = (&town.hub, town.usual.repo, town.usual.ada);
    let (number, other) = (town.issue(), town.issue());
    hub.comment(repo, number, ada, "/quantum build");
    town.take_in().await;
    // GitHub takes its time with the first answer of many
    let gate = hub.hold_answer("POST", "/reactions", 1);
    for _ in 0..5 {
        hub.comment(repo, other, ada, "/quantum help");
    }
    hub.deliver_all().await;
    let said = async {
        gate.reached().await;
        hub.comment(repo, number, ada, "/quantum cancel");
        hub.deliver_all().await;
        let told = async {
            while town.run().await != "closed: cancelled" {
                tokio::task::yield_now().await;
            }
        };
        // it would hang for ever otherwise
        let _ = tokio::time::timeout(HANGS, told).await;
        let at = town.run().await;
        gate.release();
        at
    };
    let (taken, at) = tokio::join!(town.app.take_all(), said);
    taken.unwrap();
    assert_eq!(at, "closed: cancelled");
    town.settle().await;
    assert_eq!(town.thread(other).matches("slot=answer").count(), 5);
    assert_eq!(town.thread(number).matches("rocket by").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_too_much_sees_so_each_time_and_reads_it_once() {
    let town = Town::by_hand(&good()).await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    for _ in 0..STARTS_PER_ACTOR {
        let number = town.issue();
        town.hub.comment(repo, number, ada, "/quantum build");
        town.take_in().await;
    }
    let number = town.issue();
    for _ in 0..3 {
        town.hub.comment(repo, number, ada, "/quantum build");
        town.take_in().await;
    }
    let thread = town.thread(number);
    let count = |what: &str| thread.matches(what).count();
    let said = (count("Too many runs"), count("eyes by"), count("confused by"));
    assert_eq!(said, (1, 3, 3), "{thread}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_command_is_named_whatever_the_first_is() {
    let town = Town::by_hand(&good()).await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    let number = town.issue();
    for (n, first) in ["build", "cancel", "retry", "status", "help"].iter().enumerate() {
        town.hub.comment(repo, number, ada, &format!("/quantum {first}\n\n/quantum build"));
        town.take_in().await;
        let thread = town.thread(number);
        assert_eq!(thread.matches("was not looked at").count(), n + 1, "{first}: {thread}");
        assert!(!thread.contains("confused by"), "{first}: {thread}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_of_an_issue_is_open_whoever_tries_an_old_one_again() {
    let town = Town::new(&good()).await;
    let ada = town.usual.ada;
    let number = town.issue();
    for words in ["/quantum build", "/quantum cancel", "/quantum build it anew"] {
        town.say(number, ada, words).await;
    }
    let pull = number + 1;
    town.say(pull, ada, "/quantum retry").await;
    let thread = town.hub.thread(town.usual.repo, pull);
    assert_eq!(thread.matches("Another run of the same issue is open").count(), 1, "{thread}");
    assert_eq!(town.store.open_threads().await.unwrap().len(), 1);
    // as it says: when that one is over, this one goes on
    town.say(number, ada, "/quantum cancel").await;
    town.say(pull, ada, "/quantum retry").await;
    let open = town.store.open_threads().await.unwrap();
    assert_eq!((open.len(), town.run().await.as_str()), (1, "closed: cancelled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_under_the_installation_that_is_there_now() {
    let town = Town::new(&good()).await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    let number = town.issue();
    town.hub.comment(repo, number, ada, "/quantum build");
    town.take_in().await;
    town.hub.uninstall(town.usual.installation);
    town.settle().await;
    assert_eq!(town.run().await, "closed: gone");
    let now = town.hub.install("acme", None);
    town.settle().await;
    town.say(number, ada, "/quantum retry").await;
    assert_eq!(town.run().await, "watching", "{}", town.thread(number));
    assert_eq!(town.store.list_runs(1).await.unwrap()[0].thread.as_ref().unwrap().installation, now);
}
