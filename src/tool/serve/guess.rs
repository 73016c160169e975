//! A path that does not exist: what may have been meant.

use super::place::Root;
use crate::limits::tool::{GUESS_BYTES, GUESS_ENTRIES, GUESSES};
use ignore::WalkBuilder;
use std::path::Path;

/// "There is no src/libs.rs; did you mean src/lib.rs?"
pub(super) fn missing(root: &Root, path: &str) -> String {
    if path.len() > GUESS_BYTES {
        return "there is no such path in the workspace".to_owned();
    }
    let mut close: Vec<(u32, String)> =
        files(root).filter_map(|found| Some((score(path, &found)?, found))).collect();
    close.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let names: Vec<String> = close.into_iter().take(GUESSES).map(|(_, found)| found).collect();
    match names.is_empty() {
        true => format!("there is no {path} in the workspace"),
        false => format!("there is no {path}; did you mean {}?", names.join(" or ")),
    }
}

/// Paths of the workspace, a bounded number, without what `.gitignore` names.
fn files(root: &Root) -> impl Iterator<Item = String> {
    let mut walk = WalkBuilder::new(&root.path);
    walk.hidden(false).require_git(false).git_global(false).parents(false);
    walk.filter_entry(|entry| entry.file_name() != ".git");
    let prefix = root.path.clone();
    let entries = walk.build().filter_map(Result::ok).take(GUESS_ENTRIES);
    entries.filter_map(move |entry| Some(entry.path().strip_prefix(&prefix).ok()?.to_str()?.to_owned()))
}

/// How alike two paths are, in thousandths; None when they are not. The same file name counts most.
fn score(wanted: &str, found: &str) -> Option<u32> {
    let name = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().to_lowercase());
    let (wanted_name, found_name) = (name(wanted)?, name(found)?);
    let alike = |a: &str, b: &str| (strsim::normalized_levenshtein(a, b) * 1000.0) as u32;
    let whole = alike(&wanted.to_lowercase(), &found.to_lowercase());
    let stem = |name: &str| name.split_once('.').map_or(name.to_owned(), |(stem, _)| stem.to_owned());
    match wanted_name == found_name {
        true => Some(1000 + whole),
        false if alike(&wanted_name, &found_name) >= 700 || whole >= 800 => Some(whole),
        // another ending, or a module that became a folder
        false if !stem(&wanted_name).is_empty() && stem(&wanted_name) == stem(&found_name) => Some(whole),
        false => None,
    }
}
