//! Twins: one of our comments that is there twice. A comment that was written while its answer was lost, and that the list did
//! not show yet, was written again. The oldest stays, and what is remembered points to it; a later one of ours goes.
//!
//! Ours is what our App wrote and what ends with the marker of a slot that our store knows: nothing else is touched.

use super::{App, Priority, commands, desk::Trouble, status};
use crate::{
    github::{Desk, Seen},
    ids::RunId,
    limits::app as limits,
    run::comment::{ANSWER, answered, read_marker},
    store::{KnownRepo, Sent},
};
use futures_util::FutureExt;

/// What a comment of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twin {
    /// The only one of its slot, or none that we know.
    None,
    /// One of two; the later one, with this id, is gone now.
    Deleted(u64),
    /// Of a slot whose comment we don't know yet: somebody is about to look for it.
    Unknown,
}

/// Whose comment it is, by its marker.
enum Owner {
    Run(RunId),
    /// A run's status comment, which is nobody's effect.
    Status(RunId, String),
    Key(String),
}

impl Owner {
    fn read(body: &str) -> Option<(Self, String)> {
        if let Some(comment) = answered(body) {
            return Some((Self::Key(commands::answer_key(comment)), ANSWER.to_owned()));
        }
        let (run, slot) = read_marker(body)?;
        let key = status::key(&run);
        Some((if slot == status::STATUS { Self::Status(run, key) } else { Self::Run(run) }, slot))
    }

    fn sent(&self) -> Sent<'_> {
        match self {
            Self::Run(run) => Sent::Run(run),
            Self::Status(_, key) | Self::Key(key) => Sent::Key(key),
        }
    }

    fn run(&self) -> Option<&RunId> {
        match self {
            Self::Run(run) | Self::Status(run, _) => Some(run),
            Self::Key(_) => None,
        }
    }
}

impl App {
    /// Makes sure that a comment of ours is the only one of its slot.
    pub(super) async fn one_of_a_slot(
        &self,
        repo: &KnownRepo,
        desk: &Desk,
        seen: &Seen,
    ) -> Result<Twin, Trouble> {
        let (hands, store) = (self.hands(), self.engine().store());
        let Some((owner, slot)) = Owner::read(&seen.body) else { return Ok(Twin::None) };
        if let Some(run) = owner.run() {
            let thread = store.thread(run).await?;
            let is_there =
                thread.is_some_and(|thread| (thread.repo_id, thread.number) == (repo.repo_id, seen.number));
            if !is_there {
                return Ok(Twin::None);
            }
        }
        // whoever edits the status comment must not meet one that goes
        let alone = match &owner {
            Owner::Status(run, _) => Some(hands.writing.begin(run)),
            Owner::Run(_) | Owner::Key(_) => None,
        };
        if matches!(alone, Some(None)) {
            return Ok(Twin::Unknown);
        }
        let Some(known) = store.sent(owner.sent(), &slot).await? else { return Ok(Twin::None) };
        let Some(stored) = known.remote_id else {
            let is_fresh = self.hands().parts.github.time().since(seen.created) < limits::UNKNOWN_LIFE;
            return Ok(if is_fresh { Twin::Unknown } else { Twin::None });
        };
        if stored == seen.id {
            return Ok(Twin::None);
        }
        let (oldest, later) = (stored.min(seen.id), stored.max(seen.id));
        if stored == later && store.point_elsewhere(owner.sent(), &slot, later, oldest).await? {
            // what it says may be older
            if let Owner::Status(run, _) = &owner {
                store.status_again(run).await?;
                hands.told.notify_one();
            }
        }
        tracing::info!(comment = oldest, twin = later, slot, "one of our comments was there twice");
        let delete = || desk.delete_comment(later).boxed();
        hands.send(repo.installation, Priority::Status, delete).await?;
        Ok(Twin::Deleted(later))
    }
}
