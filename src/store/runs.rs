//! Runs: where each one stands.

use super::{Store, StoreError};
use crate::{
    ids::RunId,
    run::{
        Phase, Run,
        journal::{decode_run, encode_run},
        reply,
    },
};
use sqlx::{Row, sqlite::SqliteConnection};

/// A run as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The run.
    pub run: Run,
    /// Events taken so far; a commit must name it.
    pub version: i64,
}

impl Store {
    /// Keeps a new run, or finds the one that has its id already: the same request twice is one run.
    pub async fn insert_or_find(&self, run: &Run, repository: &str) -> Result<Stored, StoreError> {
        let (id, created) = (run.id.clone(), run.created.0);
        let (phase, state) = (reply::phase(run.phase()), encode_run(run)?);
        let repository = repository.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                insert(connection, &id, &repository, phase, &state, created).await?;
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
}

/// Keeps a run inside somebody's transaction; one that has its id already stays.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    id: &RunId,
    repository: &str,
    phase: &'static str,
    state: &str,
    created: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO runs (id, repository, version, phase, state, created, updated)
         VALUES (?1, ?2, 0, ?3, ?4, ?5, ?5) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(repository)
    .bind(phase)
    .bind(state)
    .bind(created)
    .execute(connection)
    .await?;
    Ok(())
}

/// The run with this id, inside somebody's transaction.
pub(super) async fn read(connection: &mut SqliteConnection, id: &RunId) -> Result<Stored, StoreError> {
    find(connection, id).await?.ok_or_else(|| StoreError::Missing(format!("run {id}")))
}

/// The same, when there is one.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    id: &RunId,
) -> Result<Option<Stored>, StoreError> {
    let found = sqlx::query("SELECT version, state FROM runs WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let state: String = row.try_get("state")?;
    Ok(Some(Stored { run: decode_run(&state)?, version: row.try_get("version")? }))
}

/// The phase that a row names.
pub(super) fn phase(word: &str) -> Result<Phase, StoreError> {
    let found = Phase::ALL.into_iter().find(|phase| reply::phase(*phase) == word);
    found.ok_or_else(|| StoreError::Damaged(format!("a run is in a phase that is not known: {word}")))
}
