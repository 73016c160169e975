//! Two installations: what waits in the line of one keeps nobody of the other waiting.

use super::{Town, chance::noon};
use crate::world::{Answer, Fault, Gate, Hub, RepoId, Role};
use quantumlayer::limits::app::DELIVERIES_AT_ONCE;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Another account's repository, where ada may write.
fn other(town: &Town) -> (RepoId, u64) {
    let (hub, ada) = (&town.hub, town.usual.ada);
    let repo = hub.repo("few/widgets", &[("value", "bad\n")]);
    hub.permit(repo, ada, Role::Write);
    hub.install("few", None);
    let number = hub.open_issue(repo, ada, "Make it good", "It should say good.");
    (repo, number)
}

/// The line of `acme` from then on: somebody's reaction there is under way.
fn full_line(hub: &Hub, comment: u64) -> Gate {
    hub.hold_answer("POST", &format!("/repos/acme/widgets/issues/comments/{comment}/reactions"), 1)
}

/// Holds the answer to our first comment on the other account's issue.
fn first_comment(hub: &Hub, number: u64) -> Gate {
    hub.hold_answer("POST", &format!("/repos/few/widgets/issues/{number}/comments"), 1)
}

/// Something of few's came there while acme's line is full, and no call was given up for it.
async fn served_until(town: &Town, story: impl Future<Output = ()>) {
    let stop = CancellationToken::new();
    tokio::select! {
        () = town.app.serve(&stop) => unreachable!("nobody stops it"),
        () = story => {}
    }
    assert_eq!(town.github.statuses().get(&0), None, "{}", town.hub.log_text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_waits_for_no_other_installations_line() {
    let town = Town::new(&[]).await;
    let (hub, ada) = (&town.hub, town.usual.ada);
    let (number, (repo, theirs)) = (town.issue(), other(&town));
    hub.take(usize::MAX);
    let next = first_comment(hub, theirs);
    let story = async {
        let comment = hub.comment(town.usual.repo, number, ada, "/quantum build");
        let full = full_line(hub, comment);
        hub.deliver_all().await;
        full.reached().await;
        hub.comment(repo, theirs, ada, "/quantum build");
        hub.deliver_all().await;
        next.reached().await;
        assert!(hub.thread(repo, theirs).contains("slot=status"), "{}", hub.log_text());
        full.release();
        next.release();
    };
    served_until(&town, story).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_delivery_told_of_is_heard_beside_another_installations_line() {
    let town = Town::at(noon(), &[]).await;
    let (number, (repo, theirs)) = (town.issue(), other(&town));
    town.hub.open_issue(town.usual.repo, town.usual.ada, "Hello", "");
    town.hear().await;
    town.app.sweep().await.unwrap();
    town.later(Duration::from_secs(3_600));
    let town = town.killed().await.again(&[]).await;
    let (hub, ada) = (&town.hub, town.usual.ada);
    let next = first_comment(hub, theirs);
    let story = async {
        next.reached().await;
        next.release();
    };
    let comment = hub.comment(town.usual.repo, number, ada, "/quantum help");
    let full = full_line(hub, comment);
    hub.comment(repo, theirs, ada, "/quantum help");
    hub.lose(2);
    served_until(&town, story).await;
    full.release();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_many_keeps_no_place_from_others() {
    let town = Town::new(&[]).await;
    let (hub, ada) = (&town.hub, town.usual.ada);
    let (number, (repo, theirs)) = (town.issue(), other(&town));
    hub.take(usize::MAX);
    let next = first_comment(hub, theirs);
    let story = async {
        let comment = hub.comment(town.usual.repo, number, ada, "/quantum help");
        let full = full_line(hub, comment);
        for _ in 0..DELIVERIES_AT_ONCE {
            hub.comment(town.usual.repo, number, ada, "/quantum help");
        }
        hub.deliver_all().await;
        full.reached().await;
        hub.comment(repo, theirs, ada, "/quantum help");
        hub.deliver_all().await;
        next.reached().await;
        full.release();
        next.release();
    };
    served_until(&town, story).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_comment_is_seen_is_said_once_however_often_its_answer_is_begun() {
    let town = Town::new(&[]).await;
    let number = town.issue();
    // whether it was written is not known: it is looked for, and written then
    town.hub.fault_some(
        "POST",
        "/issues/{number}/comments",
        1,
        2,
        Fault::Refuse(Answer::refuse(502, "Bad Gateway")),
    );
    town.say(number, town.usual.ada, "/quantum help").await;
    while town.store.backlog().await.unwrap().count > 0 {
        town.work().await;
    }
    let thread = town.thread(number);
    assert_eq!(thread.matches("slot=answer").count(), 1, "{thread}");
    let reactions = town.hub.requests().into_iter().filter(|entry| entry.path.ends_with("/reactions"));
    let reactions: Vec<_> = reactions.map(|entry| entry.body["content"].to_string()).collect();
    assert_eq!(reactions, ["\"eyes\"", "\"rocket\""], "{}", town.hub.log_text());
}
