//! A comment of ours that is there twice: the oldest stays, and the next edit meets it.

use super::{Town, chance::noon};
use quantumlayer::store::Sent;
use serde_json::json;
use std::time::Duration;

/// The run's status comment by the store.
async fn stored(town: &Town) -> u64 {
    let run = town.store.list_runs(1).await.unwrap().remove(0).id;
    let sent = town.store.sent(Sent::Key(&format!("status/{run}")), "status").await.unwrap();
    sent.unwrap().remote_id.unwrap()
}

/// A town where a run was answered, and what its comments said when they were written.
async fn answered() -> (Town, u64, Vec<String>) {
    let town = Town::at(noon(), &[json!({"role": "planner", "text": "It already says so."})]).await;
    let number = town.issue();
    town.hub.open_issue(town.usual.repo, town.usual.ada, "Hello", "");
    town.settle().await;
    town.app.sweep().await.unwrap();
    town.later(Duration::from_secs(600));
    town.say(number, town.usual.ada, "/quantum build").await;
    let posts = town.hub.requests().into_iter().filter(|entry| entry.method == "POST");
    let bodies = posts.filter_map(|entry| Some(entry.body.get("body")?.as_str()?.to_owned())).collect();
    (town, number, bodies)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_twins_of_our_comments_go() {
    let (town, number, bodies) = answered().await;
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    let (before, first) = (town.thread(number), stored(&town).await);
    let us = town.hub.bot("quantum-acme[bot]");
    for body in &bodies {
        town.hub.comment(town.usual.repo, number, us, body);
    }
    // somebody who quotes us, and another store's run, are none of ours
    let quoted = town.hub.comment(town.usual.repo, number, town.usual.ada, &bodies[0]);
    let other = format!("<!-- quantum:run={} slot=status -->", "a".repeat(26));
    let other = town.hub.comment(town.usual.repo, number, us, &other);
    town.settle().await;
    assert_eq!(town.app.sweep().await.unwrap().twins, 2);
    assert_eq!(stored(&town).await, first);
    for id in [quoted, other] {
        town.hub.delete_comment(town.usual.repo, id, us);
    }
    assert_eq!(town.thread(number), before);
    town.later(Duration::from_secs(600));
    assert_eq!(town.app.sweep().await.unwrap().twins, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_stays_when_the_store_knew_the_later_one() {
    let (town, number, bodies) = answered().await;
    let run = town.store.list_runs(1).await.unwrap().remove(0).id;
    let first = stored(&town).await;
    let status = bodies.iter().find(|body| body.contains("slot=status")).unwrap();
    let us = town.hub.bot("quantum-acme[bot]");
    town.hub.edit_comment(town.usual.repo, first, us, &status.replace("Answered", "Planning"));
    let later = town.hub.comment(town.usual.repo, number, us, status);
    let key = format!("status/{run}");
    assert!(town.store.point_elsewhere(Sent::Key(&key), "status", first, later).await.unwrap());
    town.settle().await;
    assert_eq!(town.app.sweep().await.unwrap().twins, 1);
    assert_eq!(stored(&town).await, first);
    town.settle().await;
    let thread = town.thread(number);
    assert_eq!(thread.matches("slot=status").count(), 1, "{thread}");
    assert!(thread.contains("**Answered**") && !thread.contains("Planning"), "{thread}");
}
