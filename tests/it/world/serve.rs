//! One request from the wire to its answer: read, logged, limited, judged, let in, applied; with faults in between.

use super::{
    Answer,
    call::{Call, Who, pairs},
    faults::Fault,
    git_http,
    github::Hub,
    limits::Cost,
    log::Entry,
    state::State,
    table::{self, Row},
    wire::{Cut, Door},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request},
    response::Response,
};
use quantumlayer::clock::Timestamp;
use serde_json::Value;

/// The largest body we read, in bytes; GitHub's own is below it.
const LARGEST: usize = 120 * 1024 * 1024;

/// A request as it came.
struct Asked {
    method: String,
    path: String,
    query: String,
    headers: axum::http::HeaderMap,
    body: Bytes,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A request that is on its way through.
struct Begun {
    entry: usize,
    bucket: String,
    fault: Option<Fault>,
    /// What to do, or the answer that is certain already.
    todo: Result<(&'static Row, Call), Answer>,
}

/// Git over HTTP, with the tokens that may read contents.
fn repositories(hub: Hub) -> Router {
    git_http::router(git_http::Log::default(), move |asked| {
        let token = match &asked.auth {
            git_http::Auth::Basic { password, .. } => Some(password.as_str()),
            git_http::Auth::Bearer(token) => Some(token.as_str()),
            git_http::Auth::None | git_http::Auth::Odd => None,
        };
        let (owner, name) = asked.repo.split_once('/').ok_or(404_u16)?;
        if asked.writes {
            return Err(403);
        }
        hub.may_fetch(token, owner, name).map(|repo| hub.folder(repo))
    })
}

pub(super) async fn forever(door: Door, hub: Hub) -> std::io::Result<()> {
    let git_side = hub.clone();
    let answer = move |ConnectInfo(cut): ConnectInfo<Cut>, request: Request| {
        let hub = hub.clone();
        async move { serve(hub, cut, request).await }
    };
    let router = repositories(git_side).fallback(answer);
    axum::serve(door, router.into_make_service_with_connect_info::<Cut>()).await
}

async fn serve(hub: Hub, cut: Cut, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST).await.unwrap_or_default();
    let asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    if let Some(rest) = asked.path.strip_prefix("/_/") {
        return hub.by_hand(rest);
    }
    let _inside = Inside::new(&hub);
    let begun = begin(&hub, &asked);
    let Begun { entry, bucket, fault, todo } = begun;
    match &fault {
        Some(Fault::HoldBefore(gate)) => gate.pass().await,
        Some(Fault::KillBefore(victim)) => victim.dies(),
        _ => {}
    }
    let done = match &fault {
        Some(Fault::Refuse(answer)) => answer.clone(),
        Some(Fault::CutBefore | Fault::KillBefore(_)) => Answer::not_found(),
        _ => applied(&hub, todo),
    };
    match &fault {
        Some(Fault::HoldAfter(gate)) => gate.pass().await,
        Some(Fault::KillAfter(victim)) => victim.dies(),
        _ => {}
    }
    let done = match &fault {
        Some(Fault::AppliedBut(answer)) => answer.clone(),
        _ => done,
    };
    if fault.as_ref().is_some_and(Fault::is_cut) {
        cut.now();
        return Response::new(Body::empty());
    }
    let etag = etag(&asked, &done);
    let mut state = hub.state();
    let now = state.now();
    let is_same = etag.is_some() && asked.header("if-none-match") == etag.as_deref();
    let mut done = if is_same { Answer::new(304, Value::Null) } else { done };
    if let Some(etag) = etag {
        done = done.with("etag", etag);
    }
    let done = state.limits.end(&bucket, now, done);
    if let Some(entry) = state.log.get_mut(entry) {
        entry.status = Some(done.status);
    }
    respond(&done, now, matches!(fault, Some(Fault::Truncate)))
}

/// Counts the requests that are inside at once.
struct Inside(Hub);

impl Inside {
    fn new(hub: &Hub) -> Self {
        let limits = &mut hub.state().limits;
        limits.in_flight += 1;
        limits.most_in_flight = limits.most_in_flight.max(limits.in_flight);
        Self(hub.clone())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.state().limits.in_flight -= 1;
    }
}

fn begin(hub: &Hub, asked: &Asked) -> Begun {
    let judge = hub.inner().judge;
    let mut state = hub.state();
    let path = match asked.path.as_str() {
        "/api/graphql" => "/graphql",
        path => path.strip_prefix("/api/v3").unwrap_or(path),
    };
    let found = state.route(&asked.method, path, &asked.query);
    let who = state.identify(asked.header("authorization"));
    let (row, path) = match &found {
        Ok((row, _, path)) => (Some(*row), path.clone()),
        Err(_) => (None, path.to_owned()),
    };
    let body = if asked.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&asked.body) };
    let entry = state.noted(asked, &path, row, who.as_ref().ok(), body.as_ref().ok());
    let bucket = entry.who.clone();
    let what = format!("{} {path}", entry.method);
    let cost = Cost {
        at: entry.at,
        points: entry.points,
        is_content: entry.is_content,
        is_mutation: entry.points > 1 && bucket.starts_with("installation") && !path.ends_with("/token"),
    };
    let limited = state.limits.begin(&bucket, cost, &what);
    let fault = state.faults.hit(&entry.method, entry.template, &path);
    let at = state.log.len();
    state.log.push(Entry { fault: fault.as_ref().map(Fault::word), ..entry });
    // a person's tool may ask for what we never would
    let is_ours = !matches!(who, Ok(Who::Person(_)));
    if let Some(judge) = judge.filter(|_| is_ours && row.is_some()) {
        let query = if asked.query.is_empty() { String::new() } else { format!("?{}", asked.query) };
        for wrong in
            judge(&asked.method, &format!("{path}{query}"), Some(&asked.body)).err().into_iter().flatten()
        {
            state.blame(format!("{what}: {wrong}"));
        }
    }
    if asked.header("user-agent").is_none() {
        state.blame(format!("{what}: no User-Agent, which GitHub refuses"));
    }
    let todo = match (limited, found, who, body) {
        (Some(answer), ..) | (_, Err(answer), ..) | (_, _, Err(answer), _) => Err(answer),
        (.., Err(_)) => Err(Answer::refuse(400, "Problems parsing JSON")),
        (_, Ok((row, params, path)), Ok(who), Ok(body)) => {
            let repo = state.repo_of(&params);
            let call =
                Call { path, params, query: pairs(&asked.query), body, who, repo, base: state.base.clone() };
            Ok((row, call))
        }
    };
    Begun { entry: at, bucket, fault, todo }
}

type Found = (&'static Row, Vec<(&'static str, String)>, String);

impl State {
    /// The row of a request; a redirect when the repository has another name now, 404 when nothing is there.
    fn route(&mut self, method: &str, path: &str, query: &str) -> Result<Found, Answer> {
        let path = self.by_name(path);
        let Some((row, params)) = table::find(method, &path) else {
            self.blame(format!("the fake GitHub has no route for {method} {path}"));
            return Err(Answer::not_found());
        };
        let is_of_repo = row.path.starts_with("/repos/{owner}/{repo}");
        if !is_of_repo || self.repo_of(&params).is_some() {
            return Ok((row, params, path));
        }
        let old = format!("{}/{}", params[0].1, params[1].1).to_ascii_lowercase();
        let Some(moved) = self.moved.get(&old).filter(|id| self.repos.contains_key(id)) else {
            return Err(Answer::not_found());
        };
        let rest: String = path.split('/').skip(4).map(|part| format!("/{part}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let url = format!("{}/repositories/{}{rest}{query}", self.base, moved.0);
        let mut answer = Answer::refuse(if method == "GET" { 301 } else { 307 }, "Moved Permanently");
        answer.body["url"] = url.clone().into();
        Err(answer.with("location", url))
    }

    /// `/repositories/ID/…` as `/repos/OWNER/NAME/…`.
    fn by_name(&self, path: &str) -> String {
        let by_id = path.strip_prefix("/repositories/").and_then(|rest| {
            let (id, rest) =
                rest.split_once('/').map_or((rest, String::new()), |(id, rest)| (id, format!("/{rest}")));
            let id = super::state::RepoId(id.parse().ok()?);
            self.repos.contains_key(&id).then(|| format!("/repos/{}{rest}", self.full_name(id)))
        });
        by_id.unwrap_or_else(|| path.to_owned())
    }

    /// Whether what the request is about outlived its wait at a gate.
    fn is_still_there(&self, call: &Call) -> Result<(), Answer> {
        match &call.who {
            Who::Installation(token) if !self.installations.contains_key(&token.installation) => {
                Err(Answer::refuse(401, "Bad credentials"))
            }
            _ if call.repo.is_some_and(|repo| !self.repos.contains_key(&repo)) => Err(Answer::not_found()),
            _ => Ok(()),
        }
    }

    fn repo_of(&self, params: &[(&'static str, String)]) -> Option<super::state::RepoId> {
        let param = |name: &str| params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        self.repo_named(param("owner")?, param("repo")?)
    }

    fn noted(
        &self,
        asked: &Asked,
        path: &str,
        row: Option<&'static Row>,
        who: Option<&Who>,
        body: Option<&Value>,
    ) -> Entry {
        let (name, permissions) = match who {
            Some(Who::App) => ("app".to_owned(), Default::default()),
            Some(Who::Installation(token)) => {
                (format!("installation {}", token.installation), token.permissions.clone())
            }
            Some(Who::Person(user)) => (self.user(*user).login.clone(), Default::default()),
            Some(Who::Nobody) | None => ("nobody".to_owned(), Default::default()),
        };
        Entry {
            at: self.now(),
            method: asked.method.clone(),
            path: path.to_owned(),
            template: row.map_or("", |row| row.path),
            who: name,
            permissions,
            body: body.cloned().unwrap_or_default(),
            // GraphQL without a mutation counts as a read does
            points: if asked.method == "GET" || path == "/graphql" { 1 } else { 5 },
            is_content: row.is_some_and(|row| row.is_content),
            status: None,
            fault: None,
        }
    }
}

fn applied(hub: &Hub, todo: Result<(&'static Row, Call), Answer>) -> Answer {
    let (row, call) = match todo {
        Ok(todo) => todo,
        Err(answer) => return answer,
    };
    let answer = {
        let mut state = hub.state();
        state
            .is_still_there(&call)
            .and_then(|()| state.authorize(row, &call))
            .and_then(|()| (row.act)(&mut state, &call))
            .unwrap_or_else(|refusal| refusal)
    };
    hub.knock();
    answer
}

fn etag(asked: &Asked, answer: &Answer) -> Option<String> {
    use sha2::Digest;
    let is_cached = asked.method == "GET" && answer.status == 200;
    is_cached.then(|| {
        let hash = sha2::Sha256::digest(answer.body.to_string());
        format!("W/\"{}\"", data_encoding::HEXLOWER.encode(&hash))
    })
}

fn respond(answer: &Answer, now: Timestamp, is_cut: bool) -> Response {
    let mut response = Response::builder()
        .status(answer.status)
        .header("server", "github.com")
        .header("x-github-media-type", "github.v3; format=json")
        .header("x-github-request-id", "0000:0000:0000:0000:00000000")
        .header("date", httpdate::fmt_http_date(std::time::UNIX_EPOCH + now.since(Timestamp(0))));
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    if answer.body.is_null() {
        return response.body(Body::empty()).unwrap();
    }
    let mut text = answer.body.to_string();
    if is_cut {
        text.truncate(text.floor_char_boundary(text.len() / 2));
    }
    response.header("content-type", "application/json; charset=utf-8").body(Body::from(text)).unwrap()
}
