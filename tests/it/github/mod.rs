//! GitHub over the wire: a server on the loopback that plays answers and writes down what it was asked. Its address has a
//! path, as Enterprise Server's has.

mod app;
mod calls;
mod limits;
mod names;
mod reads;
mod secrets;
mod tokens;
mod words;
mod written;

use crate::judge::judge;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use futures_util::{StreamExt, stream};
use quantumlayer::{
    clock::{Clock, Timestamp},
    github::{Desk, GitHub, GitHubError, GitHubSettings, manifest::manifest},
    ids::Secret,
    intent::notice::RepoRef,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// 2026-11-27T08:00:00Z.
const NOW: Timestamp = Timestamp(1_795_766_400_000);
/// The App, one installation, one repository.
const APP: u64 = 4_711;
const INSTALLATION: u64 = 7;
const REPO: u64 = 1_296_269;
/// Where tokens are made, where they are taken back, where the repository is looked up.
const MINT: &str = "POST /app/installations/7/access_tokens";
const REVOKE: &str = "DELETE /installation/token";
const FIND: &str = "GET /installation/repositories";
/// How every token begins.
const CANARY: &str = "ghs_canary";

fn key(name: &str) -> Secret {
    let path = format!("{}/tests/data/github/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    Secret::new(std::fs::read_to_string(path).unwrap())
}

/// One answer.
#[derive(Clone, Debug, Default)]
struct Play {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// The connection breaks within the body.
    is_cut: bool,
}

fn play(status: u16, body: Value) -> Play {
    Play { status, body: body.to_string(), ..Play::default() }
}

fn said(status: u16, message: &str) -> Play {
    play(status, json!({ "message": message }))
}

impl Play {
    fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
    /// With the date of the stage's clock, unless it was told another.
    fn dated(self, now: Timestamp) -> Self {
        match self.headers.iter().any(|(name, _)| *name == "date") {
            true => self,
            false => {
                let date = std::time::UNIX_EPOCH + now.since(Timestamp(0));
                self.header("date", httpdate::fmt_http_date(date))
            }
        }
    }
    fn cut(self) -> Self {
        Self { is_cut: true, ..self }
    }
    fn text(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }
}

/// One question, as it came.
#[derive(Clone, Debug)]
struct Asked {
    /// `GET /repos/o/n`.
    line: String,
    query: String,
    headers: HeaderMap,
    body: Value,
}

impl Asked {
    fn bearer(&self) -> &str {
        self.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap()
    }
}

#[derive(Default)]
struct State {
    answers: HashMap<String, Vec<Play>>,
    asked: Vec<Asked>,
    /// What the judge or the stage does not know.
    wrong: Vec<String>,
    /// Owner and name of the repository now; None: it is gone.
    names: Option<(String, String)>,
    minted: usize,
}

/// A GitHub that plays answers: each line its next one, and the last one again and again. Tokens and the look-up of the
/// repository it knows by itself. What it was not told to answer fails the test, and so does
/// what GitHub's own description of its API does not have.
struct Stage {
    clock: Clock,
    github: GitHub,
    state: Arc<Mutex<State>>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let wrong = self.state.lock().map(|state| state.wrong.clone()).unwrap_or_default();
        assert!(wrong.is_empty() || std::thread::panicking(), "{wrong:#?}");
    }
}

impl Stage {
    async fn new(answers: &[(&str, &[Play])]) -> Self {
        let clock = Clock::manual(NOW);
        let answers = answers.iter().map(|(line, plays)| ((*line).to_owned(), plays.to_vec())).collect();
        let names = Some(("o".to_owned(), "n".to_owned()));
        let state = Arc::new(Mutex::new(State { answers, names, ..State::default() }));
        let (shared, time) = (state.clone(), clock.clone());
        let handler = async move |request: Request| {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let path = below_api(head.uri.path());
            let whole = below_api(head.uri.path_and_query().unwrap().as_str());
            let judged = judge(head.method.as_str(), whole, Some(&body));
            let asked = Asked {
                line: format!("{} {path}", head.method),
                query: head.uri.query().unwrap_or_default().to_owned(),
                headers: head.headers,
                body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            };
            let mut state = shared.lock().unwrap();
            state.wrong.extend(judged.err().into_iter().flatten());
            let now = time.now();
            answered(state.answer(asked, now).dated(now))
        };
        let base = serve(Router::new().fallback(handler)).await;
        let settings = GitHubSettings { api_url: format!("{base}/api/v3/"), app_id: APP, key: key("pkcs1") };
        let github = GitHub::new(settings, clock.clone()).unwrap();
        Self { clock, github, state }
    }

    fn desk(&self) -> Desk {
        self.github.desk(INSTALLATION, repo("o", "n"))
    }

    /// Time goes by.
    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn rename(&self, names: Option<(&str, &str)>) {
        self.state.lock().unwrap().names = names.map(|(owner, name)| (owner.to_owned(), name.to_owned()));
    }

    fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// The lines of what was asked.
    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// How often this was asked.
    fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|asked| *asked == line).count()
    }
}

/// A path of Enterprise Server, where GraphQL is not below `/v3`.
fn below_api(path: &str) -> &str {
    let path = path.strip_prefix("/api").unwrap();
    if path == "/graphql" { path } else { path.strip_prefix("/v3").unwrap() }
}

impl State {
    fn answer(&mut self, asked: Asked, now: Timestamp) -> Play {
        for (name, value) in
            [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")]
        {
            assert_eq!(asked.headers[name], value);
        }
        assert!(asked.headers["user-agent"].to_str().unwrap().starts_with("quantumlayer/"));
        let is_apps = asked.line.contains(" /app") || asked.line.ends_with("/installation");
        assert_eq!(asked.bearer().starts_with("eyJ"), is_apps, "{}", asked.line);
        let play = match self.answers.get_mut(&asked.line) {
            Some(plays) if plays.len() > 1 => plays.remove(0),
            Some(plays) => plays[0].clone(),
            None => self.known(&asked, now),
        };
        self.asked.push(asked);
        play
    }

    fn known(&mut self, asked: &Asked, now: Timestamp) -> Play {
        let repositories: Vec<_> = self.names.iter().map(|(owner, name)| listed(REPO, owner, name)).collect();
        match asked.line.as_str() {
            MINT if repositories.is_empty() => {
                said(422, "There is at least one repository that does not exist.")
            }
            MINT => {
                self.minted += 1;
                token(self.minted, &asked.body, now, &repositories)
            }
            "GET /app/installations/7" => play(200, installation()),
            FIND => play(200, json!({"total_count": repositories.len(), "repositories": repositories})),
            REVOKE => play(204, Value::Null).text(""),
            line => {
                self.wrong.push(format!("nobody told what to answer: {line}"));
                said(599, "nobody told what to answer")
            }
        }
    }
}

/// The answer to a token's making.
fn token(nth: usize, asked: &Value, now: Timestamp, repositories: &[Value]) -> Play {
    let ends = OffsetDateTime::from_unix_timestamp(now.0 / 1_000 + 3_600).unwrap().format(&Rfc3339).unwrap();
    let (token, permissions) = (format!("{CANARY}-{nth}"), &asked["permissions"]);
    play(
        201,
        json!({"token": token, "expires_at": ends, "permissions": permissions,
            "repository_selection": "selected", "repositories": repositories}),
    )
}

/// A repository in a list.
fn listed(id: u64, owner: &str, name: &str) -> Value {
    let owner_of = json!({"login": owner, "id": 1});
    json!({"id": id, "name": name, "full_name": format!("{owner}/{name}"), "owner": owner_of, "private": true})
}

/// An installation that granted everything.
fn installation() -> Value {
    let manifest = manifest().unwrap();
    json!({"id": INSTALLATION, "account": {"login": "o", "id": 1}, "permissions": manifest.permissions,
        "events": manifest.events, "suspended_at": null})
}

/// The answer to a comment's making.
fn commented() -> Play {
    play(201, json!({"id": 99, "body": "hi"}))
}

fn repo(owner: &str, name: &str) -> RepoRef {
    RepoRef { id: REPO, owner: owner.to_owned(), name: name.to_owned(), is_private: false }
}

/// The variant's name.
fn variant(error: &GitHubError) -> String {
    format!("{error:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

fn answered(play: Play) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(play.status).unwrap());
    for (name, value) in play.headers {
        response = response.header(name, value);
    }
    let body = match play.is_cut {
        false => Body::from(play.body),
        true => {
            let half = Bytes::from(play.body[..play.body.len() / 2].to_owned());
            let end = async {
                // what is written so far leaves first
                tokio::task::yield_now().await;
                Err(std::io::Error::other("cut"))
            };
            let parts = stream::iter([Ok(half)]).chain(stream::once(end));
            Body::from_stream(parts)
        }
    };
    response.body(body).unwrap()
}

/// Starts a server on the loopback; its address.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "a test's server ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}
