//! GitHub's log of deliveries: what never arrived, from where something came, and asking for one again.

use super::{GitHub, GitHubError, ask::Ask, date};
use crate::{clock::Timestamp, limits::github as limits};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A delivery that never arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDelivery {
    /// Its last attempt: what is delivered again.
    pub id: u64,
    /// The delivery's own id, the same in every attempt (`X-GitHub-Delivery`).
    pub guid: String,
    /// The event's name.
    pub event: String,
    /// When the first attempt was, by our clock.
    pub first: Timestamp,
    /// When it is to be asked for, by our clock: at once after the first attempt; then when as much time has passed as all the
    /// attempts took, at most [`limits::AGAIN_MOST`].
    pub due: Timestamp,
}

/// What GitHub's log of deliveries tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryLog {
    /// Those of which no attempt arrived, oldest first.
    pub failed: Vec<FailedDelivery>,
    /// When something was first delivered from each repository, by its installation and its id.
    pub repos: BTreeMap<(u64, u64), Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    id: u64,
    guid: String,
    delivered_at: String,
    #[serde(default)]
    redelivery: bool,
    status_code: u16,
    #[serde(default)]
    event: String,
    installation_id: Option<u64>,
    repository_id: Option<u64>,
}

impl GitHub {
    /// What was delivered since then, or should have been; of what failed, all whose first attempt is not before
    /// `failed_since`. GitHub keeps it for three days. As long as nothing is delivered, asking again costs nothing.
    pub async fn deliveries(
        &self,
        since: Timestamp,
        failed_since: Timestamp,
    ) -> Result<DeliveryLog, GitHubError> {
        let (since, failed_since) = (self.wire().theirs(since), self.wire().theirs(failed_since));
        let ask = Ask::get("list the deliveries", &["app", "hook", "deliveries"]).kept();
        let ask = ask.query("per_page", limits::PAGE);
        let (mut log, mut next) = (Vec::new(), Some(ask));
        for _ in 0..limits::DELIVERY_PAGES {
            let Some(ask) = next.take() else { break };
            let answer = self.good(&ask).await?;
            let page: Vec<Delivery> = ask.read(&answer)?;
            // newest first: older than this is all that follows
            let is_old = |at| at < since && at < failed_since;
            let is_over = page.iter().filter_map(|one| date::read(&one.delivered_at)).any(is_old);
            log.extend(page);
            next = answer.next.filter(|_| !is_over).map(|page| ask.page(page));
        }
        if next.is_some() {
            tracing::warn!(
                github.deliveries = log.len(),
                "the log of deliveries is longer than is looked through"
            );
        }
        let repos = repos(&log, since);
        let mut failed = failed(log, failed_since);
        for one in &mut failed {
            (one.first, one.due) = (self.wire().ours(one.first), self.wire().ours(one.due));
        }
        Ok(DeliveryLog { failed, repos })
    }

    /// Has a delivery sent again.
    pub async fn redeliver(&self, id: u64) -> Result<(), GitHubError> {
        let path = ["app", "hook", "deliveries", &id.to_string(), "attempts"];
        let ask = Ask::order("send a delivery again", &path).plain();
        self.good(&ask).await.map(drop)
    }
}

/// From where something was delivered since then, and when first.
fn repos(log: &[Delivery], since: Timestamp) -> BTreeMap<(u64, u64), Timestamp> {
    let mut repos = BTreeMap::new();
    for one in log {
        let at = date::read(&one.delivered_at).filter(|at| *at >= since);
        if let (Some(installation), Some(repo), Some(at)) = (one.installation_id, one.repository_id, at) {
            let first: &mut Timestamp = repos.entry((installation, repo)).or_insert(at);
            *first = at.min(*first);
        }
    }
    repos
}

/// All attempts at one delivery.
struct Attempts {
    /// Whether it was asked for before, so that this is not the first there was.
    is_again: bool,
    first: (Timestamp, u64),
    last: (Timestamp, u64),
    event: String,
}

/// The last attempt of each delivery of which none arrived, and that was first tried since then.
fn failed(log: Vec<Delivery>, since: Timestamp) -> Vec<FailedDelivery> {
    let arrived: BTreeSet<String> =
        log.iter().filter(|one| (200..300).contains(&one.status_code)).map(|one| one.guid.clone()).collect();
    let mut tried: BTreeMap<String, Attempts> = BTreeMap::new();
    for Delivery { id, guid, delivered_at, event, redelivery, .. } in log {
        let Some(at) = date::read(&delivered_at).filter(|at| *at >= since) else { continue };
        if arrived.contains(&guid) {
            continue;
        }
        let this = (at, id);
        let new = || Attempts { is_again: redelivery, first: this, last: this, event };
        let known = tried.entry(guid).or_insert_with(new);
        known.last = known.last.max(this);
        if this < known.first {
            (known.first, known.is_again) = (this, redelivery);
        }
    }
    // what was first tried before that time is not tried for ever
    let young = tried.into_iter().filter(|(_, tried)| !tried.is_again);
    let mut failed: Vec<_> = young
        .map(|(guid, Attempts { first: (first, _), last: (last, id), event, .. })| {
            let due = last.after(last.since(first).min(limits::AGAIN_MOST));
            (last, FailedDelivery { id, guid, event, first, due })
        })
        .collect();
    failed.sort_by_key(|(last, one)| (*last, one.id));
    failed.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: u64, guid: &str, minute: u32, status_code: u16) -> Delivery {
        Delivery {
            id,
            guid: guid.to_owned(),
            delivered_at: format!("2026-11-27T{:02}:{:02}:00Z", 8 + minute / 60, minute % 60),
            redelivery: false,
            status_code,
            event: "issues".to_owned(),
            installation_id: Some(7),
            repository_id: (id > 3).then_some(id / 8),
        }
    }

    #[test]
    fn a_delivery_failed_when_no_attempt_arrived() {
        let log = vec![
            one(9, "late", 50, 502),
            one(8, "saved", 40, 202),
            one(7, "twice", 30, 0),
            one(6, "twice", 20, 503),
            one(5, "saved", 10, 500),
            one(4, "fine", 5, 200),
            one(3, "old", 1, 500),
        ];
        let since = date::read("2026-11-27T08:02:00Z").unwrap();
        let at = |minute: i64| Timestamp(since.0 + (minute - 2) * 60_000);
        let repos: Vec<_> = super::repos(&log, since).into_iter().collect();
        assert_eq!(repos, [((7, 0), at(5)), ((7, 1), at(40))]);
        let failed: Vec<_> = failed(log, since).into_iter().map(|one| (one.id, one.guid)).collect();
        assert_eq!(failed, [(7, "twice".to_owned()), (9, "late".to_owned())]);
        assert!(super::failed(Vec::new(), since).is_empty());
    }

    #[test]
    fn what_keeps_failing_is_asked_for_ever_later_and_by_its_first_attempt_only() {
        let since = date::read("2026-11-27T08:00:00Z").unwrap();
        let again = |id, guid, minute| Delivery { redelivery: true, ..one(id, guid, minute, 500) };
        let due = |log: Vec<Delivery>| -> Vec<(u64, i64)> {
            failed(log, since).iter().map(|one| (one.id, (one.due.0 - since.0) / 60_000)).collect()
        };
        assert_eq!(due(vec![one(1, "a", 10, 500)]), [(1, 10)], "at once");
        assert_eq!(due(vec![again(2, "a", 12), one(1, "a", 10, 500)]), [(2, 14)]);
        assert_eq!(due(vec![again(3, "a", 30), again(2, "a", 12), one(1, "a", 10, 500)]), [(3, 50)]);
        assert_eq!(due(vec![again(4, "a", 200), one(1, "a", 10, 500)]), [(4, 260)], "an hour at most");
        // its first attempt is too old to be seen
        assert_eq!(due(vec![again(3, "a", 30), again(2, "a", 12)]), []);
    }
}
