//! `POST /webhooks/github`: verify, store, answer. Checked in the order that the interface promises: size, content type,
//! signature, the rest; each later check sees only what passed the earlier ones.

use super::{Door, Open, body, refusal::Refusal};
use crate::{
    clock::Timestamp,
    github::webhook,
    limits::server as limits,
    store::{Matter, NewDelivery, Taken},
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::de::IgnoredAny;
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::{Instant, timeout, timeout_at};

/// Answers a webhook: 202 only when it is durable.
pub(super) async fn receive(State(open): State<Arc<Open>>, headers: HeaderMap, body: Body) -> Response {
    let answer = take(&open, &headers, body).await;
    let state = answer.as_ref().map_or("refused", |(_, taken)| word(*taken));
    open.door.metrics.delivery(state);
    match answer {
        Ok((delivery, taken)) => {
            tracing::debug!(delivery, state, "a webhook came");
            if taken == Taken::Stored {
                open.door.arrived.notify_one();
            }
            (StatusCode::ACCEPTED, Json(json!({"delivery": delivery, "state": state}))).into_response()
        }
        Err(refusal) => {
            match &refusal {
                // what is ours to mend; strangers must not be able to fill the log
                Refusal::NotStored(error) => tracing::warn!(%error, "a webhook could not be kept"),
                Refusal::Late => tracing::warn!("a webhook could not be kept in time"),
                Refusal::Busy => tracing::warn!("no room for a large webhook"),
                Refusal::Unsigned if open.unsigned.is_due(open.door.clock.now()) => {
                    tracing::warn!(
                        "a delivery's signature is wrong: set the same secret here (QUANTUM_GITHUB_WEBHOOK_SECRET) and on \
                         the App's page"
                    );
                }
                refusal => tracing::debug!(?refusal, "a webhook was refused"),
            }
            refusal.into_response()
        }
    }
}

/// What became of a delivery, in the word that its sender reads.
pub fn word(taken: Taken) -> &'static str {
    match taken {
        Taken::Stored => "stored",
        Taken::Ignored => "ignored",
        Taken::Duplicate => "duplicate",
    }
}

/// What strangers can cause is said once in [`limits::UNSIGNED_SAID`].
#[derive(Default)]
pub(super) struct Said(Mutex<Option<Timestamp>>);

impl Said {
    /// Whether it is to be said now; then it counts as said.
    fn is_due(&self, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = last.is_some_and(|at| at <= now && now.since(at) < limits::UNSIGNED_SAID);
        if !is_fresh {
            *last = Some(now);
        }
        !is_fresh
    }
}

async fn take(open: &Arc<Open>, headers: &HeaderMap, body: Body) -> Result<(String, Taken), Refusal> {
    let deadline = Instant::now() + limits::ANSWER;
    let slow = |_| Refusal::Slow;
    let declared = body::declared(&body);
    if declared.is_some_and(|bytes| bytes > limits::BODY_BYTES) {
        // known before it is sent: whoever sends it all the same has a moment, and comes to read the answer
        let _ = timeout(limits::LINGER, body::skip(body)).await;
        return Err(Refusal::TooLarge);
    }
    let claim = match Claim::of(headers) {
        Ok(claim) => claim,
        Err(refusal) => {
            // too long comes first, and a stream tells its length at its end
            timeout_at(deadline, body::skip(body)).await.map_err(slow)??;
            return Err(refusal);
        }
    };
    let place = open.lines.place(declared).await?;
    let bytes = timeout_at(deadline, body::read(body)).await.map_err(slow)??;
    // the place is held until the answer, because what waits for the disk is in memory too; and by who weighs, because nobody
    // stops that when the time is over
    let (weighed, _place) = if bytes.len() > limits::ASIDE_BYTES {
        let (length, door) = (bytes.len(), Arc::clone(open));
        let weighed = open.aside.run(length, move || (claim.weigh(&door.door, &bytes), place));
        timeout_at(deadline, weighed).await.map_err(|_| Refusal::Late)??
    } else {
        (claim.weigh(&open.door, &bytes), place)
    };
    let (id, delivery) = weighed?;
    let taken = timeout_at(deadline, open.door.store.take_delivery(delivery)).await;
    let taken = taken.map_err(|_| Refusal::Late)??;
    Ok((id, taken))
}

/// What the head says of a delivery.
struct Claim {
    signature: String,
    id: Option<String>,
    event: Option<String>,
}

impl Claim {
    /// What can be refused by the head alone.
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let kind = only(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::NotJson);
        }
        let signature = only(headers, "x-hub-signature-256").ok_or(Refusal::Unsigned)?;
        Ok(Self {
            signature: signature.to_owned(),
            id: only(headers, "x-github-delivery").map(str::to_owned),
            event: only(headers, "x-github-event").map(str::to_owned),
        })
    }

    /// Checks and packs it: the work that grows with the body.
    fn weigh(self, door: &Door, bytes: &[u8]) -> Result<(String, NewDelivery), Refusal> {
        if !webhook::verify(&door.secret, bytes, Some(&self.signature)) {
            return Err(Refusal::Unsigned);
        }
        let (id, event) = (self.id.unwrap_or_default(), self.event.unwrap_or_default());
        let delivery = pack(door, &id, &event, bytes)?;
        Ok((id, delivery))
    }
}

/// What is checked whoever sends it.
pub(super) fn pack(door: &Door, id: &str, event: &str, bytes: &[u8]) -> Result<NewDelivery, Refusal> {
    let is_name = |name: &str, extra: char| {
        (1..=limits::NAME_CHARS).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == extra)
    };
    if !is_name(id, '-') {
        return Err(Refusal::Odd("X-GitHub-Delivery"));
    }
    if !is_name(event, '_') {
        return Err(Refusal::Odd("X-GitHub-Event"));
    }
    // a large body is read once: whoever looked at all of it knows what it is
    let (may_matter, installation) = match (door.may_matter)(event, bytes) {
        Some(Matter::Something { installation }) => (true, installation),
        Some(Matter::Nothing) => (false, None),
        None if is_object(bytes) => (false, None),
        None => return Err(Refusal::Odd("the JSON object in the body")),
    };
    Ok(NewDelivery::new(id, event, bytes, may_matter, door.clock.now())?.through(installation))
}

/// A header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    if all.next().is_some() { None } else { Some(first) }
}

fn is_object(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let is_braced = text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{');
    // without recursion: depth can't be a bomb
    is_braced && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_signature_is_said_once_in_a_minute() {
        let said = Said::default();
        let at = |seconds: i64| said.is_due(Timestamp(seconds * 1000));
        assert_eq!([at(5), at(5), at(64), at(65), at(66)], [true, false, false, true, false]);
        assert!(at(60), "a clock that was set back keeps nothing silent");
    }
}
