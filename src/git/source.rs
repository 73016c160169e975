//! Opening a repository and reading from it.

use super::{Base, GitError, Person, name, stamp::Stamps, walk};
use crate::{
    ids::{ContentHash, Sha},
    limits::git as limits,
};
use git2::{
    ConfigLevel, ErrorClass, ErrorCode, ObjectType, Oid, Repository, RepositoryOpenFlags, StatusOptions, Tree,
};
use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

/// Somebody's repository, and our private object store beside it. All calls block: use a blocking task.
pub struct Source {
    folder: PathBuf,
    pub(super) private: PathBuf,
    theirs: Mutex<Repository>,
    ours: Mutex<Repository>,
    pub(super) stamps: Stamps,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("folder", &self.folder).finish()
    }
}

/// Nothing of a repository is executed here, so whose it is does not matter (git's `safe.directory`). A partial clone
/// is read as far as it goes.
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
        // SAFETY: as above.
        let _ = unsafe { git2::opts::set_extensions(&["partialclone"]) };
        // As git: what came in over the network was hashed then, and zlib's checksum finds what the disk damaged. Hashing
        // again whatever is read cost a third of a checkout.
        git2::opts::strict_hash_verification(false);
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

/// Reading an object failed: not there, or something else under that id.
pub(super) fn missing(id: Oid) -> impl Fn(git2::Error) -> GitError {
    move |error| match error.code() {
        ErrorCode::NotFound => GitError::Missing(id.to_string()),
        _ => GitError::Git(error),
    }
}

/// A tree, unless it says that it is too big to be held in memory: packed, a bomb is small.
pub(super) fn tree_at(store: &Repository, id: Oid) -> Result<Tree<'_>, GitError> {
    let (size, _) = store.odb()?.read_header(id).map_err(missing(id))?;
    if size > limits::TREE_OBJECT_BYTES {
        let limit = format!("{} MiB", limits::TREE_OBJECT_BYTES >> 20);
        return Err(GitError::TooBig { what: format!("the tree {id}"), limit });
    }
    store.find_tree(id).map_err(missing(id))
}

/// Whether a file is one of a repository's own: it came with the clone. A file outside of any repository is not.
pub fn is_tracked(file: &Path) -> bool {
    own_everything();
    let inside = || {
        let file = file.canonicalize().ok()?;
        let repository = Repository::discover(file.parent()?).ok()?;
        let within = file.strip_prefix(repository.workdir()?.canonicalize().ok()?).ok()?.to_owned();
        let in_head = repository.head().and_then(|head| head.peel_to_tree());
        let in_head = in_head.is_ok_and(|tree| tree.get_path(&within).is_ok());
        Some(in_head || repository.index().ok()?.get_path(&within, 0).is_some())
    };
    inside().unwrap_or(false)
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
                _ if error.class() == ErrorClass::Repository => {
                    GitError::Unsupported { folder: folder.to_owned(), why: error.message().to_owned() }
                }
                _ => GitError::Git(error),
            })?;
        let common = theirs.commondir().canonicalize().map_err(|cause| disk(theirs.commondir(), cause))?;
        let private = data
            .join("git")
            .join(ContentHash::of(common.as_os_str().as_bytes()).as_str().get(..16).unwrap_or_default());
        let ours = open_private(&private, &common)?;
        keep_no_reflog(&theirs, &private)?;
        Ok(Self {
            folder: common,
            private,
            theirs: Mutex::new(theirs),
            ours: Mutex::new(ours),
            stamps: Stamps::default(),
        })
    }

    /// Whether it has no work tree: nothing can be merged there.
    pub fn is_bare(&self) -> bool {
        self.theirs().is_bare()
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
                Err(error) if error.code() == ErrorCode::UnbornBranch => {
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
        let tree = tree_at(&ours, oid(tree)?)?;
        // what is no path within a tree is nothing's, and libgit2 calls it an error
        let is_inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if path.is_empty() || !is_inside {
            return Ok(None);
        }
        let entry = match tree.get_path(Path::new(path)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Blob) && entry.filemode() != 0o120_000 => entry,
            Ok(_) => return Ok(None),
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (size, _) = ours.odb()?.read_header(entry.id()).map_err(missing(entry.id()))?;
        if size > max_bytes {
            return Err(GitError::TooBig { what: path.to_owned(), limit: format!("{max_bytes} bytes") });
        }
        Ok(Some(ours.find_blob(entry.id())?.content().to_vec()))
    }

    /// Whether a tree has anything at this path: a file, a link, a folder, a submodule.
    pub fn holds(&self, tree: &Sha, path: &str) -> bool {
        let ours = self.ours();
        let tree = oid(tree).and_then(|id| tree_at(&ours, id));
        tree.is_ok_and(|tree| tree.get_path(Path::new(path)).is_ok())
    }

    /// All paths of a tree with their blob ids, in git's order. `TooBig` over the limits, `Hostile` for odd names.
    pub fn paths(&self, tree: &Sha) -> Result<Vec<(String, Sha)>, GitError> {
        let ours = self.ours();
        let mut found = Vec::new();
        walk::walk(&ours, &tree_at(&ours, oid(tree)?)?, &mut |path, entry| {
            if entry.kind() == Some(ObjectType::Blob) {
                found.push((name::shown(path), sha(entry.id())));
            }
            Ok(())
        })?;
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

fn init(folder: &Path) -> Result<(), GitError> {
    for lock in ["config.lock", "HEAD.lock"] {
        // nobody makes one in place any more but after damage; what locks it was killed
        let _ = fs::remove_file(folder.join(lock));
    }
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).external_template(false).mode(git2::RepositoryInitMode::from_bits_retain(0o700));
    let made = Repository::init_opts(folder, &options);
    made.map(|_| ()).map_err(|error| GitError::Disk(error.message().to_owned()))
}

/// Opens a bare repository of ours; makes it when there is none. It is made aside and moved into its place: a crash
/// leaves no half of it there, and two that make it at once end with one. A damaged one keeps its objects.
pub(super) fn open_ours(folder: &Path) -> Result<Repository, GitError> {
    own_everything();
    if let Ok(there) = Repository::open_bare(folder) {
        return Ok(there);
    }
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|cause| disk(parent, cause))?;
    if folder.exists() {
        init(folder)?;
    } else {
        let made = tempfile::Builder::new().prefix("new-").tempdir_in(parent);
        let made = made.map_err(|cause| disk(parent, cause))?;
        init(made.path())?;
        if let Err(cause) = fs::rename(made.path(), folder)
            && Repository::open_bare(folder).is_err()
        {
            return Err(disk(folder, cause));
        }
    }
    Ok(Repository::open_bare(folder)?)
}

/// What we write to somebody's repository is objects and one ref: no line in a reflog, whatever its configuration says.
/// Ours lies over it in this handle only.
fn keep_no_reflog(theirs: &Repository, private: &Path) -> Result<(), GitError> {
    let over = private.join("over.config");
    let text = "[core]\n\tlogAllRefUpdates = false\n";
    if fs::read(&over).ok().as_deref() != Some(text.as_bytes()) {
        let new = private.join("over.config.new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, &over)).map_err(|cause| disk(&over, cause))?;
    }
    Ok(theirs.config()?.add_file(&over, ConfigLevel::App, true)?)
}

/// The private bare store, with the source's objects as alternate.
fn open_private(private: &Path, common: &Path) -> Result<Repository, GitError> {
    drop(open_ours(private)?);
    let (info, line) =
        (private.join("objects/info"), [common.join("objects").as_os_str().as_bytes(), b"\n"].concat());
    let alternates = info.join("alternates");
    if fs::read(&alternates).ok().as_deref() != Some(line.as_slice()) {
        fs::create_dir_all(&info).map_err(|cause| disk(&info, cause))?;
        let new = info.join("alternates.new");
        fs::write(&new, line)
            .and_then(|()| fs::rename(&new, &alternates))
            .map_err(|cause| disk(&alternates, cause))?;
    }
    Ok(Repository::open_bare(private)?)
}
