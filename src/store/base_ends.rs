//! How commands ended on base commits.

use super::{Store, StoreError};
use crate::ids::ContentHash;
use sqlx::Row;

/// How a command ended on a base commit; its output is kept under its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseEnd {
    /// It did finish: what did not is asked again.
    pub exit_code: i32,
    /// Wall time.
    pub millis: u64,
    /// Standard output and error.
    pub output: ContentHash,
}

impl Store {
    /// How the command of that key ended, if it was asked before.
    pub async fn base_end(&self, key: &ContentHash) -> Result<Option<BaseEnd>, StoreError> {
        let found = sqlx::query("SELECT exit_code, millis, output FROM base_ends WHERE key = ?")
            .bind(key.as_str())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = found else { return Ok(None) };
        Ok(Some(BaseEnd {
            exit_code: row.try_get("exit_code")?,
            millis: u64::try_from(row.try_get::<i64, _>("millis")?).unwrap_or(0),
            output: ContentHash::new(row.try_get::<String, _>("output")?),
        }))
    }

    /// Keeps how it ended; the first answer stays.
    pub async fn keep_base_end(&self, key: &ContentHash, end: &BaseEnd) -> Result<(), StoreError> {
        let (key, end) = (key.clone(), end.clone());
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("INSERT INTO base_ends (key, exit_code, millis, output) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING")
                    .bind(key.as_str())
                    .bind(end.exit_code)
                    .bind(i64::try_from(end.millis).unwrap_or(i64::MAX))
                    .bind(end.output.as_str())
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}
