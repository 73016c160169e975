//! Blobs: bytes kept whole, named by their hash.

use super::{Store, StoreError};
use crate::{ids::ContentHash, limits::engine as limits};
use sqlx::Row;

impl Store {
    /// Keeps bytes and names them. The same bytes are kept once.
    pub async fn keep(&self, bytes: &[u8]) -> Result<ContentHash, StoreError> {
        if bytes.len() > limits::BLOB_BYTES {
            return Err(StoreError::TooBig {
                what: "an output",
                bytes: bytes.len(),
                limit: limits::BLOB_BYTES,
            });
        }
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let (hash, packed) = if bytes.len() > limits::BLOB_ASIDE_BYTES {
            let bytes = bytes.to_vec();
            tokio::task::spawn_blocking(move || pack(&bytes))
                .await
                .map_err(|cause| StoreError::Disk(cause.to_string()))??
        } else {
            pack(bytes)?
        };
        let name = hash.clone();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO blobs (hash, size, bytes) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING",
                )
                .bind(name.as_str())
                .bind(size)
                .bind(packed)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await?;
        Ok(hash)
    }

    /// The bytes of that name. `Missing` when they were never kept, `Damaged` when they are not what they were.
    pub async fn kept(&self, hash: &ContentHash) -> Result<Vec<u8>, StoreError> {
        let row = sqlx::query("SELECT size, bytes FROM blobs WHERE hash = ?")
            .bind(hash.as_str())
            .fetch_optional(&self.readers)
            .await?
            .ok_or_else(|| StoreError::Missing(format!("output {hash}")))?;
        let size = usize::try_from(row.try_get::<i64, _>("size")?).unwrap_or(0).min(limits::BLOB_BYTES);
        let packed: Vec<u8> = row.try_get("bytes")?;
        let name = hash.clone();
        tokio::task::spawn_blocking(move || {
            let bytes = zstd::bulk::decompress(&packed, size)
                .map_err(|cause| StoreError::Damaged(format!("output {name}: {cause}")))?;
            if ContentHash::of(&bytes) == name {
                Ok(bytes)
            } else {
                Err(StoreError::Damaged(format!("output {name} is not what it was")))
            }
        })
        .await
        .map_err(|cause| StoreError::Disk(cause.to_string()))?
    }
}

fn pack(bytes: &[u8]) -> Result<(ContentHash, Vec<u8>), StoreError> {
    let packed = zstd::bulk::compress(bytes, zstd::DEFAULT_COMPRESSION_LEVEL)
        .map_err(|cause| StoreError::Disk(cause.to_string()))?;
    Ok((ContentHash::of(bytes), packed))
}
