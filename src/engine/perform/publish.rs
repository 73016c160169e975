//! Publish: one commit, one branch. Everything in the commit is fixed by the run, so a repeat makes the same id, and a
//! branch that holds it already is done.

use super::{Errand, Performer, aside, protect};
use crate::{git::GitError, ids::Sha, report::Report, run::Event};
use std::sync::Arc;

/// What is to be published.
pub(super) struct Commit<'a> {
    pub(super) round: u32,
    pub(super) tree: &'a Sha,
    pub(super) parent: &'a Sha,
    pub(super) title: &'a str,
    pub(super) message: &'a str,
}

pub(super) async fn publish(
    hands: &Performer,
    errand: &Errand<'_>,
    commit: &Commit<'_>,
) -> Result<Event, Report> {
    // Judged once more on what is really published; a merge may have brought something together.
    if let Some(snapshot) = &errand.run.state.snapshot {
        protect::check(hands, errand, &snapshot.tree, commit.tree).await??;
    }
    let source = Arc::clone(&hands.parts.source);
    let branch = hands.parts.branch.clone();
    let text = format!("{}\n\n{}\n", commit.title.trim(), commit.message.trim());
    protect::message(hands, &text)?;
    let (tree, parent) = (commit.tree.clone(), commit.parent.clone());
    let seconds = errand.run.created.0.div_euclid(1000);
    // The first round makes the branch; a later one moves it from the round before.
    let base = errand.run.state.snapshot.as_ref().map(|snapshot| snapshot.base.clone());
    let expected = Some(parent.clone()).filter(|_| base != Some(parent.clone()));
    let (name, round) = (branch.clone(), commit.round);
    let head = aside(move || {
        let head = source.commit(&tree, &parent, &text, &source.author(), seconds)?;
        match source.publish(&name, &head, expected.as_ref()) {
            Ok(()) => Ok(Some(head)),
            Err(GitError::Moved(_) | GitError::BranchExists(_)) => Ok(None),
            Err(error) => Err(error),
        }
    });
    Ok(match head.await? {
        Some(head) => Event::Published { round, branch, head },
        None => Event::Moved { round, branch },
    })
}
