//! `/health`: the process answers. `/ready`: everything it needs does too.

use super::Open;
use crate::{clock::Timestamp, limits::server as limits, report::Hint};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt, future::Future, sync::Arc};
use tokio::{sync::Mutex, time::timeout};

/// One thing that must work. It must not cost money, and its hint is read by whoever can reach the server.
pub struct Check {
    name: &'static str,
    look: Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Check {
    /// A check by this name (`engine`, `github`, `model`, `sandbox`); an error is what to do about it.
    pub fn new<F>(name: &'static str, look: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, look: Box::new(move || Box::pin(look())) }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({})", self.name)
    }
}

/// The last answer and when it was found. Who asks meanwhile waits for the same look.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<(Timestamp, Ready)>>);

#[derive(Clone, Serialize)]
struct Ready {
    ready: bool,
    checks: BTreeMap<&'static str, Found>,
}

#[derive(Clone, Serialize)]
struct Found {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

pub(super) async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

pub(super) async fn ready(State(open): State<Arc<Open>>) -> Response {
    let mut kept = open.ready.0.lock().await;
    let now = open.door.clock.now();
    let is_fresh = |at: Timestamp| at <= now && now.since(at) < limits::READY_KEPT;
    let ready = match kept.as_ref().filter(|(at, _)| is_fresh(*at)) {
        Some((_, ready)) => ready.clone(),
        None => kept.insert((now, look(&open).await)).1.clone(),
    };
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready)).into_response()
}

async fn look(open: &Open) -> Ready {
    let store = open.door.store.clone();
    let store = Check::new("store", move || {
        let store = store.clone();
        async move { store.is_ready().await.map_err(|error| error.hint()) }
    });
    let all = open.door.checks.iter().chain([&store]).map(|check| async {
        let ended = timeout(limits::CHECK, (check.look)()).await;
        let hint = match ended {
            Ok(ended) => ended.err(),
            Err(_) => Some(format!("it did not answer within {} s", limits::CHECK.as_secs())),
        };
        (check.name, Found { ok: hint.is_none(), hint })
    });
    let checks: BTreeMap<_, _> = join_all(all).await.into_iter().collect();
    Ready { ready: checks.values().all(|found| found.ok), checks }
}
