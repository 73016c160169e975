//! Leases: the right to perform the effects of a run, with a deadline that heartbeats move.
//!
//! Every write of an owner names itself; the first write after somebody else took over is refused (fencing), so a
//! process that was only slow can't spoil what its successor does.

use super::{Store, StoreError};
use crate::{clock::Timestamp, ids::RunId};
use sqlx::{Row, sqlite::SqliteConnection};

/// Who performs the effects of which run. An owner's name is never used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Who.
    pub owner: String,
}

impl Store {
    /// Takes the lease when it is free, over or ours, and tells until when the one before it held (0: there was none). What a
    /// dead owner had claimed waits to be performed again.
    pub async fn take_lease(
        &self,
        lease: &Lease,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let Lease { run, owner } = lease.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let row = sqlx::query("SELECT lease_owner, lease_until FROM runs WHERE id = ?")
                    .bind(run.as_str())
                    .fetch_optional(&mut *connection)
                    .await?
                    .ok_or_else(|| StoreError::Missing(format!("run {run}")))?;
                let holder: Option<String> = row.try_get("lease_owner")?;
                let held_until: i64 = row.try_get("lease_until")?;
                match holder {
                    Some(holder) if holder != owner && held_until > now.0 => {
                        return Err(StoreError::Leased { run: run.to_string(), owner: holder });
                    }
                    Some(_) | None => {}
                }
                sqlx::query("UPDATE runs SET lease_owner = ?2, lease_until = ?3 WHERE id = ?1")
                    .bind(run.as_str())
                    .bind(owner)
                    .bind(until.0)
                    .execute(&mut *connection)
                    .await?;
                sqlx::query("UPDATE effects SET state = 'pending' WHERE run = ? AND state = 'claimed'")
                    .bind(run.as_str())
                    .execute(connection)
                    .await?;
                Ok(Timestamp(held_until))
            })
        })
        .await
    }

    /// The heartbeat: moves the deadline. `LeaseLost` when somebody else has it.
    pub async fn renew_lease(&self, lease: &Lease, until: Timestamp) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(move |connection| {
            Box::pin(async move {
                demand(connection, &lease).await?;
                sqlx::query("UPDATE runs SET lease_until = ?2 WHERE id = ?1")
                    .bind(lease.run.as_str())
                    .bind(until.0)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Gives the lease back; what is still claimed waits for the next owner. Not ours any more: nothing happens.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let Lease { run, owner } = lease.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let released =
                    sqlx::query("UPDATE runs SET lease_owner = NULL WHERE id = ? AND lease_owner = ?")
                        .bind(run.as_str())
                        .bind(owner)
                        .execute(&mut *connection)
                        .await?;
                if released.rows_affected() > 0 {
                    sqlx::query("UPDATE effects SET state = 'pending' WHERE run = ? AND state = 'claimed'")
                        .bind(run.as_str())
                        .execute(connection)
                        .await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Who took the lease last and did not give it back, whether it is over or not.
    pub async fn last_holder(&self, run: &RunId) -> Result<Option<Lease>, StoreError> {
        let found: Option<Option<String>> = sqlx::query_scalar("SELECT lease_owner FROM runs WHERE id = ?")
            .bind(run.as_str())
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.flatten().map(|owner| Lease { run: run.clone(), owner }))
    }

    /// Every lease that was taken and not given back, whether it is over or not, of closed runs too.
    pub async fn held_leases(&self) -> Result<Vec<Lease>, StoreError> {
        let query = "SELECT id, lease_owner FROM runs WHERE lease_owner IS NOT NULL ORDER BY created, id";
        let rows = sqlx::query(query).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(Lease {
                    run: RunId::new(row.try_get::<String, _>("id")?),
                    owner: row.try_get("lease_owner")?,
                })
            })
            .collect()
    }

    /// Whether somebody's lease on this run is still good.
    pub async fn is_leased(&self, run: &RunId, now: Timestamp) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM runs WHERE id = ? AND lease_owner IS NOT NULL AND lease_until > ?",
        )
        .bind(run.as_str())
        .bind(now.0)
        .fetch_optional(&self.readers)
        .await?;
        Ok(found.is_some())
    }
}

/// Refuses unless this owner has the run.
pub(super) async fn demand(connection: &mut SqliteConnection, lease: &Lease) -> Result<(), StoreError> {
    let held: Option<i64> = sqlx::query_scalar("SELECT 1 FROM runs WHERE id = ? AND lease_owner = ?")
        .bind(lease.run.as_str())
        .bind(&lease.owner)
        .fetch_optional(connection)
        .await?;
    held.map(|_| ()).ok_or_else(|| StoreError::LeaseLost(lease.run.to_string()))
}
