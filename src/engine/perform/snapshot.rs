//! Snapshot: what a run is pinned to. Repeating it reads again; nothing depends on it before its event is stored.

use super::{Errand, Performer, aside};
use crate::{
    agent::contract::Progress,
    config::repo::{self, RepoRules},
    git::GitError,
    ids::{ContentHash, Sha},
    limits::engine as limits,
    report::{Hint, Report},
    run::{Event, Run, Snapshot},
};
use std::sync::Arc;

/// Where a repository tells agents how to work in it.
const INSTRUCTIONS: &str = "AGENTS.md";

/// What a person may have forgotten.
pub const UNCOMMITTED: &str = "the repository has uncommitted changes; they are left out";

pub(super) async fn snapshot(hands: &Performer, errand: &Errand<'_>) -> Result<Event, Report> {
    let (source, wanted) = (Arc::clone(&hands.parts.source), hands.parts.base.clone());
    let base = aside(move || source.base(wanted.as_deref())).await?;
    if base.dirty {
        errand.watch.show(Progress::Note(UNCOMMITTED.to_owned()));
    }
    let config = keep(hands, errand, &base.tree, repo::PATH).await?;
    if let Some(hash) = &config {
        let rules = parsed(hands, hash).await?;
        if !rules.not_in_effect.is_empty() {
            errand.watch.show(Progress::Note(not_in_effect(&rules)));
        }
    }
    let instructions = keep(hands, errand, &base.tree, INSTRUCTIONS).await?;
    let snapshot = Snapshot { base: base.commit, tree: base.tree, config, instructions };
    Ok(Event::Snapshotted(snapshot))
}

/// Which keys of the repository's file do nothing today.
pub fn not_in_effect(rules: &RepoRules) -> String {
    format!("{}: not in effect yet: {}", repo::PATH, rules.not_in_effect.join(", "))
}

/// What the repository says about itself, as it stood at the run's base.
pub(super) async fn rules(hands: &Performer, run: &Run) -> Result<RepoRules, Report> {
    match run.state.snapshot.as_ref().and_then(|snapshot| snapshot.config.as_ref()) {
        Some(hash) => parsed(hands, hash).await,
        None => Ok(RepoRules::default()),
    }
}

async fn parsed(hands: &Performer, hash: &ContentHash) -> Result<RepoRules, Report> {
    let bytes = hands.store.kept(hash).await.map_err(|error| error.report())?;
    repo::parse(&bytes).map_err(|error| error.report())
}

/// Keeps a file of the base in the store; one that is too big is refused for the configuration, left out otherwise.
async fn keep(
    hands: &Performer,
    errand: &Errand<'_>,
    tree: &Sha,
    path: &'static str,
) -> Result<Option<ContentHash>, Report> {
    let (source, tree) = (Arc::clone(&hands.parts.source), tree.clone());
    let read = aside(move || match source.file(&tree, path, limits::TEXT_FILE_BYTES) {
        Err(GitError::TooBig { .. }) if path != repo::PATH => Ok(Err(())),
        other => other.map(Ok),
    });
    match read.await? {
        Ok(None) => Ok(None),
        Ok(Some(bytes)) => hands.store.keep(&bytes).await.map(Some).map_err(|error| error.report()),
        Err(()) => {
            let note = format!("{path} is over {} bytes and is left out", limits::TEXT_FILE_BYTES);
            errand.watch.show(Progress::Note(note));
            Ok(None)
        }
    }
}
