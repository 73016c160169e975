//! THINK: the agent loop. Ask the model, run its tool calls, append, check the budget. It cannot reach GitHub.

pub mod contract;

use crate::{clock::Clock, model::Model, report::Report, sandbox::toolbox::Toolbox};
use contract::{Job, Ledger, WorkEnd};
use tokio_util::sync::CancellationToken;

/// What an agent works with.
pub struct Hands<'a> {
    /// Asked.
    pub model: &'a dyn Model,
    /// Its hands behind the walls.
    pub toolbox: &'a mut Toolbox,
    /// Its memory.
    pub ledger: &'a dyn Ledger,
    /// The time.
    pub clock: &'a Clock,
    /// Stops it at the next await.
    pub cancel: &'a CancellationToken,
}

/// Works until the agent submits, gives up or is stopped. `Err` is our own trouble (store, sandbox), never the model's.
pub async fn work(job: &Job, hands: Hands<'_>) -> Result<WorkEnd, Report> {
    let _ = (job, hands.model.name(), hands.toolbox, hands.ledger, hands.clock, hands.cancel);
    Err(Report::new(crate::report::Class::Broken, "not_built", "the agent is not built yet", ""))
}
