//! What the App asks in its own name.

use super::*;
use quantumlayer::{
    github::{AppFacts, FailedDelivery, Installation, Lost},
    report::Hint,
};

#[tokio::test]
async fn the_app_is_the_one_that_was_configured() {
    let told = |id: u64| {
        let mut facts = installation();
        facts["id"] = id.into();
        facts["slug"] = "quantum-layer".into();
        facts["name"] = "Quantum Layer".into();
        facts["permissions"]["checks"] = "read".into();
        play(200, facts)
    };
    let stage = Stage::new(&[(
        "GET /app",
        &[told(APP), told(1), said(401, "A JSON web token could not be decoded")],
    )])
    .await;
    let expected = AppFacts {
        id: APP,
        slug: "quantum-layer".to_owned(),
        name: "Quantum Layer".to_owned(),
        lacking: vec!["permission checks: write".to_owned()],
    };
    assert_eq!(stage.github.app().await, Ok(expected));
    let other = stage.github.app().await.unwrap_err();
    assert_eq!(other.to_string(), "GitHub does not take the App's key: the key is of the App 1");
    let wrong = stage.github.app().await.unwrap_err();
    assert_eq!(wrong.code(), "github_not_us");
    assert!(wrong.hint().contains("QUANTUM_GITHUB_APP_ID") && wrong.hint().contains("clock"));
}

#[tokio::test]
async fn installations_are_found() {
    let page = |id: u64| {
        let mut facts = installation();
        facts["id"] = id.into();
        play(200, json!([facts]))
    };
    let more = page(7).header("link", "<http://x/?page=2&per_page=100>; rel=\"next\"");
    let enterprise = json!([{"id": 8, "account": {"slug": "corp", "id": 1}, "permissions": {}, "events": [], "suspended_at": "x"}]);
    let stage = Stage::new(&[
        ("GET /app/installations", &[more, play(200, enterprise)]),
        ("GET /repos/o/n/installation", &[play(200, json!({"id": 7})), said(404, "Not Found")]),
    ])
    .await;
    let found = stage.github.installations().await.unwrap();
    let first = Installation {
        id: 7,
        account: "o".to_owned(),
        is_suspended: false,
        permissions: manifest().unwrap().permissions.clone(),
        lacking: Vec::new(),
    };
    assert_eq!(found[0], first);
    let second = &found[1];
    assert_eq!((second.id, second.account.as_str(), second.is_suspended), (8, "corp", true));
    let lacking = manifest().unwrap().permissions.len() + manifest().unwrap().events.len();
    assert_eq!((second.lacking.len(), found.len()), (lacking, 2));
    assert_eq!(stage.github.installation_of("o", "n").await, Ok(7));
    assert_eq!(stage.github.installation_of("o", "n").await, Err(GitHubError::Gone(Lost::Installation)));
}

#[tokio::test]
async fn failed_deliveries_are_found_and_sent_again() {
    const LOG: &str = "GET /app/hook/deliveries";
    let one = |id: u64, guid: &str, hour: u64, status_code: u16| {
        json!({"id": id, "guid": guid, "delivered_at": format!("2026-11-27T{hour:02}:30:00Z"), "redelivery": false,
            "duration": 0.3, "status": "x", "status_code": status_code, "event": "issues", "action": null, "installation_id": 7})
    };
    let page = |list: Value, cursor: &str| {
        play(200, list).header(
            "link",
            format!("<http://x/app/hook/deliveries?per_page=100&cursor={cursor}>; rel=\"next\""),
        )
    };
    let pages = [
        page(json!([one(1_000_000_000_000_005, "e", 7, 502), one(4, "d", 6, 200)]), "v1_4"),
        page(json!([one(3, "c", 5, 0), one(2, "d", 4, 500)]), "v1_2"),
        page(json!([one(1, "b", 2, 500), one(0, "a", 1, 500)]), "v1_0"),
    ];
    let stage =
        Stage::new(&[(LOG, &pages), ("POST /app/hook/deliveries/3/attempts", &[play(202, json!({}))])]).await;
    let since = Timestamp(NOW.0 - 6 * 3_600_000);
    let failed = stage.github.deliveries(since, since).await.unwrap().failed;
    let at = |hour: i64| Timestamp(NOW.0 - (8 - hour) * 3_600_000 + 1_800_000);
    let one = |id: u64, guid: &str, hour| FailedDelivery {
        id,
        guid: guid.to_owned(),
        event: "issues".to_owned(),
        first: at(hour),
        due: at(hour),
    };
    assert_eq!(failed, [one(1, "b", 2), one(3, "c", 5), one(1_000_000_000_000_005, "e", 7)]);
    let queries: Vec<_> = stage.asked().into_iter().map(|asked| asked.query).collect();
    assert_eq!(
        queries,
        ["per_page=100", "per_page=100&cursor=v1_4", "per_page=100&cursor=v1_2"],
        "older ones are not asked for"
    );
    stage.github.redeliver(3).await.unwrap();
    stage.github.redeliver(3).await.unwrap();
}

#[tokio::test]
async fn what_is_unchanged_is_read_on_behind_its_first_page() {
    const LOG: &str = "GET /app/hook/deliveries";
    let page = |ids: &[u64]| {
        let one = |id: &u64| {
            json!({"id": id, "guid": id.to_string(), "delivered_at": "2026-11-27T07:30:00Z", "redelivery": false,
                "duration": 0.3, "status": "x", "status_code": 502, "event": "issues", "action": null,
                "installation_id": 7, "repository_id": id})
        };
        play(200, ids.iter().map(one).collect())
    };
    let first =
        page(&[5, 4]).header("etag", "W/\"1\"").header("link", "<http://x/?cursor=v1_4>; rel=\"next\"");
    let answers = [first, page(&[3]), play(304, Value::Null).text(""), page(&[3, 2])];
    let stage = Stage::new(&[(LOG, &answers)]).await;
    let read = async || stage.github.deliveries(Timestamp(0), Timestamp(0)).await.unwrap();
    let ids =
        |log: &quantumlayer::github::DeliveryLog| log.failed.iter().map(|one| one.id).collect::<Vec<_>>();
    let (before, after) = (read().await, read().await);
    assert_eq!((ids(&before), ids(&after)), (vec![3, 4, 5], vec![2, 3, 4, 5]));
    assert_eq!(after.repos.keys().copied().collect::<Vec<_>>(), [(7, 2), (7, 3), (7, 4), (7, 5)]);
    let queries: Vec<_> = stage.asked().into_iter().map(|asked| asked.query).collect();
    assert_eq!(queries, ["per_page=100", "cursor=v1_4", "per_page=100", "cursor=v1_4"]);
}
