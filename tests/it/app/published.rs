//! What may go wrong around a pull request: somebody else's branch, a plan without drafts, refused extras, a pull request
//! that a person closes, a cancel after it is open.

use super::{Town, good};
use crate::world::{Answer, Fault};

/// A build that is about to be driven.
async fn begun() -> (Town, u64) {
    let town = Town::new(&good()).await;
    let number = town.issue();
    town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum build");
    town.take_in().await;
    (town, number)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_somebody_else_wrote_is_left_as_it_is() {
    let (town, number) = begun().await;
    let (repo, ada, branch) = (town.usual.repo, town.usual.ada, town.branch().await);
    let theirs = town.hub.push(repo, ada, &branch, &[("value", Some("theirs\n"))]);
    town.settle().await;
    assert_eq!(town.run().await, "paused: moved");
    // as often as it is said, until the branch is out of the way
    town.say(number, ada, "/quantum retry").await;
    assert_eq!(town.run().await, "paused: moved");
    assert_eq!(town.hub.branch(repo, &branch), Some(theirs));
    assert_eq!(town.hub.count("POST", "/pulls"), 0);
    let thread = town.thread(number);
    assert_eq!(thread.matches("slot=result").count(), 1, "{thread}");
    assert!(thread.contains("somebody else changed"), "{thread}");
    assert!(thread.contains("their commits are kept; rename or delete that branch and say"), "{thread}");
    town.hub.force(repo, ada, &branch, None);
    town.say(number, ada, "/quantum retry").await;
    assert_eq!(town.run().await, "watching", "{}", town.thread(number));
    assert_eq!(town.hub.file(repo, &branch, "value").as_deref(), Some("good\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_written_in_the_last_moment_survives() {
    let (town, number) = begun().await;
    let (repo, ada, branch) = (town.usual.repo, town.usual.ada, town.branch().await);
    let theirs = || drop(town.hub.push(repo, ada, &branch, &[("value", Some("theirs\n"))]));
    town.meanwhile("POST", "/git/commits", theirs).await;
    town.settle().await;
    assert_eq!(town.run().await, "paused: moved", "{}", town.thread(number));
    assert_eq!(town.hub.file(repo, &branch, "value").as_deref(), Some("theirs\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_made_anew_only_when_github_lost_it() {
    for (is_lost, commits) in [(false, 1), (true, 2)] {
        let (town, number) = begun().await;
        town.hub.fault("POST", "/git/refs", 1, Fault::status(502));
        if is_lost {
            town.hub.fault("GET", "/git/commits/{commit_sha}", 1, Fault::status(404));
        }
        town.settle().await;
        assert_eq!(town.run().await, "watching", "{}", town.thread(number));
        let sent = ["/git/commits", "/git/refs"].map(|path| town.hub.count("POST", path));
        assert_eq!(sent, [commits, 2], "{}", town.hub.log_text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_drafts_it_is_an_ordinary_pull_request_that_says_so() {
    let (town, number) = begun().await;
    town.hub.settings(town.usual.repo, |repo| repo.has_drafts = false);
    town.settle().await;
    let thread = town.thread(number);
    assert!(thread.contains("PR #2 [draft] Make it good (open) by"), "{thread}");
    assert_eq!((town.run().await.as_str(), thread.matches("rocket by").count()), ("watching", 1), "{thread}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_besides_does_not_cost_the_pull_request() {
    let no_label = || Answer::invalid("Label", "name", "invalid");
    let faults = [
        ("/issues/{issue_number}/labels", Fault::Refuse(no_label()), "labels: "),
        ("/issues/{issue_number}/labels", Fault::status(404), "labels: "),
        ("/issues/{issue_number}/assignees", Fault::status(422), "assigned: "),
        ("/issues/{issue_number}/assignees", Fault::status(403), "assigned: "),
        ("/check-runs", Fault::Refuse(Answer::not_accessible()), "check quantum"),
    ];
    for (path, fault, without) in faults {
        let (town, number) = begun().await;
        town.hub.fault_some("POST", path, 1, 100, fault);
        town.settle().await;
        let thread = town.thread(number);
        assert_eq!(town.run().await, "watching", "{path}: {thread}");
        assert!(
            thread.contains("PR #2 Make it good (draft)") && !thread.contains(without),
            "{path}: {thread}"
        );
        assert_eq!(thread.matches("rocket by").count(), 1, "{path}: {thread}");
        assert_eq!(thread.matches("confused by").count(), 0, "{path}: {thread}");
        let said = thread.matches("The check run could not be made: GitHub refused to make a check run: 403");
        assert_eq!(said.count(), usize::from(without == "check quantum"), "{path}: {thread}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_is_closed_while_it_is_made_ends_the_run_once() {
    let (town, number) = begun().await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    town.meanwhile("POST", "/check-runs", || town.hub.close(repo, number + 1, ada)).await;
    town.settle().await;
    // that it was closed came before it was known as published
    town.app.sweep().await.unwrap();
    town.settle().await;
    let thread = town.thread(number);
    assert_eq!(town.run().await, "closed: abandoned", "{thread}");
    assert_eq!(thread.matches("**Closed by a person**").count(), 1, "{thread}");
    assert_eq!(
        (thread.matches("slot=status").count(), thread.matches("slot=result").count()),
        (1, 0),
        "{thread}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_is_open_again_when_it_is_told_as_closed_is_still_watched() {
    let (town, number) = begun().await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    town.settle().await;
    town.hub.close(repo, number + 1, ada);
    town.hub.hold_back(1);
    town.hub.reopen(repo, number + 1, ada);
    town.settle().await;
    town.hub.let_go();
    town.settle().await;
    assert_eq!(town.run().await, "watching", "{}", town.thread(number));
    town.hub.close(repo, number + 1, ada);
    town.settle().await;
    assert_eq!(town.run().await, "closed: abandoned", "{}", town.thread(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_is_closed_while_we_are_away_is_not_opened_again() {
    let (town, number) = begun().await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    let gate = town.hub.hold_answer("POST", "/pulls", 1);
    let stopped = town.stopped_when(async { gate.reached().await }).await;
    gate.release();
    let town = stopped.again(&good()).await;
    town.hub.close(repo, number + 1, ada);
    town.settle().await;
    let thread = town.thread(number);
    assert_eq!(town.run().await, "paused: refused", "{thread}");
    assert_eq!(town.hub.count("POST", "/pulls"), 1);
    assert!(thread.contains("the pull request `#2` is closed"), "{thread}");
    assert_eq!(thread.matches("slot=result").count(), 1, "{thread}");
    town.hub.reopen(repo, number + 1, ada);
    town.say(number, ada, "/quantum retry").await;
    assert_eq!(town.run().await, "watching", "{}", town.thread(number));
    assert_eq!(town.hub.count("POST", "/pulls"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_after_the_pull_request_is_open_leaves_its_end_as_it_is() {
    let (town, number) = begun().await;
    town.settle().await;
    town.say(number, town.usual.ada, "/quantum cancel").await;
    assert_eq!(town.run().await, "closed: cancelled");
    insta::assert_snapshot!(town.thread(number).split("\nPR #2").next().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opened_the_issue_may_cancel_on_its_pull_request_too_and_no_other_stranger() {
    let town = Town::new(&good()).await;
    let (hub, repo, eve) = (&town.hub, town.usual.repo, town.usual.eve);
    let number = hub.open_issue(repo, eve, "Add a flag", "The tool needs a flag `--quiet`.");
    town.say(number, town.usual.ada, "/quantum build").await;
    assert_eq!(town.run().await, "watching");
    let stranger = hub.user("zoe");
    town.say(number + 1, stranger, "/quantum cancel").await;
    assert_eq!(town.run().await, "watching");
    town.say(number + 1, eve, "/quantum cancel").await;
    assert_eq!(town.run().await, "closed: cancelled", "{}", town.thread(number + 1));
}

/// Ada cancels while this request of a publishing is refused again and again.
async fn cancelled_at(path: &str) -> (Town, u64) {
    let (town, number) = begun().await;
    town.hub.fault_some("POST", path, 1, u32::MAX, Fault::status(502));
    let between = async {
        while town.hub.count("POST", path) == 0 {
            tokio::task::yield_now().await;
        }
        town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum cancel");
        town.take_in().await;
    };
    tokio::join!(town.work(), between);
    (town, number)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_while_it_is_published_says_what_is_there_and_a_retry_ends_it_well() {
    let rows = [
        ("/git/trees", "Nothing of it was seen on GitHub."),
        (
            "/pulls",
            "before it stopped: the branch `quantum/issue-1-make-it-good-ID`; no pull request of it was seen",
        ),
        ("/issues/{issue_number}/labels", "before it stopped: pull request [#2]"),
        ("/check-runs", "before it stopped: pull request [#2]"),
    ];
    for (path, named) in rows {
        let (town, number) = cancelled_at(path).await;
        let thread = town.thread(number);
        assert_eq!(town.run().await, "closed: cancelled", "{path}: {thread}");
        assert!(thread.contains(named), "{path}: {thread}");
        assert!(!thread.contains("nothing is on GitHub"), "{path}: {thread}");
        assert_eq!(thread.matches("confused by").count(), 1, "{path}: {thread}");
        town.hub.heal();
        town.say(number, town.usual.ada, "/quantum retry").await;
        let thread = town.thread(number);
        assert_eq!(town.run().await, "watching", "{path}: {thread}");
        // one end, and what was said before it is no longer there
        assert_eq!(thread.matches("slot=result").count(), 1, "{path}: {thread}");
        assert!(thread.contains("went on, and opened pull request [#2]"), "{path}: {thread}");
        assert!(!thread.contains("Cancelled") && !thread.contains("confused by"), "{path}: {thread}");
        assert!(thread.contains("PR #2") && !thread.contains("PR #3"), "{path}: {thread}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stopped_and_went_on_ends_once() {
    let town = Town::new(&good()[..2]).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    assert!(town.thread(number).contains("confused by"), "{}", town.thread(number));
    let town = town.stopped_when(async {}).await.again(&good()[1..]).await;
    town.say(number, town.usual.ada, "/quantum retry").await;
    assert_eq!(town.run().await, "watching", "{}", town.thread(number));
    insta::assert_snapshot!(town.thread(number).split("\nPR #2").next().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_counted_once_when_its_pull_request_is_there_or_it_ends_without() {
    let (town, number) = begun().await;
    let counted = || {
        let text = town.metrics.text();
        let lines = text.lines().filter(|line| line.starts_with("quantum_runs_total"));
        let lines = lines.filter(|line| !line.ends_with(" 0"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    town.settle().await;
    assert_eq!(counted(), ["quantum_runs_total{verb=\"build\",outcome=\"proposed\"} 1"]);
    town.say(number, town.usual.ada, "/quantum cancel").await;
    town.settle().await;
    assert_eq!(counted(), ["quantum_runs_total{verb=\"build\",outcome=\"proposed\"} 1"]);
    town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum build anew");
    town.take_in().await;
    for _ in 0..2 {
        town.say(number, town.usual.ada, "/quantum cancel").await;
    }
    assert_eq!(counted().len(), 2, "{:?}", counted());
    assert!(counted().contains(&"quantum_runs_total{verb=\"build\",outcome=\"cancelled\"} 1".to_owned()));
}
