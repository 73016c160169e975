//! What an issue says and when that was changed, asked over GraphQL: a read, whose noes come with status 200.

use super::*;
use quantumlayer::github::Written;

const ASK: &str = "POST /graphql";

fn repository(id: u64, thread: Value) -> Play {
    play(200, json!({"data": {"repository": {"databaseId": id, "issueOrPullRequest": thread}}}))
}

fn thread(edited: Value, renamed: &[&str]) -> Play {
    let nodes: Vec<Value> = renamed.iter().map(|at| json!({"createdAt": at})).collect();
    let items = json!({"nodes": nodes});
    repository(REPO, json!({"title": "T", "body": "B", "lastEditedAt": edited, "timelineItems": items}))
}

fn no(kind: &str, message: &str) -> Play {
    play(200, json!({"data": {"repository": null}, "errors": [{"type": kind, "message": message}]}))
}

#[tokio::test]
async fn what_an_issue_says_and_when_that_was_changed() {
    let (early, late) = ("2026-11-27T07:59:59Z", "2026-11-27T08:00:00Z");
    for (play, changed) in [
        (thread(Value::Null, &[]), None),
        (thread(json!(late), &[]), Some(NOW)),
        (thread(Value::Null, &[late]), Some(NOW)),
        (thread(json!(early), &[late]), Some(NOW)),
        (thread(json!(late), &[early]), Some(NOW)),
    ] {
        let stage = Stage::new(&[(ASK, &[play])]).await;
        let (title, body) = ("T".to_owned(), "B".to_owned());
        assert_eq!(stage.desk().written(5).await, Ok(Written { title, body, changed }));
        let asked = stage.asked();
        assert_eq!(asked[1].body["variables"], json!({"owner": "o", "name": "n", "number": 5}));
        assert_eq!(stage.lines(), [MINT, ASK]);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    let check = async |name: &str, answers: &[Play], expected: Result<(), &str>, sent: usize| {
        let stage = Stage::new(&[(ASK, answers)]).await;
        let result = stage.desk().written(5).await.map(drop).map_err(|error| variant(&error));
        assert_eq!(result, expected.map_err(str::to_owned), "{name}");
        assert_eq!(stage.count(ASK), sent, "{name}");
    };
    let good = || thread(Value::Null, &[]);
    check("once", &[said(502, "x"), good()], Ok(()), 2).await;
    check("twice", &[said(502, "x")], Err("Network"), 2).await;
    check("cut", &[good().cut(), good()], Ok(()), 2).await;
    check("stale", &[said(401, "Bad credentials"), good()], Ok(()), 2).await;
    check("none", &[repository(REPO, Value::Null)], Err("Missing"), 1).await;
    check("no repository", &[no("NOT_FOUND", "none")], Err("Missing"), 1).await;
    check("somebody else's", &[repository(REPO + 1, Value::Null)], Err("Missing"), 1).await;
    check("no", &[no("FORBIDDEN", "Resource not accessible by integration")], Err("Refused"), 1).await;
    check("a limit", &[no("RATE_LIMITED", "API rate limit exceeded")], Err("Limited"), 1).await;
    check("its trouble", &[no("", "Something went wrong")], Err("Network"), 1).await;
    check("nothing", &[play(200, json!({}))], Err("Odd"), 1).await;
    check("a page", &[good().text("<html>")], Err("Odd"), 1).await;
    let lacks = json!({"title": "T", "body": "B", "timelineItems": {"nodes": []}});
    check("no word on edits", &[repository(REPO, lacks)], Err("Odd"), 1).await;
    check("no time", &[thread(json!("soon"), &[])], Err("Odd"), 1).await;
}

#[tokio::test]
async fn a_renamed_repository_is_asked_under_its_new_name() {
    let stage = Stage::new(&[(ASK, &[no("NOT_FOUND", "none"), thread(Value::Null, &[])])]).await;
    stage.rename(Some(("o", "newer")));
    stage.desk().written(5).await.unwrap();
    let asked: Vec<_> = stage.asked().into_iter().filter(|asked| asked.line == ASK).collect();
    assert_eq!(asked[1].body["variables"]["name"], "newer");
}
