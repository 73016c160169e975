//! The desks that are in use: the tokens of a repository are made once for all who work in it, and taken back when nobody does.

use super::AppHands;
use crate::{github::Desk, intent::notice::RepoRef, store::Thread};
use std::sync::PoisonError;

impl AppHands {
    /// The desk of a run's repository.
    pub(super) fn desk(&self, thread: &Thread) -> Desk {
        let repo = RepoRef {
            id: thread.repo_id,
            owner: thread.repo_owner.clone(),
            name: thread.repo_name.clone(),
            is_private: thread.is_private,
        };
        self.desk_of(thread.installation, repo)
    }

    /// The desk of a repository.
    pub(super) fn desk_of(&self, installation: u64, repo: RepoRef) -> Desk {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        let desk = desks.entry((installation, repo.id));
        desk.or_insert_with(|| self.parts.github.desk(installation, repo)).clone()
    }

    /// Keeps the names that a run's repository turned out to have, for the texts and addresses that come.
    pub(super) async fn keep_names(&self, thread: &Thread) {
        let desk = self.desk(thread);
        let is_other = |told: &RepoRef| (&told.owner, &told.name) != (&thread.repo_owner, &thread.repo_name);
        if desk.told_repo().is_some_and(|told| is_other(&told)) {
            self.keep_told(&desk).await;
        }
    }

    /// Keeps the names that GitHub told.
    pub(super) async fn keep_told(&self, desk: &Desk) {
        let Some(told) = desk.told_repo() else { return };
        if let Err(error) = self.store.repo_is_called(told.id, &told.owner, &told.name).await {
            tracing::warn!(%error, "the new name of a repository is not kept; tried again with the next effect");
        }
    }

    /// Takes back the tokens of a repository that nobody works in any more.
    pub(super) async fn leave(&self, thread: &Thread) {
        let desk = {
            let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (thread.installation, thread.repo_id);
            // a git fetch in the middle would be refused; whoever is at it leaves later
            if desks.get(&key).is_some_and(Desk::is_shared) { None } else { desks.remove(&key) }
        };
        if let Some(desk) = desk
            && let Err(error) = desk.done().await
        {
            tracing::warn!(%error, "a token could not be taken back; it ends by itself within the hour");
        }
    }

    /// Takes back the tokens of repositories that nobody works in now, but those for reading: the scan uses them again. They are
    /// of answers, refusals and late statuses, which end without a [`Self::leave`].
    pub(super) async fn leave_all(&self) {
        let left: Vec<Desk> = {
            let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = desks.extract_if(|_, desk| !desk.is_shared()).collect::<Vec<_>>();
            desks.extend(idle.iter().filter_map(|(key, desk)| Some((*key, desk.for_reading()?))));
            idle.into_iter().map(|(_, desk)| desk).collect()
        };
        for desk in left {
            if let Err(error) = desk.done().await {
                tracing::debug!(%error, "a token could not be taken back; it ends by itself within the hour");
            }
        }
    }
}
