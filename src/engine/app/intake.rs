//! Intake: from a stored delivery to a decision. A delivery is a knock: who may do what is asked of GitHub first.
//!
//! Every step may be repeated: runs have derived ids, comments are found again by their markers, reactions are no-ops the
//! second time. A delivery has ended only after all of it.

use super::{
    App,
    hearing::{Came, key},
    publish::PULL,
};
use crate::{
    engine::Told,
    github::webhook,
    ids::RunId,
    intent::notice::Notice,
    limits::app as limits,
    report::{Class, Hint, Report},
    run::Event,
    store::{Delivery, StoreError},
};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// What came of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was acted upon; a stable word for the audit.
    Done(&'static str),
    /// It means nothing, and why.
    Nothing(&'static str),
}

/// What became of a delivery that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was acted upon, or means nothing.
    TakenIn,
    /// It waits until it may be looked at again.
    PutOff(Report),
    /// Nobody looks at it any more.
    GivenUp(Report),
}

impl App {
    /// Takes one delivery in; what goes wrong in it ends nothing else.
    pub(super) async fn take(&self, delivery: &Delivery) -> Result<Taken, Report> {
        if delivery.starts > limits::DELIVERY_STARTS {
            if let Err(report) = self.end_its_hearing(delivery).await {
                tracing::warn!(delivery = %delivery.id, %report, "what it said may be found by reading, and heard once more");
            }
            let message =
                format!("the program ended {} times while it took this in", limits::DELIVERY_STARTS);
            let hint = "look in the log for why it ended; say the command again when that is mended";
            return Err(Report::new(Class::Broken, "starts", message, hint));
        }
        caught(self.follow_notice(delivery)).await
    }

    /// What a delivery said that is given up is not found by reading: it would end the program once more.
    async fn end_its_hearing(&self, delivery: &Delivery) -> Result<(), Report> {
        let body = delivery.body().await.map_err(told)?;
        let Notice::Commented(comment) = webhook::notice(&delivery.event, &body, self.hands().us()) else {
            return Ok(());
        };
        let store = self.engine().store();
        store.end_hearing(&key(&comment), "starts", self.engine().now()).await.map_err(told)
    }

    async fn follow_notice(&self, delivery: &Delivery) -> Result<Taken, Report> {
        let body = delivery.body().await.map_err(told)?;
        match webhook::notice(&delivery.event, &body, self.hands().us()) {
            Notice::Commented(comment) => {
                let taken = self.commented(&comment, Came::Delivered).await?;
                if let (Taken::Done(_), Some(installation)) = (taken, comment.installation) {
                    let desk = self.hands().desk_of(installation, comment.repo.clone());
                    self.hands().keep_told(&desk).await;
                }
                Ok(taken)
            }
            Notice::PullClosed { repo, number, .. } => self.closed_pull(repo.id, number).await,
            Notice::ThreadGone { repo, number } => self.lost_thread(&repo, number).await,
            Notice::RepoGone { repo_ids, why } => self.lost_repos(&repo_ids, why).await,
            Notice::InstallationGone { installation, why } => self.lost_installation(installation, why).await,
            Notice::RepoBack { repo_ids } => self.repos_are_back(&repo_ids).await,
            Notice::InstallationBack { installation } => self.installation_is_back(installation).await,
            Notice::Ignored(why) => Ok(Taken::Nothing(why.code())),
        }
    }

    /// A pull request was closed. It may be open again since: runs are told what GitHub says now.
    async fn closed_pull(&self, repo: u64, number: u64) -> Result<Taken, Report> {
        let runs = self.engine().store().open_runs_that_sent(repo, PULL, number).await.map_err(told)?;
        let Some(first) = runs.first() else { return Ok(Taken::Nothing("no_run")) };
        let thread = self.hands().thread(first).await?;
        match self.end_of_pull(&thread, number).await.map_err(|error| error.report())? {
            Some(event) => self.tell_all(runs, &event).await,
            None => Ok(Taken::Nothing("still_open")),
        }
    }

    /// Tells runs the same, and lets those that listen do what follows.
    pub(super) async fn tell_all(&self, runs: Vec<RunId>, event: &Event) -> Result<Taken, Report> {
        if runs.is_empty() {
            return Ok(Taken::Nothing("no_run"));
        }
        for run in runs {
            if let Told::Taken(_) = self.engine().tell(&run, event).await? {
                self.look_at(&run);
            }
        }
        Ok(Taken::Done("told"))
    }
}

fn told(error: StoreError) -> Report {
    error.report()
}

/// A panic inside is an error of this alone: the program goes on, and all others in it.
pub(super) async fn caught<T>(work: impl Future<Output = Result<T, Report>>) -> Result<T, Report> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        let hint = "report this with the log; others are not held up by it";
        Err(Report::new(Class::Broken, "panic", "it hit a bug and was given up", hint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_that_does_not_pass() {
        let works = async |fails: bool| if fails { panic!("a bug") } else { Ok(7) };
        assert_eq!(caught(works(false)).await, Ok(7));
        let report = caught(works(true)).await.unwrap_err();
        assert_eq!((report.code.as_str(), report.class), ("panic", Class::Broken));
    }
}
