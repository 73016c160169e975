//! What calls to models cost: booked before they leave, settled when they are back.

use super::{
    Lease, Store, StoreError, leases, transcripts,
    writer::{Deed, Pending},
};
use crate::ids::{RunId, Usd, WorkId};
use sqlx::{Row, sqlite::SqliteConnection};

/// One attempt at one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whose.
    pub work: WorkId,
    /// Which call of the work (from 1).
    pub step: u32,
    /// Which attempt at it (from 1).
    pub attempt: u32,
}

/// What a call costs, or may cost at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Money; None when there is no price.
    pub usd: Option<Usd>,
    /// Tokens sent, cached ones included.
    pub input_tokens: u64,
    /// Of these, found in the provider's cache.
    pub cached_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
}

/// Everything booked for a run; a call that never came back counts in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// The sum; its money is None once a call had no price.
    pub sum: Cost,
    /// Calls that left, failed ones included.
    pub calls: u32,
}

impl Store {
    /// Before a call leaves: the most it can cost, and what is to be appended to the transcript before it.
    /// An attempt is booked once (`Booked`): after a crash the next attempt is booked, for the lost one may have been billed.
    pub async fn book_call(
        &self,
        lease: &Lease,
        call: &Call,
        cost: Cost,
        at: u32,
        entries: Vec<String>,
    ) -> Result<(), StoreError> {
        transcripts::check(&entries)?;
        let (lease, call) = (lease.clone(), call.clone());
        self.write(move |connection| {
            Box::pin(async move {
                leases::demand(connection, &lease).await?;
                transcripts::append(connection, &call.work, at, &entries).await?;
                book(connection, &call, cost).await
            })
        })
        .await
    }

    /// After it: the real cost replaces the booking, and its entries are appended, in one transaction. Who waits for the
    /// [`Pending`] knows that it is on the disk.
    pub async fn begin_settling(
        &self,
        lease: &Lease,
        call: &Call,
        cost: Cost,
        at: u32,
        entries: Vec<String>,
    ) -> Result<Pending<()>, StoreError> {
        transcripts::check(&entries)?;
        let (lease, call) = (lease.clone(), call.clone());
        let deed: Deed<()> = Box::new(move |connection| {
            Box::pin(async move {
                leases::demand(connection, &lease).await?;
                transcripts::append(connection, &call.work, at, &entries).await?;
                settle(connection, &call, cost).await
            })
        });
        self.writer.begin(deed).await
    }

    /// The highest attempt that was booked for this call; 0 when none was.
    pub async fn attempts(&self, work: &WorkId, step: u32) -> Result<u32, StoreError> {
        let query = "SELECT coalesce(max(attempt), 0) FROM calls WHERE work = ? AND step = ?";
        let found = sqlx::query_scalar(query).bind(work.to_string()).bind(step).fetch_one(&self.readers);
        Ok(found.await?)
    }

    /// What this run has cost so far, at most.
    pub async fn costs(&self, run: &RunId) -> Result<Costs, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) AS calls, count(*) - count(usd) AS unpriced, coalesce(sum(usd), 0) AS usd,
                    coalesce(sum(input_tokens), 0) AS input, coalesce(sum(cached_tokens), 0) AS cached,
                    coalesce(sum(output_tokens), 0) AS output
             FROM calls WHERE run = ?",
        )
        .bind(run.as_str())
        .fetch_one(&self.readers)
        .await?;
        let unpriced: i64 = row.try_get("unpriced")?;
        let tokens = |name: &str| row.try_get::<i64, _>(name).map(i64::unsigned_abs);
        Ok(Costs {
            sum: Cost {
                usd: if unpriced == 0 { Some(Usd(tokens("usd")?)) } else { None },
                input_tokens: tokens("input")?,
                cached_tokens: tokens("cached")?,
                output_tokens: tokens("output")?,
            },
            calls: row.try_get("calls")?,
        })
    }
}

async fn book(connection: &mut SqliteConnection, call: &Call, cost: Cost) -> Result<(), StoreError> {
    let booked = sqlx::query(
        "INSERT INTO calls (work, step, attempt, run, settled, usd, input_tokens, cached_tokens, output_tokens)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8) ON CONFLICT (work, step, attempt) DO NOTHING",
    )
    .bind(call.work.to_string())
    .bind(call.step)
    .bind(call.attempt)
    .bind(call.work.run.as_str())
    .bind(cost.usd.map(|usd| whole(usd.0)))
    .bind(whole(cost.input_tokens))
    .bind(whole(cost.cached_tokens))
    .bind(whole(cost.output_tokens))
    .execute(connection)
    .await?;
    if booked.rows_affected() == 0 {
        return Err(StoreError::Booked {
            work: call.work.to_string(),
            step: call.step,
            attempt: call.attempt,
        });
    }
    Ok(())
}

async fn settle(connection: &mut SqliteConnection, call: &Call, cost: Cost) -> Result<(), StoreError> {
    let settled = sqlx::query(
        "UPDATE calls SET settled = 1, usd = ?4, input_tokens = ?5, cached_tokens = ?6, output_tokens = ?7
         WHERE work = ?1 AND step = ?2 AND attempt = ?3 AND settled = 0",
    )
    .bind(call.work.to_string())
    .bind(call.step)
    .bind(call.attempt)
    .bind(cost.usd.map(|usd| whole(usd.0)))
    .bind(whole(cost.input_tokens))
    .bind(whole(cost.cached_tokens))
    .bind(whole(cost.output_tokens))
    .execute(connection)
    .await?;
    if settled.rows_affected() == 0 {
        return Err(StoreError::Missing(format!(
            "booking of call {} (attempt {}) of {}",
            call.step, call.attempt, call.work
        )));
    }
    Ok(())
}

/// SQLite's numbers are signed, and a sum must not overflow: a trillion is the most a provider can claim.
fn whole(number: u64) -> i64 {
    i64::try_from(number.min(1_000_000_000_000)).unwrap_or(i64::MAX)
}
