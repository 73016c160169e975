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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_a_reaction_elsewhere_is_said_once_under_a_review() {
    let town = Town::new(&good()).await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    let number = town.issue();
    town.say(number, ada, "/quantum build").await;
    let pull = number + 1;
    for (words, run, answer) in [
        ("/quantum cancel", "closed: cancelled", "The run was told to stop."),
        ("/quantum retry", "watching", "The run goes on."),
    ] {
        town.hub.review(repo, pull, ada, words);
        // two deliveries of it are one command
        let told: Vec<_> = town.hub.take(usize::MAX);
        for (n, sealed) in told.iter().chain(&told).enumerate() {
            let body = serde_json::from_str(&sealed.body).unwrap();
            town.knock(&format!("{run}-{n}"), "pull_request_review", &body).await;
            town.work().await;
        }
        assert_eq!(town.run().await, run);
        let thread = town.thread(pull);
        assert_eq!(thread.matches(answer).count(), 1, "{thread}");
    }
    assert_eq!(town.thread(pull).matches("slot=answer").count(), 2, "{}", town.thread(pull));
}
