//! The sweep: what was missed is found. Deliveries that failed are asked for again (GitHub never does so by itself, and keeps
//! them three days: "Handling failed webhook deliveries"); pull requests that we watch are read again.

use super::{App, publish::PULL};
use crate::{
    clock::Timestamp,
    engine::{owner, perform::sweep_work},
    github::{GitHubError, PullState},
    limits::app as limits,
    report::{Hint, Report},
    run::{Event, Phase},
};

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Deliveries that were asked for again.
    pub redelivered: u32,
    /// Runs whose pull request had ended.
    pub ended: u32,
}

impl App {
    /// Looks for what was missed.
    pub async fn sweep(&self) -> Result<Swept, Report> {
        self.free().await?;
        self.look_at_deadlines().await?;
        let swept = Swept { redelivered: self.redeliver().await?, ended: self.look_at_pulls().await? };
        if swept != Swept::default() {
            tracing::info!(?swept, "swept");
        }
        Ok(swept)
    }

    /// Asks for what failed since the last sweep, and that we don't have.
    async fn redeliver(&self) -> Result<u32, Report> {
        let (hands, store, now) = (self.hands(), self.engine().store(), self.engine().now());
        let back = i64::try_from(limits::DELIVERIES_ASKED.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp(now.0.saturating_sub(back));
        let failed = match hands.parts.github.failed_deliveries(since).await {
            Ok(failed) => failed,
            Err(GitHubError::Limited { .. }) => return Ok(0),
            Err(error) => return Err(error.report()),
        };
        let mut asked = 0;
        for one in failed {
            if store.delivery(&one.guid).await.map_err(|error| error.report())?.is_some() {
                continue;
            }
            match hands.parts.github.redeliver(one.id).await {
                Ok(()) => asked += 1,
                Err(GitHubError::Limited { .. }) => break,
                Err(error) => tracing::warn!(delivery = %one.guid, %error, "could not be asked for again"),
            }
        }
        Ok(asked)
    }

    /// Reads the pull requests of runs that are watched: that one was closed may have been missed.
    async fn look_at_pulls(&self) -> Result<u32, Report> {
        let (hands, store) = (self.hands(), self.engine().store());
        let mut ended = 0;
        for listed in store.open_threads().await.map_err(|error| error.report())? {
            let (run, Some(thread)) = (listed.id, listed.thread) else { continue };
            if listed.phase != crate::run::reply::phase(Phase::Watching) {
                continue;
            }
            let known = store.remembered(&run, PULL).await.map_err(|error| error.report())?;
            let Some(number) = known.and_then(|known| known.remote_id) else { continue };
            let event = match hands.desk(&thread).pull(number).await {
                Ok(pull) if pull.state == PullState::Open => continue,
                Ok(pull) => Event::PullEnded { merged: pull.state == PullState::Merged },
                Err(error @ GitHubError::Gone(_)) => Event::Gone { what: error.to_string() },
                Err(GitHubError::Limited { .. }) => break,
                Err(error) => {
                    tracing::warn!(%run, %error, "its pull request could not be read");
                    continue;
                }
            };
            self.engine().tell(&run, &event).await?;
            self.look_at(&run);
            ended += 1;
        }
        Ok(ended)
    }

    /// Runs whose deadline has passed are looked at.
    async fn look_at_deadlines(&self) -> Result<(), Report> {
        let (store, now) = (self.engine().store(), self.engine().now());
        for listed in store.open_threads().await.map_err(|error| error.report())? {
            let run = store.run(&listed.id).await.map_err(|error| error.report())?.run;
            if run.wake_at().is_some_and(|at| at <= now) {
                self.engine().tell(&run.id, &Event::Woke).await?;
                self.look_at(&run.id);
            }
        }
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
            if owner::is_gone(&lease.owner) {
                store.release_lease(&lease).await.map_err(|error| error.report())?;
                self.look_at(&lease.run);
            }
        }
        Ok(())
    }
}
