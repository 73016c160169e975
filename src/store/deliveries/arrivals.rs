//! Deliveries that came at the same time, kept by one statement.

use super::{NewDelivery, Taken};
use crate::{
    clock::Timestamp,
    ids::ContentHash,
    limits::server as limits,
    store::{
        StoreError,
        writer::{Arrival, Request},
    },
};
use async_trait::async_trait;
use sqlx::{QueryBuilder, sqlite::SqliteConnection};
use std::collections::HashSet;
use tokio::sync::oneshot;

/// All deliveries of one transaction: one statement.
pub(in crate::store) struct Arrivals {
    deliveries: Vec<NewDelivery>,
    answers: Vec<oneshot::Sender<Result<Taken, StoreError>>>,
    taken: Result<Vec<Taken>, StoreError>,
}

impl Arrivals {
    pub(in crate::store) fn new(arrivals: Vec<Arrival>) -> Self {
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
    let mut query =
        QueryBuilder::new("INSERT INTO deliveries (id, event, digest, size, state, received, body) ");
    query.push_values(deliveries, |mut row, one| {
        row.push_bind(one.id)
            .push_bind(one.event)
            .push_bind(one.digest.as_str().to_owned())
            .push_bind(i64::try_from(one.size).unwrap_or(i64::MAX))
            .push_bind(if one.may_matter { "stored" } else { "ignored" })
            .push_bind(one.at.0)
            .push_bind(one.packed);
    });
    query.push(" ON CONFLICT (id) DO NOTHING RETURNING id");
    let fresh: Vec<String> = query.build_query_scalar().fetch_all(&mut *connection).await?;
    let mut fresh: HashSet<String> = fresh.into_iter().collect();
    let mut taken = Vec::with_capacity(keys.len());
    for (id, digest, may_matter, at) in keys {
        taken.push(match (fresh.remove(&id), may_matter) {
            (true, true) => Taken::Stored,
            (true, false) => Taken::Ignored,
            (false, _) => {
                note_twin(connection, &id, &digest, at).await?;
                Taken::Duplicate
            }
        });
    }
    Ok(taken)
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
