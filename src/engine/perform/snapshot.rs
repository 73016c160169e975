//! Snapshot: what a run is pinned to. Repeating it reads again; nothing depends on it before its event is stored.

use super::{Errand, Performer, aside};
use crate::{
    agent::contract::Progress,
    git::GitError,
    ids::{ContentHash, Sha},
    limits::engine as limits,
    report::{Hint, Report},
    run::{Event, Snapshot},
};
use std::sync::Arc;

/// Where a repository keeps its configuration.
const CONFIG: &str = ".github/quantum.yml";
/// Where a repository tells agents how to work in it.
const INSTRUCTIONS: &str = "AGENTS.md";

pub(super) async fn snapshot(hands: &Performer, errand: &Errand<'_>) -> Result<Event, Report> {
    let (source, wanted) = (Arc::clone(&hands.parts.source), hands.parts.base.clone());
    let base = aside(move || source.base(wanted.as_deref())).await?;
    if base.dirty {
        let note = "the repository has uncommitted changes; they are left out";
        errand.watch.show(Progress::Note(note.to_owned()));
    }
    let config = keep(hands, errand, &base.tree, CONFIG).await?;
    let instructions = keep(hands, errand, &base.tree, INSTRUCTIONS).await?;
    let snapshot = Snapshot { base: base.commit, tree: base.tree, config, instructions };
    Ok(Event::Snapshotted(snapshot))
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
        Err(GitError::TooBig { .. }) if path != CONFIG => Ok(Err(())),
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
