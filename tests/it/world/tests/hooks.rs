//! Webhooks: made from what changes, signed, delivered or not, and asked for again.

use super::{Caller, usual};
use crate::world::{Hub, signature};
use axum::{Router, body::Bytes, http::HeaderMap};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// A receiver that answers this status and keeps what it got: event, GUID, whether the signature fits.
async fn receiver(hub: &Hub, status: u16) -> (String, Arc<Mutex<Vec<(String, String, bool)>>>) {
    let got: Arc<Mutex<Vec<_>>> = Arc::default();
    let (kept, secret) = (got.clone(), hub.webhook_secret());
    let answer = move |headers: HeaderMap, body: Bytes| async move {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let is_signed = header("x-hub-signature-256") == signature(secret.expose(), &body);
        kept.lock().unwrap().push((header("x-github-event"), header("x-github-delivery"), is_signed));
        axum::http::StatusCode::from_u16(status).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/github", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (url, got)
}

#[tokio::test]
async fn an_event_is_delivered_signed_and_logged() {
    let (hub, place) = usual();
    let (url, got) = receiver(&hub, 202).await;
    hub.send_hooks_to(&url);
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    hub.comment(place.repo, issue, place.ada, "/quantum build");
    assert_eq!(hub.waiting(), ["issues.opened", "issue_comment.created"]);
    assert_eq!(hub.deliver_all().await, [202, 202]);
    let got = got.lock().unwrap().clone();
    assert_eq!((got[0].0.as_str(), got[1].0.as_str()), ("issues", "issue_comment"));
    assert!(got.iter().all(|(_, _, is_signed)| *is_signed));
    assert_eq!(hub.delivered()[1..], ["issues.opened 202 OK", "issue_comment.created 202 OK"]);
}

#[tokio::test]
async fn a_failed_delivery_is_listed_and_sent_again_with_its_guid() {
    let (hub, place) = usual();
    let app = Caller::app(&hub);
    let (bad, refused) = receiver(&hub, 503).await;
    hub.send_hooks_to(&bad);
    for n in 0..3 {
        hub.open_issue(place.repo, place.ada, &format!("issue {n}"), "");
    }
    assert_eq!(hub.deliver(1).await, [503]);
    hub.fail(1);
    hub.lose(1);
    let list = "/app/hook/deliveries?per_page=1";
    let newest = app.get(list).await;
    assert_eq!(
        (&newest.body[0]["status"], &newest.body[0]["event"]),
        (&"failed to connect to host".into(), &"issues".into())
    );
    let next = newest.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    let older = app.get(&next).await;
    assert_eq!((&older.body[0]["status_code"], &older.body[0]["redelivery"]), (&503.into(), &false.into()));
    assert_eq!(app.get("/app/hook/deliveries?status=failure").await.body.as_array().unwrap().len(), 2);
    let (good, got) = receiver(&hub, 202).await;
    hub.send_hooks_to(&good);
    let again = format!("/app/hook/deliveries/{}/attempts", older.body[0]["id"]);
    assert_eq!(app.post(&again, serde_json::json!({})).await.status, 202);
    assert_eq!(hub.deliver_all().await, [202]);
    assert_eq!(got.lock().unwrap()[0].1, refused.lock().unwrap()[0].1);
    assert_eq!(hub.delivered().last().unwrap(), "issues.opened 202 OK (again)");
    let one = app.get(&format!("/app/hook/deliveries/{}", older.body[0]["id"])).await;
    assert_eq!(one.body["request"]["headers"]["X-GitHub-Delivery"], older.body[0]["guid"]);
    hub.clock().advance(Duration::from_secs(3 * 24 * 3600));
    let late = Caller::app(&hub);
    assert_eq!(late.get(list).await.body, serde_json::json!([]));
    assert_eq!(late.post(&again, serde_json::json!({})).await.status, 404);
    assert_eq!(late.get("/app/hook/config").await.body["url"], good);
}

#[tokio::test]
async fn deliveries_can_be_doubled_held_back_and_reordered() {
    let (hub, place) = usual();
    let (url, got) = receiver(&hub, 202).await;
    hub.send_hooks_to(&url);
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    hub.double(1);
    hub.comment(place.repo, issue, place.ada, "one");
    hub.hold_back(1);
    assert_eq!(hub.deliver_all().await, [202, 202]);
    hub.let_go();
    assert_eq!(hub.waiting(), ["issues.opened"]);
    assert_eq!(hub.deliver_together(9).await, [202]);
    let seen = got.lock().unwrap().clone();
    // the first was held back: its double and the comment came before it
    assert_ne!(seen[0].1, seen[1].1);
    assert!(seen[..2].iter().any(|early| early.1 == seen[2].1));
    let order = |seed: u64| {
        for label in ["a", "b", "c", "d"] {
            hub.comment(place.repo, issue, place.ada, label);
        }
        hub.reorder(seed);
        let bodies = hub.take(9).into_iter().map(|sealed| sealed.body);
        let said = |body: String| {
            serde_json::from_str::<serde_json::Value>(&body).unwrap()["comment"]["body"].to_string()
        };
        bodies.map(said).collect::<String>()
    };
    assert_eq!(order(7), order(7));
    assert!((0..9).any(|seed| order(seed) != order(seed + 1)));
}

#[tokio::test]
async fn webhooks_leave_by_themselves_when_told() {
    let (hub, place) = usual();
    let (url, got) = receiver(&hub, 202).await;
    hub.deliver_by_itself();
    hub.send_hooks_to(&url);
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    bot.post(&format!("/repos/acme/widgets/issues/{issue}/comments"), serde_json::json!({"body": "x"})).await;
    let arrived = async {
        while got.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(Duration::from_secs(30), arrived).await.unwrap();
}

#[tokio::test]
async fn nobody_is_told_of_what_the_app_is_not_installed_on() {
    let (hub, place) = usual();
    let zoo = hub.repo("zoo/other", &[]);
    hub.open_issue(zoo, place.ada, "x", "");
    hub.suspend(place.installation, true);
    hub.open_issue(place.repo, place.ada, "x", "");
    assert_eq!(hub.waiting(), ["installation.suspend"]);
}

#[tokio::test]
async fn an_answer_that_never_comes_is_no_answer() {
    let (hub, place) = usual();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    hub.send_hooks_to(&format!("http://{}/", listener.local_addr().unwrap()));
    drop(listener);
    hub.open_issue(place.repo, place.ada, "x", "");
    assert_eq!(hub.deliver_all().await, [0]);
    assert_eq!(hub.delivered().last().unwrap(), "issues.opened 502 failed to connect to host");
}
