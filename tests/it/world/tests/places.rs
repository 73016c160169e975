//! Repositories that are renamed, transferred, archived, deleted.

use super::{Caller, usual};
use serde_json::json;

#[tokio::test]
async fn a_renamed_repository_redirects_by_id() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    hub.take(1);
    hub.rename(place.repo, "gadgets");
    assert_eq!(hub.full_name(place.repo), "acme/gadgets");
    let got = bot.get(&format!("/repos/acme/widgets/issues/{issue}?a=1")).await;
    let by_id = format!("{}/repositories/{}/issues/{issue}?a=1", hub.url(), place.repo.0);
    assert_eq!((got.status, got.header("location")), (301, by_id.as_str()));
    assert_eq!(bot.get(&by_id).await.status, 200);
    let at = format!("/repos/acme/widgets/issues/{issue}/comments");
    assert_eq!(bot.post(&at, json!({"body": "x"})).await.status, 307);
    assert_eq!(bot.get(&format!("/api/v3/repos/acme/gadgets/issues/{issue}")).await.status, 200);
    assert!(hub.enterprise_url().ends_with("/api/v3"));
    let told = hub.take(1).remove(0);
    let payload: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(payload["changes"]["repository"]["name"]["from"], "widgets");
    assert_eq!(payload["repository"]["full_name"], "acme/gadgets");
}

#[tokio::test]
async fn an_archived_repository_can_only_be_read() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "x", "");
    hub.archive(place.repo, true);
    let at = format!("/repos/acme/widgets/issues/{issue}");
    assert_eq!(bot.get("/repos/acme/widgets").await.body["archived"], true);
    let said = bot.post(&format!("{at}/comments"), json!({"body": "x"})).await.said();
    assert_eq!(said, "403 Repository was archived so is read-only.");
    hub.archive(place.repo, false);
    assert_eq!(bot.post(&format!("{at}/comments"), json!({"body": "x"})).await.status, 201);
}

#[tokio::test]
async fn a_repository_that_left_is_not_found() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    hub.settings(place.repo, |repo| repo.is_private = true);
    let zoo = hub.organization("zoo");
    hub.transfer(place.repo, zoo);
    assert_eq!(bot.get("/repos/zoo/widgets").await.status, 404);
    assert_eq!(bot.get("/repos/acme/widgets").await.status, 301);
    assert_eq!(hub.take(1)[0].headers[4].1, "repository");
    let second = hub.repo("acme/second", &[]);
    let bot = Caller::of(&hub, place.installation, second, json!({"contents": "read"})).await;
    hub.delete_repo(second);
    assert_eq!(bot.get("/repos/acme/second").await.status, 404);
    assert_eq!(hub.waiting(), ["repository.deleted"]);
    let empty = hub.empty_repo("acme/empty");
    assert!(hub.branch(empty, "main").is_none() && hub.folder(empty).exists());
}
