//! The journal: what each run was told, in order.

use super::{Store, StoreError, runs};
use crate::{clock::Timestamp, ids::RunId, run::Event};
use sqlx::Row;

impl Store {
    /// What this run was told, and when, in order.
    pub async fn journal(&self, run: &RunId) -> Result<Vec<(Timestamp, Event)>, StoreError> {
        let rows = sqlx::query("SELECT at, event FROM journal WHERE run = ? ORDER BY seq")
            .bind(run.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let event: String = row.try_get("event")?;
                Ok((Timestamp(row.try_get("at")?), runs::decode("an event", &event)?))
            })
            .collect()
    }
}
