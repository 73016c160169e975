//! The world tested by itself: a plain HTTP client does to it what ours will do.

mod access;
mod checks;
mod git;
mod hooks;
mod limits;
mod places;
mod talk;
mod trouble;

use super::{FakeGitHub, Hub, RepoId, Settings, Usual};
use quantumlayer::clock::{Clock, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

/// 2026-01-31 12:00:00 UTC.
const NOON: Timestamp = Timestamp(1_769_860_800_000);

/// The usual world at noon, by a clock that stands still.
fn usual() -> (FakeGitHub, Usual) {
    let hub = FakeGitHub::start_with(Settings { clock: Clock::manual(NOON), judge: None, port: 0 });
    let place = hub.usual();
    (hub, place)
}

/// An answer, read.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and, of a refusal, the message and first error.
    fn said(&self) -> String {
        let error = &self.body["errors"][0];
        let more = error["message"].as_str().or(error["field"].as_str()).unwrap_or_default();
        let message = self.body["message"].as_str().unwrap_or_default();
        format!("{} {message} {more}", self.status).trim().to_owned()
    }
}

/// Somebody who calls the API.
#[derive(Clone)]
struct Caller {
    client: reqwest::Client,
    base: String,
    bearer: String,
}

impl Caller {
    fn new(hub: &Hub, bearer: impl Into<String>) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .user_agent("tests")
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { client, base: hub.url(), bearer: bearer.into() }
    }

    /// The App, by a JWT of this moment.
    fn app(hub: &Hub) -> Self {
        let now = hub.clock().now().0 / 1000;
        Self::new(
            hub,
            jwt(
                hub.key().expose(),
                json!({"iss": hub.app_id().to_string(), "iat": now - 60, "exp": now + 540}),
            ),
        )
    }

    /// An installation with these permissions on one repository.
    async fn of(hub: &Hub, installation: u64, repo: RepoId, permissions: Value) -> Self {
        let body = json!({"repository_ids": [repo.0], "permissions": permissions});
        let got =
            Self::app(hub).post(&format!("/app/installations/{installation}/access_tokens"), body).await;
        assert_eq!(got.status, 201, "{got:?}");
        Self::new(hub, got.body["token"].as_str().unwrap())
    }

    /// All that the App ever needs on the usual repository.
    async fn usual(hub: &Hub, place: &Usual) -> Self {
        let all =
            json!({"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"});
        Self::of(hub, place.installation, place.repo, all).await
    }

    async fn get(&self, path: &str) -> Got {
        self.send(Method::GET, path, None).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        self.send(Method::POST, path, Some(body)).await.unwrap()
    }

    async fn patch(&self, path: &str, body: Value) -> Got {
        self.send(Method::PATCH, path, Some(body)).await.unwrap()
    }

    async fn delete(&self, path: &str) -> Got {
        self.send(Method::DELETE, path, None).await.unwrap()
    }

    /// `Err` when the connection was cut or the JSON is broken.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Got> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = self.client.request(method, url);
        if !self.bearer.is_empty() {
            request = request.bearer_auth(&self.bearer);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = match answer.content_length() {
            Some(0) | None => Value::Null,
            Some(_) => answer.json().await?,
        };
        Ok(Got { status, headers, body })
    }
}

fn jwt(key: &str, claims: Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(key.as_bytes()).unwrap();
    jsonwebtoken::encode(&jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256), &claims, &key).unwrap()
}
