//! The disk bound. Nothing in the kernel bounds what a folder holds, so the child's watch looks at the free space of the
//! host's disk: it falls under a floor, or by more than the bound, and what the sandbox's folders hold is counted then.

use super::tree::Tree;
use crate::limits::sandbox::{DISK_ENTRIES, DISK_FLOOR_BYTES, DISK_FLOOR_FILES};
use rustix::fs::{StatVfs, statvfs};
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is bounded, and what was there at the start.
pub(super) struct Disk {
    /// The first is the workspace; the others lie on the same disk.
    folders: Vec<PathBuf>,
    bytes: u64,
    /// Free bytes from which the fall is measured.
    from: u64,
    /// Whose open files count as well: one without a name is in no folder.
    tree: Tree,
    floor_bytes: u64,
    floor_files: u64,
}

impl Disk {
    pub(super) fn new(folders: Vec<PathBuf>, bytes: u64, tree: Tree) -> Self {
        let now = folders.first().and_then(|folder| space(folder));
        let (from, files) = now.map_or((0, 0), |now| (free(&now), now.f_favail));
        let (floor_bytes, floor_files) = (DISK_FLOOR_BYTES.min(from / 2), DISK_FLOOR_FILES.min(files / 2));
        Self { folders, bytes, from, tree, floor_bytes, floor_files }
    }

    /// Whether the sandbox holds more than it may, or the host has hardly anything left.
    pub(super) fn is_passed(&mut self) -> bool {
        let Some(now) = self.folders.first().and_then(|folder| space(folder)) else { return false };
        if free(&now) < self.floor_bytes || now.f_favail < self.floor_files {
            return true;
        }
        if self.from.saturating_sub(free(&now)) <= self.bytes {
            return false;
        }
        let held = held(&self.folders);
        match held.map(|held| held.saturating_add(nameless(&self.tree.pids()))) {
            Some(held) if held <= self.bytes => {
                // others wrote as well: from now on only what comes on top counts
                self.from = free(&now).saturating_add(held);
                false
            }
            _ => true,
        }
    }
}

fn space(folder: &Path) -> Option<StatVfs> {
    statvfs(folder).ok()
}

fn free(disk: &StatVfs) -> u64 {
    disk.f_bavail.saturating_mul(disk.f_frsize)
}

/// Bytes on disk in and below these folders; None when it can't be counted.
fn held(folders: &[PathBuf]) -> Option<u64> {
    let mut waiting = folders.to_vec();
    let (mut bytes, mut entries, mut linked) = (0_u64, 0, HashSet::new());
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).ok()?.flatten() {
            entries += 1;
            if entries > DISK_ENTRIES {
                return None;
            }
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                waiting.push(entry.path());
            }
            // a file by several names is there once
            if found.is_dir() || found.nlink() < 2 || linked.insert((found.dev(), found.ino())) {
                bytes = bytes.saturating_add(found.blocks().saturating_mul(512));
            }
        }
    }
    Some(bytes)
}

/// Bytes on disk of files that these processes hold open and that no folder names any more.
fn nameless(pids: &[i32]) -> u64 {
    let (mut bytes, mut seen) = (0_u64, HashSet::new());
    let folders = pids.iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok());
    for open in folders.flat_map(Iterator::flatten).take(DISK_ENTRIES) {
        // through the link, to the file itself
        let Ok(found) = fs::metadata(open.path()) else { continue };
        if found.is_file() && found.nlink() == 0 && seen.insert((found.dev(), found.ino())) {
            bytes = bytes.saturating_add(found.blocks().saturating_mul(512));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_folders_hold_is_counted_once() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a");
        fs::create_dir(&folder).unwrap();
        let nothing = held(&[place.path().to_owned()]).unwrap();
        fs::write(folder.join("file"), vec![1; 1 << 20]).unwrap();
        fs::hard_link(folder.join("file"), place.path().join("again")).unwrap();
        std::os::unix::fs::symlink("/usr", place.path().join("link")).unwrap();
        let bytes = held(&[place.path().to_owned()]).unwrap() - nothing;
        assert!((1 << 20..(1 << 20) + (64 << 10)).contains(&bytes), "{bytes}");
        assert_eq!(held(&[place.path().join("none")]), None);
    }

    #[test]
    fn a_file_without_a_name_is_counted_once() {
        use std::io::Write;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![1; 1 << 20]).unwrap();
        file.sync_all().unwrap();
        let own = std::process::id().cast_signed();
        let twin = file.try_clone().unwrap();
        let both = nameless(&[own, own]);
        assert!(both >= 1 << 20, "{both}");
        drop((file, twin));
        assert!(nameless(&[own]) + (1 << 20) <= both);
    }

    #[test]
    fn what_others_write_does_not_count() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), vec![1; 1 << 20]).unwrap();
        let check = |bytes: u64, passed: bool| {
            let mut disk = Disk::new(vec![place.path().to_owned()], bytes, Tree::Descendants);
            // a small bound may be passed by what other tests write meanwhile
            assert!(passed || !disk.is_passed());
            // as if the disk had been much emptier at the start
            disk.from = u64::MAX;
            assert_eq!(disk.is_passed(), passed, "{bytes}");
            assert!(passed || disk.from < u64::MAX);
            disk.floor_bytes = u64::MAX;
            assert!(disk.is_passed());
        };
        check(64 << 20, false);
        check(1 << 10, true);
    }
}
