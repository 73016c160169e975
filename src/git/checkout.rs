//! A tree's files into an empty folder: no filters, no line-end conversion, no LFS, no submodules, no `.git`.
//!
//! The whole tree is looked through, with bounds, before the first byte is written.

use super::{
    GitError, Source, name,
    source::{disk, oid},
};
use crate::{ids::Sha, limits::git as limits};
use git2::{ObjectType, Oid, Repository, Tree};
use std::{
    collections::BTreeSet,
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
    links: Vec<(PathBuf, Oid)>,
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
            let tree = ours.find_tree(oid(tree)?)?;
            look(&ours, &tree, &PathBuf::new(), &mut plan)?;
            plan
        };
        fs::create_dir_all(into).map_err(|cause| disk(into, cause))?;
        give(into, owner)?;
        for folder in &plan.folders {
            let path = into.join(folder);
            fs::create_dir(&path).map_err(|cause| disk(&path, cause))?;
            give(&path, owner)?;
        }
        self.write_files(&plan.files, into, owner)?;
        let ours = self.ours();
        for (link, id) in &plan.links {
            let path = into.join(link);
            let target = ours.find_blob(*id)?.content().to_vec();
            symlink(OsStr::from_bytes(&target), &path).map_err(|cause| disk(&path, cause))?;
            give(&path, owner)?;
        }
        Ok(())
    }

    /// Writing is what a checkout costs: it is shared among threads, each with a handle of its own.
    fn write_files(&self, files: &[(PathBuf, Oid, u32)], into: &Path, owner: Owner) -> Result<(), GitError> {
        let share = files.len().div_ceil(limits::CHECKOUT_THREADS).max(limits::FILES_A_THREAD);
        let write = |files: &[(PathBuf, Oid, u32)]| -> Result<(), GitError> {
            let store = Repository::open_bare(&self.private)?;
            let odb = store.odb()?;
            files.iter().try_for_each(|(path, id, mode)| {
                let path = into.join(path);
                let object = odb.read(*id)?;
                let made = OpenOptions::new().write(true).create_new(true).mode(*mode).open(&path);
                let mut file = made.map_err(|cause| disk(&path, cause))?;
                file.write_all(object.data()).map_err(|cause| disk(&path, cause))?;
                match owner {
                    Some((uid, gid)) => {
                        fchown(&file, Some(uid), Some(gid)).map_err(|cause| disk(&path, cause))
                    }
                    None => Ok(()),
                }
            })
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                files.chunks(share.max(1)).map(|part| scope.spawn(|| write(part))).collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(end) => end,
                Err(_) => Err(GitError::Hostile("an object that libgit2 can't read".to_owned())),
            })
        })
    }
}

fn give(path: &Path, owner: Owner) -> Result<(), GitError> {
    let Some((uid, gid)) = owner else { return Ok(()) };
    lchown(path, Some(uid), Some(gid)).map_err(|cause| disk(path, cause))
}

fn look(store: &Repository, tree: &Tree<'_>, at: &Path, plan: &mut Plan) -> Result<(), GitError> {
    let too_big = |what: &str, limit: String| GitError::TooBig { what: what.to_owned(), limit };
    if at.components().count() > limits::DEPTH {
        return Err(too_big("the tree's depth", format!("{} folders", limits::DEPTH)));
    }
    let mut seen = BTreeSet::new();
    for entry in tree {
        name::check(entry.name_bytes())?;
        let path = at.join(OsStr::from_bytes(entry.name_bytes()));
        if !seen.insert(entry.name_bytes().to_vec()) {
            return Err(GitError::Hostile(format!("a tree with two entries named {:?}", path.display())));
        }
        if plan.files.len() + plan.folders.len() + plan.links.len() >= limits::ENTRIES {
            return Err(too_big("the tree", format!("{} entries", limits::ENTRIES)));
        }
        match (entry.filemode(), entry.kind()) {
            (0o040_000, Some(ObjectType::Tree)) => {
                plan.folders.push(path.clone());
                look(store, &store.find_tree(entry.id())?, &path, plan)?;
            }
            (mode @ (0o100_644 | 0o100_664 | 0o100_755), Some(ObjectType::Blob)) => {
                let (size, _) = store.odb()?.read_header(entry.id())?;
                plan.bytes += size as u64;
                if size as u64 > limits::FILE_BYTES {
                    return Err(too_big(
                        &path.display().to_string(),
                        format!("{} MiB a file", limits::FILE_BYTES >> 20),
                    ));
                }
                if plan.bytes > limits::TREE_BYTES {
                    return Err(too_big("the tree", format!("{} MiB", limits::TREE_BYTES >> 20)));
                }
                plan.files.push((path, entry.id(), if mode == 0o100_755 { 0o755 } else { 0o644 }));
            }
            (0o120_000, Some(ObjectType::Blob)) => plan.links.push((path, entry.id())),
            (0o160_000, _) => plan.folders.push(path),
            (mode, _) => return Err(GitError::Hostile(format!("{:?} with mode {mode:o}", path.display()))),
        }
    }
    Ok(())
}
