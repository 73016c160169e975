//! Tokens: the App's own is signed and short; an installation's reaches one repository, may do one row of the table, and is
//! taken back.

use super::*;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use quantumlayer::{
    github::{Lost, Need},
    intent::notice::{Account, AccountKind},
    report::Hint,
};
use serde::Deserialize;

const COMMENT: &str = "POST /repos/o/n/issues/5/comments";
const ISSUE: &str = "GET /repos/o/n/issues/5";

#[derive(Debug, Deserialize, PartialEq)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: String,
}

fn claims(token: &str) -> Claims {
    let key = DecodingKey::from_rsa_pem(key("public").expose().as_bytes()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_exp = false;
    jsonwebtoken::decode(token, &key, &rules).unwrap().claims
}

#[tokio::test]
async fn the_app_s_own_token_is_signed_and_short() {
    let check = async |pem: Secret| {
        let stage =
            Stage::new(&[("GET /app", &[play(200, json!({"id": APP, "slug": "q", "name": "Q"}))])]).await;
        let asked = stage.github.app().await.unwrap();
        assert_eq!(asked.slug, "q");
        let seconds = NOW.0 / 1_000;
        let expected = Claims { iat: seconds - 60, exp: seconds + 540, iss: APP.to_string() };
        assert_eq!(claims(stage.asked()[0].bearer()), expected);
        // the same key, however it is written
        let settings = GitHubSettings { api_url: "https://api.github.com".to_owned(), app_id: APP, key: pem };
        GitHub::new(settings, Clock::manual(NOW)).unwrap();
    };
    for name in ["pkcs1", "pkcs8"] {
        let pem = key(name);
        check(pem.clone()).await;
        check(Secret::new(pem.expose().replace('\n', "\\n"))).await;
        check(Secret::new(pem.expose().replace('\n', "\r\n"))).await;
        check(Secret::new(format!("  \"{}\"\n", pem.expose().trim().replace('\n', "\\n")))).await;
    }
}

#[test]
fn a_key_that_is_none_is_refused_at_once() {
    let check = |name: &str, pem: &str, why: &str| {
        let settings = GitHubSettings {
            api_url: "https://api.github.com".to_owned(),
            app_id: APP,
            key: Secret::new(pem),
        };
        let error = GitHub::new(settings, Clock::default()).unwrap_err();
        let text = format!("{error} {error:?} {}", error.hint());
        assert!(matches!(error, GitHubError::BadKey(_)) && text.contains(why), "{name}: {text}");
        let leaked = pem.lines().find(|line| line.len() > 10 && text.contains(line));
        assert_eq!(leaked, None, "{name}");
    };
    let pem = key("pkcs1");
    let pem = pem.expose();
    check("nothing", "", "no PEM");
    check("a path", "/run/secrets/key.pem", "no PEM");
    check("half", &pem[..pem.len() / 2], "no RSA key");
    check("a public key", key("public").expose(), "public key");
    check("another kind", key("ec").expose(), "no RSA key");
    check("encrypted", &pem.replace("RSA PRIVATE", "ENCRYPTED PRIVATE"), "encrypted");
    check("changed", &pem.replacen("MII", "AII", 1), "no RSA key");
    let bad = GitHubSettings { api_url: "api.github.com".to_owned(), app_id: APP, key: key("pkcs1") };
    assert_eq!(GitHub::new(bad, Clock::default()).unwrap_err(), GitHubError::BadUrl);
}

#[tokio::test]
async fn a_token_reaches_one_repository_and_may_do_one_thing() {
    let ann = Account { id: 3, login: "ann".to_owned(), kind: AccountKind::User };
    let user = json!({"id": 3, "login": "ann"});
    let sha = "a".repeat(40);
    let stage = Stage::new(&[
        (COMMENT, &[commented()]),
        (ISSUE, &[said(418, "")]),
        ("POST /repos/o/n/git/blobs", &[play(201, json!({ "sha": sha }))]),
        (
            "GET /repos/o/n/collaborators/ann/permission",
            &[play(200, json!({"permission": "read", "user": user}))],
        ),
    ])
    .await;
    let desk = stage.desk();
    desk.permission(&ann).await.unwrap();
    desk.issue(5).await.unwrap_err();
    desk.comment(5, "x").await.unwrap();
    stage.wait(2);
    desk.blob(b"x").await.unwrap();
    let fetch = desk.fetch_token().await.unwrap();
    let minted: Vec<_> = stage.asked().into_iter().filter(|asked| asked.line == MINT).collect();
    for (need, asked) in Need::ALL.iter().zip(&minted) {
        let permissions: Value = need.permissions().iter().map(|(name, level)| (*name, *level)).collect();
        assert_eq!(asked.body, json!({"repository_ids": [REPO], "permissions": permissions}), "{need:?}");
    }
    // who talks may fetch too
    assert_eq!((minted.len(), fetch.expose()), (4, "ghs_canary-3"));
    // each call went with its own
    let of = |line: &str| stage.asked().iter().find(|asked| asked.line == line).unwrap().bearer().to_owned();
    assert_eq!((of(ISSUE).as_str(), of(COMMENT).as_str()), ("ghs_canary-2", "ghs_canary-3"));
    // all are taken back, each by itself
    desk.done().await.unwrap();
    let revoked: Vec<_> =
        stage.asked().iter().filter(|asked| asked.line == REVOKE).map(|a| a.bearer().to_owned()).collect();
    assert_eq!(revoked, (1..=4).map(|nth| format!("{CANARY}-{nth}")).collect::<Vec<_>>());
    desk.done().await.unwrap();
    assert_eq!(stage.count(REVOKE), 4, "once");
    stage.wait(2);
    desk.comment(5, "x").await.unwrap();
    assert_eq!(stage.asked().last().unwrap().bearer(), "ghs_canary-5", "a desk can be used again");
}

#[tokio::test]
async fn only_the_token_for_reading_is_kept_when_nobody_works() {
    let stage = Stage::new(&[(COMMENT, &[commented()]), (ISSUE, &[said(418, "")])]).await;
    let desk = stage.desk();
    assert!(desk.for_reading().is_none(), "there is none yet");
    desk.comment(5, "x").await.unwrap();
    desk.issue(5).await.unwrap_err();
    let left = desk.for_reading().unwrap();
    desk.done().await.unwrap();
    left.issue(5).await.unwrap_err();
    assert_eq!((stage.count(MINT), stage.count(REVOKE)), (2, 1));
    assert_eq!(stage.asked().last().unwrap().bearer(), "ghs_canary-2");
    stage.wait(3_600);
    assert!(left.for_reading().is_none(), "it has lapsed");
}

#[tokio::test]
async fn a_token_is_made_once_and_renewed_in_time() {
    let stage = Stage::new(&[(COMMENT, &[commented()]), (ISSUE, &[said(418, "")])]).await;
    let desk = stage.desk();
    let other = desk.clone();
    let both = tokio::join!(desk.issue(5), other.issue(5));
    assert!(both.0.is_err() && both.1.is_err());
    assert_eq!(stage.count(MINT), 1, "two at the same time");
    let made = async |stage: &Stage| {
        desk.issue(5).await.unwrap_err();
        stage.count(MINT)
    };
    stage.wait(54 * 60 + 59);
    assert_eq!(made(&stage).await, 1);
    stage.wait(1);
    assert_eq!(made(&stage).await, 2, "five minutes before its end");
    // what has lapsed need not be taken back
    stage.wait(3_600);
    desk.done().await.unwrap();
    assert_eq!(stage.count(REVOKE), 0);
}

#[tokio::test]
async fn a_token_that_is_not_what_was_asked_for_is_not_used() {
    let wanted = json!({"contents": "read", "issues": "write", "metadata": "read", "pull_requests": "write"});
    let check = async |name: &str, change: &[(&str, Value)], expected: Result<u64, &str>| {
        let mut answer: Value = serde_json::from_str(
            &token(1, &json!({ "permissions": wanted }), NOW, &[listed(REPO, "o", "n")]).body,
        )
        .unwrap();
        for (key, value) in change {
            answer[key] = value.clone();
        }
        let stage = Stage::new(&[(MINT, &[play(201, answer)]), (COMMENT, &[commented()])]).await;
        let result = stage.desk().comment(5, "x").await.map_err(|error| variant(&error));
        assert_eq!(result, expected.map_err(str::to_owned), "{name}");
        assert_eq!(stage.count(COMMENT), usize::from(expected.is_ok()), "{name}");
    };
    let granted = |name: &str, level: &str| {
        let mut permissions = wanted.clone();
        permissions[name] = level.into();
        ("permissions", permissions)
    };
    check("as asked", &[], Ok(99)).await;
    check("nothing said", &[("permissions", Value::Null), ("repositories", Value::Null)], Ok(99)).await;
    check("less", &[granted("issues", "read")], Err("Lacks")).await;
    check("more", &[granted("contents", "write")], Err("Odd")).await;
    check("higher", &[granted("metadata", "write")], Err("Odd")).await;
    check("another", &[("repositories", json!([listed(666, "o", "n")]))], Err("Odd")).await;
    check("two", &[("repositories", json!([listed(REPO, "o", "n"), listed(666, "o", "m")]))], Err("Odd"))
        .await;
    check("none", &[("repositories", json!([]))], Err("Odd")).await;
    check("no end", &[("expires_at", json!("soon"))], Err("Odd")).await;
    check("no token", &[("token", json!(""))], Err("Odd")).await;
    check("a token with a line", &[("token", json!("a\r\nx: y"))], Err("Odd")).await;
}

#[tokio::test]
async fn a_token_that_is_not_made_says_why() {
    let change = |key: &str, value: Value| {
        let mut facts = installation();
        facts[key] = value;
        play(200, facts)
    };
    let all = || play(200, installation());
    let check = async |answer: Play, facts: Play, expected: GitHubError| {
        let stage = Stage::new(&[(MINT, &[answer]), ("GET /app/installations/7", &[facts])]).await;
        assert_eq!(stage.desk().comment(5, "x").await, Err(expected));
        assert_eq!(stage.count(MINT), 1);
    };
    let gone = GitHubError::Gone;
    check(said(404, "no"), all(), gone(Lost::Installation)).await;
    let suspended = change("suspended_at", json!("2026-11-27T07:00:00Z"));
    check(said(403, "This installation has been suspended"), suspended, gone(Lost::Suspended)).await;
    check(said(403, "no"), said(404, "no"), gone(Lost::Installation)).await;
    check(said(422, "no such repository"), all(), gone(Lost::Repository)).await;
    let few = change("permissions", json!({"contents": "read", "metadata": "read", "issues": "read"}));
    let lacks = GitHubError::Lacks(vec!["issues: write".to_owned(), "pull_requests: write".to_owned()]);
    assert_eq!(lacks.to_string(), "the App's installation lacks issues: write, pull_requests: write");
    check(said(422, "not granted"), few, lacks).await;
    let (what, status, message) = ("get a token", 403, "no".to_owned());
    check(said(403, "no"), all(), GitHubError::Refused { what, status, message }).await;
    let not_us = |message: &str| GitHubError::NotUs { message: message.to_owned() };
    let clock = "'Expiration time' claim ('exp') is too far in the future";
    check(said(401, clock), all(), not_us(clock)).await;
    // the comment was never sent: nothing is ambiguous
    let cause = "it answered 502".to_owned();
    check(said(502, ""), all(), GitHubError::Network { what, cause }).await;
}

/// When a token was dated and when it ends, in seconds from the stage's time.
fn dated(asked: &Asked) -> (i64, i64) {
    let Claims { iat, exp, .. } = claims(asked.bearer());
    (iat - NOW.0 / 1_000, exp - NOW.0 / 1_000)
}

#[tokio::test]
async fn a_token_that_is_dated_wrong_is_dated_by_githubs_clock_and_sent_once_more() {
    let app = || play(200, json!({"id": APP, "slug": "quantum", "name": "Quantum"}));
    // three hours ahead of us, and behind
    for hours in [3_i64, -3] {
        let date =
            std::time::UNIX_EPOCH + Duration::from_secs((NOW.0 / 1_000 + hours * 3_600).unsigned_abs());
        let date = httpdate::fmt_http_date(date);
        let no = said(401, "'Issued at' claim ('iat') must be an Integer").header("date", &date);
        let stage = Stage::new(&[("GET /app", &[no.clone(), app(), app(), no])]).await;
        for _ in 0..2 {
            stage.github.app().await.unwrap();
        }
        assert_eq!(stage.github.shut_out(), None);
        // by a clock that is known already it is not tried again
        let refused = stage.github.app().await.unwrap_err();
        assert_eq!(stage.github.shut_out(), Some(refused));
        let asked: Vec<_> = stage.asked().iter().map(dated).collect();
        let (ours, theirs) = ((-60, 540), (hours * 3_600 - 60, hours * 3_600 + 540));
        assert_eq!(asked, [ours, theirs, theirs, theirs]);
        assert_eq!(stage.github.time(), Timestamp(NOW.0 + hours * 3_600_000));
    }
}
