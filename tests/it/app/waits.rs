//! What a run waits for, before it goes on by itself.

use super::{Town, good};

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
