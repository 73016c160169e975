//! A tree of the repository as detection sees it.

use super::aside;
use crate::{
    engine::verify::{detect::Files, weaker::Difference},
    git::Source,
    ids::{ContentHash, Sha},
    limits::verify as limits,
    report::Report,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Paths, and the source to read from.
pub(super) struct TreeFiles {
    source: Arc<Source>,
    tree: Sha,
    paths: BTreeMap<String, Sha>,
}

impl TreeFiles {
    pub(super) async fn of(source: &Arc<Source>, tree: &Sha) -> Result<Self, Report> {
        let (from, wanted) = (Arc::clone(source), tree.clone());
        let paths = aside(move || from.paths(&wanted)).await?;
        Ok(Self { source: Arc::clone(source), tree: tree.clone(), paths: paths.into_iter().collect() })
    }

    /// How a later tree differs. A file that only moved is neither removed nor added.
    pub(super) fn difference(&self, later: &Self) -> Difference {
        let blobs = |files: &Self| files.paths.values().cloned().collect::<BTreeSet<_>>();
        let (before, after) = (blobs(self), blobs(later));
        let mut found = Difference::default();
        for (path, blob) in &self.paths {
            match later.paths.get(path) {
                None if !after.contains(blob) => found.removed.push(path.clone()),
                Some(now) if now != blob => found.changed.push(path.clone()),
                None | Some(_) => {}
            }
        }
        let is_new = |(path, blob): &(&String, &Sha)| !self.has(path) && !before.contains(*blob);
        found.added = later.paths.iter().filter(is_new).map(|(path, _)| path.clone()).collect();
        found
    }

    /// What names the content of the files that count, so that an earlier result for the same content can be found.
    pub(super) fn digest(&self, counts: impl Fn(&str) -> bool) -> ContentHash {
        let there = self.paths.iter().filter(|(path, _)| counts(path));
        ContentHash::of(there.map(|(path, blob)| format!("{path} {blob}\n")).collect::<String>().as_bytes())
    }
}

impl Files for TreeFiles {
    fn has(&self, path: &str) -> bool {
        self.paths.contains_key(path)
    }
    fn text(&self, path: &str) -> Option<String> {
        if !self.has(path) {
            return None;
        }
        let bytes = self.source.file(&self.tree, path, limits::MANIFEST_BYTES).ok()??;
        String::from_utf8(bytes).ok()
    }
    fn any(&self, wanted: &dyn Fn(&str) -> bool) -> bool {
        self.paths.keys().any(|path| wanted(path))
    }
}
