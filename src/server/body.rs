//! Reading bodies: bounded in bytes each, in bytes together, and in time.
//!
//! A small body waits in no line, so that nearly every webhook gets in whatever else is sent; a middle one waits for other
//! middle ones, a large one for other large ones. Places are held until the answer.

use super::refusal::Refusal;
use crate::limits::server as limits;
use axum::body::{Body, HttpBody};
use futures_util::StreamExt;
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};

/// Places are counted in KiB: a semaphore counts to no more than that.
const UNIT: usize = 1024;

/// Where bodies wait until there is room for them in memory.
pub(super) struct Lines {
    middle: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// Room in memory; dropping it makes room for another.
pub(super) struct Place(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl Lines {
    pub(super) fn new() -> Self {
        let line = |bytes: usize| Arc::new(Semaphore::new(bytes / UNIT));
        Self { middle: line(limits::MIDDLE_AT_ONCE_BYTES), large: line(limits::LARGE_AT_ONCE_BYTES) }
    }

    /// Waits for room for a body. One that does not say how long it is counts as one at the bound.
    pub(super) async fn place(&self, declared: Option<usize>) -> Result<Place, Refusal> {
        let bytes = declared.unwrap_or(limits::BODY_BYTES).min(limits::BODY_BYTES);
        if bytes <= limits::SMALL_BODY_BYTES {
            return Ok(Place(None));
        }
        let line = if bytes <= limits::MIDDLE_BODY_BYTES { &self.middle } else { &self.large };
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        match timeout(limits::LINE, Arc::clone(line).acquire_many_owned(units)).await {
            Ok(Ok(permit)) => Ok(Place(Some(permit))),
            Ok(Err(_)) | Err(_) => Err(Refusal::Busy),
        }
    }
}

/// Reads a body, a large one in parts with a pause between them, so that its sender takes no processor from small ones. Over the bound, some more is read and dropped, so that the sender comes to read the answer.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(declared(&body).unwrap_or(0).min(limits::BODY_BYTES));
    let read = count(body, |data| bytes.extend_from_slice(data)).await;
    read.map(|()| bytes)
}

/// Reads a body of which nothing will be kept.
pub(super) async fn skip(body: Body) -> Result<(), Refusal> {
    count(body, |_| ()).await
}

async fn count(body: Body, mut keep: impl FnMut(&[u8])) -> Result<(), Refusal> {
    const MOST: usize = limits::BODY_BYTES + limits::LINGER_BYTES;
    if declared(&body).is_some_and(|bytes| bytes > MOST) {
        return Err(Refusal::TooLarge);
    }
    let (begun, mut data) = (Instant::now(), body.into_data_stream());
    let (mut total, mut since) = (0, 0);
    while let Some(part) = data.next().await {
        let Ok(part) = part else { return Err(Refusal::Cut) };
        total += part.len();
        if total <= limits::BODY_BYTES {
            keep(&part);
        }
        if total > MOST {
            break;
        }
        if total > limits::MIDDLE_BODY_BYTES && begun.elapsed() < limits::LARGE_PACED {
            since += part.len();
            if since >= limits::LARGE_PART_BYTES {
                since = 0;
                sleep(limits::LARGE_PAUSE).await;
            }
        }
    }
    if total > limits::BODY_BYTES { Err(Refusal::TooLarge) } else { Ok(()) }
}

/// The length that the sender named; the connection lets no more through.
pub(super) fn declared(body: &Body) -> Option<usize> {
    body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
}
