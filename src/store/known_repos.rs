//! Known repositories: those whose comments are read for what no delivery told of, and how far each was read.

use super::{
    Store, StoreError,
    threads::{signed, unsigned},
};
use crate::clock::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};
use std::collections::HashSet;

/// A repository that is read for what no delivery told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRepo {
    /// The installation it is read under.
    pub installation: u64,
    /// The repository.
    pub repo_id: u64,
    /// Its owner's name when it was last seen; empty when only its id is known.
    pub owner: String,
    /// Its name when it was last seen; empty when only its id is known.
    pub name: String,
    /// Whether only members see it.
    pub is_private: bool,
    /// Nothing from before this is ever looked for.
    pub begun: Timestamp,
    /// What was changed before this was looked at.
    pub since: Timestamp,
}

impl Store {
    /// A repository of an installation. One that is known keeps how far it was read, and its names when none are told.
    pub async fn see_repo(&self, repo: &KnownRepo) -> Result<(), StoreError> {
        let repo = repo.clone();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO known_repos (repo_id, installation, owner, name, is_private, begun, since)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (repo_id) DO UPDATE SET installation = ?2,
                         owner = iif(?4 = '', owner, ?3), name = iif(?4 = '', name, ?4),
                         is_private = iif(?4 = '', is_private, ?5)",
                )
                .bind(signed(repo.repo_id))
                .bind(signed(repo.installation))
                .bind(repo.owner)
                .bind(repo.name)
                .bind(repo.is_private)
                .bind(repo.begun.0)
                .bind(repo.since.0)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// What is known of a repository.
    pub async fn known_repo(&self, id: u64) -> Result<Option<KnownRepo>, StoreError> {
        let query = sqlx::query("SELECT * FROM known_repos WHERE repo_id = ?").bind(signed(id));
        query.fetch_optional(&self.readers).await?.as_ref().map(known).transpose()
    }

    /// Those that were last looked through at this time or before, without those of these installations: by turns of their
    /// installations, of each the longest waiting first.
    pub async fn repos_to_scan(
        &self,
        until: Timestamp,
        but: &HashSet<u64>,
        most: u32,
    ) -> Result<Vec<KnownRepo>, StoreError> {
        let but: Vec<i64> = but.iter().map(|id| signed(*id)).collect();
        let rows = sqlx::query(
            "SELECT * FROM known_repos
             WHERE scanned <= ? AND installation NOT IN (SELECT value FROM json_each(?))
             ORDER BY row_number() OVER (PARTITION BY installation ORDER BY scanned, repo_id), scanned, repo_id
             LIMIT ?",
        )
        .bind(until.0)
        .bind(serde_json::Value::from(but).to_string())
        .bind(most)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(known).collect()
    }

    /// A repository was looked through up to `since`, which never goes back.
    pub async fn repo_scanned(&self, id: u64, since: Timestamp, at: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE known_repos SET since = max(since, ?2), scanned = ?3 WHERE repo_id = ?1")
                    .bind(signed(id))
                    .bind(since.0)
                    .bind(at.0)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// A repository is no longer ours to read. Seen again, it is new.
    pub async fn forget_repo(&self, id: u64) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let query = sqlx::query("DELETE FROM known_repos WHERE repo_id = ?").bind(signed(id));
                query.execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    /// Up to when that was looked through; None: never.
    pub async fn looked(&self, what: &str) -> Result<Option<Timestamp>, StoreError> {
        let query = sqlx::query_scalar("SELECT at FROM looks WHERE what = ?").bind(what);
        let at: Option<i64> = query.fetch_optional(&self.readers).await?;
        Ok(at.map(Timestamp))
    }

    /// It was looked through up to then.
    pub async fn look_done(&self, what: &str, at: Timestamp) -> Result<(), StoreError> {
        let what = what.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let query =
                    "INSERT INTO looks (what, at) VALUES (?1, ?2) ON CONFLICT (what) DO UPDATE SET at = ?2";
                sqlx::query(query).bind(what).bind(at.0).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }
}

fn known(row: &SqliteRow) -> Result<KnownRepo, StoreError> {
    let time = |name: &str| row.try_get::<i64, _>(name).map(Timestamp);
    Ok(KnownRepo {
        installation: unsigned(row.try_get("installation")?),
        repo_id: unsigned(row.try_get("repo_id")?),
        owner: row.try_get("owner")?,
        name: row.try_get("name")?,
        is_private: row.try_get("is_private")?,
        begun: time("begun")?,
        since: time("since")?,
    })
}
