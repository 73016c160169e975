//! Which runs a thread is about: those that were asked for in it, and on a pull request the one that opened it.

use super::{AppHands, publish::PULL};
use crate::{
    ids::RunId,
    intent::notice::{Comment, On},
    store::StoreError,
};

/// The runs that a command in a thread means.
pub(super) struct Here {
    /// The one that is not over.
    pub(super) open: Option<RunId>,
    /// The newest, open or over.
    pub(super) last: Option<RunId>,
}

impl AppHands {
    /// The runs that a command in this comment means.
    pub(super) async fn here(&self, comment: &Comment) -> Result<Here, StoreError> {
        let (store, repo, number) = (&self.store, comment.repo.id, comment.number);
        let open = store.open_run_on(repo, number).await?;
        let last = store.last_run_on(repo, number).await?;
        if comment.on == On::Issue || last.is_some() {
            return Ok(Here { open, last });
        }
        let open = store.open_runs_that_sent(repo, PULL, number).await?.pop();
        Ok(Here { open, last: store.last_run_that_sent(repo, PULL, number).await? })
    }
}
