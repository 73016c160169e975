//! A tree's files into an empty folder: no filters, no line-end conversion, no LFS, no submodules, no `.git`.
//!
//! The whole tree is looked through, with bounds, before the first byte is written.

use super::{
    GitError, Source,
    source::{disk, missing, oid, tree_at},
    stamp::Stamp,
    walk::walk,
};
use crate::{ids::Sha, limits::git as limits};
use git2::{ObjectType, Odb, Oid, Repository, TreeEntry};
use std::{
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{OpenOptionsExt, fchown, lchown, symlink},
    },
    path::{Path, PathBuf},
};

/// What has to be written.
#[derive(Default)]
struct Plan {
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, Oid, u32)>,
    links: Vec<(PathBuf, Vec<u8>)>,
    bytes: u64,
}

type Owner = Option<(u32, u32)>;

impl Source {
    /// Writes a tree's files into an empty folder; everything is given to `owner` (uid, gid) when named. Submodules
    /// become empty folders. `Hostile` and `TooBig` come before anything is written.
    pub fn checkout(&self, tree: &Sha, into: &Path, owner: Owner) -> Result<(), GitError> {
        let plan = {
            let ours = self.ours();
            let mut plan = Plan::default();
            let tree = tree_at(&ours, oid(tree)?)?;
            let odb = ours.odb()?;
            walk(&ours, &tree, &mut |path, entry| plan.add(&odb, path, entry))?;
            plan
        };
        fs::create_dir_all(into).map_err(|cause| disk(into, cause))?;
        give(into, owner)?;
        for folder in &plan.folders {
            let path = into.join(folder);
            fs::create_dir(&path).map_err(|cause| disk(&path, cause))?;
            give(&path, owner)?;
        }
        let stamps = self.write_files(&plan.files, into, owner)?;
        for (link, target) in &plan.links {
            let path = into.join(link);
            symlink(OsStr::from_bytes(target), &path).map_err(|cause| disk(&path, cause))?;
            give(&path, owner)?;
        }
        self.stamps.remember(into, stamps).map_err(|cause| disk(into, cause))
    }

    /// Writing is what a checkout costs: it is shared among threads, each with a handle of its own.
    fn write_files(
        &self,
        files: &[(PathBuf, Oid, u32)],
        into: &Path,
        owner: Owner,
    ) -> Result<Vec<Stamp>, GitError> {
        let share = files.len().div_ceil(limits::CHECKOUT_THREADS).max(limits::FILES_A_THREAD);
        let write = |files: &[(PathBuf, Oid, u32)]| -> Result<Vec<Stamp>, GitError> {
            let store = Repository::open_bare(&self.private)?;
            let odb = store.odb()?;
            let write = |(path, id, mode): &(PathBuf, Oid, u32)| {
                let path = into.join(path);
                let object = odb.read(*id).map_err(missing(*id))?;
                let write = || {
                    let mut file = OpenOptions::new().write(true).create_new(true).mode(*mode).open(&path)?;
                    file.write_all(object.data())?;
                    if let Some((uid, gid)) = owner {
                        fchown(&file, Some(uid), Some(gid))?;
                    }
                    Ok(Stamp::new(&file.metadata()?, *id))
                };
                write().map_err(|cause| disk(&path, cause))
            };
            files.iter().map(write).collect()
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                files.chunks(share.max(1)).map(|part| scope.spawn(|| write(part))).collect();
            let mut stamps = Vec::with_capacity(files.len());
            for thread in threads {
                match thread.join() {
                    Ok(end) => stamps.extend(end?),
                    Err(_) => {
                        return Err(GitError::Hostile("an object that libgit2 can't read".to_owned()));
                    }
                }
            }
            Ok(stamps)
        })
    }
}

fn give(path: &Path, owner: Owner) -> Result<(), GitError> {
    let Some((uid, gid)) = owner else { return Ok(()) };
    lchown(path, Some(uid), Some(gid)).map_err(|cause| disk(path, cause))
}

impl Plan {
    fn add(&mut self, odb: &Odb<'_>, path: &[u8], entry: &TreeEntry<'_>) -> Result<(), GitError> {
        let too_big = |what: &str, limit: String| GitError::TooBig { what: what.to_owned(), limit };
        let (path, id) = (Path::new(OsStr::from_bytes(path)).to_owned(), entry.id());
        match entry.filemode() {
            0o040_000 | 0o160_000 => self.folders.push(path),
            mode @ (0o100_644 | 0o100_664 | 0o100_755) => {
                let size = blob_size(odb, id, &path)?;
                self.bytes += size;
                if size > limits::FILE_BYTES {
                    let limit = format!("{} MiB a file", limits::FILE_BYTES >> 20);
                    return Err(too_big(&path.display().to_string(), limit));
                }
                if self.bytes > limits::TREE_BYTES {
                    return Err(too_big("the tree", format!("{} MiB", limits::TREE_BYTES >> 20)));
                }
                self.files.push((path, id, if mode == 0o100_755 { 0o755 } else { 0o644 }));
            }
            0o120_000 => {
                let is_short = blob_size(odb, id, &path)? <= limits::LINK_BYTES as u64;
                let target = if is_short { odb.read(id)?.data().to_vec() } else { Vec::new() };
                if target.is_empty() || target.contains(&0) {
                    return Err(GitError::Hostile(format!("the link {:?} to no path", path.display())));
                }
                self.links.push((path, target));
            }
            mode => return Err(GitError::Hostile(format!("{:?} with mode {mode:o}", path.display()))),
        }
        Ok(())
    }
}

fn blob_size(odb: &Odb<'_>, id: Oid, path: &Path) -> Result<u64, GitError> {
    match odb.read_header(id).map_err(missing(id))? {
        (size, ObjectType::Blob) => Ok(size as u64),
        (_, kind) => Err(GitError::Hostile(format!("the file {:?} that is a {kind}", path.display()))),
    }
}
