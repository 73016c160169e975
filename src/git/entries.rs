//! What changed between two trees, entry by entry, for whoever rebuilds the change elsewhere.

use super::{
    GitError, Source, name,
    source::{missing, oid, sha, tree_at},
};
use crate::{ids::Sha, limits::git as limits};
use git2::{Delta, DiffFile, DiffOptions, FileMode, ObjectType, Odb};

/// One entry that is new, changed or gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the tree, UTF-8.
    pub path: String,
    /// What it is, or was when it is gone.
    pub kind: EntryKind,
    /// What became of it.
    pub state: EntryState,
    /// Its blob, or the one it had when it is gone.
    pub id: Sha,
    /// Bytes of that blob.
    pub size: u64,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; its blob is the target.
    Link,
}

impl EntryKind {
    /// The mode that git writes for it.
    pub fn mode(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
        }
    }
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// It is new.
    Added,
    /// Its content or its kind is another.
    Changed,
    /// It is gone.
    Deleted,
}

impl Source {
    /// What changed between two trees, by path; a rename is one entry gone and one new. A submodule entry that is new,
    /// changed or gone is refused, and so is a path that is not UTF-8.
    pub fn entries(&self, old: &Sha, new: &Sha) -> Result<Vec<Entry>, GitError> {
        let store = self.ours();
        let odb = store.odb()?;
        let (old, new) = (tree_at(&store, oid(old)?)?, tree_at(&store, oid(new)?)?);
        let mut options = DiffOptions::new();
        options.ignore_submodules(false).include_typechange(true);
        let diff = store.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))?;
        if diff.deltas().len() > limits::ENTRIES {
            let limit = format!("{} entries", limits::ENTRIES);
            return Err(GitError::TooBig { what: "the change".to_owned(), limit });
        }
        let mut entries = Vec::with_capacity(diff.deltas().len());
        for delta in diff.deltas() {
            let (was, is) = (delta.old_file(), delta.new_file());
            let (file, state) = match delta.status() {
                Delta::Deleted => (&was, EntryState::Deleted),
                Delta::Added => (&is, EntryState::Added),
                _ => (&is, EntryState::Changed),
            };
            if [was.mode(), is.mode()].contains(&FileMode::Commit) {
                let path = name::shown(file.path_bytes().unwrap_or_default());
                return Err(GitError::Hostile(format!("the submodule entry {path:?}")));
            }
            entries.push(entry(&odb, file, state)?);
        }
        Ok(entries)
    }

    /// A blob's bytes; `TooBig` over `max_bytes`.
    pub fn blob(&self, id: &Sha, max_bytes: usize) -> Result<Vec<u8>, GitError> {
        let (store, id) = (self.ours(), oid(id)?);
        let (size, _) = store.odb()?.read_header(id).map_err(missing(id))?;
        if size > max_bytes {
            return Err(GitError::TooBig {
                what: format!("the file {id}"),
                limit: format!("{max_bytes} bytes"),
            });
        }
        Ok(store.find_blob(id).map_err(missing(id))?.content().to_vec())
    }
}

fn entry(odb: &Odb<'_>, file: &DiffFile<'_>, state: EntryState) -> Result<Entry, GitError> {
    let bytes = file.path_bytes().unwrap_or_default();
    let refused = |why: &str| GitError::Hostile(format!("the path {:?} {why}", name::shown(bytes)));
    let path = std::str::from_utf8(bytes).map_err(|_| refused("that is not UTF-8"))?.to_owned();
    let kind = match file.mode() {
        FileMode::Blob | FileMode::BlobGroupWritable => EntryKind::File,
        FileMode::BlobExecutable => EntryKind::Executable,
        FileMode::Link => EntryKind::Link,
        _ => return Err(refused("with an odd mode")),
    };
    match odb.read_header(file.id()).map_err(missing(file.id()))? {
        (size, ObjectType::Blob) => Ok(Entry { path, kind, state, id: sha(file.id()), size: size as u64 }),
        _ => Err(refused("that is no file")),
    }
}
