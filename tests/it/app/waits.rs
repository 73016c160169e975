//! What a run waits for, before it goes on by itself.

use super::{Town, good};
use crate::world::Role;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_a_run_waits_and_goes_on_when_there_is_one() {
    let town = Town::new(&[]).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    town.say(number, town.usual.ada, "/quantum status").await;
    let thread = town.thread(number);
    assert!(thread.contains("[eyes by quantum-acme[bot]]") && thread.contains("slot=status"), "{thread}");
    assert_eq!(thread.matches("this server has no model to ask").count(), 2, "{thread}");
    assert!(!thread.contains("confused") && town.hub.count("POST", "/pulls") == 0, "{thread}");
    let town = town.stopped_when(async {}).await.again(&good()).await;
    town.settle().await;
    let thread = town.thread(number);
    assert!(thread.contains("check quantum: success"), "{thread}");
    assert_eq!(thread.matches("this server has no model to ask").count(), 1, "the answer alone: {thread}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_can_be_cancelled() {
    let town = Town::new(&[]).await;
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    town.say(number, town.usual.ada, "/quantum cancel").await;
    let thread = town.thread(number);
    assert!(thread.contains("Cancelled") && thread.contains("slot=result"), "{thread}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_held_up_keeps_no_other_installations_waiting() {
    let town = Town::new(&[]).await;
    let (hub, ada) = (&town.hub, town.usual.ada);
    let other = hub.repo("few/widgets", &[("value", "bad\n")]);
    hub.permit(other, ada, Role::Write);
    hub.install("few", None);
    let number = town.issue();
    let theirs = hub.open_issue(other, ada, "Make it good", "It should say good.");
    hub.take(usize::MAX);
    let held = hub.hold_answer("POST", &format!("/repos/acme/widgets/issues/{number}/comments"), 1);
    let next = hub.hold_answer("POST", &format!("/repos/few/widgets/issues/{theirs}/comments"), 1);
    let stop = CancellationToken::new();
    let story = async {
        hub.comment(town.usual.repo, number, ada, "/quantum build");
        hub.deliver_all().await;
        held.reached().await;
        hub.comment(other, theirs, ada, "/quantum build");
        hub.deliver_all().await;
        next.reached().await;
        // 0: a call that was given up; nobody had to
        assert_eq!(town.github.statuses().get(&0), None, "{}", hub.log_text());
        held.release();
        next.release();
    };
    tokio::select! {
        () = town.app.serve(&stop) => unreachable!("nobody stops it"),
        () = story => {}
    }
}
