//! Trouble and us: a crash in the middle, a repository that goes, an output with a secret.

use super::{
    Town,
    ambiguous::{CHANGES, standing},
    good,
};
use quantumlayer::run::Phase;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_stops_anywhere_goes_on_and_nothing_is_there_twice() {
    let whole = Town::new(&good()).await;
    let number = whole.issue();
    whole.say(number, whole.usual.ada, "/quantum build").await;
    let expected = standing(&whole, number);
    for (method, path) in CHANGES {
        let town = Town::new(&good()).await;
        let number = town.issue();
        town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum build");
        town.hub.deliver_all().await;
        let gate = town.hub.hold_answer(method, path, 1);
        // what was asked is done, the answer is on its way, and the program is gone
        let until = async {
            gate.reached().await;
        };
        let stopped = town.stopped_when(until).await;
        gate.release();
        let town = stopped.again(&good()).await;
        for _ in 0..3 {
            town.settle().await;
        }
        assert_eq!(standing(&town, number), expected, "{method} {path}\n{}", town.hub.log_text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_goes_ends_its_run() {
    let town = Town::new(&good()[..2]).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    town.hub.suspend(town.usual.installation, true);
    town.settle().await;
    let runs = town.store.list_runs(10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.phase).collect::<Vec<_>>(), [Phase::Closed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_holds_a_secret_is_not_shown() {
    let town = Town::new(&good()).await;
    // put together only when it runs, so that no file holds it
    let check = "printf 'ghp_%s\\n' aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5z; echo 'test result: ok. 1 passed; 0 failed'\n";
    town.hub.push(town.usual.repo, town.usual.ada, "main", &[("check.sh", Some(check))]);
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    let thread = town.thread(number);
    assert!(thread.contains("[not shown: it holds what looks like a GitHub token]"), "{thread}");
    assert!(!thread.contains("ghp_"), "{thread}");
}
