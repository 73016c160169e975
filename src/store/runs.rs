//! Runs: where each one stands.

use super::{Store, StoreError};
use crate::{
    clock::Timestamp,
    ids::RunId,
    limits::run as bounds,
    run::{Phase, Run},
};
use serde::{Serialize, de::DeserializeOwned};
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
        let (phase, state) = (word(run.phase())?, encode("a run", run, bounds::RUN_BYTES)?);
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
    Ok(Stored { run: decode("a run", &state)?, version: row.try_get("version")? })
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
pub(super) fn word(phase: Phase) -> Result<String, StoreError> {
    let text = encode("a phase", &phase, bounds::WIRE_BYTES)?;
    Ok(text.trim_matches('"').to_owned())
}

/// The wire form, bounded.
pub(super) fn encode<T: Serialize>(
    what: &'static str,
    value: &T,
    limit: usize,
) -> Result<String, StoreError> {
    let text = serde_json::to_string(value).map_err(|cause| StoreError::Statement(cause.to_string()))?;
    if text.len() > limit {
        return Err(StoreError::TooBig { what, bytes: text.len(), limit });
    }
    Ok(text)
}

/// Back from the wire form.
pub(super) fn decode<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|cause| StoreError::Damaged(format!("{what} can't be read: {cause}")))
}
