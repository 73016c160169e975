//! The App's log of webhook deliveries, and asking for one again.

use super::{
    answer::{Answer, maybe_stamp, stamp},
    call::Call,
    deliveries::Delivery,
    seals,
    state::State,
};
use serde_json::{Value, json};
use std::time::Duration;

type Done = Result<Answer, Answer>;

/// Rows of a page that is not asked for by size, and the most.
const PER_PAGE: u64 = 30;
const MOST_PER_PAGE: u64 = 100;
/// How long GitHub remembers a delivery.
const WINDOW: Duration = Duration::from_secs(3 * 24 * 3600);

pub(super) fn config(state: &mut State, _: &Call) -> Done {
    let url = state.hooks.url.clone().unwrap_or_default();
    let config = json!({"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": url});
    Ok(Answer::new(200, config))
}

/// Newest first, by cursor. There is no page to jump to.
pub(super) fn list(state: &mut State, call: &Call) -> Done {
    let per_page = call.number("per_page").unwrap_or(PER_PAGE).clamp(1, MOST_PER_PAGE) as usize;
    let before = match call.query("cursor") {
        None => u64::MAX,
        Some(cursor) => cursor
            .strip_prefix("v1_")
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| Answer::refuse(400, "Invalid cursor"))?,
    };
    let is_wanted = |delivery: &&Delivery| match call.query("status") {
        Some("success") => is_ok(delivery),
        Some("failure") => !is_ok(delivery),
        _ => true,
    };
    let mut found: Vec<&Delivery> = state
        .hooks
        .done
        .range(..before)
        .rev()
        .map(|(_, delivery)| delivery)
        .filter(|delivery| is_remembered(state, delivery))
        .filter(is_wanted)
        .take(per_page + 1)
        .collect();
    let more = found.len() > per_page;
    found.truncate(per_page);
    let rows: Vec<Value> = found.iter().map(|delivery| row_json(delivery)).collect();
    let answer = Answer::new(200, Value::Array(rows));
    match found.last() {
        Some(last) if more => {
            let link = call.link(&[("cursor", &format!("v1_{}", last.id))], "next");
            Ok(answer.with("link", link))
        }
        _ => Ok(answer),
    }
}

pub(super) fn one(state: &mut State, call: &Call) -> Done {
    let delivery = known(state, call)?;
    let sealed = seals::seal(state, delivery);
    let mut json = row_json(delivery);
    let headers: Value =
        sealed.headers.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    json["url"] = state.hooks.url.clone().unwrap_or_default().into();
    json["request"] =
        json!({"headers": headers, "payload": serde_json::from_str::<Value>(&sealed.body).unwrap()});
    let answer = delivery.end.as_ref().map(|end| end.answer.clone());
    json["response"] = json!({"headers": {}, "payload": answer});
    Ok(Answer::new(200, json))
}

/// The same delivery once more: same GUID, same bytes.
pub(super) fn again(state: &mut State, call: &Call) -> Done {
    let delivery = known(state, call)?.clone();
    let again = Delivery { id: state.next_id(), is_redelivery: true, throttled: None, end: None, ..delivery };
    state.hooks.push(again);
    Ok(Answer::new(202, json!({})))
}

fn known<'a>(state: &'a State, call: &Call) -> Result<&'a Delivery, Answer> {
    let found = state.hooks.done.get(&call.id("delivery_id")?);
    found.filter(|delivery| is_remembered(state, delivery)).ok_or_else(Answer::not_found)
}

fn is_remembered(state: &State, delivery: &Delivery) -> bool {
    state.now().since(delivery.made) < WINDOW
}

fn is_ok(delivery: &Delivery) -> bool {
    delivery.end.as_ref().is_some_and(|end| (200..300).contains(&end.status_code))
}

fn row_json(delivery: &Delivery) -> Value {
    let end = delivery.end.as_ref().unwrap();
    json!({
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": stamp(end.at),
        "redelivery": delivery.is_redelivery,
        "duration": 0.02,
        "status": end.status,
        "status_code": end.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation,
        "repository_id": delivery.repository,
        "throttled_at": maybe_stamp(delivery.throttled),
    })
}
