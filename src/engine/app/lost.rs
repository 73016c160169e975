//! What we lost, and what came back. A webhook is a knock: one that comes late, or again after years, may tell of what is no
//! longer so. So each run is told only what GitHub says now.

use super::{App, Taken};
use crate::{
    github::GitHubError,
    ids::RunId,
    intent::notice::{GoneWhy, RepoRef},
    limits::app as limits,
    report::{Hint, Report},
    run::{Event, Outcome},
    store::{StoreError, Thread},
};

impl App {
    /// An issue was deleted, or went to another repository.
    pub(super) async fn lost_thread(&self, repo: &RepoRef, number: u64) -> Result<Taken, Report> {
        let run = self.engine().store().open_run_on(repo.id, number).await.map_err(told)?;
        let Some(run) = run else { return Ok(Taken::Nothing("no_run")) };
        let thread = self.hands().thread(&run).await?;
        match self.hands().desk(&thread).issue(number).await {
            Ok(_) => return Ok(Taken::Nothing("still_there")),
            Err(GitHubError::Missing { .. } | GitHubError::Gone(_)) => {}
            Err(error) => return Err(error.report()),
        }
        self.tell_all(vec![run], &Event::Gone { what: format!("issue #{number}") }).await
    }

    /// Repositories were deleted, archived, transferred or taken out of the installation.
    pub(super) async fn lost_repos(&self, repo_ids: &[u64], why: GoneWhy) -> Result<Taken, Report> {
        let mut runs = Vec::new();
        for id in repo_ids {
            runs.extend(self.engine().store().open_runs_of_repo(*id).await.map_err(told)?);
        }
        self.lost(runs, format!("the repository ({})", why.words())).await
    }

    /// An installation was deleted or suspended.
    pub(super) async fn lost_installation(&self, installation: u64, why: GoneWhy) -> Result<Taken, Report> {
        let runs = self.engine().store().open_runs_of_installation(installation).await.map_err(told)?;
        self.lost(runs, format!("the App's installation ({})", why.words())).await
    }

    async fn lost(&self, runs: Vec<RunId>, what: String) -> Result<Taken, Report> {
        if runs.is_empty() {
            return Ok(Taken::Nothing("no_run"));
        }
        let mut lost = Vec::new();
        for run in runs {
            if self.is_lost(&self.hands().thread(&run).await?).await? {
                lost.push(run);
            }
        }
        match lost.is_empty() {
            true => Ok(Taken::Nothing("still_there")),
            false => self.tell_all(lost, &Event::Gone { what }).await,
        }
    }

    /// Whether nothing can be written there any more. Asked with a token of its own: one that was made before may still be
    /// good for reading what is public.
    async fn is_lost(&self, thread: &Thread) -> Result<bool, Report> {
        let repo = self.hands().desk(thread).repo();
        let desk = self.hands().parts.github.desk(thread.installation, repo);
        let seen = desk.repository().await;
        if let Err(error) = desk.done().await {
            tracing::debug!(%error, "a token could not be taken back; it ends by itself within the hour");
        }
        match seen {
            Ok(facts) => Ok(facts.is_archived),
            Err(GitHubError::Gone(_) | GitHubError::Missing { .. }) => Ok(true),
            Err(error) => Err(error.report()),
        }
    }

    /// Repositories can be written again.
    pub(super) async fn repos_are_back(&self, repo_ids: &[u64]) -> Result<Taken, Report> {
        let mut runs = Vec::new();
        for id in repo_ids {
            let closed = self.engine().store().closed_runs_of_repo(*id, limits::GONE_TOLD).await;
            runs.extend(closed.map_err(told)?);
        }
        self.told_late(runs).await
    }

    /// An installation can be used again.
    pub(super) async fn installation_is_back(&self, installation: u64) -> Result<Taken, Report> {
        let closed = self.engine().store().closed_runs_of_installation(installation, limits::GONE_TOLD);
        self.told_late(closed.await.map_err(told)?).await
    }

    /// Runs that ended because nothing could be written could not say so: their status comments do it now.
    async fn told_late(&self, runs: Vec<RunId>) -> Result<Taken, Report> {
        let (store, mut is_any) = (self.engine().store(), false);
        for id in runs {
            let run = store.run(&id).await.map_err(told)?.run;
            if run.outcome() == Some(Outcome::Gone) {
                store.status_again(&id).await.map_err(told)?;
                is_any = true;
            }
        }
        if !is_any {
            return Ok(Taken::Nothing("no_run"));
        }
        self.hands().told.notify_one();
        Ok(Taken::Done("told_late"))
    }
}

fn told(error: StoreError) -> Report {
    error.report()
}
