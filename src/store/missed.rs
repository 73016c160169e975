//! Deliveries that GitHub tried to bring and that never came: which they are, and when each is asked for the next time.

use super::{
    Store, StoreError,
    threads::{signed, unsigned},
};
use crate::clock::Timestamp;
use sqlx::Row;

/// A delivery that never came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Its own id, the same in every attempt.
    pub guid: String,
    /// The attempt that is asked for again.
    pub id: u64,
    /// When the first attempt was.
    pub first: Timestamp,
    /// When it is asked for.
    pub due: Timestamp,
}

impl Store {
    /// These did not come. One that came meanwhile is left out, and one that is known stays as it is.
    pub async fn note_missed(&self, missed: Vec<Missed>) -> Result<(), StoreError> {
        if missed.is_empty() {
            return Ok(());
        }
        self.write(move |connection| {
            Box::pin(async move {
                for one in missed {
                    sqlx::query(
                        "INSERT INTO missed (guid, id, first, due) SELECT ?1, ?2, ?3, ?4
                         WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE id = ?1) ON CONFLICT DO NOTHING",
                    )
                    .bind(one.guid)
                    .bind(signed(one.id))
                    .bind(one.first.0)
                    .bind(one.due.0)
                    .execute(&mut *connection)
                    .await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Those that are due, the longest waiting first. What came, and what was tried before `oldest`, is forgotten.
    pub async fn missed_due(
        &self,
        now: Timestamp,
        oldest: Timestamp,
        most: u32,
    ) -> Result<Vec<Missed>, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let over = "DELETE FROM missed WHERE first < ? OR guid IN (SELECT id FROM deliveries)";
                sqlx::query(over).bind(oldest.0).execute(&mut *connection).await?;
                // the first time, whatever the clocks say
                let due = "SELECT * FROM missed WHERE due <= max(?, first) ORDER BY due, first, guid LIMIT ?";
                let rows = sqlx::query(due).bind(now.0).bind(most).fetch_all(connection).await?;
                let missed = rows.iter().map(|row| {
                    Ok(Missed {
                        guid: row.try_get("guid")?,
                        id: unsigned(row.try_get("id")?),
                        first: Timestamp(row.try_get("first")?),
                        due: Timestamp(row.try_get("due")?),
                    })
                });
                missed.collect()
            })
        })
        .await
    }

    /// It is asked for again at that time; None: never, it can't be had any more.
    pub async fn missed_again(&self, guid: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        let guid = guid.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let query = match due {
                    Some(due) => {
                        sqlx::query("UPDATE missed SET due = ?2 WHERE guid = ?1").bind(guid).bind(due.0)
                    }
                    None => sqlx::query("DELETE FROM missed WHERE guid = ?1").bind(guid),
                };
                query.execute(connection).await?;
                Ok(())
            })
        })
        .await
    }
}
