//! What waits: deliveries that somebody must look at, by turns of the installations they came through, and how that ends.

use super::{
    Store, StoreError,
    deliveries::{Delivery, delivery},
};
use crate::{
    clock::Timestamp,
    limits::{app::DELIVERY_SUSPECT, server as limits},
};
use sqlx::Row;

/// How looking at a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// It did what it meant.
    Done,
    /// It meant nothing.
    Ignored,
    /// It was given up.
    Failed,
}

/// The deliveries that nobody has looked at to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub count: u64,
    /// When the oldest came.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// Those that wait and may be looked at now, without those that the caller has in hand: by turns of their installations, of
    /// each in the order they came; none has more than `share` in hand then. Of those that may have ended the program
    /// ([`DELIVERY_SUSPECT`]) one is in hand at a time: what ends it again says which it was. Each counts as started
    /// once more. Nothing keeps a second caller from being given the same ones: one task asks.
    pub async fn next_deliveries(
        &self,
        in_hand: &[String],
        now: Timestamp,
        share: u32,
        most: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let in_hand = serde_json::Value::from(in_hand).to_string();
        self.write(move |connection| {
            Box::pin(async move {
                let rows = sqlx::query(NEXT)
                    .bind(now.0)
                    .bind(in_hand)
                    .bind(share)
                    .bind(most)
                    .bind(DELIVERY_SUSPECT)
                    .fetch_all(connection)
                    .await?;
                let mut found = rows
                    .iter()
                    .map(|row| Ok((row.try_get::<i64, _>("seq")?, delivery(row)?)))
                    .collect::<Result<Vec<_>, StoreError>>()?;
                found.sort_by_key(|(seq, _)| *seq);
                Ok(found.into_iter().map(|(_, delivery)| delivery).collect())
            })
        })
        .await
    }

    /// These were begun and are not to blame for being put down: that start does not count.
    pub async fn give_starts_back(&self, ids: &[String]) -> Result<(), StoreError> {
        let ids = serde_json::Value::from(ids).to_string();
        self.write(move |connection| {
            Box::pin(async move {
                let query = "UPDATE deliveries SET starts = max(starts - 1, 0)
                     WHERE state = 'stored' AND id IN (SELECT value FROM json_each(?))";
                sqlx::query(query).bind(ids).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    /// When the next one may be looked at; None: none waits.
    pub async fn next_delivery_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let query = "SELECT min(not_before) FROM deliveries WHERE state = 'stored'";
        let at: Option<i64> = sqlx::query_scalar(query).fetch_one(&self.readers).await?;
        Ok(at.map(Timestamp))
    }

    /// Looking at it failed in a way that may pass: it waits until then.
    pub async fn postpone_delivery(&self, id: &str, until: Timestamp) -> Result<(), StoreError> {
        self.set_delivery_back(id, until, 1).await
    }

    /// It may not be looked at before then, which is no failure of it.
    pub async fn delay_delivery(&self, id: &str, until: Timestamp) -> Result<(), StoreError> {
        self.set_delivery_back(id, until, 0).await
    }

    async fn set_delivery_back(&self, id: &str, until: Timestamp, failures: u32) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE deliveries SET not_before = ?2, failures = failures + ?3, starts = 0
                     WHERE id = ?1 AND state = 'stored'",
                )
                .bind(id)
                .bind(until.0)
                .bind(failures)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// It was looked at; `why` is a stable word for the audit. One that has ended stays as it is.
    pub async fn finish_delivery(&self, id: &str, end: DeliveryEnd, why: &str) -> Result<(), StoreError> {
        let (id, why) = (id.to_owned(), why.chars().take(limits::WHY_CHARS).collect::<String>());
        let state = match end {
            DeliveryEnd::Done => "done",
            DeliveryEnd::Ignored => "ignored",
            DeliveryEnd::Failed => "failed",
        };
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE deliveries SET state = ?2, why = ?3 WHERE id = ?1 AND state = 'stored'")
                    .bind(id)
                    .bind(state)
                    .bind(why)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// What waits to be looked at, postponed ones included.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        // by the small index of what waits
        let row = sqlx::query(
            "SELECT count(*) AS count, (SELECT received FROM deliveries WHERE seq = (
                 SELECT min(seq) FROM deliveries INDEXED BY deliveries_waiting WHERE state = 'stored')) AS oldest
             FROM deliveries WHERE state = 'stored'",
        )
        .fetch_one(&self.readers)
        .await?;
        let oldest: Option<i64> = row.try_get("oldest")?;
        Ok(Backlog { count: row.try_get::<i64, _>("count")?.unsigned_abs(), oldest: oldest.map(Timestamp) })
    }
}

/// By the small index of what waits: of each installation the first few, and of these whose turn it is.
const NEXT: &str = "UPDATE deliveries SET starts = starts + 1 WHERE seq IN (
    WITH RECURSIVE hand AS MATERIALIZED (
        SELECT seq, installation, starts FROM deliveries WHERE id IN (SELECT value FROM json_each(?2))),
    held AS (SELECT installation, count(*) AS many FROM hand GROUP BY installation),
    waiting (installation) AS (
        SELECT min(installation) FROM deliveries INDEXED BY deliveries_waiting WHERE state = 'stored'
        UNION ALL
        SELECT (SELECT min(other.installation) FROM deliveries AS other INDEXED BY deliveries_waiting
            WHERE other.state = 'stored' AND other.installation > waiting.installation)
        FROM waiting WHERE installation IS NOT NULL),
    calm AS (
        SELECT one.seq, one.installation FROM waiting JOIN deliveries AS one ON one.seq IN (
            SELECT own.seq FROM deliveries AS own INDEXED BY deliveries_waiting
            WHERE own.state = 'stored' AND own.installation = waiting.installation AND own.not_before <= ?1
            AND own.starts < ?5 AND own.seq NOT IN (SELECT seq FROM hand) ORDER BY own.seq LIMIT ?3)
        UNION ALL
        SELECT seq, installation FROM deliveries WHERE NOT EXISTS (SELECT 1 FROM hand WHERE starts > ?5)
        AND seq = (SELECT min(seq) FROM deliveries INDEXED BY deliveries_waiting
            WHERE state = 'stored' AND not_before <= ?1 AND starts >= ?5 AND seq NOT IN (SELECT seq FROM hand))),
    turns AS (
        SELECT seq, coalesce(many, 0) + row_number() OVER (PARTITION BY installation ORDER BY seq) AS turn
        FROM calm LEFT JOIN held USING (installation))
    SELECT seq FROM turns WHERE turn <= ?3 ORDER BY turn, seq LIMIT ?4)
RETURNING *";
