//! Why git said no, and what to do about it.

use crate::report::{Class, Hint};
use std::path::PathBuf;

/// Why git said no.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Not a repository.
    #[error("{0} is not a git repository")]
    NotARepository(PathBuf),
    /// The repository has no commit yet.
    #[error("{0} has no commit yet")]
    NoCommit(PathBuf),
    /// A repository of a kind that libgit2 can't read.
    #[error("{folder} can't be read: {why}")]
    Unsupported { folder: PathBuf, why: String },
    /// Bare, and no base named.
    #[error("{0} is a bare repository")]
    Bare(PathBuf),
    /// The base can't be found.
    #[error("{0:?} names no commit")]
    NoSuchCommit(String),
    /// The repository lacks an object, or has something else under its id.
    #[error("the repository does not have the object {0}")]
    Missing(String),
    /// An entry of a workspace that permissions keep from us.
    #[error("{0} can't be read: permission denied")]
    Unreadable(PathBuf),
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
    /// An address that we do not fetch from.
    #[error("not a repository's address: {0}")]
    BadRemote(String),
    /// The remote refuses the token, or the lack of one.
    #[error("the remote refuses us (HTTP {status})")]
    TokenRefused { status: u16 },
    /// The remote has no such repository, or none that the token may see.
    #[error("the remote has no such repository")]
    RemoteNotFound,
    /// The remote sends us on to another host.
    #[error("the remote sends us on to {0}")]
    Elsewhere(String),
    /// More comes from the remote than we take.
    #[error("the fetch is over the limit of {0}")]
    FetchTooBig(String),
    /// The network's trouble, or the remote's own: no connection, a cut, silence.
    #[error("the remote can't be reached: {0}")]
    Unreachable(String),
    /// What came is nothing that git sends.
    #[error("the remote does not answer as git does: {0}")]
    Garbled(String),
    /// Another process fetches into the same mirror.
    #[error("another process fetches into {0}")]
    Busy(PathBuf),
    /// Somebody stopped it.
    #[error("the fetch was cancelled")]
    Cancelled,
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
            Self::Unsupported { .. } => "unsupported_repository",
            Self::Bare(_) => "bare_repository",
            Self::NoSuchCommit(_) => "no_such_base",
            Self::Missing(_) => "missing_object",
            Self::Unreadable(_) => "unreadable",
            Self::BranchExists(_) => "branch_exists",
            Self::BadBranch(_) => "bad_branch",
            Self::Moved(_) => "branch_moved",
            Self::TooBig { .. } => "too_big",
            Self::Hostile(_) => "refused_path",
            Self::Disk(_) => "disk",
            Self::BadRemote(_) => "bad_remote",
            Self::TokenRefused { .. } => "token_refused",
            Self::RemoteNotFound => "remote_not_found",
            Self::Elsewhere(_) => "redirected",
            Self::FetchTooBig(_) => "fetch_too_big",
            Self::Unreachable(_) => "unreachable",
            Self::Garbled(_) => "not_git",
            Self::Busy(_) => "mirror_busy",
            Self::Cancelled => "cancelled",
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
            Self::Unsupported { .. } => {
                "use a clone with SHA-1 ids and refs in files (`git config --get-regexp extensions` tells)"
            }
            Self::Bare(_) => "name the commit to start from with --base REF",
            Self::NoSuchCommit(_) => "name a branch, tag or commit that exists (`git log --oneline --all`)",
            Self::Missing(_) => {
                "get what is missing (`git fetch --refetch` in a partial clone, else `git fsck`)"
            }
            Self::Unreadable(_) => "make it readable (`chmod -R u+rwX`) or remove it, then run again",
            Self::BranchExists(_) => "choose another name with --branch, or leave it out",
            Self::BadBranch(_) => "use letters, digits, `-`, `_`, `.` and `/` (see `git check-ref-format`)",
            Self::Moved(_) => "their commits are kept; run again to start from the new head",
            Self::TooBig { .. } => "exclude the large files (`.gitignore`) or split the change",
            Self::Hostile(_) => "remove the named path and run again",
            Self::Disk(_) => "free disk space or make the folder writable, then run again",
            Self::BadRemote(_) => {
                "use http:// or https://, a host and a path, without name, password or query"
            }
            Self::TokenRefused { .. } => {
                "check that the App is installed on the repository, not suspended, and may read its contents"
            }
            Self::RemoteNotFound => "check that the repository exists and that the App is installed on it",
            Self::Elsewhere(_) => "use the address where the repository is now (QUANTUM_GITHUB_URL)",
            Self::FetchTooBig(_) => "take large files out of the branch (Git LFS keeps them elsewhere)",
            Self::Unreachable(_) => {
                "check the network, HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE; it is tried again"
            }
            Self::Garbled(_) => "check what answers at the address (QUANTUM_GITHUB_URL, proxies on the way)",
            Self::Busy(_) => "let one process at a time use a data folder (QUANTUM_DATA_DIR)",
            Self::Cancelled => "start again when it is wanted",
            Self::Git(error) if error.class() == git2::ErrorClass::Config => {
                "mend the repository's configuration (`git config --list` tells where it is wrong)"
            }
            Self::Git(_) => "check the repository with `git fsck`",
            Self::Io { .. } => "check that the folder is readable and writable, then run again",
        }
        .to_owned()
    }
    fn class(&self) -> Class {
        match self {
            Self::Git(_) => Class::Broken,
            Self::Io { .. } | Self::Disk(_) => Class::Transient,
            Self::Unreachable(_) | Self::Garbled(_) | Self::Busy(_) | Self::Cancelled => Class::Transient,
            _ => Class::Refused,
        }
    }
}
