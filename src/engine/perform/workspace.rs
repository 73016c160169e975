//! Workspaces: `<data>/work/<run>/<name>`, one a work or check, fresh each time and removed afterwards. Each owner of the
//! run's lease has its own: one that lost it and does not know yet can't touch its successor's.
//!
//! What is in them was written by hostile programs: it is never opened here, symlinks are never followed, and a folder
//! that was made unreadable is opened up before it is removed.

use super::aside;
use crate::{
    clock::Timestamp,
    git::{GitError, Source},
    ids::{ContentHash, RunId, Sha},
    limits::engine as limits,
    report::{Hint, Report},
    sandbox,
    store::{Lease, Store},
};
use rustix::fs::{Dir, FileType, Mode, OFlags, openat, renameat};
use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// One folder with the files of a tree.
#[derive(Debug)]
pub(super) struct Workspace {
    folder: PathBuf,
}

impl Workspace {
    /// Writes `tree` into a fresh folder for `name` (any text) under a lease, owned by `owner`.
    pub(super) async fn check_out(
        source: &Arc<Source>,
        (data, lease, name): (&Path, &Lease, &str),
        tree: &Sha,
        owner: Option<(u32, u32)>,
    ) -> Result<Self, Report> {
        // Names come from plans, which models write: only their hash becomes a path.
        let hash = ContentHash::of(format!("{}\n{name}", lease.owner).as_bytes());
        let folder = home(data, &lease.run).join(hash.as_str().get(..16).unwrap_or_default());
        let (source, tree, into) = (Arc::clone(source), tree.clone(), folder.clone());
        let made = Self { folder };
        aside(move || {
            remove(&into);
            fs::create_dir_all(&into).map_err(|cause| GitError::Io { path: into.clone(), cause }.report())?;
            sandbox::give(&into, owner).map_err(|error| error.report())?;
            source.checkout(&tree, &into, owner).map_err(|error| error.report())
        })
        .await?;
        Ok(made)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its files as a tree, without the links that setup made. Only when nothing that could write to it runs any more.
    pub(super) async fn tree(
        &self,
        source: &Arc<Source>,
        base: &Sha,
        links: &[String],
    ) -> Result<Sha, Report> {
        let (source, folder, base) = (Arc::clone(source), self.folder.clone(), base.clone());
        let links = links.to_vec();
        aside(move || source.tree_of(&folder, &base, &links)).await
    }

    /// Removes it.
    pub(super) async fn remove(self) {
        let _ = tokio::task::spawn_blocking(move || remove(&self.folder)).await;
    }
}

/// Removes everything of a run.
pub(super) async fn remove_run(data: &Path, run: &RunId) {
    let folder = home(data, run);
    let _ = tokio::task::spawn_blocking(move || remove(&folder)).await;
}

/// Removes what belongs to runs that nobody has a lease on.
pub(super) async fn sweep(data: &Path, store: &Store, now: Timestamp) {
    let Ok(found) = fs::read_dir(data.join("work")) else { return };
    for entry in found.flatten() {
        let run = RunId::new(entry.file_name().to_string_lossy());
        // When the store can't say, it stays for the next sweep.
        if let Ok(false) = store.is_leased(&run, now).await {
            remove_run(data, &run).await;
        }
    }
}

fn home(data: &Path, run: &RunId) -> PathBuf {
    data.join("work").join(run.as_str())
}

/// Removes what a sandbox wrote; what is left is said in the log.
pub(super) fn remove(folder: &Path) {
    let removed = match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            open_up(folder);
            flatten(folder);
            fs::remove_dir_all(folder)
        }
        other => other,
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(folder = %folder.display(), %error, "a workspace was not removed; the next sweep tries again");
        }
        _ => {}
    }
}

/// Makes every folder below readable and writable for us.
fn open_up(folder: &Path) {
    let mut waiting = vec![folder.to_owned()];
    for _ in 0..limits::SWEEP_FOLDERS {
        let Some(next) = waiting.pop() else { return };
        let _ = fs::set_permissions(&next, fs::Permissions::from_mode(0o700));
        let Ok(entries) = fs::read_dir(&next) else { continue };
        let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        waiting.extend(folders.map(|entry| entry.path()));
    }
}

/// Moves what lies deep up to the root: a removal holds a descriptor for each level, and a sandbox can make more levels
/// than a process may hold.
fn flatten(folder: &Path) {
    let Ok(root) = rustix::fs::open(folder, FOLDER, Mode::empty()) else { return };
    let (mut lifted, mut done) = (0, 0);
    lift(&root, &root, 0, &mut lifted);
    while done < lifted {
        done += 1;
        if let Ok(here) = openat(&root, lifted_name(done), FOLDER, Mode::empty()) {
            lift(&root, &here, 0, &mut lifted);
        }
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Moves the folders that are so many levels below `here` up to `root`.
fn lift(root: &OwnedFd, here: &OwnedFd, depth: usize, lifted: &mut usize) {
    let Ok(entries) = Dir::read_from(here) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type() == FileType::Directory) {
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") || *lifted >= limits::SWEEP_FOLDERS {
            continue;
        }
        if depth == limits::SWEEP_DEPTH {
            *lifted += 1;
            // a name that is taken is a sandbox's own: this one stays for the next sweep
            let _ = renameat(here, name, root, lifted_name(*lifted));
        } else if let Ok(inner) = openat(here, name, FOLDER, Mode::empty()) {
            lift(root, &inner, depth + 1, lifted);
        }
    }
}

fn lifted_name(number: usize) -> String {
    format!(".quantum-lifted-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_deeper_than_descriptors_reach_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let work = place.path().join("work");
        fs::create_dir(&work).unwrap();
        let mut here: OwnedFd = fs::File::open(&work).unwrap().into();
        for level in 0..5_000 {
            rustix::fs::mkdirat(&here, "d", Mode::RWXU).unwrap();
            if level % 1_000 == 0 {
                rustix::fs::mkdirat(&here, "e", Mode::RWXU).unwrap();
            }
            here = openat(&here, "d", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        flatten(&work);
        let depth = |folder: &Path| {
            let mut here = folder.to_owned();
            (0..).find(|_| {
                here.push("d");
                !here.exists()
            })
        };
        assert!(depth(&work).is_some_and(|depth| depth <= limits::SWEEP_DEPTH + 1), "{:?}", depth(&work));
        remove(&work);
        assert!(!work.exists());
    }

    #[test]
    fn a_folder_made_unreadable_is_removed_and_a_link_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let (outside, inside) = (place.path().join("outside"), place.path().join("work"));
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("kept"), "x").unwrap();
        fs::create_dir_all(inside.join("a/b")).unwrap();
        fs::write(inside.join("a/b/file"), "x").unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("a/link")).unwrap();
        fs::set_permissions(inside.join("a"), fs::Permissions::from_mode(0o000)).unwrap();
        open_up(&inside);
        assert_eq!(fs::metadata(inside.join("a")).unwrap().permissions().mode() & 0o777, 0o700);
        remove(&inside);
        assert!(!inside.exists() && outside.join("kept").exists());
    }
}
