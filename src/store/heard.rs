//! Comments that were heard: each once, under whatever delivery's id it came.

use super::{Store, StoreError, threads::signed};
use crate::{clock::Timestamp, limits::server as limits};
use sqlx::Row;

/// A comment: its repository's id, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentKey {
    /// The repository.
    pub repo: u64,
    /// The comment's number; with a word before it where another kind of comment has numbers of its own.
    pub comment: String,
}

/// How far a comment was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// It was decided about, and then cut off: this is what was decided, as whoever decided wrote it.
    Begun(String),
    /// It ended, with this word.
    Ended(String),
}

impl Store {
    /// How far a comment was heard; None: not at all.
    pub async fn hearing(&self, key: &CommentKey) -> Result<Option<Hearing>, StoreError> {
        let row = sqlx::query("SELECT deed, ending FROM heard WHERE repo_id = ? AND comment = ?")
            .bind(signed(key.repo))
            .bind(&key.comment)
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (deed, ending): (Option<String>, Option<String>) = (row.try_get("deed")?, row.try_get("ending")?);
        Ok(ending.map(Hearing::Ended).or(deed.map(Hearing::Begun)))
    }

    /// What a comment leads to is begun. One that ended stays as it is.
    pub async fn begin_hearing(&self, key: &CommentKey, deed: &str, at: Timestamp) -> Result<(), StoreError> {
        let query = "INSERT INTO heard (repo_id, comment, at, deed) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (repo_id, comment) DO UPDATE SET deed = ?4 WHERE ending IS NULL";
        self.note_hearing(query, key, at, deed).await
    }

    /// It ended; `ending` is a stable word for the audit. The first end counts.
    pub async fn end_hearing(&self, key: &CommentKey, ending: &str, at: Timestamp) -> Result<(), StoreError> {
        let query = "INSERT INTO heard (repo_id, comment, at, ending) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (repo_id, comment) DO UPDATE SET deed = NULL, ending = ?4 WHERE ending IS NULL";
        let ending: String = ending.chars().take(limits::WHY_CHARS).collect();
        self.note_hearing(query, key, at, &ending).await
    }

    async fn note_hearing(
        &self,
        query: &'static str,
        key: &CommentKey,
        at: Timestamp,
        text: &str,
    ) -> Result<(), StoreError> {
        let (key, text) = (key.clone(), text.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(query)
                    .bind(signed(key.repo))
                    .bind(key.comment)
                    .bind(at.0)
                    .bind(text)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Forgets some of those that were heard before that time, at most so many, and tells how many.
    pub async fn forget_hearings(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let gone = sqlx::query(
                    "DELETE FROM heard WHERE (repo_id, comment) IN (
                         SELECT repo_id, comment FROM heard WHERE at < ? ORDER BY at LIMIT ?)",
                )
                .bind(before.0)
                .bind(most)
                .execute(connection)
                .await?;
                Ok(gone.rows_affected())
            })
        })
        .await
    }
}
