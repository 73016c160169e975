//! `/metrics`: what the parts of the program counted, and what the store and GitHub's client know now.

use super::Open;
use crate::{metrics::Metrics, store::StoreError};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use std::{sync::Arc, time::Duration};

pub(super) async fn show(State(open): State<Arc<Open>>) -> Response {
    (open.door.recount)(&open.door.metrics);
    // the counters tell more when the store does not answer
    if let Err(error) = ask_the_store(&open).await {
        tracing::warn!(%error, "the store could not be asked for metrics");
    }
    ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], open.door.metrics.text()).into_response()
}

async fn ask_the_store(open: &Open) -> Result<(), StoreError> {
    let door = &open.door;
    door.metrics.runs(&door.store.runs_by_phase().await?);
    let oldest = door.store.backlog().await?.oldest;
    let age = oldest.map_or(Duration::ZERO, |at| door.clock.now().since(at));
    door.metrics.queue_age(age);
    Ok(())
}
