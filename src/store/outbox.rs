//! The outbox: what left for GitHub, so that a repeat looks for it before it makes another one.

use super::{
    Lease, Store, StoreError, leases,
    threads::{signed, unsigned},
};
use crate::{clock::Timestamp, ids::RunId, limits::server as limits};
use sqlx::{Row, sqlite::SqliteConnection};

/// Who sends. A run's effect sends under the run's lease: an owner that was taken over is refused.
#[derive(Clone, Copy, Debug)]
pub enum Sender<'a> {
    /// A run, by whoever performs its effects.
    Run(&'a Lease),
    /// What is no run's: the sender's own key (a reply to a comment, a refusal to a person on a day).
    Key(&'a str),
}

/// Whose sent things are asked about; no lease is needed for that.
#[derive(Clone, Copy, Debug)]
pub enum Sent<'a> {
    /// A run's.
    Run(&'a RunId),
    /// What is no run's: the sender's own key.
    Key(&'a str),
}

impl Sent<'_> {
    fn key(self) -> String {
        match self {
            Self::Run(run) => run.to_string(),
            // a run's id holds no colon: no key of somebody's is a run's
            Self::Key(key) => format!("key:{key}"),
        }
    }
}

/// What is known of something sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// When it was first tried: what GitHub has of it is not older.
    pub first_try: Timestamp,
    /// What GitHub calls it; None: it was tried, and whether it came there is not known.
    pub remote_id: Option<u64>,
    /// What else is worth knowing: a commit, an address.
    pub note: Option<String>,
    /// Nobody tried it before this.
    pub is_first: bool,
}

/// A sender without borrowing.
struct About {
    key: String,
    lease: Option<Lease>,
}

impl Sender<'_> {
    fn about(self) -> About {
        match self {
            Self::Run(lease) => About { key: lease.run.to_string(), lease: Some(lease.clone()) },
            Self::Key(key) => About { key: Sent::Key(key).key(), lease: None },
        }
    }
}

impl About {
    /// Refuses a run's sender that has the run no more.
    async fn demand(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        match &self.lease {
            Some(lease) => leases::demand(connection, lease).await,
            None => Ok(()),
        }
    }
}

impl Store {
    /// Before something is sent: notes the time, unless it was tried before, and gives what is known of it. Its
    /// `first_try` is `at` when this is the first time.
    pub async fn try_first(
        &self,
        sender: Sender<'_>,
        slot: &str,
        at: Timestamp,
    ) -> Result<Remembered, StoreError> {
        let (about, slot) = (sender.about(), slot.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                about.demand(connection).await?;
                let noted = sqlx::query(
                    "INSERT INTO outbox (about, slot, first_try) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                )
                .bind(&about.key)
                .bind(&slot)
                .bind(at.0)
                .execute(&mut *connection)
                .await?;
                let found = read(connection, &about.key, &slot).await?;
                let is_first = noted.rows_affected() > 0;
                let found = found.map(|found| Remembered { is_first, ..found });
                found.ok_or_else(|| StoreError::Missing(format!("memory of {slot}")))
            })
        })
        .await
    }

    /// After it: what GitHub calls it, and a note. The last word counts.
    pub async fn remember(
        &self,
        sender: Sender<'_>,
        slot: &str,
        remote_id: Option<u64>,
        note: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(note) = note.filter(|note| note.len() > limits::NOTE_BYTES) {
            let what = "a note".to_owned();
            return Err(StoreError::TooBig { what, bytes: note.len(), limit: limits::NOTE_BYTES });
        }
        let (about, slot, note) = (sender.about(), slot.to_owned(), note.map(str::to_owned));
        self.write(move |connection| {
            Box::pin(async move {
                about.demand(connection).await?;
                sqlx::query(
                    "INSERT INTO outbox (about, slot, first_try, remote_id, note) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (about, slot) DO UPDATE SET remote_id = ?4, note = ?5",
                )
                .bind(&about.key)
                .bind(slot)
                .bind(at.0)
                .bind(remote_id.map(signed))
                .bind(note)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// What somebody sent is there twice: from now on it is the one with this id, if it was that one. Needs no lease: what is
    /// not as it was expected stays.
    pub async fn point_elsewhere(
        &self,
        about: Sent<'_>,
        slot: &str,
        from: u64,
        to: u64,
    ) -> Result<bool, StoreError> {
        let (about, slot) = (about.key(), slot.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let moved = sqlx::query(
                    "UPDATE outbox SET remote_id = ?4 WHERE about = ?1 AND slot = ?2 AND remote_id = ?3",
                )
                .bind(about)
                .bind(slot)
                .bind(signed(from))
                .bind(signed(to))
                .execute(connection)
                .await?;
                Ok(moved.rows_affected() > 0)
            })
        })
        .await
    }

    /// What is known of something that somebody sent; None: it was never tried.
    pub async fn sent(&self, about: Sent<'_>, slot: &str) -> Result<Option<Remembered>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        read(&mut connection, &about.key(), slot).await
    }

    /// What is known of something a run sent; None: it was never tried.
    pub async fn remembered(&self, run: &RunId, slot: &str) -> Result<Option<Remembered>, StoreError> {
        self.sent(Sent::Run(run), slot).await
    }

    /// The same of something that is no run's.
    pub async fn remembered_of(&self, key: &str, slot: &str) -> Result<Option<Remembered>, StoreError> {
        self.sent(Sent::Key(key), slot).await
    }

    /// The open runs of a repository that sent something of which GitHub has this id.
    pub async fn open_runs_that_sent(
        &self,
        repo: u64,
        slot: &str,
        remote_id: u64,
    ) -> Result<Vec<RunId>, StoreError> {
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT threads.run FROM outbox JOIN threads ON threads.run = outbox.about
                 JOIN runs ON runs.id = threads.run
             WHERE slot = ? AND remote_id = ? AND repo_id = ? AND phase <> 'closed' ORDER BY threads.run",
        )
        .bind(slot)
        .bind(signed(remote_id))
        .bind(signed(repo))
        .fetch_all(&self.readers)
        .await?;
        Ok(found.into_iter().map(RunId::new).collect())
    }

    /// The newest run of a repository that sent something of which GitHub has this id, open or over.
    pub async fn last_run_that_sent(
        &self,
        repo: u64,
        slot: &str,
        remote_id: u64,
    ) -> Result<Option<RunId>, StoreError> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT threads.run FROM outbox JOIN threads ON threads.run = outbox.about
                 JOIN runs ON runs.id = threads.run
             WHERE slot = ? AND remote_id = ? AND repo_id = ? ORDER BY created DESC, threads.run LIMIT 1",
        )
        .bind(slot)
        .bind(signed(remote_id))
        .bind(signed(repo))
        .fetch_optional(&self.readers)
        .await?;
        Ok(found.map(RunId::new))
    }
}

async fn read(
    connection: &mut SqliteConnection,
    about: &str,
    slot: &str,
) -> Result<Option<Remembered>, StoreError> {
    let found = sqlx::query("SELECT first_try, remote_id, note FROM outbox WHERE about = ? AND slot = ?")
        .bind(about)
        .bind(slot)
        .fetch_optional(connection)
        .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Remembered {
        first_try: Timestamp(row.try_get("first_try")?),
        remote_id: row.try_get::<Option<i64>, _>("remote_id")?.map(unsigned),
        note: row.try_get("note")?,
        is_first: false,
    }))
}
