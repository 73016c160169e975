//! Git by libgit2 objects: no git process, no hooks, filters or config-named programs.
//!
//! A [`Source`] is somebody's repository, which we only read until [`Source::publish`] writes objects and one ref.
//! Our own work goes into a private bare object store (`<data>/git/…`) that has the source's objects as alternate.
//! A [`Mirror`] is a bare repository of ours that a remote is fetched into, and that a `Source` is opened on.
//! Deliberately absent: push. What the App publishes goes through GitHub's API.

mod change;
mod checkout;
mod entries;
mod error;
mod export;
mod fetch;
pub mod fresh;
mod ignored;
mod name;
mod publish;
mod reference;
mod source;
mod stamp;
mod sync;
mod tip;
mod transport;
mod walk;
mod wire;

use crate::ids::Sha;
pub use entries::{Entry, EntryKind, EntryState};
pub use error::GitError;
pub use fetch::{Mirror, Remote, Want};
pub use source::{Source, is_tracked};
use std::path::Path;
pub use wire::{Caps, Wire};

/// What a run starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The full commit id.
    pub commit: Sha,
    /// Its tree.
    pub tree: Sha,
    /// Tracked files differ from HEAD in index or work tree (they are left out of the run; the caller says so).
    pub dirty: bool,
}

/// One changed file. Counts are None for binary files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Path in the tree (non-UTF-8 bytes escaped as `\xNN`).
    pub path: String,
    /// Lines added.
    pub added: Option<u32>,
    /// Lines removed.
    pub removed: Option<u32>,
}

/// A file or link that is new or changed.
#[derive(Clone, Copy, Debug)]
pub struct NewFile<'a> {
    /// Path in the tree.
    pub path: &'a Path,
    /// The bytes are a link's target.
    pub is_link: bool,
    /// What it holds.
    pub bytes: &'a [u8],
    /// What it held; empty for a new one.
    pub before: &'a [u8],
}

impl NewFile<'_> {
    /// The path as text (non-UTF-8 bytes escaped as `\xNN`).
    pub fn shown(&self) -> String {
        use std::os::unix::ffi::OsStrExt;
        name::shown(self.path.as_os_str().as_bytes())
    }
}

/// How a merge ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeEnd {
    /// The merged tree.
    Clean(Sha),
    /// Files that conflict.
    Conflict(Vec<String>),
}

/// Who commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
}
