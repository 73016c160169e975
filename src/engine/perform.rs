//! Performing effects: the one match on [`Effect`], each arm a small function in a file of its own.
//!
//! Whatever is done here may be done again after a crash; the key of the effect says why that is harmless:
//! trees and commits have the same id by nature, a branch that holds our commit already is done, a stored answer of a
//! model is not asked for again, and a work starts over in a fresh workspace.

mod background;
mod fetch;
mod keep;
mod merge;
mod outgoing;
mod prepare;
pub(super) mod protect;
mod publish;
mod rooms;
pub mod snapshot;
mod tree_files;
mod verify;
mod work;
mod workspace;

use crate::{
    agent::contract::{Progress, Watch},
    clock::{Clock, Timestamp},
    git::Source,
    ids::RunId,
    limits::engine as limits,
    metrics::Metrics,
    model::Model,
    report::{Class, Hint, Report},
    run::{Effect, Event, Run},
    sandbox::{Policy, Sandbox, roots::Roots, toolbox::Toolbox},
    store::{Lease, Store},
};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
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

    /// How often this effect may fail in a way that may pass, and failed like this now, before its run is told that it was
    /// refused; None: it is tried until it goes.
    fn patience(&self, _effect: &Effect, _why: &Report) -> Option<u32> {
        Some(limits::EFFECT_FAILURES)
    }

    /// A run was told something that made it another; that is durable. For whoever counts.
    fn decided(&self, _before: &Run, _after: &Run) {}
}

/// What the real hands work with.
pub struct Parts {
    /// The repository.
    pub source: Arc<Source>,
    /// Which sandbox works and checks get.
    pub sandbox: Sandbox,
    /// Who is asked.
    pub model: Arc<dyn Model>,
    /// Our folder: workspaces, dependency results.
    pub data: PathBuf,
    /// The time.
    pub clock: Clock,
    /// What to start from (branch, tag, commit); None: HEAD's commit.
    pub base: Option<String>,
    /// The branch to write.
    pub branch: String,
    /// The whole request, when the caller has it: events carry only its first [`crate::limits::run::TEXT_BYTES`].
    pub request: Option<String>,
    /// What of the host sandboxes are shown.
    pub roots: Roots,
    /// The host's environment, as far as package clients are asked about their hosts.
    pub host_env: BTreeMap<String, String>,
    /// The operator's list of hosts for setup; None: what the package clients say.
    pub egress_allow: Option<String>,
}

impl Parts {
    /// How long a sandbox of this run may live: what is left of the run's time, and a little for the end.
    fn life(&self, run: &Run) -> Duration {
        let left = run
            .allowance()
            .deadline
            .map_or(limits::SANDBOX_LIFE, |deadline| deadline.since(self.clock.now()));
        left.clamp(limits::GRACE, limits::SANDBOX_LIFE) + limits::GRACE
    }
}

/// The real hands.
pub struct Performer {
    store: Store,
    parts: Parts,
    /// Two works that need the same dependencies set them up once.
    setup: tokio::sync::Mutex<()>,
    /// Where sandboxes that start are counted.
    metrics: Metrics,
}

impl Performer {
    /// Hands that keep what they learn in this store.
    pub fn new(store: Store, parts: Parts) -> Self {
        Self { store, parts, setup: tokio::sync::Mutex::new(()), metrics: Metrics::new() }
    }

    /// The same, and what they start is counted there.
    pub fn counted(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// What they work with.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Starts a sandbox.
    async fn sandbox(&self, policy: &Policy) -> Result<Toolbox, Report> {
        let started = self.parts.sandbox.start(policy).await.map_err(|error| error.report());
        self.metrics.sandbox_start(started.as_ref().map_or_else(|report| report.code.as_str(), |_| "ok"));
        started
    }

    /// Removes the workspaces of runs that nobody drives any more. For the start of a program.
    pub async fn sweep(&self) {
        sweep_work(&self.parts.data, &self.store, self.parts.clock.now()).await;
    }
}

#[async_trait]
impl Perform for Performer {
    async fn perform(&self, errand: &Errand<'_>) -> Result<Option<Event>, Report> {
        match errand.effect {
            // the command line shows phases as they change; reactions and the status comment are the App's (`engine::app`)
            Effect::Acknowledge | Effect::Status { .. } | Effect::StopWorks { .. } => Ok(None),
            Effect::Snapshot { .. } => snapshot::snapshot(self, errand).await.map(Some),
            Effect::Work(assignment) => work::work(self, errand, assignment).await,
            Effect::Merge { task, round, attempt, into, proposal } => {
                let asked = merge::Asked { task, round: *round, attempt: *attempt };
                merge::merge(self, asked, into, proposal).await.map(Some)
            }
            Effect::Verify { round, tree } => verify::verify(self, errand, *round, tree).await,
            Effect::Publish { round, tree, parent, title, message, verdict: _ } => {
                let commit = publish::Commit { round: *round, tree, parent, title, message };
                publish::publish(self, errand, &commit).await.map(Some)
            }
            Effect::Ask { question, .. } => Ok(say(errand, &question.text)),
            Effect::AskApproval { .. } => Ok(say(errand, "the plan waits for approval")),
            // here the command line says how it ended; the reply in a thread is the App's
            Effect::Reply { .. } => Ok(None),
        }
    }

    async fn tidy(&self, run: &RunId) {
        workspace::remove_run(&self.parts.data, run).await;
    }
}

fn say(errand: &Errand<'_>, text: &str) -> Option<Event> {
    errand.watch.show(Progress::Note(text.to_owned()));
    None
}

/// Removes the workspaces of a run that nobody drives.
pub(super) async fn remove_run(data: &Path, run: &RunId) {
    workspace::remove_run(data, run).await;
}

/// Removes the workspaces of runs that nobody has a lease on. For the start of a program.
pub(super) async fn sweep_work(data: &Path, store: &Store, now: Timestamp) {
    workspace::sweep(data, store, now).await;
}

/// Git blocks: its calls run aside. An error is a report, a panic a broken one.
pub(super) async fn aside<T, E>(deed: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Report>
where
    T: Send + 'static,
    E: Hint + Send + 'static,
{
    match tokio::task::spawn_blocking(deed).await {
        Ok(result) => result.map_err(|error| error.report()),
        Err(cause) => {
            let hint = "report this with the log; the run can be driven again";
            Err(Report::new(Class::Broken, "panic", cause.to_string(), hint))
        }
    }
}
