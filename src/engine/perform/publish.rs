//! Publish: one commit, one branch. Everything in the commit is fixed by the run, so a repeat makes the same id, and a
//! branch that holds it already is done.

use super::{Errand, Performer, aside};
use crate::{
    git::GitError,
    ids::{RunId, Sha},
    report::Report,
    run::Event,
};
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
    let source = Arc::clone(&hands.parts.source);
    let branch = hands.parts.branch.clone();
    let text = message(commit, &errand.run.id);
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
        None => Event::Moved { branch },
    })
}

/// Subject, body, and the trailer by which our commits are known.
fn message(commit: &Commit<'_>, run: &RunId) -> String {
    let body = commit.message.trim();
    let trailer = format!("Quantum-Run: {run}/{}", commit.round);
    if body.is_empty() {
        format!("{}\n\n{trailer}\n", commit.title.trim())
    } else {
        format!("{}\n\n{body}\n\n{trailer}\n", commit.title.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_in_its_trailer() {
        let (tree, run) = (Sha::new("t"), RunId::new("r"));
        let check = |message: &str, expected: &str| {
            let commit = Commit { round: 2, tree: &tree, parent: &tree, title: "Do it\n", message };
            assert_eq!(super::message(&commit, &run), expected);
        };
        check("", "Do it\n\nQuantum-Run: r/2\n");
        check("Because.\n\n", "Do it\n\nBecause.\n\nQuantum-Run: r/2\n");
    }
}
