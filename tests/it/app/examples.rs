//! Every example payload that GitHub publishes, signed, over HTTP through the door, and taken in.

use super::{Town, good};
use crate::{
    github_webhook::EXAMPLES,
    server::{raw, request},
    world::signature,
};
use std::collections::BTreeMap;

fn id(number: usize) -> String {
    format!("example-{number}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_github_is_kept_and_taken_in() {
    let town = Town::new(&good()).await;
    let (url, secret) = (town.hub.hooks_url().unwrap(), town.hub.webhook_secret());
    let address = url.split('/').nth(2).unwrap().parse().unwrap();
    for (number, (event, payload)) in EXAMPLES.iter().enumerate() {
        let body = payload.to_string();
        let headers = [
            "content-type: application/json".to_owned(),
            format!("x-github-delivery: {}", id(number)),
            format!("x-github-event: {event}"),
            format!("x-hub-signature-256: {}", signature(secret.expose(), body.as_bytes())),
        ];
        let answer = raw(address, &request(&headers, body.as_bytes())).await;
        let status = answer.as_ref().map(|answer| answer.status);
        assert_eq!(status, Some(202), "{event} {number}: {answer:?}");
    }
    town.work().await;
    let mut ends = BTreeMap::<String, usize>::new();
    for number in 0..EXAMPLES.len() {
        let kept = town.store.delivery(&id(number)).await.unwrap().unwrap();
        // what starts nothing is kept without a reason
        let end = format!("{} {}", kept.state, kept.why.as_deref().unwrap_or("at the door"));
        *ends.entry(end).or_default() += 1;
    }
    let ends: String = ends.iter().map(|(end, count)| format!("{count} {end}\n")).collect();
    insta::assert_snapshot!(ends, @"
    315 ignored at the door
    14 ignored no_run
    ");
    assert_eq!(EXAMPLES.len(), 329);
    assert_eq!(town.store.list_runs(1).await.unwrap(), []);
}
