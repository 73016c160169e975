//! Deliveries on their way into the store: all that wait together are one statement, which is most of what one costs.

use super::{
    StoreError,
    deliveries::{NewDelivery, Taken},
    threads::signed,
    writer::{Arrival, Request},
};
use crate::{clock::Timestamp, ids::ContentHash, limits::server as limits};
use async_trait::async_trait;
use sqlx::{
    QueryBuilder,
    sqlite::{SqliteConnection, SqliteQueryResult},
};
use std::collections::HashSet;
use tokio::sync::oneshot;

/// All deliveries of one transaction: one statement.
pub(super) struct Arrivals {
    deliveries: Vec<NewDelivery>,
    answers: Vec<oneshot::Sender<Result<Taken, StoreError>>>,
    taken: Result<Vec<Taken>, StoreError>,
}

impl Arrivals {
    pub(super) fn new(arrivals: Vec<Arrival>) -> Self {
        let pairs = arrivals.into_iter().map(|arrival| (arrival.delivery, arrival.answer));
        let (deliveries, answers) = pairs.unzip();
        Self { deliveries, answers, taken: Err(StoreError::Closed) }
    }
}

#[async_trait]
impl Request for Arrivals {
    async fn perform(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        self.taken = insert(connection, std::mem::take(&mut self.deliveries)).await;
        self.taken.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// One insert is a transaction by itself, and what it tells of repeats needs none.
    fn is_atomic(&self) -> bool {
        true
    }

    fn answer(self: Box<Self>, batch: Result<(), StoreError>) {
        // Its own error tells more than the batch's.
        let taken = self.taken.and_then(|taken| batch.map(|()| taken));
        for (place, answer) in self.answers.into_iter().enumerate() {
            let taken = match &taken {
                Ok(taken) => taken.get(place).copied().ok_or(StoreError::Closed),
                Err(error) => Err(error.clone()),
            };
            // Nobody waits any more: the caller was dropped; what is done stays done.
            let _ = answer.send(taken);
        }
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    deliveries: Vec<NewDelivery>,
) -> Result<Vec<Taken>, StoreError> {
    let keys: Vec<_> =
        deliveries.iter().map(|one| (one.id.clone(), one.digest.clone(), one.may_matter, one.at)).collect();
    let mut query = QueryBuilder::new(
        "INSERT INTO deliveries (id, event, digest, size, state, received, body, installation) ",
    );
    query.push_values(deliveries, |mut row, one| {
        row.push_bind(one.id)
            .push_bind(one.event)
            .push_bind(one.digest.as_str().to_owned())
            .push_bind(i64::try_from(one.size).unwrap_or(i64::MAX))
            .push_bind(if one.may_matter { "stored" } else { "ignored" })
            .push_bind(one.at.0)
            .push_bind(one.packed)
            .push_bind(signed(one.installation));
    });
    query.push(" ON CONFLICT (id) DO NOTHING");
    let inserted = query.build().execute(&mut *connection).await?;
    if inserted.rows_affected() == keys.len() as u64 {
        return Ok(keys.into_iter().map(|(_, _, may_matter, _)| Taken::new(may_matter)).collect());
    }
    let mut fresh = inserted_by(connection, &inserted).await?;
    let mut taken = Vec::with_capacity(keys.len());
    for (id, digest, may_matter, at) in keys {
        taken.push(if fresh.remove(&id) {
            Taken::new(may_matter)
        } else {
            note_twin(connection, &id, &digest, at).await?;
            Taken::Duplicate
        });
    }
    Ok(taken)
}

/// The ids that a statement inserted: their numbers follow one another, which they would not if `seq` were AUTOINCREMENT. (To let it return them costs more than inserting them.)
async fn inserted_by(
    connection: &mut SqliteConnection,
    inserted: &SqliteQueryResult,
) -> Result<HashSet<String>, StoreError> {
    let count = i64::try_from(inserted.rows_affected()).unwrap_or(i64::MAX);
    if count == 0 {
        return Ok(HashSet::new());
    }
    let last = inserted.last_insert_rowid();
    let query = sqlx::query_scalar("SELECT id FROM deliveries WHERE seq > ? AND seq <= ?");
    let ids: Vec<String> = query.bind(last - count).bind(last).fetch_all(connection).await?;
    Ok(ids.into_iter().collect())
}

/// Remembers a body that came under the id of another one.
async fn note_twin(
    connection: &mut SqliteConnection,
    id: &str,
    digest: &ContentHash,
    at: Timestamp,
) -> Result<(), StoreError> {
    let noted = sqlx::query(
        "INSERT INTO delivery_twins (id, digest, received) SELECT ?1, ?2, ?3
         WHERE EXISTS (SELECT 1 FROM deliveries WHERE id = ?1 AND digest <> ?2)
         AND (SELECT count(*) FROM delivery_twins WHERE id = ?1) < ?4 ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(digest.as_str())
    .bind(at.0)
    .bind(limits::TWINS)
    .execute(connection)
    .await?;
    if noted.rows_affected() > 0 {
        tracing::warn!(
            delivery = id,
            digest = digest.as_str(),
            "a delivery's id came again with another body"
        );
    }
    Ok(())
}
