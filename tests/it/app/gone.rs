//! What a run is about goes away in the middle of it: at planning, at publishing, while its pull request is watched. The run
//! ends, nothing is written where it must not be, and the thread says so as soon as it can be written.

use super::{Town, good};
use quantumlayer::clock::Timestamp;

/// How something is lost, and found again where that can be.
type Act = fn(&Town);

const LOSSES: &[(&str, Act, Option<Act>)] = &[
    (
        "suspended",
        |town| town.hub.suspend(town.usual.installation, true),
        Some(|town| town.hub.suspend(town.usual.installation, false)),
    ),
    (
        "taken out",
        |town| town.hub.select(town.usual.installation, town.usual.repo, false),
        Some(|town| town.hub.select(town.usual.installation, town.usual.repo, true)),
    ),
    (
        "archived",
        |town| town.hub.archive(town.usual.repo, true),
        Some(|town| town.hub.archive(town.usual.repo, false)),
    ),
    ("uninstalled", |town| town.hub.uninstall(town.usual.installation), None),
    ("deleted", |town| town.hub.delete_repo(town.usual.repo), None),
    ("transferred", |town| town.hub.transfer(town.usual.repo, town.hub.user("mallory")), None),
];

const END: &str = "**Stopped**: what it was about is gone or can't be reached any more.";

/// The run is over, and what can be said is said once.
async fn is_over(town: &Town, number: u64, what: &str, back: Option<Act>) {
    assert_eq!(town.run().await, "closed: gone", "{what}\n{}", town.hub.log_text());
    assert!(town.store.runs_to_drive(town.clock.now()).await.unwrap().is_empty(), "{what}");
    assert!(
        town.store.due_statuses(&[], Timestamp(i64::MAX), 1, 1).await.unwrap().is_empty(),
        "{what}: written for ever"
    );
    let Some(back) = back else { return };
    back(town);
    town.settle().await;
    let thread = town.thread(number);
    assert_eq!(thread.matches(END).count(), 1, "{what}: {thread}");
    assert_eq!(thread.matches("slot=status").count(), 1, "{what}: {thread}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_before_the_plan_ends_the_run() {
    for (what, lose, back) in LOSSES {
        let town = Town::new(&good()).await;
        let number = town.issue();
        town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum build");
        town.take_in().await;
        lose(&town);
        // GitHub's word of it is lost too
        town.hub.lose(usize::MAX);
        town.work().await;
        is_over(&town, number, what, *back).await;
        assert_eq!(town.hub.count("POST", "/git/commits"), 0, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_while_it_is_published_ends_the_run() {
    for (what, lose, back) in LOSSES {
        let town = Town::new(&good()).await;
        let number = town.issue();
        town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum build");
        town.take_in().await;
        town.meanwhile("POST", "/git/trees", || lose(&town)).await;
        town.settle().await;
        assert_eq!(town.hub.count("POST", "/pulls"), 0, "{what}");
        is_over(&town, number, what, *back).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_while_it_is_watched_is_told_or_found_by_the_sweep() {
    for (n, (what, lose, back)) in LOSSES.iter().enumerate() {
        let town = Town::new(&good()).await;
        let number = town.issue();
        town.say(number, town.usual.ada, "/quantum build").await;
        assert_eq!(town.run().await, "watching", "{what}");
        lose(&town);
        // archived, it can still be read: only GitHub's word tells
        if n % 2 == 0 {
            town.settle().await;
        } else {
            town.hub.lose(usize::MAX);
            town.app.sweep().await.unwrap();
            town.work().await;
        }
        is_over(&town, number, what, *back).await;
        // the pull request was the end that people were told: nothing is added to it
        let thread = town.thread(number);
        assert!(!thread.contains("confused by") && !thread.contains("slot=result"), "{what}: {thread}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_is_deleted_or_moved_away_ends_its_run() {
    for (is_deleted, is_told) in [(true, true), (true, false), (false, true), (false, false)] {
        let town = Town::new(&good()).await;
        let (repo, ada) = (town.usual.repo, town.usual.ada);
        let other = town.hub.repo("acme/other", &[]);
        let number = town.issue();
        town.hub.comment(repo, number, ada, "/quantum build");
        town.take_in().await;
        match is_deleted {
            true => town.hub.delete_issue(repo, number, ada),
            false => drop(town.hub.transfer_issue(repo, number, ada, other)),
        }
        if !is_told {
            town.hub.lose(usize::MAX);
        }
        town.settle().await;
        if is_told {
            is_over(&town, number, "an issue", None).await;
            assert_eq!(town.hub.branches(repo), ["main"]);
        } else {
            // the pull request is there for whoever looks; the thread is not written to for ever
            assert_eq!(town.run().await, "watching");
            assert!(town.store.due_statuses(&[], Timestamp(i64::MAX), 1, 1).await.unwrap().is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_new_name_it_goes_on() {
    for moment in ["planning", "publishing", "watching"] {
        let town = Town::new(&good()).await;
        let (repo, ada) = (town.usual.repo, town.usual.ada);
        let number = town.issue();
        town.hub.comment(repo, number, ada, "/quantum build");
        town.take_in().await;
        match moment {
            "planning" => {
                town.hub.rename(repo, "gadgets");
                town.work().await;
            }
            "publishing" => town.meanwhile("POST", "/git/trees", || town.hub.rename(repo, "gadgets")).await,
            _ => {
                town.work().await;
                town.hub.rename(repo, "gadgets");
            }
        }
        town.settle().await;
        assert_eq!(town.run().await, "watching", "{moment}\n{}", town.hub.log_text());
        let thread = town.thread(number);
        assert_eq!(thread.matches("rocket by").count(), 1, "{moment}: {thread}");
        assert_eq!(thread.matches("slot=status").count(), 1, "{moment}: {thread}");
        // what is said once that is known leads to where it is now
        for _ in 0..2 {
            town.say(number, ada, "/quantum status").await;
        }
        let link = format!("/acme/gadgets/issues/{number}#issuecomment-N");
        assert!(town.thread(number).contains(&link), "{moment}: {}", town.thread(number));
        town.say(number, ada, "/quantum cancel").await;
        assert_eq!(town.run().await, "closed: cancelled", "{moment}");
        let thread = town.thread(number);
        assert_eq!(thread.matches("**Cancelled**").count(), 1, "{moment}");
        let known = town.store.list_runs(1).await.unwrap().remove(0).thread.unwrap();
        assert_eq!((known.repo_owner.as_str(), known.repo_name.as_str()), ("acme", "gadgets"), "{moment}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_without_a_commit_stops_the_run_with_one_sentence() {
    for is_late in [false, true] {
        let town = Town::new(&good()).await;
        let (repo, ada) = (town.usual.repo, town.usual.ada);
        let number = town.issue();
        town.hub.comment(repo, number, ada, "/quantum build");
        town.take_in().await;
        match is_late {
            true => town.meanwhile("POST", "/git/trees", || town.hub.empty_out(repo)).await,
            false => {
                town.hub.empty_out(repo);
                town.work().await;
            }
        }
        town.settle().await;
        assert_eq!(town.run().await, "paused: refused", "{is_late}\n{}", town.hub.log_text());
        let thread = town.thread(number);
        assert_eq!(thread.matches("slot=result").count(), 1, "{is_late}: {thread}");
        let says = if is_late { "Git Repository is empty" } else { "main" };
        assert!(thread.contains(says) && thread.contains("Next: "), "{is_late}: {thread}");
        assert_eq!(thread.matches("confused by").count(), 1, "{is_late}: {thread}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_branch_that_moves_is_no_trouble_and_one_that_goes_is_told() {
    for is_deleted in [false, true] {
        let town = Town::new(&good()).await;
        let (repo, ada) = (town.usual.repo, town.usual.ada);
        let number = town.issue();
        let first = town.hub.branch(repo, "main").unwrap();
        // without any branch it would be an empty repository
        town.hub.push(repo, ada, "other", &[("other", Some("other\n"))]);
        town.hub.push(repo, ada, "main", &[("more", Some("more\n"))]);
        town.hub.comment(repo, number, ada, "/quantum build");
        town.take_in().await;
        // the commit that it started from is cut off, or the branch is
        let to = (!is_deleted).then_some(first.as_str());
        town.meanwhile("POST", "/git/trees", || town.hub.force(repo, ada, "main", to)).await;
        town.settle().await;
        let thread = town.thread(number);
        if is_deleted {
            assert_eq!(town.run().await, "paused: refused", "{thread}");
            assert!(thread.contains("GitHub refused to open a pull request"), "{thread}");
            assert_eq!(thread.matches("slot=result").count(), 1, "{thread}");
        } else {
            assert_eq!(town.run().await, "watching", "{thread}");
            assert_eq!(thread.matches("rocket by").count(), 1, "{thread}");
        }
    }
}
