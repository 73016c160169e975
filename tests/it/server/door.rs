//! What is answered to which request, in the order of the interface.

use super::{Opened, answer, at_the_door, deliver, get, headers, raw, request, signed};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

const BODY: &[u8] = br#"{"action":"created","comment":{"body":"/quantum build"}}"#;

#[tokio::test]
async fn a_delivery_is_stored_before_it_is_answered() {
    at_the_door(vec![], async |opened: Opened| {
        let told = opened.arrived.notified();
        let first = deliver(opened.address, "d-1", BODY).await;
        assert_eq!(first.status, 202, "{first:?}");
        assert_eq!(first.json(), json!({"delivery": "d-1", "state": "stored"}));
        told.await;
        let kept = opened.store.delivery("d-1").await.unwrap().unwrap();
        assert_eq!((kept.body().await.unwrap().as_slice(), kept.event.as_str()), (BODY, "issue_comment"));
        assert_eq!(deliver(opened.address, "d-1", BODY).await.state(), "duplicate");
        assert_eq!(deliver(opened.address, "d-1", b"{\"other\":1}").await.state(), "duplicate");
        assert_eq!(opened.store.delivery_twins("d-1").await.unwrap().len(), 1);
        assert_eq!(deliver(opened.address, "d-2", BODY).await.state(), "stored", "a body seen before");
        assert_eq!(deliver(opened.address, "d-3", b"{\"ignore\":1}").await.state(), "ignored");
        assert_eq!(deliver(opened.address, "d-3", b"{\"ignore\":1}").await.state(), "duplicate");
        let ping = raw(opened.address, &request(&headers("d-4", "ping", b"{}"), b"{}")).await.unwrap();
        assert_eq!(ping.state(), "ignored");
        let text = get(opened.address, "/metrics").await.body;
        for line in ["stored\"} 2", "ignored\"} 2", "duplicate\"} 3"] {
            assert!(text.contains(&format!("quantum_deliveries_total{{state=\"{line}")), "{line}: {text}");
        }
    })
    .await;
}

/// The usual headers, with these instead of the one of the same name; an empty one is left out.
fn with(id: &str, changed: &[&str], body: &[u8]) -> Vec<String> {
    let mut all = headers(id, "issue_comment", body);
    for line in changed {
        let name = line.split(':').next().unwrap();
        all.retain(|other| !other.starts_with(&format!("{name}:")));
    }
    all.extend(changed.iter().filter(|line| !line.ends_with(':')).map(|line| (*line).to_owned()));
    all
}

#[tokio::test]
async fn each_wrong_head_has_its_answer_and_nothing_of_it_is_stored() {
    at_the_door(vec![], async |opened: Opened| {
        let check = async |expected: u16, changed: &[&str]| {
            let answer = raw(opened.address, &request(&with("d", changed, BODY), BODY)).await.unwrap();
            assert_eq!(answer.status, expected, "{changed:?}: {answer:?}");
            assert_eq!(answer.json()["status"], expected);
            assert!(answer.head.contains("content-type: application/problem+json"), "{answer:?}");
            assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
            assert_eq!(opened.store.delivery("d").await.unwrap(), None, "{changed:?}");
        };
        let right = signed(super::SECRET, BODY);
        let (upper, cut) = (right.to_uppercase(), &right[..right.len() - 2]);
        let signature = |value: &str| format!("x-hub-signature-256: {value}");
        for kind in ["", " text/plain", " application/x-www-form-urlencoded", " application/jsonx", " json"] {
            check(415, &[&format!("content-type:{kind}")]).await;
        }
        check(415, &["content-type: application/json", "content-type: text/plain"]).await;
        check(415, &["content-type:", "x-hub-signature-256:"]).await;
        for wrong in
            [&signed("other", BODY), &signed("", BODY), &upper, cut, "sha256=", &right[7..], "sha256=zz"]
        {
            check(401, &[&signature(wrong)]).await;
        }
        check(401, &["x-hub-signature-256:"]).await;
        check(401, &["x-hub-signature-256:", &format!("x-hub-signature: sha1={}", "a".repeat(40))]).await;
        check(401, &[&signature(&right), &signature(&right)]).await;
        check(401, &[&signature(&right), &signature(&signed("other", BODY))]).await;
        check(401, &[&signature(&format!("{right}, {right}"))]).await;
        check(401, &[&signature("sha256=00"), "x-github-delivery:", "x-github-event:"]).await;
        for odd in ["", " a b", " a_b", " a/b", " ä", &format!(" {}", "a".repeat(65))] {
            check(400, &[&format!("x-github-delivery:{odd}")]).await;
        }
        check(400, &["x-github-delivery: d", "x-github-delivery: e"]).await;
        for odd in ["", " a-b", " <b>", &format!(" {}", "a".repeat(65))] {
            check(400, &[&format!("x-github-event:{odd}")]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_usual_in_other_forms_is_taken() {
    at_the_door(vec![], async |opened: Opened| {
        let mut number = 0;
        let mut check = async |changed: &[&str], body: &[u8]| {
            number += 1;
            let id = format!("d{number}");
            let answer = raw(opened.address, &request(&with(&id, changed, body), body)).await.unwrap();
            assert_eq!(answer.status, 202, "{changed:?}: {answer:?}");
        };
        check(&["content-type: application/json; charset=utf-8"], BODY).await;
        check(&["content-type: Application/JSON;charset=UTF-8"], BODY).await;
        let right = signed(super::SECRET, BODY);
        let upper = format!("sha256={}", right[7..].to_uppercase());
        check(&[&format!("x-hub-signature-256: {upper}")], BODY).await;
        check(&["x-github-event: an_event_of_next_year"], BODY).await;
        check(&["x-github-delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958"], BODY).await;
        check(&[&format!("x-github-delivery: {}", "a".repeat(64))], BODY).await;
        check(&[], b" \r\n\t{}\n").await;
        check(&[], "{\"a\":\"\\ud83d\\ude00 ü\"}".as_bytes()).await;
        check(&[], format!("{{\"a\":{}}}", "[".repeat(100_000) + &"]".repeat(100_000)).as_bytes()).await;
    })
    .await;
}

#[tokio::test]
async fn a_signed_body_that_is_no_object_is_refused() {
    at_the_door(vec![], async |opened: Opened| {
        for body in [
            &b""[..],
            b"[]",
            b"\"{}\"",
            b"null",
            b"{",
            b"{}{}",
            b"{\"a\":1,}",
            b"payload=%7B%7D",
            b"{\"a\":\"\xff\"}",
        ] {
            let answer = deliver(opened.address, "d", body).await;
            assert_eq!(answer.status, 400, "{:?}: {answer:?}", String::from_utf8_lossy(body));
        }
        assert_eq!(opened.store.delivery("d").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn other_methods_and_paths_are_none_of_ours() {
    at_the_door(vec![], async |opened: Opened| {
        assert_eq!(get(opened.address, "/webhooks/github").await.status, 405);
        assert_eq!(get(opened.address, "/").await.status, 404);
        assert_eq!(get(opened.address, "/webhooks/github/").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_stop_lets_the_delivery_in_hand_end_and_takes_no_other() {
    at_the_door(vec![], async |opened: Opened| {
        let request = request(&headers("d", "push", BODY), BODY);
        let (begin, rest) = request.split_at(request.len() - 10);
        let mut idle = TcpStream::connect(opened.address).await.unwrap();
        idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert_eq!(answer(&mut idle).await.unwrap().json(), json!({"status": "ok"}));
        let mut busy = TcpStream::connect(opened.address).await.unwrap();
        busy.write_all(begin).await.unwrap();
        // the server has begun with it when it has answered somebody who came later
        while !get(opened.address, "/metrics").await.body.contains("quantum") {}
        opened.stop.cancel();
        assert!(answer(&mut idle).await.is_none(), "a connection that waits is closed at once");
        busy.write_all(rest).await.unwrap();
        let last = answer(&mut busy).await.unwrap();
        assert_eq!((last.status, last.head.contains("connection: close")), (202, true), "{last:?}");
        assert!(opened.store.delivery("d").await.unwrap().is_some());
        let refused = match TcpStream::connect(opened.address).await {
            Err(_) => true,
            Ok(mut late) => answer(&mut late).await.is_none(),
        };
        assert!(refused, "nobody comes in any more");
    })
    .await;
}
