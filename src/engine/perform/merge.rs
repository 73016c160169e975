//! Merge: a proposal into the run's tree. The same trees merge to the same tree, so repeating it is harmless.

use super::{Performer, aside};
use crate::{
    git::MergeEnd,
    ids::{Sha, TaskId},
    report::Report,
    run::{Event, Proposal},
};
use std::sync::Arc;

pub(super) async fn merge(
    hands: &Performer,
    task: &TaskId,
    round: u32,
    into: &Sha,
    proposal: &Proposal,
) -> Result<Event, Report> {
    let task = task.clone();
    if proposal.from == *into {
        return Ok(Event::Merged { task, round, tree: proposal.tree.clone() });
    }
    let source = Arc::clone(&hands.parts.source);
    let (ancestor, ours, theirs) = (proposal.from.clone(), into.clone(), proposal.tree.clone());
    match aside(move || source.merge(&ancestor, &ours, &theirs)).await? {
        MergeEnd::Clean(tree) => Ok(Event::Merged { task, round, tree }),
        MergeEnd::Conflict(files) => Ok(Event::Conflicted { task, round, files }),
    }
}
