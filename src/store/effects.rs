//! Effects: what waits, what is in hand, what may be tried again.

use super::{Lease, Store, StoreError, leases};
use crate::{
    clock::Timestamp,
    ids::RunId,
    run::{
        Effect, Event,
        journal::{Entry, decode_effect, decode_entry, encode_entry},
    },
};
use sqlx::{Row, sqlite::SqliteRow};

/// An effect in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// What makes repeating it safe.
    pub key: String,
    /// What is to be done.
    pub effect: Effect,
    /// Set when it was done before: this is to be told again, nothing is to be performed.
    pub outcome: Option<Event>,
    /// Times it was started without coming to an end, this one included.
    pub claims: u32,
    /// Times it ended in a failure that may pass.
    pub failures: u32,
    /// The order in which it was wanted.
    pub order: (i64, i64),
}

impl Store {
    /// Claims what may be performed now, in the order it was wanted: all that is not a work, and at most `works` works.
    pub async fn claim_effects(
        &self,
        lease: &Lease,
        now: Timestamp,
        works: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        let lease = lease.clone();
        self.write(move |connection| {
            Box::pin(async move {
                leases::demand(connection, &lease).await?;
                let rows = sqlx::query(
                    "UPDATE effects SET state = 'claimed', claims = claims + 1
                     WHERE run = ?1 AND state = 'pending' AND not_before <= ?2 AND (kind <> 'work' OR key IN (
                         SELECT key FROM effects WHERE run = ?1 AND state = 'pending' AND not_before <= ?2
                         AND kind = 'work' ORDER BY version, place LIMIT ?3))
                     RETURNING *",
                )
                .bind(lease.run.as_str())
                .bind(now.0)
                .bind(works)
                .fetch_all(connection)
                .await?;
                let mut claimed = rows.iter().map(claimed).collect::<Result<Vec<_>, _>>()?;
                claimed.sort_by_key(|effect| effect.order);
                Ok(claimed)
            })
        })
        .await
    }

    /// When the next effect may be performed that nobody has in hand; None: nothing waits.
    pub async fn next_effect_at(&self, run: &RunId) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> =
            sqlx::query_scalar("SELECT min(not_before) FROM effects WHERE run = ? AND state = 'pending'")
                .bind(run.as_str())
                .fetch_one(&self.readers)
                .await?;
        Ok(at.map(Timestamp))
    }

    /// It failed in a way that may pass: it waits until then.
    pub async fn postpone_effect(
        &self,
        lease: &Lease,
        key: &str,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.set_effect_back(lease, key, until, 1).await
    }

    /// It may not be performed before then, which is no failure of it.
    pub async fn delay_effect(&self, lease: &Lease, key: &str, until: Timestamp) -> Result<(), StoreError> {
        self.set_effect_back(lease, key, until, 0).await
    }

    async fn set_effect_back(
        &self,
        lease: &Lease,
        key: &str,
        until: Timestamp,
        failures: u32,
    ) -> Result<(), StoreError> {
        let (lease, key) = (lease.clone(), key.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                leases::demand(connection, &lease).await?;
                sqlx::query(
                    "UPDATE effects SET state = 'pending', not_before = ?3, failures = failures + ?4,
                         claims = claims - 1
                     WHERE run = ?1 AND key = ?2 AND state = 'claimed'",
                )
                .bind(lease.run.as_str())
                .bind(key)
                .bind(until.0)
                .bind(failures)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Which effects the run ever wanted, in order: key and state.
    pub async fn effects(&self, run: &RunId) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query("SELECT key, state FROM effects WHERE run = ? ORDER BY version, place")
            .bind(run.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("key")?, row.try_get("state")?))).collect()
    }
}

fn claimed(row: &SqliteRow) -> Result<Claimed, StoreError> {
    let body: String = row.try_get("body")?;
    let outcome: Option<String> = row.try_get("outcome")?;
    Ok(Claimed {
        key: row.try_get("key")?,
        effect: decode_effect(&body)?,
        outcome: outcome.map(|outcome| decode_outcome(&outcome)).transpose()?,
        claims: row.try_get("claims")?,
        failures: row.try_get("failures")?,
        order: (row.try_get("version")?, row.try_get("place")?),
    })
}

/// An outcome that may be told again: a journal of one entry.
pub(super) fn encode_outcome(event: &Event) -> Result<String, StoreError> {
    Ok(encode_entry(&Entry { seq: 1, at: Timestamp(0), event: event.clone() })?)
}

fn decode_outcome(text: &str) -> Result<Event, StoreError> {
    Ok(decode_entry(1, text)?.event)
}
