//! Issues, comments, reactions, labels, assignees.

use super::{Caller, usual};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_thread_reads_as_a_person_sees_it() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "Add a flag", "The tool needs one.\n\nPlease.");
    let command = hub.comment(place.repo, issue, place.ada, "/quantum build");
    let at = format!("/repos/acme/widgets/issues/{issue}");
    let react = format!("/repos/acme/widgets/issues/comments/{command}/reactions");
    assert_eq!(bot.post(&react, json!({"content": "eyes"})).await.status, 201);
    assert_eq!(bot.post(&react, json!({"content": "eyes"})).await.status, 200);
    assert_eq!(bot.post(&react, json!({"content": "wink"})).await.said(), "422 Validation Failed content");
    let said = bot.post(&format!("{at}/comments"), json!({"body": "- [ ] plan"})).await;
    assert_eq!(said.body["performed_via_github_app"]["id"], hub.app_id());
    assert_eq!(said.body["user"]["type"], "Bot");
    assert_eq!(said.body["user"]["login"], format!("{}[bot]", hub.slug()));
    let edit = format!("/repos/acme/widgets/issues/comments/{}", said.body["id"]);
    for body in ["- [x] plan", "- [x] plan\n- [x] work\n"] {
        assert_eq!(bot.patch(&edit, json!({"body": body})).await.status, 200);
    }
    bot.post(&format!("{at}/labels"), json!({"labels": ["quantum", "quantum"]})).await;
    bot.post(&format!("{at}/assignees"), json!({"assignees": ["ada", "eve", "nobody"]})).await;
    hub.react(place.repo, command, place.rita, "+1");
    insta::assert_snapshot!(hub.thread(place.repo, issue));
}

#[tokio::test]
async fn comments_come_by_pages_and_since() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "Many", "");
    for n in 0..5 {
        hub.comment(place.repo, issue, place.ada, &format!("comment {n}"));
        hub.clock().advance(Duration::from_secs(60));
    }
    let at = format!("/repos/acme/widgets/issues/{issue}/comments");
    let first = bot.get(&format!("{at}?per_page=2")).await;
    let next = format!("{}{at}?per_page=2&page=2", hub.url());
    assert!(first.header("link").starts_with(&format!("<{next}>; rel=\"next\"")), "{}", first.header("link"));
    let second = bot.get(&next).await;
    assert_eq!(
        (&second.body[0]["body"], &second.body[1]["body"]),
        (&json!("comment 2"), &json!("comment 3"))
    );
    let last = bot.get(&format!("{at}?per_page=2&page=3")).await;
    assert!(!last.header("link").contains("rel=\"next\""), "{}", last.header("link"));
    let recent = bot.get(&format!("{at}?since=2026-01-31T12:03:00Z")).await;
    assert_eq!(recent.body.as_array().unwrap().len(), 2);
    // an edit makes an old one recent
    let old = first.body[0]["id"].as_u64().unwrap();
    hub.edit_comment(place.repo, old, place.ada, "changed");
    assert_eq!(bot.get(&format!("{at}?since=2026-01-31T12:03:00Z")).await.body.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_too_long_blank_or_not_ours_is_refused() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    let hers = hub.comment(place.repo, issue, hub.bot("other[bot]"), "hers");
    let at = format!("/repos/acme/widgets/issues/{issue}/comments");
    let check = async |body: String, expected: &str| {
        assert_eq!(bot.post(&at, json!({"body": body})).await.said(), expected);
    };
    check("ä".repeat(65_536), "201").await;
    check("ä".repeat(65_537), "422 Validation Failed body is too long (maximum is 65536 characters)").await;
    check(" \n".to_owned(), "422 Validation Failed body can't be blank").await;
    let comment = format!("/repos/acme/widgets/issues/comments/{hers}");
    assert_eq!(bot.patch(&comment, json!({"body": "mine"})).await.status, 403);
    assert_eq!(bot.delete(&comment).await.status, 403);
    hub.delete_comment(place.repo, hers, place.ada);
    assert_eq!(bot.get(&comment).await.status, 404);
    assert_eq!(bot.get(&format!("{comment}/reactions")).await.status, 404);
}

#[tokio::test]
async fn issues_go_away_in_three_ways() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let other = hub.repo("acme/other", &[]);
    let (deleted, moved) = (
        hub.open_issue(place.repo, place.ada, "deleted", ""),
        hub.open_issue(place.repo, place.ada, "moved", ""),
    );
    hub.comment(place.repo, moved, place.ada, "comes along");
    hub.delete_issue(place.repo, deleted, place.ada);
    let fresh = hub.transfer_issue(place.repo, moved, place.ada, other);
    let at = |number: u64| format!("/repos/acme/widgets/issues/{number}");
    assert_eq!(bot.get(&at(deleted)).await.said(), "410 This issue was deleted");
    let redirect = bot.get(&at(moved)).await;
    assert_eq!(redirect.status, 301);
    assert_eq!(redirect.header("location"), format!("{}/repos/acme/other/issues/{fresh}", hub.url()));
    assert_eq!(bot.get(&at(99)).await.said(), "404 Not Found");
    assert_eq!(hub.open_issue(place.repo, place.ada, "next", ""), 3);
    assert!(hub.thread(other, fresh).contains("comes along"));
    assert_eq!(hub.thread(place.repo, moved), "(gone)\n");
}

#[tokio::test]
async fn every_reading_route_of_a_thread_answers() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    hub.edit_issue(place.repo, issue, place.ada, Some("y"), Some("z"));
    hub.close(place.repo, issue, place.ada);
    hub.reopen(place.repo, issue, place.ada);
    let at = format!("/repos/acme/widgets/issues/{issue}");
    assert_eq!(bot.get(&at).await.body["title"], "y");
    let fresh = json!({"name": "quantum", "color": "6f42c1", "description": "By QuantumLayer"});
    assert_eq!(bot.get("/repos/acme/widgets/labels/quantum").await.status, 404);
    assert_eq!(bot.post("/repos/acme/widgets/labels", fresh.clone()).await.status, 201);
    assert_eq!(bot.post("/repos/acme/widgets/labels", fresh).await.said(), "422 Validation Failed name");
    assert_eq!(bot.get("/repos/acme/widgets/labels/quantum").await.body["color"], "6f42c1");
    assert_eq!(bot.post(&format!("{at}/labels"), json!(["quantum"])).await.status, 200);
    assert_eq!(bot.get(&format!("{at}/labels")).await.body[0]["name"], "quantum");
    assert_eq!(bot.post(&format!("{at}/reactions"), json!({"content": "rocket"})).await.status, 201);
    assert_eq!(bot.get(&format!("{at}/reactions")).await.body[0]["content"], "rocket");
    assert_eq!(bot.get("/repos/acme/widgets/assignees/ada").await.status, 204);
    assert_eq!(bot.get("/repos/acme/widgets/assignees/eve").await.status, 404);
    assert_eq!(bot.get("/repos/acme/widgets/issues?state=all").await.body[0]["number"], issue);
    let said = bot.post(&format!("{at}/comments"), json!({"body": "x"})).await;
    let comment = format!("/repos/acme/widgets/issues/comments/{}", said.body["id"]);
    let reaction = bot.post(&format!("{comment}/reactions"), json!({"content": "eyes"})).await;
    assert_eq!(bot.get(&format!("{comment}/reactions?content=eyes")).await.body.as_array().unwrap().len(), 1);
    assert_eq!(bot.delete(&format!("{comment}/reactions/{}", reaction.body["id"])).await.status, 204);
    assert_eq!(bot.delete(&comment).await.status, 204);
    assert_eq!(bot.patch(&at, json!({"state": "closed"})).await.body["state"], "closed");
}
