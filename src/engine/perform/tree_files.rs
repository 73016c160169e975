//! A tree of the repository as detection sees it.

use super::aside;
use crate::{
    engine::verify::detect::Files,
    git::Source,
    ids::{ContentHash, Sha},
    limits::verify as limits,
    report::Report,
};
use std::{collections::BTreeMap, sync::Arc};

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

    /// What names the content of the files that count, so that an earlier result for the same content can be found.
    pub(super) fn digest(&self, counts: fn(&str) -> bool) -> ContentHash {
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
