//! The journal: what each run was told, in order.

use super::{Store, StoreError};
use crate::{
    ids::RunId,
    run::journal::{Entry, decode_entry},
};
use sqlx::Row;

impl Store {
    /// What this run was told, in order; [`crate::run::journal::replay`] makes the run of it.
    pub async fn journal(&self, run: &RunId) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query("SELECT seq, event FROM journal WHERE run = ? ORDER BY seq")
            .bind(run.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let event: String = row.try_get("event")?;
                let seq: i64 = row.try_get("seq")?;
                Ok(decode_entry(seq.unsigned_abs(), &event)?)
            })
            .collect()
    }
}
