//! Status comments that are wanted and not written yet. A run only notes that its status changed; whoever writes comments looks
//! here, so that of several changes the newest is enough.

use super::{Store, StoreError};
use crate::{clock::Timestamp, ids::RunId, limits::app as limits};
use sqlx::{Row, sqlite::SqliteRow};

/// A status comment to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedStatus {
    /// Whose.
    pub run: RunId,
    /// Which change it is to show; the newest there is.
    pub seq: u32,
    /// When the last one was written.
    pub written: Option<Timestamp>,
    /// Not before then, because it failed.
    pub not_before: Timestamp,
}

impl Store {
    /// A run's status changed. Safe to repeat; an older one changes nothing.
    pub async fn want_status(&self, run: &RunId, seq: u32) -> Result<(), StoreError> {
        let query = "UPDATE threads SET status_wanted = max(status_wanted, ?2) WHERE run = ?1";
        self.set_status(query, run, vec![i64::from(seq)]).await
    }

    /// The status of this change, or of a newer one, is written.
    pub async fn status_written(&self, run: &RunId, seq: u32, at: Timestamp) -> Result<(), StoreError> {
        let query =
            "UPDATE threads SET status_written = max(status_written, ?2), status_at = ?3 WHERE run = ?1";
        self.set_status(query, run, vec![i64::from(seq), at.0]).await
    }

    /// The newest status is to be written once more: it stands in another comment now, or nobody could be told. A run that never
    /// wanted one does not want it now.
    pub async fn status_again(&self, run: &RunId) -> Result<(), StoreError> {
        let query = "UPDATE threads SET status_written = min(status_written, status_wanted - 1)
             WHERE run = ?1 AND status_wanted > 0";
        self.set_status(query, run, Vec::new()).await
    }

    /// It could not be written now.
    pub async fn postpone_status(&self, run: &RunId, until: Timestamp) -> Result<(), StoreError> {
        self.set_status("UPDATE threads SET status_after = ?2 WHERE run = ?1", run, vec![until.0]).await
    }

    async fn set_status(
        &self,
        query: &'static str,
        run: &RunId,
        numbers: Vec<i64>,
    ) -> Result<(), StoreError> {
        let run = run.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let query = sqlx::query(query).bind(run.as_str().to_owned());
                let query = numbers.into_iter().fold(query, |query, number| query.bind(number));
                query.execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    /// The runs whose status is wanted and due, without those in hand: by turns of their installations, of each the longest
    /// waiting first; none has more than `share` in hand then.
    pub async fn due_statuses(
        &self,
        in_hand: &[RunId],
        now: Timestamp,
        share: u32,
        most: u32,
    ) -> Result<Vec<RunId>, StoreError> {
        let query = format!(
            "WITH hand AS (SELECT value AS run FROM json_each(?2)),
             held AS (
                 SELECT installation, count(*) AS many FROM threads WHERE run IN (SELECT run FROM hand)
                 GROUP BY installation),
             turns AS (
                 SELECT run, status_after, status_at, coalesce(many, 0) + row_number() OVER (
                     PARTITION BY installation ORDER BY status_after, status_at, run) AS turn
                 FROM threads JOIN runs ON runs.id = threads.run LEFT JOIN held USING (installation)
                 WHERE status_wanted > status_written AND {DUE} <= ?3 AND run NOT IN (SELECT run FROM hand))
             SELECT run FROM turns WHERE turn <= ?4 ORDER BY turn, status_after, status_at, run LIMIT ?5"
        );
        let found: Vec<String> = sqlx::query_scalar(&query)
            .bind(every())
            .bind(names(in_hand))
            .bind(now.0)
            .bind(share)
            .bind(most)
            .fetch_all(&self.readers)
            .await?;
        Ok(found.into_iter().map(RunId::new).collect())
    }

    /// When the next one is due that is neither in hand nor due now; None: none waits for its time.
    pub async fn next_status_at(
        &self,
        in_hand: &[RunId],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let query = format!(
            "SELECT min({DUE}) FROM threads JOIN runs ON runs.id = threads.run
             WHERE status_wanted > status_written AND {DUE} > ?3
             AND run NOT IN (SELECT value FROM json_each(?2))"
        );
        let at: Option<i64> = sqlx::query_scalar(&query)
            .bind(every())
            .bind(names(in_hand))
            .bind(now.0)
            .fetch_one(&self.readers)
            .await?;
        Ok(at.map(Timestamp))
    }

    /// That of one run, if it is wanted.
    pub async fn wanted_status(&self, run: &RunId) -> Result<Option<WantedStatus>, StoreError> {
        let row = sqlx::query(&format!("{WANTED} AND run = ?"))
            .bind(run.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(wanted).transpose()
    }
}

/// When a status is due: what goes on is told of no oftener than so, and nothing that was put off before its time.
const DUE: &str =
    "max(status_after, iif(phase IN ('watching', 'paused', 'closed'), 0, coalesce(status_at + ?1, 0)))";

fn every() -> i64 {
    i64::try_from(limits::STATUS_EVERY.as_millis()).unwrap_or(i64::MAX)
}

fn names(runs: &[RunId]) -> String {
    serde_json::Value::from(runs.iter().map(RunId::as_str).collect::<Vec<_>>()).to_string()
}

const WANTED: &str =
    "SELECT run, status_wanted, status_at, status_after FROM threads WHERE status_wanted > status_written";

fn wanted(row: &SqliteRow) -> Result<WantedStatus, StoreError> {
    Ok(WantedStatus {
        run: RunId::new(row.try_get::<String, _>("run")?),
        seq: u32::try_from(row.try_get::<i64, _>("status_wanted")?).unwrap_or(u32::MAX),
        written: row.try_get::<Option<i64>, _>("status_at")?.map(Timestamp),
        not_before: Timestamp(row.try_get("status_after")?),
    })
}
