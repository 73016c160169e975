//! A folder's files as a tree. The folder was a hostile process's: it is walked by descriptor, links are never
//! followed, only regular files are read, and everything is bounded.

use super::{
    GitError, Source, name,
    source::{disk, oid, sha},
};
use crate::{ids::Sha, limits::git as limits};
use git2::{ObjectType, Oid, Repository, Tree};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RawMode, openat, readlinkat, statat};
use std::{
    ffi::OsStr,
    fs::File,
    io::Read,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
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
        let root = root.map_err(|cause| disk(workspace, cause.into()))?;
        let base = store.find_tree(oid(base)?)?;
        let mut walk = Walk { store: &store, without, rules: Vec::new(), entries: 0, bytes: 0 };
        let tree = walk.folder(root, &PathBuf::new(), Some(&base), false)?;
        match tree {
            Some(tree) => Ok(sha(tree)),
            None => Ok(sha(store.treebuilder(None)?.write()?)),
        }
    }
}

struct Walk<'a> {
    store: &'a Repository,
    without: &'a [String],
    /// The `.gitignore` files from the root to here.
    rules: Vec<Gitignore>,
    entries: usize,
    bytes: u64,
}

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
            return Err(GitError::TooBig {
                what: "the workspace's depth".to_owned(),
                limit: format!("{} folders", limits::DEPTH),
            });
        }
        let rules = self.rules.len();
        if let Some(rule) = read_rules(fd.as_fd(), at) {
            self.rules.push(rule);
        }
        let mut builder = self.store.treebuilder(None)?;
        for entry in Dir::read_from(&fd).map_err(|cause| disk(at, cause.into()))? {
            let entry = entry.map_err(|cause| disk(at, cause.into()))?;
            let bytes = entry.file_name().to_bytes();
            let left_out =
                at.as_os_str().is_empty() && self.without.iter().any(|name| name.as_bytes() == bytes);
            if bytes == b"." || bytes == b".." || name::is_git(bytes) || left_out {
                continue;
            }
            if let Some((id, mode)) = self.entry(fd.as_fd(), bytes, at, base, ignored)? {
                builder.insert(bytes, id, mode)?;
            }
        }
        self.rules.truncate(rules);
        if builder.is_empty() { Ok(None) } else { Ok(Some(builder.write()?)) }
    }

    fn entry(
        &mut self,
        fd: BorrowedFd<'_>,
        bytes: &[u8],
        at: &Path,
        base: Option<&Tree<'_>>,
        ignored: bool,
    ) -> Result<Option<(Oid, i32)>, GitError> {
        let path = at.join(OsStr::from_bytes(bytes));
        self.entries += 1;
        if self.entries > limits::ENTRIES {
            return Err(GitError::TooBig {
                what: "the workspace".to_owned(),
                limit: format!("{} entries", limits::ENTRIES),
            });
        }
        let name = OsStr::from_bytes(bytes);
        // gone since it was listed: as if it had never been there
        let Ok(stat) = statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(None) };
        let kind = FileType::from_raw_mode(stat.st_mode as RawMode);
        let before = base.and_then(|tree| tree.get_name_bytes(bytes));
        let ignored = ignored || self.is_ignored(&path, kind == FileType::Directory);
        if ignored && before.is_none() {
            return Ok(None);
        }
        match kind {
            FileType::Directory => {
                if let Some(link) = before.as_ref().filter(|entry| entry.kind() == Some(ObjectType::Commit)) {
                    return Ok(Some((link.id(), 0o160_000)));
                }
                let subtree = before.as_ref().filter(|entry| entry.kind() == Some(ObjectType::Tree));
                let subtree = subtree.map(|entry| self.store.find_tree(entry.id())).transpose()?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner =
                    openat(fd, name, flags, Mode::empty()).map_err(|cause| disk(&path, cause.into()))?;
                Ok(self.folder(inner, &path, subtree.as_ref(), ignored)?.map(|id| (id, 0o040_000)))
            }
            FileType::RegularFile => {
                let id = self.file(fd, name, &path, before.map(|entry| entry.id()))?;
                Ok(Some((id, if stat.st_mode & 0o111 != 0 { 0o100_755 } else { 0o100_644 })))
            }
            FileType::Symlink => {
                let target = readlinkat(fd, name, Vec::new()).map_err(|cause| disk(&path, cause.into()))?;
                Ok(Some((self.store.blob(target.to_bytes())?, 0o120_000)))
            }
            _ => Ok(None),
        }
    }

    fn file(
        &mut self,
        fd: BorrowedFd<'_>,
        name: &OsStr,
        path: &Path,
        before: Option<Oid>,
    ) -> Result<Oid, GitError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(fd, name, flags, Mode::empty()).map_err(|cause| disk(path, cause.into()))?;
        let mut bytes = Vec::new();
        File::from(file)
            .take(limits::FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|cause| disk(path, cause))?;
        self.bytes += bytes.len() as u64;
        if bytes.len() as u64 > limits::FILE_BYTES {
            let limit = format!("{} MiB a file", limits::FILE_BYTES >> 20);
            return Err(GitError::TooBig { what: path.display().to_string(), limit });
        }
        if self.bytes > limits::TREE_BYTES {
            return Err(GitError::TooBig {
                what: "the workspace".to_owned(),
                limit: format!("{} MiB", limits::TREE_BYTES >> 20),
            });
        }
        let id = Oid::hash_object(ObjectType::Blob, &bytes)?;
        // most files are as they were, and then nothing has to be compressed or written
        if before == Some(id) { Ok(id) } else { Ok(self.store.blob(&bytes)?) }
    }

    fn is_ignored(&self, path: &Path, is_folder: bool) -> bool {
        let decided = self
            .rules
            .iter()
            .rev()
            .map(|rules| rules.matched(path, is_folder))
            .find(|decision| !decision.is_none());
        decided.is_some_and(|decision| decision.is_ignore())
    }
}

/// The `.gitignore` of this folder; lines that are no patterns are passed over, as git does.
fn read_rules(fd: BorrowedFd<'_>, at: &Path) -> Option<Gitignore> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(fd, ".gitignore", flags, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    File::from(file).take(limits::IGNORE_BYTES).read_to_end(&mut bytes).ok()?;
    let mut builder = GitignoreBuilder::new(at);
    for line in String::from_utf8_lossy(&bytes).lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}
