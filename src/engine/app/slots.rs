//! Our comments: one a slot, found again by the marker in their last line, so that a repeat makes no twin.
//!
//! The id is stored when it is known. Where it is not (a crash, or an answer that was lost), the thread is read since the
//! first attempt, and what has the marker and is by our App is ours.

use super::{AppHands, Priority, desk::Trouble};
use crate::{
    clock::Timestamp,
    github::{Desk, GitHubError, Seen},
    limits::app as limits,
    store::Sender,
};
use futures_util::{FutureExt, TryFutureExt};

/// A thread that is written to.
pub(super) struct Wall<'a> {
    pub(super) hands: &'a AppHands,
    pub(super) desk: &'a Desk,
    pub(super) installation: u64,
    pub(super) number: u64,
    pub(super) sender: Sender<'a>,
}

/// What became of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// It is there, new.
    New,
    /// It was there.
    Old(u64),
}

impl Wall<'_> {
    /// Makes sure that the comment of a slot is there; its last line is its marker.
    pub(super) async fn post(&self, slot: &str, priority: Priority, body: &str) -> Result<Posted, Trouble> {
        let (store, now) = (&self.hands.store, self.hands.clock.now());
        let known = store.try_first(self.sender, slot, now).await?;
        if let Some(id) = known.remote_id {
            return Ok(Posted::Old(id));
        }
        if !known.is_first
            && let Some((id, url)) = self.ours(body, known.first_try).await?
        {
            store.remember(self.sender, slot, Some(id), Some(&url), now).await?;
            return Ok(Posted::Old(id));
        }
        let number = self.number;
        let send = || self.desk.comment(number, body).boxed();
        let id = match self.hands.send(self.installation, priority, send).await {
            // the repository is there, and the thread is not
            Err(GitHubError::Missing { .. }) => return Err(Trouble::Gone(format!("issue #{number}"))),
            sent => sent?,
        };
        store.remember(self.sender, slot, Some(id), None, now).await?;
        Ok(Posted::New)
    }

    /// The same, and its text is this one.
    pub(super) async fn put(&self, slot: &str, priority: Priority, body: &str) -> Result<(), Trouble> {
        let Posted::Old(id) = self.post(slot, priority, body).await? else { return Ok(()) };
        let send = || self.desk.edit_comment(id, body).boxed();
        match self.hands.send(self.installation, priority, send).await {
            // a person took it away: it is not put there again
            Err(GitHubError::Missing { .. }) => Ok(()),
            end => end.map_err(Trouble::from),
        }
    }

    /// Our comment with this marker, the oldest when there are several: its id and its address.
    async fn ours(&self, body: &str, since: Timestamp) -> Result<Option<(u64, String)>, Trouble> {
        let Some(marker) = last_line(body) else { return Ok(None) };
        // clocks differ: GitHub's may be behind ours
        let since = since.before(limits::CLOCKS_DIFFER);
        let app = Some(self.hands.us().app_id);
        let is_ours = |one: &Seen| one.app_id == app && last_line(&one.body) == Some(marker);
        let look = || {
            let seen = self.desk.comments_since(self.number, since);
            seen.map_ok(move |seen| seen.into_iter().filter(is_ours).min_by_key(|one| one.id)).boxed()
        };
        Ok(self.hands.look(look).await?.map(|one| (one.id, one.url)))
    }
}

fn last_line(body: &str) -> Option<&str> {
    body.lines().map(str::trim).rfind(|line| !line.is_empty())
}
