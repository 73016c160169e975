//! The engine inside this process: runs are started, told and driven; between drives they only exist in the store.

use super::{
    drive::Drive,
    owner,
    perform::{Errand, Parts, Perform, Performer},
};
use crate::{
    agent::contract::{Progress, Watch},
    clock::{Clock, Timestamp},
    ids::RunId,
    limits::{engine as limits, run::IDLE},
    report::{Class, Hint, Report},
    run::{Event, Ignored, Phase, Run, TaskState, step},
    store::{EffectEnd, Lease, StepCommit, Store, StoreError},
};
use async_trait::async_trait;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The embedded engine.
#[derive(Debug)]
pub struct Engine<P> {
    pub(super) store: Store,
    /// The same for its own looks at runs: meanwhile it polls none of the effects in hand, which read `store`.
    pub(super) apart: Store,
    pub(super) performer: P,
    pub(super) clock: Clock,
    pub(super) timing: Timing,
    /// Wakes drives of this process when somebody told a run something.
    pub(super) told: Notify,
}

/// The engine's times; the defaults are the bounds of `limits::engine`.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a lease holds without a heartbeat.
    pub lease: Duration,
    /// Time between heartbeats; also how soon a drive sees what another process told its run.
    pub heartbeat: Duration,
    /// Wait before the first repeat of a failed effect; doubles each time.
    pub backoff: Duration,
    /// How long works may take to end after a stop.
    pub stop: Duration,
    /// How long a drive waits for what may not be performed yet. What is further off is not waited for: the run rests where it
    /// is, and whoever looks after runs drives it again then.
    pub linger: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: limits::LEASE,
            heartbeat: limits::HEARTBEAT,
            backoff: limits::BACKOFF_FIRST,
            stop: limits::STOP,
            linger: Duration::MAX,
        }
    }
}

/// What telling a run came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The run after it.
    Taken(Box<Run>),
    /// It means nothing where the run is, and why.
    Ignored(Ignored),
}

impl Engine<Performer> {
    /// An engine with real hands; sweeps away what dead drives left behind.
    pub async fn new(store: Store, parts: Parts) -> Self {
        let clock = parts.clock.clone();
        let performer = Performer::new(store.clone(), parts);
        performer.sweep().await;
        Self::with(store, performer, clock, Timing::default())
    }
}

impl<P: Perform> Engine<P> {
    /// An engine that performs effects with `performer`.
    pub fn with(store: Store, performer: P, clock: Clock, timing: Timing) -> Self {
        Self { apart: store.apart(), store, performer, clock, timing, told: Notify::new() }
    }

    /// The store it works on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The time by its clock.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What performs its effects.
    pub fn performer(&self) -> &P {
        &self.performer
    }

    /// Keeps a new run and tells it to begin, or finds the one that has its id already. `repository` names what it is about.
    pub async fn start(&self, run: &Run, repository: &str) -> Result<Run, Report> {
        let stored = self.store.insert_or_find(run, repository).await.map_err(|error| error.report())?;
        if stored.run.phase() != Phase::Queued {
            return Ok(stored.run);
        }
        match self.tell(&run.id, &Event::Started).await? {
            Told::Taken(run) => Ok(*run),
            Told::Ignored(_) => Ok(stored.run),
        }
    }

    /// Tells a run something, from any process and at any time; needs no lease. Durable when it returns.
    pub async fn tell(&self, id: &RunId, event: &Event) -> Result<Told, Report> {
        let told = self.decide(id, event, None, &Watch::silent()).await.map_err(|error| error.report())?;
        self.told.notify_waiters();
        Ok(told)
    }

    /// Performs what the run wants, until it is over, paused or published and watched, and gives it as it then is.
    ///
    /// One drive a run at a time, in all processes: another one's live lease is the error `run_leased`. `cancel` tells the run
    /// `Cancelled`, ends its sandboxes and lets the terminal reply out. An error leaves the run as the store has it; driving
    /// it again goes on. Dropping the future is like a crash: safe, and the lease ends by itself.
    pub async fn drive(&self, id: &RunId, cancel: &CancellationToken, watch: &Watch) -> Result<Run, Report> {
        let (lease, now) = (owner::lease(id), self.clock.now());
        let taken = self.store.take_lease(&lease, now, now.after(self.timing.lease)).await;
        let held_until = taken.map_err(|error| error.report())?;
        let end = match self.idled(id, held_until).await {
            Ok(()) => self.drive_under(&lease, cancel, watch).await,
            Err(report) => Err(report),
        };
        self.leave(&lease).await;
        end
    }

    /// Before it is driven again: nobody had it since `held_until`.
    pub async fn idled(&self, id: &RunId, held_until: Timestamp) -> Result<(), Report> {
        if self.clock.now().since(held_until) >= IDLE {
            self.tell(id, &Event::Idled { since: held_until }).await?;
        }
        Ok(())
    }

    /// The same under a lease that the caller took and gives back: until then nobody else goes on with the run.
    pub async fn drive_under(
        &self,
        lease: &Lease,
        cancel: &CancellationToken,
        watch: &Watch,
    ) -> Result<Run, Report> {
        self.performer.tidy(&lease.run).await;
        let end = Drive::new(self, lease, watch).until_rest(cancel).await;
        // Whoever has the lease now has workspaces there, and they are not ours to remove.
        if self.store.renew_lease(lease, self.clock.now().after(self.timing.lease)).await.is_ok() {
            self.performer.tidy(&lease.run).await;
        }
        end
    }

    /// Gives a lease back.
    pub async fn leave(&self, lease: &Lease) {
        if let Err(error) = self.store.release_lease(lease).await {
            tracing::warn!(run = %lease.run, %error, "the lease was not given back; it ends by itself");
        }
    }

    /// One decision: read, `step`, commit, and again when somebody else was faster. `cause`: the effect that this is the
    /// outcome of, with its lease; it ends even when the outcome is ignored.
    pub(super) async fn decide(
        &self,
        id: &RunId,
        event: &Event,
        cause: Option<(&Lease, &str)>,
        watch: &Watch,
    ) -> Result<Told, StoreError> {
        let event = event.clone().bounded();
        for _ in 0..limits::STEP_RETRIES {
            let now = self.clock.now();
            let before = self.apart.run(id).await?;
            let decided = step(before.run.clone(), &event, now);
            if let Some(why) = decided.ignored {
                if let Some((lease, key)) = cause {
                    let end = match &event {
                        Event::EffectRefused { .. } => EffectEnd::Dropped,
                        _ => EffectEnd::Ignored(&event),
                    };
                    self.store.finish_effect(lease, key, end).await?;
                }
                tracing::debug!(run = %id, ?event, ?why, "ignored");
                return Ok(Told::Ignored(why));
            }
            let commit = StepCommit {
                version: before.version,
                event: &event,
                at: now,
                run: &decided.run,
                effects: &decided.effects,
                cause,
            };
            match self.store.commit_step(commit).await {
                Ok(()) => {
                    show(&before.run, &event, &decided.run, watch);
                    self.performer.decided(&before.run, &decided.run);
                    return Ok(Told::Taken(Box::new(decided.run)));
                }
                Err(StoreError::Moved(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Moved(id.to_string()))
    }

    /// When a failed effect may be tried again.
    pub(super) fn retry_at(&self, failures: u32) -> Timestamp {
        let wait = self.timing.backoff.saturating_mul(1 << failures.min(16)).min(limits::BACKOFF_MOST);
        self.clock.now().after(wait)
    }
}

/// Hands that do nothing: who has them only tells runs something, and whoever drives them follows.
#[derive(Clone, Copy, Debug)]
pub struct Bystander;

#[async_trait]
impl Perform for Bystander {
    async fn perform(&self, _: &Errand<'_>) -> Result<Option<Event>, Report> {
        Err(Report::new(
            Class::Broken,
            "bystander",
            "nobody here performs effects",
            "drive it with the server",
        ))
    }
    async fn tidy(&self, _: &RunId) {}
}

/// Tells the person watching what a decision changed.
fn show(before: &Run, event: &Event, after: &Run, watch: &Watch) {
    if before.phase() != after.phase() {
        let phase = serde_json::to_string(&after.phase()).unwrap_or_default();
        watch.show(Progress::Phase(phase.trim_matches('"').to_owned()));
    }
    if let Event::Planned { plan, .. } = event {
        watch.show(Progress::Planned(plan.clone()));
    }
    let earlier = before.tasks();
    for (task, state) in after.tasks() {
        let old = earlier.iter().find(|(old, _)| old.id == task.id).map(|(_, state)| *state);
        if old.unwrap_or(TaskState::Pending) != state {
            watch.show(Progress::Task(task.id.clone(), state));
        }
    }
}

/// A run that waits for nothing and is not over: a bug in `step` or an effect without an outcome.
pub(super) fn stalled(run: &Run) -> Report {
    Report::new(
        Class::Broken,
        "stalled",
        format!("run {} waits for nothing in phase {:?}", run.id, run.phase()),
        "report this with the log; to try once more, run the same command again",
    )
}
