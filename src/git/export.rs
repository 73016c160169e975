//! A folder's files as a tree. The folder was a hostile process's: it is walked by descriptor, links are never
//! followed, only regular files are read, and everything is bounded.

use super::{
    GitError, Source,
    ignored::Rules,
    name,
    source::{disk, oid, sha, tree_at},
    stamp::Written,
};
use crate::{ids::Sha, limits::git as limits};
use git2::{ObjectType, Odb, Oid, Repository, Tree};
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, RawMode, Stat, openat, readlinkat, statat},
    io::Errno,
};
use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

impl Source {
    /// The folder's files as a tree. `base` tells what was there: its files count even where a `.gitignore` says
    /// otherwise, and its submodule entries are kept. `without` names entries of the folder itself that are left out
    /// (the links that setup made). `.git` is left out at any depth, and so are devices, FIFOs and sockets.
    pub fn tree_of(&self, workspace: &Path, base: &Sha, without: &[String]) -> Result<Sha, GitError> {
        let store = self.ours();
        let root = openat(
            rustix::fs::CWD,
            workspace,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        );
        let root = root.map_err(|cause| refused(workspace, cause.into()))?;
        let base = tree_at(&store, oid(base)?)?;
        let (written, odb) = (self.stamps.of(workspace), store.odb()?);
        let mut walk =
            Walk { store: &store, odb, without, written, rules: Rules::default(), entries: 0, bytes: 0 };
        match walk.folder(root, &PathBuf::new(), Some(&base), false)? {
            Some(tree) => Ok(sha(tree)),
            None => Ok(sha(walk.odb.write(ObjectType::Tree, b"")?)),
        }
    }
}

/// What the file system says no to: permissions are what the agent did, the rest is the host's.
fn refused(path: &Path, cause: io::Error) -> GitError {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => GitError::Unreadable(path.to_owned()),
        _ => disk(path, cause),
    }
}

struct Walk<'a> {
    store: &'a Repository,
    odb: Odb<'a>,
    without: &'a [String],
    written: Arc<Written>,
    rules: Rules,
    entries: usize,
    bytes: u64,
}

/// An entry of the tree that is made: name, mode, id.
type Made = (Vec<u8>, u32, Oid);

impl Walk<'_> {
    /// One folder. `ignored`: a `.gitignore` covers it, so only what the base has counts.
    fn folder(
        &mut self,
        fd: OwnedFd,
        at: &Path,
        base: Option<&Tree<'_>>,
        ignored: bool,
    ) -> Result<Option<Oid>, GitError> {
        if at.components().count() > limits::DEPTH {
            return Err(too_big("the workspace's depth", format!("{} folders", limits::DEPTH)));
        }
        let names = self.names(fd.as_fd(), at)?;
        let rules = self.rules.len();
        if names.iter().any(|name| name == b".gitignore") {
            self.rules.read(fd.as_fd(), at)?;
        }
        let mut made: Vec<Made> = Vec::with_capacity(names.len());
        for name in names {
            if let Some((id, mode)) = self.entry(fd.as_fd(), &name, at, base, ignored)? {
                made.push((name, mode, id));
            }
        }
        self.rules.truncate(rules);
        if made.is_empty() { Ok(None) } else { self.write(made, base).map(Some) }
    }

    /// The folder's names, apart from those that never count.
    fn names(&mut self, fd: BorrowedFd<'_>, at: &Path) -> Result<Vec<Vec<u8>>, GitError> {
        let (mut names, is_root) = (Vec::new(), at.as_os_str().is_empty());
        for entry in Dir::read_from(fd).map_err(|cause| refused(at, cause.into()))? {
            let entry = entry.map_err(|cause| refused(at, cause.into()))?;
            let bytes = entry.file_name().to_bytes();
            let left_out = is_root && self.without.iter().any(|name| name.as_bytes() == bytes);
            if bytes == b"." || bytes == b".." || name::is_git(bytes) || left_out {
                continue;
            }
            self.entries += 1;
            if self.entries > limits::ENTRIES {
                return Err(too_big("the workspace", format!("{} entries", limits::ENTRIES)));
            }
            names.push(bytes.to_vec());
        }
        Ok(names)
    }

    /// The folder's tree object, written unless it is the base's.
    fn write(&self, mut made: Vec<Made>, base: Option<&Tree<'_>>) -> Result<Oid, GitError> {
        // git's order: a folder sorts as if its name ended in a slash
        let key = |(name, mode, _): &Made| {
            let end = if *mode == FOLDER { &b"/"[..] } else { b"" };
            [name.as_slice(), end].concat()
        };
        made.sort_by_cached_key(key);
        let mut bytes = Vec::new();
        for (name, mode, id) in &made {
            bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_bytes());
        }
        let id = Oid::hash_object(ObjectType::Tree, &bytes)?;
        if base.is_some_and(|base| base.id() == id) {
            return Ok(id);
        }
        Ok(self.odb.write(ObjectType::Tree, &bytes)?)
    }

    fn entry(
        &mut self,
        fd: BorrowedFd<'_>,
        bytes: &[u8],
        at: &Path,
        base: Option<&Tree<'_>>,
        ignored: bool,
    ) -> Result<Option<(Oid, u32)>, GitError> {
        let name = OsStr::from_bytes(bytes);
        let path = at.join(name);
        let stat = match statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // gone since it was listed: as if it had never been there
            Err(Errno::NOENT) => return Ok(None),
            Err(cause) => return Err(refused(&path, cause.into())),
        };
        let kind = FileType::from_raw_mode(stat.st_mode as RawMode);
        let is_folder = kind == FileType::Directory;
        let before = base.and_then(|tree| tree.get_name_bytes(bytes));
        let ignored = ignored || self.rules.cover(&path, is_folder);
        // a folder whose name was a file's has nothing in it that the base has, and the other way round
        let was_folder = before.as_ref().map(|entry| entry.kind() == Some(ObjectType::Tree));
        let is_link = before.as_ref().is_some_and(|entry| entry.kind() == Some(ObjectType::Commit));
        if ignored && was_folder != Some(is_folder) && !is_link {
            return Ok(None);
        }
        match kind {
            FileType::Directory => {
                if let Some(link) = before.as_ref().filter(|_| is_link) {
                    return Ok(Some((link.id(), 0o160_000)));
                }
                let subtree = before.as_ref().filter(|_| was_folder == Some(true));
                let subtree = subtree.map(|entry| tree_at(self.store, entry.id())).transpose()?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner =
                    openat(fd, name, flags, Mode::empty()).map_err(|cause| refused(&path, cause.into()))?;
                Ok(self.folder(inner, &path, subtree.as_ref(), ignored)?.map(|id| (id, FOLDER)))
            }
            FileType::RegularFile => {
                let id = self.file(fd, &stat, &path, before.map(|entry| entry.id()))?;
                Ok(Some((id, if stat.st_mode & 0o100 != 0 { 0o100_755 } else { 0o100_644 })))
            }
            FileType::Symlink => {
                let target =
                    readlinkat(fd, name, Vec::new()).map_err(|cause| refused(&path, cause.into()))?;
                Ok(Some((self.blob(target.to_bytes(), before.map(|entry| entry.id()))?, 0o120_000)))
            }
            _ => Ok(None),
        }
    }

    fn file(
        &mut self,
        fd: BorrowedFd<'_>,
        stat: &Stat,
        path: &Path,
        before: Option<Oid>,
    ) -> Result<Oid, GitError> {
        let known = self.written.id(stat);
        let mut bytes = Vec::new();
        let size = if known.is_some() {
            u64::try_from(stat.st_size).unwrap_or(u64::MAX)
        } else {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let name = path.file_name().unwrap_or_default();
            let file = openat(fd, name, flags, Mode::empty()).map_err(|cause| refused(path, cause.into()))?;
            let mut file = File::from(file).take(limits::FILE_BYTES + 1);
            file.read_to_end(&mut bytes).map_err(|cause| refused(path, cause))? as u64
        };
        self.bytes += size;
        if size > limits::FILE_BYTES {
            let limit = format!("{} MiB a file", limits::FILE_BYTES >> 20);
            return Err(too_big(&path.display().to_string(), limit));
        }
        if self.bytes > limits::TREE_BYTES {
            return Err(too_big("the workspace", format!("{} MiB", limits::TREE_BYTES >> 20)));
        }
        known.map_or_else(|| self.blob(&bytes, before), Ok)
    }

    /// Most files are as they were, and then nothing has to be compressed or written.
    fn blob(&self, bytes: &[u8], before: Option<Oid>) -> Result<Oid, GitError> {
        let id = Oid::hash_object(ObjectType::Blob, bytes)?;
        if before == Some(id) { Ok(id) } else { Ok(self.odb.write(ObjectType::Blob, bytes)?) }
    }
}

const FOLDER: u32 = 0o040_000;

fn too_big(what: &str, limit: String) -> GitError {
    GitError::TooBig { what: what.to_owned(), limit }
}
