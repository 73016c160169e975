//! A read is sent once more when the network fails it; a list is read to its end; what has not changed costs nothing.

use super::*;
use quantumlayer::github::Seen;

const COMMENT: &str = "POST /repos/o/n/issues/5/comments";
const ISSUE: &str = "GET /repos/o/n/issues/5";

fn issue() -> Play {
    let by = json!({"id": 3, "login": "ann", "type": "User"});
    let at = "2026-11-27T08:00:00Z";
    play(200, json!({"number": 5, "title": "T", "body": null, "state": "open", "updated_at": at, "user": by}))
}

#[tokio::test]
async fn a_read_is_sent_once_more() {
    let check = async |name: &str, answers: &[Play], expected: Result<(), &str>, sent: usize| {
        let stage = Stage::new(&[(ISSUE, answers)]).await;
        let result = stage.desk().issue(5).await;
        let result = result.map(drop).map_err(|error| variant(&error));
        assert_eq!(result, expected.map_err(str::to_owned), "{name}");
        assert_eq!(stage.count(ISSUE), sent, "{name}");
    };
    for status in [408, 500, 502, 503, 504] {
        check("once", &[said(status, "x"), issue()], Ok(()), 2).await;
        check("twice", &[said(status, "x")], Err("Network"), 2).await;
    }
    check("cut once", &[issue().cut(), issue()], Ok(()), 2).await;
    check("cut twice", &[issue().cut()], Err("Network"), 2).await;
    check("a page", &[issue().text("<html>")], Err("Odd"), 1).await;
    check("half", &[issue().text("{\"number\": 5, \"ti")], Err("Odd"), 1).await;
    check("another thing", &[play(200, json!([1]))], Err("Odd"), 1).await;
    check("304 to nothing", &[said(304, "")], Err("Odd"), 1).await;
    check("a flood", &[issue().text(&" ".repeat((32 << 20) + 1))], Err("Odd"), 1).await;
    check("no", &[said(403, "no")], Err("Refused"), 1).await;
    check("none", &[said(404, "no")], Err("Missing"), 1).await;
    check("teapot", &[said(418, "no")], Err("Refused"), 1).await;
}

#[tokio::test]
async fn a_stale_token_is_replaced_and_only_a_read_is_repeated() {
    let no = || said(401, "Bad credentials");
    let stage = Stage::new(&[(ISSUE, &[no(), issue()]), (COMMENT, &[no(), commented()])]).await;
    let desk = stage.desk();
    desk.issue(5).await.unwrap();
    assert_eq!(stage.lines(), [MINT, ISSUE, MINT, ISSUE]);
    let asked = stage.asked();
    assert_ne!(asked[1].bearer(), asked[3].bearer());
    assert_eq!(variant(&desk.comment(5, "hi").await.unwrap_err()), "Stale");
    assert_eq!(stage.lines()[4..], [MINT, COMMENT]);
    stage.wait(2);
    assert_eq!(desk.comment(5, "hi").await, Ok(99));
    assert_eq!(stage.lines()[6..], [MINT, COMMENT]);
    // one that is never taken is not asked for for ever
    let stage = Stage::new(&[(ISSUE, &[no()])]).await;
    let error = stage.desk().issue(5).await.unwrap_err();
    assert!(matches!(error, GitHubError::Refused { status: 401, .. }), "{error:?}");
    assert_eq!(stage.lines(), [MINT, ISSUE, MINT, ISSUE]);
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    const LIST: &str = "GET /repos/o/n/issues/5/comments";
    let page = |ids: &[u64]| {
        let (at, app) = ("2026-11-27T08:00:00Z", json!({"id": APP}));
        let one =
            |id: &u64| json!({"id": id, "body": "x", "created_at": at, "performed_via_github_app": app});
        play(200, ids.iter().map(one).collect())
    };
    // only the query of a link counts: where it leads is ours to say
    let linked = |ids: &[u64], next: &str| {
        page(ids).header("link", format!("<{next}>; rel=\"next\", <x?page=9>; rel=\"last\""))
    };
    let answers = [linked(&[1, 2], "https://elsewhere.example/x?page=2&per_page=100"), page(&[3])];
    let stage = Stage::new(&[(LIST, &answers)]).await;
    let seen = stage.desk().comments_since(5, NOW).await.unwrap();
    let (body, url) = ("x".to_owned(), String::new());
    let one =
        Seen { id: 0, number: 5, body, app_id: Some(APP), author: None, created: NOW, updated: NOW, url };
    assert_eq!(seen, [1, 2, 3].map(|id| Seen { id, ..one.clone() }));
    let queries: Vec<_> = stage.asked().into_iter().skip(1).map(|asked| asked.query).collect();
    assert_eq!(queries, ["since=2026-11-27T08%3A00%3A00Z&per_page=100", "page=2&per_page=100"]);
    let stage = Stage::new(&[(LIST, &[linked(&[1], "x?page=2")])]).await;
    assert_eq!(variant(&stage.desk().comments_since(5, NOW).await.unwrap_err()), "Odd");
    assert_eq!(stage.count(LIST), 10, "it does not end");
}

#[tokio::test]
async fn what_has_not_changed_costs_nothing() {
    let first = issue().header("etag", "W/\"1\"");
    let second = issue().text(&issue().body.replace("\"T\"", "\"U\"")).header("etag", "W/\"2\"");
    let same = play(304, Value::Null).text("");
    let stage = Stage::new(&[(ISSUE, &[first, same.clone(), second, same])]).await;
    let desk = stage.desk();
    let mut titles = Vec::new();
    for _ in 0..4 {
        titles.push(desk.issue(5).await.unwrap().title);
    }
    assert_eq!(titles, ["T", "T", "U", "U"]);
    let sent: Vec<_> =
        stage.asked().iter().skip(1).map(|asked| asked.headers.get("if-none-match").cloned()).collect();
    let sent: Vec<_> = sent.iter().map(|etag| etag.as_ref().and_then(|etag| etag.to_str().ok())).collect();
    assert_eq!(sent, [None, Some("W/\"1\""), Some("W/\"1\""), Some("W/\"2\"")]);
    assert_eq!(stage.github.statuses(), [(200, 2), (201, 1), (304, 2)].into());
    // another installation has answers of its own
    let other = stage.github.desk(8, repo("o", "n"));
    assert_eq!(other.repo().name, "n");
}
