//! One drive of one run: claim, perform, decide, until it comes to rest.
//!
//! Everything it does is polled inside its own future: dropping it stops all works at once (their sandboxes die with
//! them), which is also what the crash tests do to it. Works run beside one another; everything else in order.

use super::{
    embedded::{Engine, stalled},
    perform::{Errand, Perform},
};
use crate::{
    agent::contract::Watch,
    clock::Timestamp,
    limits::engine as limits,
    report::{Class, Hint, Report},
    run::{Effect, Event, Phase, Run},
    store::{Claimed, EffectEnd, Lease, StoreError},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub(super) struct Drive<'a, P> {
    engine: &'a Engine<P>,
    lease: &'a Lease,
    watch: &'a Watch,
    /// Claimed, waiting for the ones before it, so that at most one effect that is no work is in hand.
    line: VecDeque<Claimed>,
    hand: FuturesUnordered<BoxFuture<'a, Ended>>,
    line_busy: bool,
    /// Works in hand or in line.
    works: u32,
    /// The parent of what stops each thing in hand.
    stop: CancellationToken,
    /// The parent of what drops each thing in hand.
    end: CancellationToken,
    /// Of what was stopped and may not have ended.
    ending: Vec<CancellationToken>,
    /// When that is dropped.
    drop_at: Option<Instant>,
    /// Until when the lease is known to hold.
    held_until: Timestamp,
    /// The deadline that the run was last woken for, so that an ignored one does not repeat.
    woken: Option<Timestamp>,
}

/// An effect that is no longer in hand.
struct Ended {
    claimed: Claimed,
    result: Result<Option<Event>, Report>,
}

/// What there is to do next.
enum Next {
    /// The run is at rest.
    Rest,
    /// Nothing until something ends, somebody says something, or this time (when there is one) comes.
    Wait(Option<Timestamp>),
    /// The run has to be told.
    Tell(Event),
}

impl<'a, P: Perform> Drive<'a, P> {
    pub(super) fn new(engine: &'a Engine<P>, lease: &'a Lease, watch: &'a Watch) -> Self {
        Self {
            engine,
            lease,
            watch,
            line: VecDeque::new(),
            hand: FuturesUnordered::new(),
            line_busy: false,
            works: 0,
            stop: CancellationToken::new(),
            end: CancellationToken::new(),
            ending: Vec::new(),
            drop_at: None,
            held_until: engine.clock.now().after(engine.timing.lease),
            woken: None,
        }
    }

    /// Drives until the run rests.
    pub(super) async fn until_rest(mut self, cancel: &CancellationToken) -> Result<Run, Report> {
        let mut heartbeat = heartbeat(self.engine.timing.heartbeat);
        let (engine, mut cancelled) = (self.engine, false);
        loop {
            if cancel.is_cancelled() && !cancelled {
                cancelled = true;
                self.tell(&Event::Cancelled, None).await?;
            }
            let told = engine.told.notified();
            let run = self.run().await?;
            if run.phase() == Phase::Closed {
                self.stop();
            }
            self.claim(&run).await?;
            let until = match self.next(&run).await? {
                Next::Rest => return Ok(run),
                Next::Tell(event) => {
                    self.tell(&event, None).await?;
                    continue;
                }
                Next::Wait(until) => until,
            };
            tokio::select! {
                biased;
                Some(ended) = self.hand.next(), if !self.hand.is_empty() => self.settle(ended).await?,
                () = cancel.cancelled(), if !cancelled => {}
                _ = heartbeat.tick() => self.renew().await?,
                () = told => {}
                () = due(engine.clock.now(), until) => {}
                () = at(self.drop_at) => self.drop_stopped(),
            }
        }
    }

    async fn run(&self) -> Result<Run, Report> {
        let stored = self.engine.apart.run(&self.lease.run).await.map_err(|error| error.report())?;
        Ok(stored.run)
    }

    /// Claims what is due and starts what may start.
    async fn claim(&mut self, run: &Run) -> Result<(), Report> {
        if self.hand.is_empty() {
            self.drop_at = None;
            self.ending.clear();
        }
        let (engine, now) = (self.engine, self.engine.clock.now());
        let due = engine.apart.next_effect_at(&run.id).await.map_err(|error| error.report())?;
        if due.is_some_and(|due| due <= now) {
            let free = run.rules.tasks_at_once.max(1).saturating_sub(self.works);
            let claimed = engine.store.claim_effects(self.lease, now, free).await;
            for one in claimed.map_err(|error| error.report())? {
                match one.effect {
                    Effect::StopWorks { .. } => {
                        self.stop();
                        self.start(one, run);
                    }
                    Effect::Work(_) => {
                        self.works += 1;
                        self.line.push_back(one);
                    }
                    _ => self.line.push_back(one),
                }
            }
        }
        while !self.line_busy
            && let Some(first) = self.line.pop_front()
        {
            self.line_busy = !matches!(first.effect, Effect::Work(_));
            self.start(first, run);
        }
        Ok(())
    }

    fn start(&mut self, claimed: Claimed, run: &Run) {
        let (performer, lease, watch) = (&self.engine.performer, self.lease, self.watch);
        let (run, cancel, end) = (Arc::new(run.clone()), self.stop.child_token(), self.end.child_token());
        let span = tracing::info_span!("effect", key = %claimed.key);
        let performed = async move {
            let result = match (&claimed.outcome, needless(&run, &claimed.effect)) {
                (Some(event), _) => Ok(Some(event.clone())),
                (None, true) => Ok(None),
                (None, false) if claimed.claims > limits::EFFECT_CLAIMS => Err(too_often(&claimed)),
                (None, false) => {
                    let errand = Errand { run: &run, effect: &claimed.effect, lease, cancel: &cancel, watch };
                    let performed = AssertUnwindSafe(performer.perform(&errand)).catch_unwind();
                    // what is said is never cut short: it would count as said
                    let performed = if answers(&claimed.effect) {
                        end.run_until_cancelled(performed).await
                    } else {
                        Some(performed.await)
                    };
                    performed.map_or(Ok(None), |done| done.unwrap_or_else(|_| Err(panicked(&claimed))))
                }
            };
            Ended { claimed, result }
        };
        self.hand.push(performed.instrument(span).boxed());
    }

    /// Feeds back how an effect ended.
    async fn settle(&mut self, ended: Ended) -> Result<(), Report> {
        let Ended { claimed, result } = ended;
        match claimed.effect {
            Effect::Work(_) => self.works = self.works.saturating_sub(1),
            Effect::StopWorks { .. } => {}
            _ => self.line_busy = false,
        }
        let key = claimed.key.as_str();
        match result {
            Ok(Some(event)) => self.tell(&event, Some(key)).await,
            Ok(None) => {
                let end = if answers(&claimed.effect) { EffectEnd::Dropped } else { EffectEnd::Done };
                let finished = self.engine.store.finish_effect(self.lease, key, end).await;
                finished.map_err(|error| error.report())
            }
            Err(report) if report.class == Class::Broken => Err(report),
            // that it was not let in is no failure of it
            Err(Report { class: Class::Transient, not_before: Some(until), .. })
                if until > self.engine.clock.now() =>
            {
                tracing::info!(key, until = until.0, "waits until it may");
                let delayed = self.engine.store.delay_effect(self.lease, key, until).await;
                delayed.map_err(|error| error.report())
            }
            Err(report) if report.class == Class::Transient && self.is_patient(&claimed, &report) => {
                tracing::info!(key, %report, failures = claimed.failures + 1, "will be tried again");
                let until = self.engine.retry_at(claimed.failures);
                let postponed = self.engine.store.postpone_effect(self.lease, key, until).await;
                postponed.map_err(|error| error.report())
            }
            Err(report) => {
                let event = Event::EffectRefused { key: key.to_owned(), report };
                self.tell(&event, Some(key)).await
            }
        }
    }

    /// Whether an effect that failed in a way that may pass is tried again.
    fn is_patient(&self, claimed: &Claimed, report: &Report) -> bool {
        let patience = self.engine.performer.patience(&claimed.effect, report);
        patience.is_none_or(|most| claimed.failures + 1 < most)
    }

    /// Tells the run; an outcome that is too big for an event is a refusal.
    async fn tell(&mut self, event: &Event, key: Option<&str>) -> Result<(), Report> {
        let cause = key.map(|key| (self.lease, key));
        let told = self.engine.decide(&self.lease.run, event, cause, self.watch).await;
        let told = match (told, key) {
            (Err(error @ StoreError::TooBig { .. }), Some(key)) => {
                let event = Event::EffectRefused { key: key.to_owned(), report: error.report() };
                self.engine.decide(&self.lease.run, &event, cause, self.watch).await
            }
            (told, _) => told,
        };
        told.map(|_| ()).map_err(|error| error.report())
    }

    /// What there is to do when nothing more can be started.
    async fn next(&mut self, run: &Run) -> Result<Next, Report> {
        let now = self.engine.clock.now();
        let phase = run.phase();
        let wake = run.wake_at().filter(|at| self.woken != Some(*at));
        if let Some(at) = wake
            && at <= now
        {
            self.woken = wake;
            return Ok(Next::Tell(Event::Woke));
        }
        let pending = self.engine.apart.next_effect_at(&run.id).await.map_err(|error| error.report())?;
        let later = pending.filter(|at| *at > now);
        let until = [wake, later].into_iter().flatten().min();
        let is_near = later.is_some_and(|at| at.since(now) <= self.engine.timing.linger);
        // What is at rest does not wait for its deadline here: whoever looks after runs drives it again.
        if !self.hand.is_empty() || is_near {
            return Ok(Next::Wait(until));
        }
        if later.is_some() {
            return Ok(Next::Rest);
        }
        // it became due since it was looked for
        if pending.is_some() {
            return Ok(Next::Wait(pending));
        }
        match phase {
            Phase::Paused | Phase::Closed | Phase::Watching => Ok(Next::Rest),
            Phase::Queued => Ok(Next::Tell(Event::Started)),
            Phase::Planning | Phase::Working | Phase::Verifying | Phase::Publishing => Err(stalled(run)),
        }
    }

    async fn renew(&mut self) -> Result<(), Report> {
        let now = self.engine.clock.now();
        let until = now.after(self.engine.timing.lease);
        match self.engine.store.renew_lease(self.lease, until).await {
            Ok(()) => {
                self.held_until = until;
                Ok(())
            }
            // A disk that is full for a moment ends nothing while the lease holds.
            Err(error) if error.class() == Class::Transient && now < self.held_until => Ok(()),
            Err(error) => Err(error.report()),
        }
    }

    /// Tells everything in hand to stop; what starts later is not meant.
    fn stop(&mut self) {
        std::mem::take(&mut self.stop).cancel();
        self.ending.push(std::mem::take(&mut self.end));
        if !self.hand.is_empty() && self.drop_at.is_none() {
            self.drop_at = Some(Instant::now() + self.engine.timing.stop);
        }
    }

    /// What did not end although it was told to: dropping it kills its sandbox. Wanted again, it is performed again.
    fn drop_stopped(&mut self) {
        tracing::warn!(run = %self.lease.run, works = self.works, "what did not stop in time was dropped");
        self.drop_at = None;
        self.ending.drain(..).for_each(|ending| ending.cancel());
    }
}

/// Whether the run waits for an answer to this effect.
fn answers(effect: &Effect) -> bool {
    match effect {
        Effect::Snapshot { .. }
        | Effect::Work(_)
        | Effect::Merge { .. }
        | Effect::Verify { .. }
        | Effect::Publish { .. } => true,
        Effect::Acknowledge
        | Effect::Status { .. }
        | Effect::Ask { .. }
        | Effect::AskApproval { .. }
        | Effect::Reply { .. }
        | Effect::StopWorks { .. } => false,
    }
}

/// A run that is over needs no further work and asks nothing; what it says last is still said.
fn needless(run: &Run, effect: &Effect) -> bool {
    let asks = matches!(effect, Effect::Ask { .. } | Effect::AskApproval { .. });
    run.phase() == Phase::Closed && (asks || answers(effect))
}

fn too_often(claimed: &Claimed) -> Report {
    Report::new(
        Class::Refused,
        "started_too_often",
        format!("{} was started {} times and never came to an end", claimed.key, claimed.claims - 1),
        "look into the log for what ends the program, then run the same command again",
    )
}

fn panicked(claimed: &Claimed) -> Report {
    let hint = "report this with the log; the run can be driven again";
    Report::new(Class::Broken, "panic", format!("{} ended in a panic", claimed.key), hint)
}

fn heartbeat(every: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + every, every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits until this time by the engine's clock; for ever when there is none.
async fn due(now: Timestamp, until: Option<Timestamp>) {
    match until {
        // At least a moment: a clock that stands still must not become a busy loop.
        Some(until) => tokio::time::sleep(until.since(now).max(Duration::from_millis(1))).await,
        None => std::future::pending().await,
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
