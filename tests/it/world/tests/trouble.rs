//! Scripted faults, and what fails a test by itself.

use super::{Caller, usual};
use crate::world::{Answer, FakeGitHub, Fault};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_fault_hits_the_request_it_names() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    let at = format!("/repos/acme/widgets/issues/{issue}/comments");
    let count = || hub.thread(place.repo, issue).matches("quantum-acme[bot]:").count();
    let say = async || bot.send(Method::POST, &at, Some(json!({"body": "hello"}))).await;
    hub.fault("POST", "/comments", 2, Fault::status(500));
    assert_eq!((say().await.unwrap().status, count()), (201, 1));
    assert_eq!((say().await.unwrap().status, count()), (500, 1));
    hub.fault("POST", &at, 1, Fault::applied_but_502());
    assert_eq!((say().await.unwrap().status, count()), (502, 2));
    hub.fault("*", "*", 1, Fault::CutBefore);
    assert!(say().await.is_err());
    assert_eq!(count(), 2);
    hub.fault("POST", "/comments", 1, Fault::CutAfter);
    assert!(say().await.is_err());
    assert_eq!(count(), 3);
    hub.fault("POST", "/comments", 1, Fault::Truncate);
    assert!(say().await.is_err());
    assert_eq!(count(), 4);
    hub.fault_some("POST", "/comments", 1, 2, Fault::limited(429, Some(7)));
    for _ in 0..2 {
        let got = say().await.unwrap();
        assert_eq!((got.status, got.header("retry-after")), (429, "7"));
    }
    hub.fault("POST", "/comments", 1, Fault::limited(403, None));
    assert_eq!(say().await.unwrap().header("retry-after"), "");
    hub.fault_some("POST", "/comments", 1, u32::MAX, Fault::Refuse(Answer::not_found()));
    assert_eq!(say().await.unwrap().status, 404);
    hub.heal();
    assert_eq!((say().await.unwrap().status, count()), (201, 5));
    assert_eq!(hub.count("POST", "/comments"), 11);
    let log = hub.log_text();
    let line = format!(
        "POST {at} 502 [applied but] (checks:write contents:write issues:write metadata:read pull_requests:write)"
    );
    assert!(log.contains(&line), "{log}");
    assert!(log.contains(" - [cut after] "), "{log}");
}

#[tokio::test]
async fn an_answer_waits_until_the_test_lets_it_go() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    let at = format!("/repos/acme/widgets/issues/{issue}/comments");
    let gate = hub.hold_answer("POST", "/comments", 1);
    let before = crate::world::Gate::new();
    hub.fault("POST", "/comments", 2, Fault::HoldBefore(before.clone()));
    let (first, second) = tokio::join!(bot.post(&at, json!({"body": "first"})), async {
        gate.reached().await;
        assert!(hub.thread(place.repo, issue).contains("first"));
        let (second, ()) = tokio::join!(bot.post(&at, json!({"body": "second"})), async {
            before.reached().await;
            assert!(!hub.thread(place.repo, issue).contains("second"));
            before.release();
        });
        gate.release();
        second
    });
    assert_eq!((first.status, second.status, hub.most_at_once()), (201, 201, 2));
}

#[tokio::test]
async fn the_permission_lookup_fails_in_every_way() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let at = "/repos/acme/widgets/collaborators/ada/permission";
    for fault in [
        Fault::status(403),
        Fault::status(404),
        Fault::limited(429, None),
        Fault::status(503),
        Fault::Truncate,
        Fault::CutBefore,
    ] {
        hub.fault("GET", "/collaborators/{username}/permission", 1, fault.clone());
        let got = bot.send(Method::GET, at, None).await;
        assert!(got.is_err() || got.is_ok_and(|got| got.status >= 400), "{fault:?}");
        hub.heal();
    }
    assert_eq!(bot.get(at).await.body["permission"], "write");
}

#[tokio::test]
async fn an_unknown_route_is_called_by_name() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    assert_eq!(bot.get("/repos/acme/widgets/stargazers").await.status, 404);
    assert_eq!(bot.send(Method::PUT, "/repos/acme/widgets/pulls/1/merge", None).await.unwrap().status, 404);
    assert_eq!(
        hub.forgive(),
        [
            "the fake GitHub has no route for GET /repos/acme/widgets/stargazers",
            "the fake GitHub has no route for PUT /repos/acme/widgets/pulls/1/merge"
        ]
    );
}

#[tokio::test]
#[should_panic(expected = "no route for GET /gists")]
async fn an_unknown_route_fails_the_test() {
    let hub = FakeGitHub::start().await;
    Caller::app(&hub).get("/gists").await;
}

#[tokio::test]
async fn broken_json_is_told() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let url = format!("{}/repos/acme/widgets/issues/1/comments", hub.url());
    let sent = bot.client.post(url).bearer_auth(&bot.bearer).body("{\"body\":").send().await.unwrap();
    assert_eq!(sent.status(), 400);
}

#[tokio::test]
async fn what_a_person_looks_at_by_hand() {
    let (hub, place) = usual();
    let issue = hub.open_issue(place.repo, place.ada, "Look", "");
    let page = reqwest::get(format!("{}/_/thread/acme/widgets/{issue}", hub.url())).await.unwrap();
    assert_eq!(page.text().await.unwrap(), "Issue #1 Look (open) by ada\n");
    for path in ["log", "deliveries", "trouble"] {
        assert_eq!(reqwest::get(format!("{}/_/{path}", hub.url())).await.unwrap().status(), 200, "{path}");
    }
    assert_eq!(reqwest::get(format!("{}/_/nothing", hub.url())).await.unwrap().status(), 404);
}
