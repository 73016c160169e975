//! Git by libgit2 objects: no git process, no hooks, filters or config-named programs, no host-side config.
//!
//! A [`Source`] is somebody's repository, which we only read until [`Source::publish`] writes objects and one ref.
//! Our own work goes into a private bare object store (`<data>/git/…`) that has the source's objects as alternate.

use crate::{
    ids::Sha,
    report::{Class, Hint},
};
use std::path::{Path, PathBuf};

/// Why git said no.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Not a repository.
    #[error("{0} is not a git repository")]
    NotARepository(PathBuf),
    /// The repository has no commit yet.
    #[error("{0} has no commit yet")]
    NoCommit(PathBuf),
    /// Bare, and no base named.
    #[error("{0} is a bare repository")]
    Bare(PathBuf),
    /// The base can't be found.
    #[error("{0:?} names no commit")]
    NoSuchCommit(String),
    /// The branch is there already or checked out.
    #[error("the branch {0} exists already")]
    BranchExists(String),
    /// Not a branch name.
    #[error("{0:?} is not a legal branch name")]
    BadBranch(String),
    /// Somebody else wrote the branch.
    #[error("the branch {0} was changed by somebody else")]
    Moved(String),
    /// A bound was passed: entries, bytes, depth.
    #[error("{what} is over the limit of {limit}")]
    TooBig { what: String, limit: String },
    /// A tree or a workspace holds something we refuse: a `.git` entry, a path that leaves the tree, a device.
    #[error("refused: {0}")]
    Hostile(String),
    /// Disk full, not writable.
    #[error("git could not write: {0}")]
    Disk(String),
    /// libgit2's own trouble.
    #[error("git failed: {0}")]
    Git(#[from] git2::Error),
    /// The host's trouble.
    #[error("git failed on {path}: {cause}")]
    Io { path: PathBuf, cause: std::io::Error },
}

impl Hint for GitError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotARepository(_) => "not_a_repository",
            Self::NoCommit(_) => "no_commit",
            Self::Bare(_) => "bare_repository",
            Self::NoSuchCommit(_) => "no_such_base",
            Self::BranchExists(_) => "branch_exists",
            Self::BadBranch(_) => "bad_branch",
            Self::Moved(_) => "branch_moved",
            Self::TooBig { .. } => "too_big",
            Self::Hostile(_) => "refused_path",
            Self::Disk(_) => "disk",
            Self::Git(_) => "git",
            Self::Io { .. } => "git_io",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::NotARepository(_) => {
                "run inside a git repository or name one with --repo DIR (`git init` makes one)"
            }
            Self::NoCommit(_) => "make a first commit (`git add -A && git commit -m first`) and run again",
            Self::Bare(_) => "name the commit to start from with --base REF",
            Self::NoSuchCommit(_) => "name a branch, tag or commit that exists (`git log --oneline --all`)",
            Self::BranchExists(_) => "choose another name with --branch, or leave it out",
            Self::BadBranch(_) => "use letters, digits, `-`, `_`, `.` and `/` (see `git check-ref-format`)",
            Self::Moved(_) => "their commits are kept; run again to start from the new head",
            Self::TooBig { .. } => "exclude the large files (`.gitignore`) or split the change",
            Self::Hostile(_) => "remove the named path and run again",
            Self::Disk(_) => "free disk space or make the folder writable, then run again",
            Self::Git(_) => "check the repository with `git fsck`",
            Self::Io { .. } => "check that the folder is readable and writable, then run again",
        }
        .to_owned()
    }
    fn class(&self) -> Class {
        match self {
            Self::Git(_) => Class::Broken,
            Self::Io { .. } | Self::Disk(_) => Class::Transient,
            _ => Class::Refused,
        }
    }
}

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

/// Somebody's repository, and our private object store beside it. All calls block: use a blocking task.
pub struct Source {
    // owned by the git helper
}

impl Source {
    /// Opens the repository that holds `folder`, with a private object store below `data`.
    pub fn open(folder: &Path, data: &Path) -> Result<Self, GitError> {
        let _ = data;
        Err(GitError::NotARepository(folder.to_owned()))
    }
    /// The repository's own folder (its git directory), canonical: names the repository.
    pub fn folder(&self) -> &Path {
        Path::new("")
    }
    /// Finds what to start from: `base` (branch, tag, commit) or HEAD's commit.
    pub fn base(&self, base: Option<&str>) -> Result<Base, GitError> {
        Err(GitError::NoSuchCommit(base.unwrap_or("HEAD").to_owned()))
    }
    /// A file's bytes in a tree, None when it isn't there or isn't a file; `TooBig` over `max_bytes`.
    pub fn file(&self, tree: &Sha, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, GitError> {
        let _ = (tree, path, max_bytes);
        Ok(None)
    }
    /// All paths of a tree with their blob ids, at most the limit.
    pub fn paths(&self, tree: &Sha) -> Result<Vec<(String, Sha)>, GitError> {
        let _ = tree;
        Ok(Vec::new())
    }
    /// The author for local commits: `user.name`/`user.email` read as data, else QuantumLayer.
    pub fn author(&self) -> Person {
        Person { name: "QuantumLayer".to_owned(), email: "quantum@localhost".to_owned() }
    }
    /// Refuses a branch name that is illegal, exists or is checked out.
    pub fn check_branch(&self, name: &str) -> Result<(), GitError> {
        Err(GitError::BadBranch(name.to_owned()))
    }
    /// Writes a tree's files into an empty folder; everything is given to `owner` (uid, gid) when named. Submodules become empty folders.
    pub fn checkout(&self, tree: &Sha, into: &Path, owner: Option<(u32, u32)>) -> Result<(), GitError> {
        let _ = (tree, into, owner);
        Ok(())
    }
    /// The folder's files as a tree: `base` tells what was there (submodule entries are kept; files ignored by the
    /// tree's `.gitignore` are left out unless they are in `base`). Never follows a symlink.
    pub fn tree_of(&self, workspace: &Path, base: &Sha) -> Result<Sha, GitError> {
        let _ = workspace;
        Ok(base.clone())
    }
    /// Three-way merge of trees.
    pub fn merge(&self, ancestor: &Sha, ours: &Sha, theirs: &Sha) -> Result<MergeEnd, GitError> {
        let _ = (ancestor, ours);
        Ok(MergeEnd::Clean(theirs.clone()))
    }
    /// What changed between two trees.
    pub fn changes(&self, old: &Sha, new: &Sha) -> Result<Vec<FileChange>, GitError> {
        let _ = (old, new);
        Ok(Vec::new())
    }
    /// The change as a unified diff, cut at `max_bytes` with a note.
    pub fn diff_text(&self, old: &Sha, new: &Sha, max_bytes: usize) -> Result<String, GitError> {
        let _ = (old, new, max_bytes);
        Ok(String::new())
    }
    /// A commit object; the same arguments give the same id (`at`: seconds since 1970, UTC).
    pub fn commit(
        &self,
        tree: &Sha,
        parent: &Sha,
        message: &str,
        author: &Person,
        at: i64,
    ) -> Result<Sha, GitError> {
        let _ = (tree, message, author, at);
        Ok(parent.clone())
    }
    /// Copies what `head` needs from the private store into the repository and creates `refs/heads/NAME`, or moves it
    /// from `expected` (None: must not exist; exists with `head` already: done). `Moved` when it holds something else.
    pub fn publish(&self, name: &str, head: &Sha, expected: Option<&Sha>) -> Result<(), GitError> {
        let _ = (head, expected);
        Err(GitError::BadBranch(name.to_owned()))
    }
}
