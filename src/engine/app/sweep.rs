//! The sweep: what was missed is found. Deliveries that failed are asked for again (GitHub never does so by itself, and keeps
//! them three days: "Handling failed webhook deliveries"); what no delivery told of is read (`scan`); pull requests that we
//! watch are read again.

use super::{
    App,
    desk::Trouble,
    publish::PULL,
    scan::{ReadError, Scanned},
};
use crate::{
    clock::Timestamp,
    engine::{owner, perform::sweep_work},
    github::{FailedDelivery, GitHubError, PullState},
    ids::RunId,
    limits::{app as limits, github::AGAIN_MOST, server::DELIVERIES_KEPT},
    report::{Hint, Report},
    run::{Event, Phase},
    store::{KnownRepo, Missed, StoreError, Thread},
};
use std::collections::HashSet;

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Deliveries that were asked for again.
    pub redelivered: u32,
    /// Commands that no delivery had told of.
    pub heard: u32,
    /// Later twins of our comments that were deleted.
    pub twins: u32,
    /// Runs whose pull request had ended.
    pub ended: u32,
}

/// Up to when GitHub's log of deliveries was looked through.
const LOG: &str = "deliveries";
/// From when on deliveries that failed have to be looked for: all before is noted.
const FAILED: &str = "failed deliveries";

impl App {
    /// Looks for what was missed. Each part goes by itself: what ends one is said, the others are done all the same, and it is
    /// the answer in the end.
    pub async fn sweep(&self) -> Result<Swept, Report> {
        self.sweep_reading(self.scan()).await
    }

    /// The same, with what reads.
    pub(super) async fn sweep_reading(
        &self,
        scan: impl Future<Output = Result<Scanned, Report>>,
    ) -> Result<Swept, Report> {
        let (now, mut parts) = (self.engine().now(), Parts::default());
        parts.end(self.free().await);
        parts.end(self.look_at_deadlines().await);
        parts.end(self.read_log(now).await);
        // read first: what is found by reading is heard in the order in which it was said
        let scanned = parts.end(scan.await);
        let redelivered = parts.end(self.redeliver(now).await);
        let ended = parts.end(self.look_at_pulls().await);
        self.hands().leave_all().await;
        parts.end(self.forget_old(now).await.map_err(|error| error.report()));
        let swept = Swept { redelivered, heard: scanned.heard, twins: scanned.twins, ended };
        if swept != Swept::default() {
            tracing::info!(?swept, "swept");
        }
        parts.trouble.map_or(Ok(swept), Err)
    }

    /// Reads GitHub's log from where it was looked through last, and learns from it which repositories there are and what never
    /// came.
    async fn read_log(&self, now: Timestamp) -> Result<(), Report> {
        let store = self.engine().store();
        let told = |error: StoreError| error.report();
        let last = store.looked(LOG).await.map_err(told)?;
        let earliest = now.before(limits::DELIVERIES_ASKED);
        let back = |last: Timestamp| last.before(limits::CLOCKS_DIFFER).max(earliest);
        let since = last.map_or(earliest, back);
        let failed_since = store.looked(FAILED).await.map_err(told)?.map_or(earliest, back);
        let log = match self.hands().parts.github.deliveries(since, failed_since).await {
            Ok(log) => log,
            Err(GitHubError::Limited { .. }) => return Ok(()),
            Err(error) => return Err(error.report()),
        };
        // entries are of GitHub's clock, and ours may be hours off
        let theirs = |ours| self.hands().parts.github.dated(ours);
        for ((installation, repo_id), at) in &log.repos {
            let known = store.known_repo(*repo_id).await.map_err(told)?;
            if known.is_some_and(|known| known.installation == *installation) {
                continue;
            }
            // new since the last look; who never looked knows of nothing that was before
            let begun = last.map_or_else(|| theirs(now), |last| theirs(last).max(*at));
            let begun = begun.before(limits::SCAN_OVERLAP);
            let repo = KnownRepo {
                installation: *installation,
                repo_id: *repo_id,
                owner: String::new(),
                name: String::new(),
                is_private: false,
                begun,
                since: begun,
            };
            store.see_repo(&repo).await.map_err(told)?;
        }
        let missed = log.failed.into_iter().map(|FailedDelivery { id, guid, first, due, .. }| Missed {
            guid,
            id,
            first,
            due,
        });
        store.note_missed(missed.collect()).await.map_err(told)?;
        for what in [LOG, FAILED] {
            store.look_done(what, now).await.map_err(told)?;
        }
        Ok(())
    }

    /// Asks for what never came, when it is due: at once, and then ever later. What concerns not only one of them ends it: the
    /// next sweep goes on.
    async fn redeliver(&self, now: Timestamp) -> Result<u32, Report> {
        let (hands, store) = (self.hands(), self.engine().store());
        let told = |error: StoreError| error.report();
        let (oldest, mut asked) = (now.before(limits::DELIVERIES_ASKED), 0);
        let due = store.missed_due(now, oldest, limits::MISSED_AT_ONCE).await.map_err(told)?;
        for Missed { guid, id, first, .. } in due {
            let later = Some(now.after(now.since(first).min(AGAIN_MOST)));
            let (again, goes_on) = match hands.parts.github.redeliver(id).await {
                Ok(()) => {
                    asked += 1;
                    (later, true)
                }
                // it is in the log no more
                Err(GitHubError::Missing { .. }) => (None, true),
                Err(GitHubError::Limited { .. }) => break,
                Err(error) => {
                    tracing::warn!(delivery = %guid, %error, "could not be asked for again");
                    // later too: it may be the cause, and must not be the first for ever
                    (later, matches!(error, GitHubError::Refused { .. }))
                }
            };
            store.missed_again(&guid, again).await.map_err(told)?;
            if !goes_on {
                break;
            }
        }
        Ok(asked)
    }

    /// What is too old to come again is forgotten, a little at a time.
    async fn forget_old(&self, now: Timestamp) -> Result<(), StoreError> {
        let (store, before) = (self.engine().store(), now.before(DELIVERIES_KEPT));
        store.forget_deliveries(before, limits::FORGOTTEN_AT_ONCE).await?;
        store.forget_hearings(before, limits::FORGOTTEN_AT_ONCE).await?;
        Ok(())
    }

    /// Reads the pull requests of runs that are watched: that one was closed may have been missed.
    async fn look_at_pulls(&self) -> Result<u32, Report> {
        let (mut ended, mut limited) = (0, HashSet::new());
        for listed in self.engine().store().open_threads().await.map_err(|error| error.report())? {
            let (run, Some(thread)) = (listed.id, listed.thread) else { continue };
            let is_watching = listed.phase == Phase::Watching;
            if !is_watching || limited.contains(&thread.installation) {
                continue;
            }
            match self.look_at_pull(&run, &thread).await {
                Ok(has_ended) => ended += u32::from(has_ended),
                Err(ReadError::Limited) => drop(limited.insert(thread.installation)),
                Err(ReadError::Trouble(trouble)) => passed_over(&run, trouble),
            }
        }
        Ok(ended)
    }

    /// Reads the pull request of one run; whether it has ended.
    async fn look_at_pull(&self, run: &RunId, thread: &Thread) -> Result<bool, ReadError> {
        let known = self.engine().store().remembered(run, PULL).await.map_err(Trouble::from)?;
        let Some(number) = known.and_then(|known| known.remote_id) else { return Ok(false) };
        let Some(event) = self.end_of_pull(thread, number).await? else { return Ok(false) };
        self.engine().tell(run, &event).await.map_err(Trouble::from)?;
        self.look_at(run);
        Ok(true)
    }

    /// What GitHub says now of a pull request, as runs are told it; None: it is open.
    pub(super) async fn end_of_pull(
        &self,
        thread: &Thread,
        number: u64,
    ) -> Result<Option<Event>, GitHubError> {
        match self.hands().desk(thread).pull(number).await {
            Ok(pull) if pull.state == PullState::Open => Ok(None),
            Ok(pull) => Ok(Some(Event::PullEnded { merged: pull.state == PullState::Merged })),
            Err(GitHubError::Gone(lost)) => Ok(Some(Event::Gone { what: lost.words().to_owned() })),
            Err(error) => Err(error),
        }
    }

    /// Runs whose deadline has passed are looked at.
    async fn look_at_deadlines(&self) -> Result<(), Report> {
        for listed in self.engine().store().open_threads().await.map_err(|error| error.report())? {
            if let Err(trouble) = self.look_at_deadline(&listed.id).await {
                passed_over(&listed.id, trouble);
            }
        }
        Ok(())
    }

    async fn look_at_deadline(&self, run: &RunId) -> Result<(), Trouble> {
        let (store, now) = (self.engine().store(), self.engine().now());
        let it = store.run(run).await?.run;
        if it.wake_at().is_none_or(|at| at > now) {
            return Ok(());
        }
        // what waits for its place took no minutes: whoever drives it says so
        let is_waiting = it.is_at_work() && store.next_effect_at(run).await?.is_some();
        if !is_waiting || store.is_leased(run, now).await? {
            self.engine().tell(run, &Event::Woke).await?;
        }
        self.look_at(run);
        Ok(())
    }

    /// For the start, before anything new is begun: leases and workspaces of a program that was killed. A run that it had put
    /// to rest is not driven again, so nobody else would remove them.
    pub(super) async fn clear(&self) {
        if let Err(report) = self.free().await {
            tracing::warn!(%report, "leases of a program that ended are still held; the sweep tries again");
        }
        let hands = self.hands();
        sweep_work(&hands.parts.data, &hands.store, self.engine().now()).await;
    }

    /// Leases of processes that have ended are given back, so that nobody waits for them.
    async fn free(&self) -> Result<(), Report> {
        let store = self.engine().store();
        for lease in store.held_leases().await.map_err(|error| error.report())? {
            if !owner::is_gone(&lease.owner) {
                continue;
            }
            match store.release_lease(&lease).await {
                Ok(()) => self.look_at(&lease.run),
                Err(error) => passed_over(&lease.run, error.into()),
            }
        }
        Ok(())
    }
}

/// The parts of a sweep.
#[derive(Default)]
struct Parts {
    /// Why the first that failed did.
    trouble: Option<Report>,
}

impl Parts {
    /// One has ended; nothing came of it when it failed.
    fn end<T: Default>(&mut self, end: Result<T, Report>) -> T {
        end.unwrap_or_else(|report| {
            tracing::error!(%report, hint = %report.hint, "a part of the sweep failed; the others go on");
            self.trouble.get_or_insert(report);
            T::default()
        })
    }
}

/// One run is passed over, and the others are not: what can be done is said.
fn passed_over(run: &RunId, trouble: Trouble) {
    match trouble {
        Trouble::Gone(what) => tracing::warn!(%run, what, "is gone; the next sweep looks again"),
        Trouble::Told(report) => {
            tracing::error!(%run, %report, hint = %report.hint, "passed over; the next sweep looks again");
        }
    }
}
