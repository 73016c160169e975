//! Opening a repository and reading from it.

use super::{Base, GitError, Person, name};
use crate::{
    ids::{ContentHash, Sha},
    limits::git as limits,
};
use git2::{
    ErrorCode, ObjectType, Oid, Repository, RepositoryOpenFlags, StatusOptions, TreeWalkMode, TreeWalkResult,
};
use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

/// Somebody's repository, and our private object store beside it. All calls block: use a blocking task.
pub struct Source {
    folder: PathBuf,
    pub(super) private: PathBuf,
    theirs: Mutex<Repository>,
    ours: Mutex<Repository>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("folder", &self.folder).finish()
    }
}

/// Nothing of a repository is executed here, so whose it is does not matter (git's `safe.directory`).
#[expect(
    unsafe_code,
    reason = "libgit2's options are process-wide and set once, before any repository is open"
)]
fn own_everything() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: called once, before this process opens a repository; no other code sets libgit2's options.
        // A failure leaves git's own rule in force, which only refuses more.
        let _ = unsafe { git2::opts::set_verify_owner_validation(false) };
    });
}

pub(super) fn disk(path: &Path, cause: io::Error) -> GitError {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match cause.kind() {
        StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied => {
            GitError::Disk(format!("{}: {cause}", path.display()))
        }
        _ => GitError::Io { path: path.to_owned(), cause },
    }
}

pub(super) fn oid(sha: &Sha) -> Result<Oid, GitError> {
    Oid::from_str(sha.as_str()).map_err(|_| GitError::NoSuchCommit(sha.to_string()))
}

pub(super) fn sha(oid: Oid) -> Sha {
    Sha::new(oid.to_string())
}

impl Source {
    /// Opens the repository that holds `folder`, with a private object store below `data`.
    pub fn open(folder: &Path, data: &Path) -> Result<Self, GitError> {
        own_everything();
        let none: [&OsStr; 0] = [];
        let theirs =
            Repository::open_ext(folder, RepositoryOpenFlags::empty(), none).map_err(|error| match error
                .code()
            {
                ErrorCode::NotFound => GitError::NotARepository(folder.to_owned()),
                _ => GitError::Git(error),
            })?;
        let common = theirs.commondir().canonicalize().map_err(|cause| disk(theirs.commondir(), cause))?;
        let private = data
            .join("git")
            .join(ContentHash::of(common.as_os_str().as_bytes()).as_str().get(..16).unwrap_or_default());
        let ours = open_private(&private, &common)?;
        Ok(Self { folder: common, private, theirs: Mutex::new(theirs), ours: Mutex::new(ours) })
    }

    /// The repository's own folder (its git directory), canonical: names the repository.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn theirs(&self) -> MutexGuard<'_, Repository> {
        self.theirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ours(&self) -> MutexGuard<'_, Repository> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds what to start from: `base` (branch, tag, commit) or HEAD's commit.
    pub fn base(&self, base: Option<&str>) -> Result<Base, GitError> {
        let theirs = self.theirs();
        let commit = match base {
            Some(text) => {
                let found = theirs.revparse_single(text).and_then(|object| object.peel_to_commit());
                found.map_err(|_| GitError::NoSuchCommit(text.to_owned()))?
            }
            None => match theirs.head() {
                Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                    return Err(GitError::NoCommit(self.folder.clone()));
                }
                Ok(_) | Err(_) if theirs.is_bare() => return Err(GitError::Bare(self.folder.clone())),
                head => head?.peel_to_commit().map_err(|_| GitError::NoSuchCommit("HEAD".to_owned()))?,
            },
        };
        let mut options = StatusOptions::new();
        options.include_untracked(false).include_ignored(false).exclude_submodules(true).no_refresh(true);
        // a status that can't be had (no work tree) has nothing uncommitted to tell about
        let dirty = !theirs.is_bare() && theirs.statuses(Some(&mut options)).is_ok_and(|all| !all.is_empty());
        Ok(Base { commit: sha(commit.id()), tree: sha(commit.tree_id()), dirty })
    }

    /// A file's bytes in a tree, None when it isn't there or isn't a file; `TooBig` over `max_bytes`.
    pub fn file(&self, tree: &Sha, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, GitError> {
        let ours = self.ours();
        let tree = ours.find_tree(oid(tree)?)?;
        let entry = match tree.get_path(Path::new(path)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Blob) && entry.filemode() != 0o120_000 => entry,
            Ok(_) => return Ok(None),
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (size, _) = ours.odb()?.read_header(entry.id())?;
        if size > max_bytes {
            return Err(GitError::TooBig { what: path.to_owned(), limit: format!("{max_bytes} bytes") });
        }
        Ok(Some(ours.find_blob(entry.id())?.content().to_vec()))
    }

    /// All paths of a tree with their blob ids, in git's order. `TooBig` over the limit of entries.
    pub fn paths(&self, tree: &Sha) -> Result<Vec<(String, Sha)>, GitError> {
        let ours = self.ours();
        let tree = ours.find_tree(oid(tree)?)?;
        let mut found = Vec::new();
        let walked = tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
            if entry.kind() == Some(ObjectType::Blob) {
                let path = [folder.as_bytes(), entry.name_bytes()].concat();
                found.push((name::shown(&path), sha(entry.id())));
            }
            if found.len() > limits::ENTRIES { TreeWalkResult::Abort } else { TreeWalkResult::Ok }
        });
        if found.len() > limits::ENTRIES {
            return Err(GitError::TooBig {
                what: "the tree".to_owned(),
                limit: format!("{} files", limits::ENTRIES),
            });
        }
        walked?;
        Ok(found)
    }

    /// The author for local commits: `user.name`/`user.email` read as data, else QuantumLayer.
    pub fn author(&self) -> Person {
        let read = |key: &str| {
            let config = self.theirs().config().and_then(|mut config| config.snapshot()).ok()?;
            let text = config.get_str(key).ok()?.trim().replace(['<', '>', '\n', '\r', '\0'], "");
            (!text.is_empty()).then_some(text)
        };
        match (read("user.name"), read("user.email")) {
            (Some(name), Some(email)) => Person { name, email },
            _ => Person { name: "QuantumLayer".to_owned(), email: "quantum@localhost".to_owned() },
        }
    }
}

/// The private bare store, with the source's objects as alternate.
fn open_private(private: &Path, common: &Path) -> Result<Repository, GitError> {
    if let Ok(found) = Repository::open_bare(private) {
        return Ok(found);
    }
    fs::create_dir_all(private).map_err(|cause| disk(private, cause))?;
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).external_template(false).mode(git2::RepositoryInitMode::from_bits_retain(0o700));
    Repository::init_opts(private, &options).map_err(|error| GitError::Disk(error.message().to_owned()))?;
    let info = private.join("objects/info");
    fs::create_dir_all(&info).map_err(|cause| disk(&info, cause))?;
    let line = [common.join("objects").as_os_str().as_bytes(), b"\n"].concat();
    fs::write(info.join("alternates"), line).map_err(|cause| disk(&info, cause))?;
    Ok(Repository::open_bare(private)?)
}
