//! Commands in reviews and on lines of a diff count as those in the thread do.

use super::{Town, good};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_a_review_or_on_a_line_is_heard() {
    let town = Town::new(&good()).await;
    let (repo, ada, eve) = (town.usual.repo, town.usual.ada, town.usual.eve);
    let number = town.issue();
    let asked = town.say(number, ada, "/quantum build").await;
    let pull = number + 1;
    town.hub.review(repo, pull, ada, "/quantum status");
    town.hub.review(repo, pull, ada, "");
    town.hub.review(repo, pull, eve, "/quantum cancel");
    town.settle().await;
    // the same number as the comment that asked for the run: another thing, which GitHub numbers by itself
    town.hub.comment_on_line(repo, pull, ada, "/quantum build it better", asked);
    town.settle().await;
    town.hub.comment_on_line(repo, pull, eve, "/quantum cancel", asked + 1);
    town.hub.comment_on_line(repo, pull, ada, "looks good", asked + 2);
    town.settle().await;
    assert_eq!(town.run().await, "watching");
    town.hub.comment_on_line(repo, pull, ada, "/quantum cancel", asked + 3);
    town.settle().await;
    assert_eq!(town.run().await, "closed: cancelled");
    // in the pull request's own thread they mean its run too
    town.say(pull, ada, "/quantum retry").await;
    assert_eq!(town.run().await, "watching");
    let thread = town.thread(number);
    let (issue, pull) = thread.split_once("\nPR #2").unwrap();
    assert_eq!(issue.matches("rocket by").count(), 1, "{issue}");
    assert!(issue.contains("is open**") && !issue.contains("confused by"), "{issue}");
    let said = pull.split("\n  Closes #1\n").nth(1).unwrap().split("commit by").next().unwrap();
    insta::assert_snapshot!(said);
}
