//! Performing effects: the one match on [`Effect`], each arm a small function in a file of its own.
//!
//! Whatever is done here may be done again after a crash; the key of the effect says why that is harmless.

use crate::{
    agent::contract::Watch,
    ids::RunId,
    report::Report,
    run::{Effect, Event, Run},
    store::Lease,
};
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

/// One effect to perform, with all that comes along.
#[derive(Debug)]
pub struct Errand<'a> {
    /// The run as it was when the effect was claimed.
    pub run: &'a Run,
    /// What it wants.
    pub effect: &'a Effect,
    /// Under whose name durable writes are made.
    pub lease: &'a Lease,
    /// Stop: end sandboxes and return `Ok(None)`.
    pub cancel: &'a CancellationToken,
    /// For a person watching.
    pub watch: &'a Watch,
}

/// Carries out effects.
#[async_trait]
pub trait Perform: Send + Sync {
    /// Performs one effect and says what came of it; `None`: nothing to tell (or stopped). The class of an error decides:
    /// transient is tried again later, refused is told to the run, broken stops the drive.
    async fn perform(&self, errand: &Errand<'_>) -> Result<Option<Event>, Report>;

    /// Removes what an earlier drive of this run, which is dead, left lying about. Called under the lease.
    async fn tidy(&self, run: &RunId);
}
