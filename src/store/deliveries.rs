//! Deliveries: webhooks as they came, each kept once before it is answered, until somebody has looked at it.

use super::{Store, StoreError};
use crate::{
    clock::Timestamp,
    ids::ContentHash,
    limits::{engine as blobs, server as limits},
};
use sqlx::{Row, sqlite::SqliteRow};
use std::{cell::RefCell, io};
use zstd::bulk::Compressor;

/// Webhooks are repetitive JSON: the fastest level already makes a quarter of them, and the disk binds, not we.
const LEVEL: i32 = 1;

/// A delivery to be kept.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    pub(super) id: String,
    pub(super) event: String,
    pub(super) digest: ContentHash,
    pub(super) size: usize,
    pub(super) packed: Vec<u8>,
    pub(super) may_matter: bool,
    pub(super) installation: u64,
    pub(super) at: Timestamp,
}

/// Whether somebody must look at a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    /// Nobody.
    Nothing,
    /// Somebody, when it is the turn of the installation it came through; None: it told none.
    Something {
        /// Which.
        installation: Option<u64>,
    },
}

impl NewDelivery {
    /// Packs it. `may_matter`: somebody must look at it; else it is kept for audit and to know a repeat.
    /// A millisecond of work for each [`limits::ASIDE_BYTES`].
    pub fn new(
        id: &str,
        event: &str,
        body: &[u8],
        may_matter: bool,
        at: Timestamp,
    ) -> Result<Self, StoreError> {
        if body.len() > limits::BODY_BYTES {
            let what = "a delivery".to_owned();
            return Err(StoreError::TooBig { what, bytes: body.len(), limit: limits::BODY_BYTES });
        }
        let packed = pack(body).map_err(|cause| StoreError::Disk(cause.to_string()))?;
        Ok(Self {
            id: id.to_owned(),
            event: event.to_owned(),
            digest: ContentHash::of(body),
            size: body.len(),
            packed,
            may_matter,
            installation: 0,
            at,
        })
    }

    /// It came through this installation, if it told one.
    pub fn through(self, installation: Option<u64>) -> Self {
        Self { installation: installation.unwrap_or_default(), ..self }
    }
}

thread_local! {
    /// Kept for small bodies: making one costs more than packing them.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

fn pack(body: &[u8]) -> io::Result<Vec<u8>> {
    if body.len() > limits::ASIDE_BYTES {
        return zstd::bulk::compress(body, LEVEL);
    }
    PACKER.with_borrow_mut(|kept| {
        let packer = match kept {
            Some(packer) => packer,
            None => kept.insert(Compressor::new(LEVEL)?),
        };
        packer.compress(body)
    })
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Kept, to be looked at.
    Stored,
    /// Kept for audit; it starts nothing.
    Ignored,
    /// Its id was seen before.
    Duplicate,
}

impl Taken {
    pub(super) fn new(may_matter: bool) -> Self {
        if may_matter { Self::Stored } else { Self::Ignored }
    }
}

/// A delivery as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What GitHub calls it.
    pub id: String,
    /// The event's name.
    pub event: String,
    /// `stored`, `ignored`, `done` or `failed`.
    pub state: String,
    /// When it came.
    pub received: Timestamp,
    /// Times somebody began to look at it since it was last put off, this one included.
    pub starts: u32,
    /// Times that ended in a failure that may pass.
    pub failures: u32,
    /// How it ended, as a stable word.
    pub why: Option<String>,
    /// SHA-256 of the body.
    pub digest: ContentHash,
    size: usize,
    packed: Vec<u8>,
}

impl Delivery {
    /// The body as it came; `Damaged` when it is not what it was.
    pub async fn body(&self) -> Result<Vec<u8>, StoreError> {
        let (packed, size) = (self.packed.clone(), self.size.min(limits::BODY_BYTES));
        let (digest, id) = (self.digest.clone(), self.id.clone());
        let unpack = move || match zstd::bulk::decompress(&packed, size) {
            Ok(bytes) if ContentHash::of(&bytes) == digest => Ok(bytes),
            Ok(_) => Err(StoreError::Damaged(format!("delivery {id} is not what it was"))),
            Err(cause) => Err(StoreError::Damaged(format!("delivery {id}: {cause}"))),
        };
        if size <= blobs::BLOB_ASIDE_BYTES {
            return unpack();
        }
        tokio::task::spawn_blocking(unpack).await.map_err(|cause| StoreError::Disk(cause.to_string()))?
    }
}

impl Store {
    /// Keeps a delivery; durable when it returns. The same id again is a `Duplicate`, also with another body: the first
    /// one wins, and the other's digest is remembered.
    pub async fn take_delivery(&self, delivery: NewDelivery) -> Result<Taken, StoreError> {
        self.writer.deliver(delivery).await
    }

    /// This one, when it waits and may be looked at now. It counts as started once more, and nobody else is given it before `until`.
    pub async fn hold_delivery(
        &self,
        id: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let id = id.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let held = sqlx::query(
                    "UPDATE deliveries SET starts = starts + 1, not_before = ?3
                     WHERE id = ?1 AND state = 'stored' AND not_before <= ?2 RETURNING *",
                )
                .bind(id)
                .bind(now.0)
                .bind(until.0)
                .fetch_optional(connection)
                .await?;
                held.as_ref().map(delivery).transpose()
            })
        })
        .await
    }

    /// The delivery with that id.
    pub async fn delivery(&self, id: &str) -> Result<Option<Delivery>, StoreError> {
        let query = sqlx::query("SELECT * FROM deliveries WHERE id = ?").bind(id);
        query.fetch_optional(&self.readers).await?.as_ref().map(delivery).transpose()
    }

    /// The digests of other bodies that came under that id, in no order.
    pub async fn delivery_twins(&self, id: &str) -> Result<Vec<ContentHash>, StoreError> {
        let query = sqlx::query_scalar("SELECT digest FROM delivery_twins WHERE id = ?").bind(id);
        let digests: Vec<String> = query.fetch_all(&self.readers).await?;
        Ok(digests.into_iter().map(ContentHash::new).collect())
    }

    /// Forgets some of the oldest that ended and came before that time (at most `most` are looked at), and tells how many.
    pub async fn forget_deliveries(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let old = "SELECT seq, id FROM (SELECT seq, id, state, received FROM deliveries ORDER BY seq LIMIT ?2)
                     WHERE received < ?1 AND state <> 'stored'";
                sqlx::query(&format!("DELETE FROM delivery_twins WHERE id IN (SELECT id FROM ({old}))"))
                    .bind(before.0)
                    .bind(most)
                    .execute(&mut *connection)
                    .await?;
                let gone =
                    sqlx::query(&format!("DELETE FROM deliveries WHERE seq IN (SELECT seq FROM ({old}))"))
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

pub(super) fn delivery(row: &SqliteRow) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.try_get("id")?,
        event: row.try_get("event")?,
        state: row.try_get("state")?,
        received: Timestamp(row.try_get("received")?),
        starts: row.try_get("starts")?,
        failures: row.try_get("failures")?,
        why: row.try_get("why")?,
        digest: ContentHash::new(row.try_get::<String, _>("digest")?),
        size: usize::try_from(row.try_get::<i64, _>("size")?).unwrap_or(0),
        packed: row.try_get("body")?,
    })
}
