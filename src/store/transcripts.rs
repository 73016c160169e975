//! Transcripts: append-only lines, one sequence a work. What a line means is its reader's business.

use super::{Lease, Store, StoreError, leases};
use crate::{ids::WorkId, limits::engine as limits};
use sqlx::{Row, sqlite::SqliteConnection};

impl Store {
    /// The lines so far, in order.
    pub async fn transcript(&self, work: &WorkId) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT entry FROM transcripts WHERE work = ? ORDER BY seq")
            .bind(work.to_string())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok(row.try_get("entry")?)).collect()
    }

    /// Appends lines, the first at position `at` (from 0). `Taken` when there is one already, `Missing` when there would be a gap.
    pub async fn append(
        &self,
        lease: &Lease,
        work: &WorkId,
        at: u32,
        entries: Vec<String>,
    ) -> Result<(), StoreError> {
        check(&entries)?;
        let (lease, work) = (lease.clone(), work.clone());
        self.write(move |connection| {
            Box::pin(async move {
                leases::demand(connection, &lease).await?;
                append(connection, &work, at, &entries).await
            })
        })
        .await
    }
}

/// Refuses entries that are over the bound.
pub(super) fn check(entries: &[String]) -> Result<(), StoreError> {
    match entries.iter().map(String::len).find(|bytes| *bytes > limits::ENTRY_BYTES) {
        Some(bytes) => Err(StoreError::TooBig {
            what: "a transcript entry".to_owned(),
            bytes,
            limit: limits::ENTRY_BYTES,
        }),
        None => Ok(()),
    }
}

/// Appends inside somebody's transaction.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    work: &WorkId,
    at: u32,
    entries: &[String],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let name = work.to_string();
    let length: u32 = sqlx::query_scalar("SELECT coalesce(max(seq) + 1, 0) FROM transcripts WHERE work = ?")
        .bind(&name)
        .fetch_one(&mut *connection)
        .await?;
    match at.cmp(&length) {
        std::cmp::Ordering::Less => return Err(StoreError::Taken { work: name, at }),
        std::cmp::Ordering::Greater => {
            return Err(StoreError::Missing(format!("entry {length} of the transcript of {name}")));
        }
        std::cmp::Ordering::Equal => {}
    }
    for (seq, entry) in (at..).zip(entries) {
        sqlx::query("INSERT INTO transcripts (work, seq, run, entry) VALUES (?, ?, ?, ?)")
            .bind(&name)
            .bind(seq)
            .bind(work.run.as_str())
            .bind(entry)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
