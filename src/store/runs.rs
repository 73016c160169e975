//! Runs: where each one stands.

use super::{Store, StoreError};
use crate::{
    clock::Timestamp,
    ids::RunId,
    run::{
        Phase, Run,
        journal::{decode_run, encode_run},
    },
};
use sqlx::{Row, sqlite::SqliteConnection, sqlite::SqliteRow};

/// A run as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The run.
    pub run: Run,
    /// Events taken so far; a commit must name it.
    pub version: i64,
}

/// One line of a list of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The run.
    pub run: RunId,
    /// What names its repository.
    pub repository: String,
    /// Its phase as a word.
    pub phase: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last told something.
    pub updated: Timestamp,
}

impl Store {
    /// Keeps a new run, or finds the one that has its id already: the same request twice is one run.
    pub async fn insert_or_find(&self, run: &Run, repository: &str) -> Result<Stored, StoreError> {
        let (id, created) = (run.id.clone(), run.created.0);
        let (phase, state) = (word(run.phase()), encode_run(run)?);
        let repository = repository.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO runs (id, repository, version, phase, state, created, updated)
                     VALUES (?1, ?2, 0, ?3, ?4, ?5, ?5) ON CONFLICT (id) DO NOTHING",
                )
                .bind(id.as_str())
                .bind(repository)
                .bind(phase)
                .bind(state)
                .bind(created)
                .execute(&mut *connection)
                .await?;
                read(connection, &id).await
            })
        })
        .await
    }

    /// The run with this id.
    pub async fn run(&self, id: &RunId) -> Result<Stored, StoreError> {
        let mut connection = self.readers.acquire().await?;
        read(&mut connection, id).await
    }

    /// Which runs there are, newest first, at most `most`.
    pub async fn runs(&self, most: u32) -> Result<Vec<Standing>, StoreError> {
        let rows = sqlx::query("SELECT * FROM runs ORDER BY created DESC, id LIMIT ?")
            .bind(most)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(standing).collect()
    }

    /// Whose id begins like this, at most `most` (people type the first characters).
    pub async fn runs_beginning(&self, prefix: &str, most: u32) -> Result<Vec<Standing>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT ?2")
                .bind(prefix)
                .bind(most)
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(standing).collect()
    }
}

async fn read(connection: &mut SqliteConnection, id: &RunId) -> Result<Stored, StoreError> {
    let row = sqlx::query("SELECT version, state FROM runs WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::Missing(format!("run {id}")))?;
    let state: String = row.try_get("state")?;
    Ok(Stored { run: decode_run(&state)?, version: row.try_get("version")? })
}

fn standing(row: &SqliteRow) -> Result<Standing, StoreError> {
    Ok(Standing {
        run: RunId::new(row.try_get::<String, _>("id")?),
        repository: row.try_get("repository")?,
        phase: row.try_get("phase")?,
        created: Timestamp(row.try_get("created")?),
        updated: Timestamp(row.try_get("updated")?),
    })
}

/// A phase as the word that lists and queries use.
pub(super) fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued => "queued",
        Phase::Planning => "planning",
        Phase::Working => "working",
        Phase::Verifying => "verifying",
        Phase::Publishing => "publishing",
        Phase::Watching => "watching",
        Phase::Paused => "paused",
        Phase::Closed => "closed",
    }
}
