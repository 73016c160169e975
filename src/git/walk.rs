//! A hostile tree, entry by entry: names are checked, and entries and depth are bounded.

use super::{GitError, name, source::tree_at};
use crate::limits::git as limits;
use git2::{ObjectType, Repository, Tree, TreeEntry};
use std::collections::HashSet;

/// Called with each entry and its path, a folder before what is in it.
pub(super) type Visit<'a> = dyn FnMut(&[u8], &TreeEntry<'_>) -> Result<(), GitError> + 'a;

/// Calls `visit` with everything in the tree, in git's order.
pub(super) fn walk(store: &Repository, tree: &Tree<'_>, visit: &mut Visit<'_>) -> Result<(), GitError> {
    Walk { store, visit, entries: 0 }.folder(tree, &mut Vec::new(), 0)
}

struct Walk<'a, 'b> {
    store: &'a Repository,
    visit: &'a mut Visit<'b>,
    entries: usize,
}

impl Walk<'_, '_> {
    fn folder(&mut self, tree: &Tree<'_>, at: &mut Vec<u8>, depth: usize) -> Result<(), GitError> {
        let too_big = |what: &str, limit: String| Err(GitError::TooBig { what: what.to_owned(), limit });
        if depth > limits::DEPTH {
            return too_big("the tree's depth", format!("{} folders", limits::DEPTH));
        }
        let mut seen = HashSet::with_capacity(tree.len());
        for entry in tree {
            let (start, bytes) = (at.len(), entry.name_bytes());
            name::check(bytes)?;
            if start > 0 {
                at.push(b'/');
            }
            at.extend_from_slice(bytes);
            // a file and a folder of one name need not be neighbours
            if !seen.insert(bytes.to_vec()) {
                return Err(GitError::Hostile(format!(
                    "a tree with two entries named {:?}",
                    name::shown(at)
                )));
            }
            self.entries += 1;
            if self.entries > limits::ENTRIES {
                return too_big("the tree", format!("{} entries", limits::ENTRIES));
            }
            (self.visit)(at, &entry)?;
            if entry.kind() == Some(ObjectType::Tree) {
                self.folder(&tree_at(self.store, entry.id())?, at, depth + 1)?;
            }
            at.truncate(start);
        }
        Ok(())
    }
}
