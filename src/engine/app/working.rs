//! The App at work: deliveries are taken in, runs are driven, statuses written, what was missed is looked for. Each of the four
//! is one function that does what is due and says when it wants to be called again; [`App::serve`] calls them.
//!
//! Dropping what `serve` returns is like a crash: safe, and what was begun goes on after the next start.

use super::{AppHands, Fate, Taken, beside, door::Knocks, scan::Asked, unknown::UNKNOWN};
use crate::{
    agent::contract::Watch,
    clock::Timestamp,
    engine::{Engine, Timing},
    ids::RunId,
    limits::{app as limits, engine as engines},
    report::{Class, Hint, Report},
    run::Phase,
    store::{Delivery, DeliveryEnd, StoreError, Wanting},
};
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// How much at once, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Runs that are driven at the same time.
    pub runs_at_once: usize,
    /// How often what was missed is looked for.
    pub sweep_every: Duration,
    /// When a status comment that could not be written is tried again.
    pub status_again: Duration,
}

/// The App at work.
pub struct App {
    engine: Engine<AppHands>,
    bounds: Bounds,
    /// A delivery came.
    came: Arc<Notify>,
    /// A run may want something.
    pub(super) wants: Notify,
    /// The deliveries in hand.
    begun: Mutex<Vec<String>>,
    /// When a run whose drive failed is driven again.
    later: Mutex<HashMap<RunId, (u32, Timestamp)>>,
    /// Of a repository, one comment is decided about at a time: two commands on one issue must not both find it free. And a
    /// comment's own: two deliveries of it must not both answer.
    locks: Mutex<Locks>,
    /// When GitHub is asked whether it takes us, while it does not.
    pub(super) knocks: Mutex<Knocks>,
    /// When it began: what was missed before is looked for at once.
    awake_since: Timestamp,
}

/// By repository; with a comment's name, of that comment alone.
type Locks = HashMap<(u64, Option<String>), Arc<tokio::sync::Mutex<()>>>;
type Driven<'a> = LocalBoxFuture<'a, (RunId, Result<Phase, Report>)>;
type Taking<'a> = LocalBoxFuture<'a, (String, Result<Fate, StoreError>)>;

impl App {
    /// An App on these hands.
    pub fn new(hands: AppHands, timing: Timing, bounds: Bounds, came: Arc<Notify>) -> Self {
        let (store, clock) = (hands.store.clone(), hands.clock.clone());
        let timing = Timing { linger: limits::LINGER, ..timing };
        let awake_since = clock.now();
        Self {
            engine: Engine::with(store, hands, clock, timing),
            bounds,
            came,
            wants: Notify::new(),
            begun: Mutex::default(),
            later: Mutex::default(),
            locks: Mutex::default(),
            knocks: Mutex::default(),
            awake_since,
        }
    }

    /// The engine under it.
    pub fn engine(&self) -> &Engine<AppHands> {
        &self.engine
    }

    pub(super) fn awake_since(&self) -> Timestamp {
        self.awake_since
    }

    pub(super) fn hands(&self) -> &AppHands {
        self.engine.performer()
    }

    /// This run may want something done.
    pub(super) fn look_at(&self, run: &RunId) {
        self.later.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
        self.wants.notify_one();
    }

    /// The lock of a repository's comments, or of one of them.
    pub(super) fn lock_of(&self, repo: u64, comment: Option<String>) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(locks.entry((repo, comment)).or_default())
    }

    /// Works until told to stop; then everything in hand is dropped.
    pub async fn serve(&self, stop: &CancellationToken) {
        let work = async {
            self.clear().await;
            let (asks, asked) = mpsc::channel(1);
            let looking = async { tokio::join!(self.sweeping(&asks), self.reading(asked)) };
            tokio::join!(self.taking_in(), self.driving(), self.telling(), looking);
        };
        if stop.run_until_cancelled(work).await.is_none() {
            let begun = self.begun().clone();
            if let Err(error) = self.engine.store().give_starts_back(&begun).await {
                tracing::warn!(%error, "deliveries that were in hand count as begun");
            }
        }
    }

    /// The deliveries in hand, by their ids.
    fn begun(&self) -> MutexGuard<'_, Vec<String>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn taking_in(&self) {
        loop {
            let came = self.came.notified();
            match self.take_all().await {
                Ok(next) => wait(self, came, next, limits::LOOK_AGAIN).await,
                Err(report) => self.troubled("taking deliveries in", &report).await,
            }
        }
    }

    /// Takes in every delivery that is due; when the next one is. Each that ends makes place for another: those of an account
    /// that waits keep no place from the rest.
    pub async fn take_all(&self) -> Result<Option<Timestamp>, Report> {
        let (store, told) = (self.engine.store(), |error: StoreError| error.report());
        let mut hand: FuturesUnordered<Taking<'_>> = FuturesUnordered::new();
        // what was in hand before was dropped, and is not to blame for it
        let dropped = std::mem::take(&mut *self.begun());
        if !dropped.is_empty() {
            store.give_starts_back(&dropped).await.map_err(told)?;
        }
        loop {
            // nothing could be looked up, and nobody is to blame for it: they are kept until GitHub takes us again
            if hand.is_empty()
                && let Some(next) = self.shut_out_until().await
            {
                return Ok(Some(next));
            }
            let is_shut_out = self.hands().parts.github.shut_out().is_some();
            let free = limits::DELIVERIES_AT_ONCE.saturating_sub(hand.len());
            let places = if is_shut_out { 0 } else { free };
            if places > 0 {
                let (begun, most) = (self.begun().clone(), u32::try_from(places).unwrap_or(u32::MAX));
                let (now, share) = (self.engine.now(), limits::DELIVERIES_OF_ONE);
                let asked = store.next_deliveries(&begun, now, share, most);
                let (due, ended) = beside(&mut hand, asked).await;
                for (id, end) in ended {
                    self.taken_in(&id, end)?;
                }
                let due = due.map_err(told)?;
                self.begun().extend(due.iter().map(|delivery| delivery.id.clone()));
                hand.extend(due.into_iter().map(|delivery| self.taking(delivery)));
            }
            tokio::select! {
                ended = hand.next() => {
                    let Some((id, end)) = ended else {
                        return store.next_delivery_at().await.map_err(told);
                    };
                    self.taken_in(&id, end)?;
                }
                () = self.came.notified(), if places > 0 && !hand.is_empty() => {}
            }
        }
    }

    fn taking(&self, delivery: Delivery) -> Taking<'_> {
        async move {
            let end = self.take_one(&delivery).await;
            (delivery.id, end)
        }
        .boxed_local()
    }

    /// It is no longer in hand.
    fn taken_in(&self, id: &str, end: Result<Fate, StoreError>) -> Result<(), Report> {
        self.begun().retain(|other| other != id);
        end.map(drop).map_err(|error| error.report())
    }

    /// Takes in one delivery that the caller holds; for `receive`.
    pub async fn take_held(&self, delivery: &Delivery) -> Result<Fate, Report> {
        self.take_one(delivery).await.map_err(|error| error.report())
    }

    async fn take_one(&self, delivery: &Delivery) -> Result<Fate, StoreError> {
        let (store, id) = (self.engine.store(), delivery.id.as_str());
        match self.take(delivery).await {
            Ok(Taken::Done(what)) => {
                tracing::info!(delivery = %id, event = %delivery.event, what, "taken in");
                store.finish_delivery(id, DeliveryEnd::Done, what).await?;
                Ok(Fate::TakenIn)
            }
            Ok(Taken::Nothing(why)) => {
                tracing::debug!(delivery = %id, event = %delivery.event, why, "means nothing");
                store.finish_delivery(id, DeliveryEnd::Ignored, why).await?;
                Ok(Fate::TakenIn)
            }
            // that it was not let in is no failure of it
            Err(report)
                if report.class == Class::Transient && report.not_before > Some(self.engine.now()) =>
            {
                let until = report.not_before.unwrap_or_default();
                tracing::info!(delivery = %id, until = until.0, "waits until it may");
                store.delay_delivery(id, until).await?;
                Ok(Fate::PutOff(report))
            }
            Err(report)
                if self.hands().parts.github.shut_out().is_some()
                    || report.class == Class::Transient && delivery.failures < limits::DELIVERY_FAILURES =>
            {
                tracing::info!(delivery = %id, %report, "will be tried again");
                store.postpone_delivery(id, self.engine.retry_at(delivery.failures)).await?;
                Ok(Fate::PutOff(report))
            }
            Err(report) => {
                tracing::error!(delivery = %id, %report, hint = %report.hint, "could not be taken in");
                if report.code == UNKNOWN {
                    self.say_unknown_to(delivery).await;
                }
                store.finish_delivery(id, DeliveryEnd::Failed, &report.code).await?;
                Ok(Fate::GivenUp(report))
            }
        }
    }

    async fn driving(&self) {
        let mut hand: FuturesUnordered<Driven<'_>> = FuturesUnordered::new();
        let mut busy = HashSet::new();
        loop {
            let wants = self.wants.notified();
            match self.start_drives(&mut hand, &mut busy).await {
                Ok(waiting) => {
                    self.hands().parts.pulse.beat(self.engine.now());
                    // what begins says so itself
                    if waiting > 0 {
                        self.hands().told.notify_one();
                    }
                }
                // no rest here: runs in hand stand still while nobody waits for them
                Err(report) => complain("looking for runs", &report),
            }
            tokio::select! {
                Some((run, end)) = hand.next(), if !hand.is_empty() => {
                    busy.remove(&run);
                    self.driven(&run, end);
                }
                () = wants => {}
                () = tokio::time::sleep(limits::LOOK_AGAIN) => {}
            }
        }
    }

    /// Drives every run until all rest; for tests, and for `receive`.
    pub async fn drive_all(&self) -> Result<(), Report> {
        let (mut hand, mut busy) = (FuturesUnordered::new(), HashSet::new());
        loop {
            self.start_drives(&mut hand, &mut busy).await?;
            let Some((run, end)) = hand.next().await else { return Ok(()) };
            busy.remove(&run);
            self.driven(&run, end);
        }
    }

    /// Starts what there is room for; how many wait.
    async fn start_drives<'a>(
        &'a self,
        hand: &mut FuturesUnordered<Driven<'a>>,
        busy: &mut HashSet<RunId>,
    ) -> Result<usize, Report> {
        let mut waiting = 0;
        if self.hands().parts.github.shut_out().is_some() {
            return Ok(waiting);
        }
        let now = self.engine.now();
        let (wanting, ended) = beside(hand, self.engine.store().runs_to_drive(now)).await;
        for (run, end) in ended {
            busy.remove(&run);
            self.driven(&run, end);
        }
        let wanting = wanting.map_err(|error| error.report())?;
        for Wanting { run, has_work, is_first } in wanting {
            let is_later = {
                let later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
                later.get(&run).is_some_and(|(_, at)| *at > now)
            };
            if is_later || busy.contains(&run) {
                continue;
            }
            // what has only something to say waits for no work to end, and needs no model and no sandbox
            let more = match (has_work, is_first) {
                (false, _) => limits::SAYING_AT_ONCE,
                (true, true) => limits::FIRST_AT_ONCE,
                (true, false) => 0,
            };
            let most = self.bounds.runs_at_once + more;
            if hand.len() >= most || (has_work && !self.hands().is_able().await) {
                waiting += 1;
                continue;
            }
            busy.insert(run.clone());
            hand.push(self.drive(run).boxed_local());
        }
        Ok(waiting)
    }

    async fn drive(&self, run: RunId) -> (RunId, Result<Phase, Report>) {
        // a shutdown is no cancel: dropping this leaves the run as the store has it
        let nobody = CancellationToken::new();
        let end = self.engine.drive(&run, &nobody, &Watch::silent()).await.map(|run| run.phase());
        let hands = self.hands();
        hands.forget(&run);
        // said with the tokens that are there, which are given back then
        if let Err(report) = hands.write_status_of(&run, self.bounds.status_again).await {
            tracing::warn!(%run, %report, "its status could not be written; it is tried again");
        }
        if let Ok(thread) = hands.thread(&run).await {
            hands.leave(&thread).await;
        }
        (run, end)
    }

    /// Notes how a drive ended: one that failed is driven again later, ever later.
    fn driven(&self, run: &RunId, end: Result<Phase, Report>) {
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        match end {
            Ok(phase) => {
                later.remove(run);
                tracing::info!(%run, ?phase, "at rest");
            }
            Err(report) => {
                let (failures, _) = later.get(run).copied().unwrap_or_default();
                let at = self.engine.retry_at(failures);
                tracing::error!(%run, %report, hint = %report.hint, "the drive ended; it is tried again");
                later.insert(run.clone(), (failures + 1, at));
            }
        }
    }

    async fn telling(&self) {
        loop {
            let told = self.hands().told.notified();
            match self.write_statuses().await {
                Ok(next) => wait(self, told, next, limits::LOOK_AGAIN).await,
                Err(report) => self.troubled("writing status comments", &report).await,
            }
        }
    }

    /// Writes the status comments that are due; when the next one is.
    pub async fn write_statuses(&self) -> Result<Option<Timestamp>, Report> {
        self.hands().write_statuses(self.bounds.status_again).await
    }

    async fn sweeping(&self, asks: &mpsc::Sender<Asked>) {
        loop {
            if let Err(report) = self.sweep_reading(self.scan_aside(asks)).await {
                self.troubled("sweeping", &report).await;
            }
            tokio::time::sleep(self.bounds.sweep_every).await;
        }
    }

    /// Something did not go, and not for one run only: it is said, and tried again in a moment.
    async fn troubled(&self, what: &str, report: &Report) {
        complain(what, report);
        tokio::time::sleep(engines::BACKOFF_MOST).await;
    }
}

fn complain(what: &str, report: &Report) {
    tracing::error!(%report, hint = %report.hint, "{what} failed; it is tried again");
}

/// Waits for news, for the time that was named, or for a while.
async fn wait(app: &App, news: impl Future<Output = ()>, next: Option<Timestamp>, most: Duration) {
    let now = app.engine.now();
    let span = next.map_or(most, |next| next.since(now).max(Duration::from_millis(1)).min(most));
    tokio::select! {
        () = news => {}
        () = tokio::time::sleep(span) => {}
    }
}
