//! Merging trees, and what changed between two.

use super::{
    FileChange, GitError, MergeEnd, NewFile, Source, name,
    source::{missing, oid, sha, tree_at},
};
use crate::{ids::Sha, limits::git as limits};
use git2::{Delta, DiffFormat, DiffOptions, FileMode, MergeOptions, Patch};
use std::path::Path;

impl Source {
    /// Three-way merge of trees. A conflict names the files; nothing is half merged.
    pub fn merge(&self, ancestor: &Sha, ours: &Sha, theirs: &Sha) -> Result<MergeEnd, GitError> {
        let store = self.ours();
        let find = |id: &Sha| -> Result<_, GitError> { tree_at(&store, oid(id)?) };
        let mut options = MergeOptions::new();
        options.find_renames(true).target_limit(limits::RENAMES);
        let mut index = store.merge_trees(&find(ancestor)?, &find(ours)?, &find(theirs)?, Some(&options))?;
        if !index.has_conflicts() {
            return Ok(MergeEnd::Clean(sha(index.write_tree_to(&store)?)));
        }
        let mut files: Vec<String> = Vec::new();
        for conflict in index.conflicts()?.take(limits::CONFLICTS) {
            let conflict = conflict?;
            let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
            files.extend(entry.map(|entry| name::shown(&entry.path)));
        }
        files.sort();
        files.dedup();
        Ok(MergeEnd::Conflict(files))
    }

    /// What changed between two trees, by path; renames count as one file gone and one new.
    pub fn changes(&self, old: &Sha, new: &Sha) -> Result<Vec<FileChange>, GitError> {
        let store = self.ours();
        let (old, new) = (tree_at(&store, oid(old)?)?, tree_at(&store, oid(new)?)?);
        let diff = store.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options()))?;
        let mut changes: Vec<FileChange> = Vec::new();
        for (at, delta) in diff.deltas().enumerate() {
            let file = if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
            let path = name::shown(file.path_bytes().unwrap_or_default());
            let counts = match Patch::from_diff(&diff, at)? {
                Some(patch) if !patch.delta().flags().is_binary() => {
                    let (_, added, removed) = patch.line_stats()?;
                    (u32::try_from(added).ok(), u32::try_from(removed).ok())
                }
                _ => (None, None),
            };
            changes.push(FileChange { path, added: counts.0, removed: counts.1 });
        }
        // a file that became a link is told as one gone and one new; git's own counts are one line
        changes.dedup_by(|new, gone| {
            let same = new.path == gone.path;
            if same {
                gone.added = gone.added.zip(new.added).map(|(a, b)| a + b);
                gone.removed = gone.removed.zip(new.removed).map(|(a, b)| a + b);
            }
            same
        });
        Ok(changes)
    }

    /// Shows each file and link that is new or changed, as it is and as it was.
    pub fn new_files(&self, old: &Sha, new: &Sha, look: &mut dyn FnMut(NewFile<'_>)) -> Result<(), GitError> {
        let store = self.ours();
        let (old, new) = (tree_at(&store, oid(old)?)?, tree_at(&store, oid(new)?)?);
        let diff = store.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options()))?;
        for delta in diff.deltas() {
            let (is, was) = (delta.new_file(), delta.old_file());
            let is_same = (is.id(), is.mode()) == (was.id(), was.mode());
            if is_same || matches!(is.mode(), FileMode::Unreadable | FileMode::Commit) {
                continue;
            }
            let blob = store.find_blob(is.id()).map_err(missing(is.id()))?;
            let before = store.find_blob(was.id()).ok();
            look(NewFile {
                path: is.path().unwrap_or(Path::new("")),
                is_link: is.mode() == FileMode::Link,
                bytes: blob.content(),
                before: before.as_ref().map_or(&[], |blob| blob.content()),
            });
        }
        Ok(())
    }

    /// The change as a unified diff, cut at `max_bytes` with a note. Bytes that are not UTF-8 are replaced.
    pub fn diff_text(&self, old: &Sha, new: &Sha, max_bytes: usize) -> Result<String, GitError> {
        let store = self.ours();
        let (old, new) = (tree_at(&store, oid(old)?)?, tree_at(&store, oid(new)?)?);
        let diff = store.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options()))?;
        let mut text: Vec<u8> = Vec::new();
        let printed = diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                text.push(line.origin() as u8);
            }
            text.extend_from_slice(line.content());
            text.len() <= max_bytes
        });
        if text.len() <= max_bytes {
            printed?;
            return Ok(String::from_utf8_lossy(&text).into_owned());
        }
        text.truncate(max_bytes);
        Ok(format!(
            "{}\n[the diff is longer than {max_bytes} bytes and was cut here]\n",
            String::from_utf8_lossy(&text)
        ))
    }
}

fn options() -> DiffOptions {
    let mut options = DiffOptions::new();
    options.max_size(limits::DIFF_FILE_BYTES).ignore_submodules(false);
    options
}
