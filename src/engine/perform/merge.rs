//! Merge: a proposal into the run's tree. The same trees merge to the same tree, so repeating it is harmless.

use super::{Performer, aside};
use crate::{
    git::MergeEnd,
    ids::{Sha, TaskId},
    report::Report,
    run::{Event, Proposal},
};
use std::sync::Arc;

/// Which merge was asked for.
pub(super) struct Asked<'a> {
    pub(super) task: &'a TaskId,
    pub(super) round: u32,
    pub(super) attempt: u32,
}

pub(super) async fn merge(
    hands: &Performer,
    asked: Asked<'_>,
    into: &Sha,
    proposal: &Proposal,
) -> Result<Event, Report> {
    let Asked { task, round, attempt } = asked;
    let task = task.clone();
    if proposal.from == *into {
        return Ok(Event::Merged { task, round, attempt, tree: proposal.tree.clone() });
    }
    let source = Arc::clone(&hands.parts.source);
    let (ancestor, ours, theirs) = (proposal.from.clone(), into.clone(), proposal.tree.clone());
    match aside(move || source.merge(&ancestor, &ours, &theirs)).await? {
        MergeEnd::Clean(tree) => Ok(Event::Merged { task, round, attempt, tree }),
        MergeEnd::Conflict(files) => Ok(Event::Conflicted { task, round, attempt, files }),
    }
}
