//! A run's place on GitHub, and what comes of a request there.

use super::{AppHands, Priority};
use crate::{
    github::{Desk, GitHubError},
    limits::app as limits,
    report::{Class, Hint, Report},
    run::{Event, Run},
    store::{StoreError, Thread},
};
use futures_util::future::BoxFuture;

/// A run's place on GitHub.
pub(super) struct Place<'a> {
    pub(super) hands: &'a AppHands,
    pub(super) thread: &'a Thread,
    pub(super) desk: &'a Desk,
}

/// Why something on GitHub did not end well.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What it is about is gone, or our access to it.
    Gone(String),
    /// Anything else; its class decides.
    Told(Report),
}

impl From<GitHubError> for Trouble {
    fn from(error: GitHubError) -> Self {
        match error {
            GitHubError::Gone(lost) => Self::Gone(lost.words().to_owned()),
            error => Self::Told(error.report()),
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Told(error.report())
    }
}

impl From<Report> for Trouble {
    fn from(report: Report) -> Self {
        Self::Told(report)
    }
}

impl Trouble {
    /// What a run is told: that it is gone is an event, everything else an error.
    pub(super) fn told(self, run: &Run) -> Result<Option<Event>, Report> {
        match self {
            // nobody is there any more to be told
            Self::Gone(_) if run.outcome().is_some() => Ok(None),
            Self::Gone(what) => Ok(Some(Event::Gone { what })),
            Self::Told(report) => Err(report),
        }
    }

    /// What GitHub may answer otherwise in a moment: tried again, with the engine's bounds.
    pub(super) fn for_now(error: &GitHubError) -> Self {
        Self::Told(Report { class: Class::Transient, ..error.report() })
    }
}

/// Whether something failed because GitHub gave no answer, or none that is one: an outage, which ends by itself. What it
/// refuses for now, or what fails on this machine, is none.
pub(super) fn is_away(why: &Report) -> bool {
    let codes = [
        "github_network",
        "github_ambiguous",
        "github_limited",
        "github_stale",
        "github_renamed",
        "github_odd",
        "unreachable",
        "not_git",
    ];
    codes.contains(&why.code.as_str())
}

impl AppHands {
    /// Looks for what may be there already, more than once: GitHub does not show at once what it has just made.
    pub(super) async fn look<'f, T>(
        &self,
        look: impl Fn() -> BoxFuture<'f, Result<Option<T>, GitHubError>>,
    ) -> Result<Option<T>, GitHubError> {
        let mut looks = 0;
        loop {
            looks += 1;
            let end = look().await;
            let wait = match &end {
                Ok(None) => self.lines.gap(),
                // else it would be made anew without a look
                Err(GitHubError::Limited { until }) => until.since(self.clock.now()),
                Ok(Some(_)) | Err(_) => return end,
            };
            if looks == limits::LOOKS || wait > limits::LINGER {
                return end;
            }
            tokio::time::sleep(wait).await;
        }
    }
}

impl Place<'_> {
    /// Sends one request that changes something, when it is its turn; a limit is waited out.
    pub(super) async fn send<'f, T>(
        &self,
        priority: Priority,
        call: impl Fn() -> BoxFuture<'f, Result<T, GitHubError>>,
    ) -> Result<T, GitHubError> {
        self.hands.send(self.thread.installation, priority, call).await
    }
}
