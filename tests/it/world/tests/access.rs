//! JWTs, tokens, scopes and permissions.

use super::{Caller, jwt, usual};
use crate::world::{Level, Role};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_jwt_is_checked_claim_by_claim() {
    let (hub, _) = usual();
    let now = hub.clock().now().0 / 1000;
    let id = hub.app_id();
    let key = hub.key();
    let check = async |claims: Value, expected: &str| {
        let got = Caller::new(&hub, jwt(key.expose(), claims.clone())).get("/app").await;
        assert!(got.said().starts_with(expected), "{claims}: {}", got.said());
    };
    check(json!({"iss": id.to_string(), "iat": now - 60, "exp": now + 540}), "200").await;
    check(json!({"iss": id, "iat": now, "exp": now + 600}), "200").await;
    check(json!({"iss": "Iv23liTestsOfQuantum", "iat": now, "exp": now + 60}), "200").await;
    check(json!({"iss": "1", "iat": now, "exp": now + 60}), "401 'Issuer'").await;
    check(json!({"iss": id, "iat": now + 1, "exp": now + 60}), "401 'Issued at'").await;
    check(json!({"iss": id, "iat": now, "exp": now + 601}), "401 'Expiration time' claim ('exp') is too far")
        .await;
    check(json!({"iss": id, "iat": now - 60, "exp": now}), "401 'Expiration time' claim ('exp') must be")
        .await;
    check(json!({"iss": id, "exp": now + 60}), "401").await;
    assert_eq!(Caller::new(&hub, "").get("/app").await.status, 401);
    let old = Caller::app(&hub);
    hub.rotate_key();
    assert_eq!(old.get("/app").await.said(), "401 A JSON web token could not be decoded");
    assert_eq!(Caller::app(&hub).get("/app").await.body["slug"], "quantum-acme");
}

#[tokio::test]
async fn a_token_is_for_what_it_was_minted_for() {
    let (hub, place) = usual();
    let app = Caller::app(&hub);
    let mint = format!("/app/installations/{}/access_tokens", place.installation);
    let other = hub.repo("zoo/other", &[]);
    let check = async |body: Value, expected: &str| {
        let got = app.post(&mint, body.clone()).await;
        assert!(got.said().starts_with(expected), "{body}: {}", got.said());
        got
    };
    check(json!({"repository_ids": [other.0]}), "422 There is at least one repository").await;
    check(json!({"repository_ids": []}), "422 There is at least one repository").await;
    check(json!({"permissions": {"workflows": "write"}}), "422 The permissions requested").await;
    check(json!({"permissions": {"metadata": "write"}}), "422 The permissions requested").await;
    let got =
        check(json!({"repository_ids": [place.repo.0], "permissions": {"issues": "read"}}), "201").await;
    assert_eq!(got.body["permissions"], json!({"issues": "read", "metadata": "read"}));
    assert_eq!(got.body["expires_at"], "2026-01-31T13:00:00Z");
    assert_eq!(got.body["repositories"][0]["id"], place.repo.0);
    let token = Caller::new(&hub, got.body["token"].as_str().unwrap());
    let issue = hub.open_issue(place.repo, place.ada, "Add", "");
    let at = format!("/repos/acme/widgets/issues/{issue}");
    assert_eq!(token.get(&at).await.status, 200);
    let refused = token.post(&format!("{at}/comments"), json!({"body": "x"})).await;
    assert_eq!(refused.said(), "403 Resource not accessible by integration");
    assert_eq!(refused.header("x-accepted-github-permissions"), "issues=write");
    assert_eq!(token.get("/repos/acme/widgets/pulls").await.status, 403);
    hub.clock().advance(Duration::from_secs(3600));
    assert_eq!(token.get(&at).await.said(), "401 Bad credentials");
}

#[tokio::test]
async fn a_revoked_token_is_dead_and_its_twin_is_not() {
    let (hub, place) = usual();
    let (one, twin) = (Caller::usual(&hub, &place).await, Caller::usual(&hub, &place).await);
    assert_eq!(one.delete("/installation/token").await.status, 204);
    assert_eq!(one.get("/repos/acme/widgets").await.status, 401);
    assert_eq!(twin.get("/repos/acme/widgets").await.status, 200);
}

#[tokio::test]
async fn what_a_token_cannot_see_is_not_found() {
    let (hub, place) = usual();
    let (secret, open) = (hub.repo("acme/secret", &[]), hub.repo("acme/open", &[]));
    hub.settings(secret, |repo| repo.is_private = true);
    let token = Caller::usual(&hub, &place).await;
    assert_eq!(token.get("/repos/acme/secret").await.said(), "404 Not Found");
    assert_eq!(token.get("/repos/acme/open").await.status, 200);
    let issue = hub.open_issue(open, place.ada, "x", "");
    let said =
        token.post(&format!("/repos/acme/open/issues/{issue}/comments"), json!({"body": "x"})).await.said();
    assert_eq!(said, "403 Resource not accessible by integration");
    let listed = token.get("/installation/repositories").await;
    assert_eq!(
        (&listed.body["total_count"], &listed.body["repositories"][0]["id"]),
        (&json!(1), &json!(place.repo.0))
    );
}

#[tokio::test]
async fn an_installation_can_be_suspended_reduced_and_removed() {
    let (hub, place) = usual();
    let token = Caller::usual(&hub, &place).await;
    let app = Caller::app(&hub);
    let mint = format!("/app/installations/{}/access_tokens", place.installation);
    hub.suspend(place.installation, true);
    assert_eq!(token.get("/repos/acme/widgets").await.said(), "403 This installation has been suspended");
    assert_eq!(app.post(&mint, json!({})).await.said(), "403 This installation has been suspended");
    hub.suspend(place.installation, false);
    assert_eq!(token.get("/repos/acme/widgets").await.status, 200);
    hub.settings(place.repo, |repo| repo.is_private = true);
    hub.select(place.installation, place.repo, false);
    assert_eq!(token.get("/repos/acme/widgets").await.status, 404);
    assert_eq!(app.get("/repos/acme/widgets/installation").await.status, 404);
    hub.select(place.installation, place.repo, true);
    assert_eq!(app.get("/repos/acme/widgets/installation").await.body["id"], place.installation);
    hub.grant(place.installation, "checks", None);
    let said = app.post(&mint, json!({"permissions": {"checks": "write"}})).await.said();
    assert!(said.starts_with("422 The permissions"), "{said}");
    hub.grant(place.installation, "checks", Some(Level::Write));
    hub.uninstall(place.installation);
    assert_eq!(token.get("/repos/acme/widgets").await.said(), "401 Bad credentials");
    assert_eq!(app.post(&mint, json!({})).await.status, 404);
    let told = hub.waiting();
    let expected = [
        "installation.suspend",
        "installation.unsuspend",
        "installation_repositories.removed",
        "installation_repositories.added",
        "installation.deleted",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_role_is_told_in_both_scales_and_by_id() {
    let (hub, place) = usual();
    let token = Caller::usual(&hub, &place).await;
    let check = async |login: &str, expected: [&str; 2], collaborator: u16| {
        let at = format!("/repos/acme/widgets/collaborators/{login}");
        let got = token.get(&format!("{at}/permission")).await;
        let said = [got.body["permission"].as_str().unwrap(), got.body["role_name"].as_str().unwrap()];
        assert_eq!(said, expected, "{login}");
        assert_eq!(got.body["user"]["login"], login);
        assert_eq!(token.get(&at).await.status, collaborator, "{login}");
    };
    for (login, role) in [("tom", Role::Triage), ("mia", Role::Maintain), ("ann", Role::Admin)] {
        let user = hub.user(login);
        hub.permit(place.repo, user, role);
    }
    let cat = hub.user("cat");
    hub.permit_custom(place.repo, cat, "release-crew", Role::Write);
    check("ada", ["write", "write"], 204).await;
    check("rita", ["read", "read"], 204).await;
    check("tom", ["read", "triage"], 204).await;
    check("mia", ["write", "maintain"], 204).await;
    check("ann", ["admin", "admin"], 204).await;
    check("cat", ["write", "release-crew"], 204).await;
    check("eve", ["read", "read"], 404).await;
    hub.permit(place.repo, cat, Role::None);
    hub.settings(place.repo, |repo| repo.is_private = true);
    check("eve", ["none", ""], 404).await;
    check("cat", ["none", ""], 404).await;
    let nobody = "/repos/acme/widgets/collaborators/nobody/permission";
    assert_eq!(token.get(nobody).await.status, 404);
    // a name that changed hands
    hub.rename_user(place.ada, "ada-lovelace");
    let thief = hub.user("ada");
    assert_ne!(thief, place.ada);
    assert_eq!(token.get("/users/ada").await.body["id"], thief.0);
    let by_id = token.get(&format!("/user/{}", place.ada.0)).await;
    assert_eq!(by_id.body["login"], hub.login(place.ada));
}

#[tokio::test]
async fn a_person_calls_by_a_token_of_their_own() {
    let (hub, place) = usual();
    let ada = Caller::new(&hub, hub.user_token(place.ada));
    let eve = Caller::new(&hub, hub.user_token(place.eve));
    let opened = eve.post("/repos/acme/widgets/issues", json!({"title": "Broken", "body": "It is."})).await;
    assert_eq!((opened.status, &opened.body["user"]["login"]), (201, &json!("eve")));
    assert_eq!(eve.post("/repos/acme/widgets/issues/1/labels", json!({"labels": ["bug"]})).await.status, 403);
    assert_eq!(ada.post("/repos/acme/widgets/issues/1/labels", json!({"labels": ["bug"]})).await.status, 200);
    hub.settings(place.repo, |repo| repo.is_private = true);
    assert_eq!(eve.get("/repos/acme/widgets/issues/1").await.status, 404);
    assert_eq!(ada.get("/app").await.status, 401);
    let deleted = ada.delete("/repos/acme/widgets/issues/1/labels/bug").await;
    assert_eq!(deleted.body, json!([]));
}

#[tokio::test]
async fn git_over_http_asks_for_contents() {
    let (hub, place) = usual();
    let reader = Caller::of(&hub, place.installation, place.repo, json!({"contents": "read"})).await;
    let talker = Caller::of(&hub, place.installation, place.repo, json!({"issues": "write"})).await;
    let check = |token: Option<&str>, expected: Result<_, u16>| {
        assert_eq!(hub.may_fetch(token, "acme", "widgets"), expected, "{token:?}");
    };
    check(None, Ok(place.repo));
    hub.settings(place.repo, |repo| repo.is_private = true);
    check(None, Err(401));
    check(Some(&reader.bearer), Ok(place.repo));
    check(Some(&talker.bearer), Err(403));
    check(Some("ghs_wrong"), Err(401));
    hub.suspend(place.installation, true);
    check(Some(&reader.bearer), Err(403));
}
