//! Credential files inside the read-only roots, covered by an empty file or folder that can't be opened. Sockets too: who
//! serves there is on the host, and a read-only folder does not keep anybody from talking to it.
//!
//! They lie at the top of a tool's folder or of a home, so the root and its direct child folders are looked through,
//! as the sandbox's own user: what that user can't read needs no mask. Of the system's folders, which are large and not a
//! person's, only those are looked at where a machine's own settings lie.

use super::mounts::{NewRoot, READ_ONLY, copy_own, is_folder};
use crate::limits::sandbox::{CREDENTIALS, MASK_ENTRIES};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, openat2, statat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a machine keeps its own settings beneath the system's folders.
const SETTINGS: &[&str] = &["/usr/local", "/usr/local/etc", "/usr/etc"];

/// Covers every credential in these roots.
pub(super) fn mask(root: &NewRoot, roots: &[PathBuf]) -> Result<(), Errno> {
    let folder = root.folder(Path::new("/run/masked"))?;
    rustix::fs::chmodat(&root.0, "run/masked", Mode::empty(), AtFlags::empty())?;
    let file = root.file(Path::new("/run/mask"), "", 0)?;
    let mut left = MASK_ENTRIES;
    let mut known = Vec::new();
    for folder in SETTINGS {
        look(root, Path::new(folder), &mut left, &mut known);
    }
    for found in known.into_iter().chain(roots.iter().flat_map(|path| credentials(root, path))) {
        // A link to nowhere inside, or what we may not reach: nobody inside may either.
        let Ok(point) = root.open(&found) else { continue };
        let cover = if is_folder(&point)? { &folder } else { &file };
        super::mounts::attach(copy_own(cover, READ_ONLY)?, point)?;
    }
    Ok(())
}

/// Where the credentials of one root are.
fn credentials(root: &NewRoot, path: &Path) -> Vec<PathBuf> {
    let mut left = MASK_ENTRIES;
    let mut found = Vec::new();
    // The root may be such a file or folder itself.
    if CREDENTIALS.iter().any(|name| path.ends_with(name)) {
        found.push(path.to_owned());
    }
    let folders = look(root, path, &mut left, &mut found);
    for folder in folders {
        look(root, &path.join(folder), &mut left, &mut found);
    }
    found
}

/// Names in one folder: credentials go into `found`, folders come back.
fn look(root: &NewRoot, path: &Path, left: &mut usize, found: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let Some(entries) = open_folder(root, path).and_then(|fd| Dir::read_from(fd).ok()) else {
        return folders;
    };
    for entry in entries.flatten() {
        let name = Path::new(OsStr::from_bytes(entry.file_name().to_bytes())).to_owned();
        if *left == 0 || name == Path::new(".") || name == Path::new("..") {
            continue;
        }
        *left -= 1;
        for known in CREDENTIALS {
            match Path::new(known).strip_prefix(&name) {
                Ok(rest) if rest.as_os_str().is_empty() => found.push(path.join(&name)),
                Ok(rest) if exists(root, &path.join(&name).join(rest)) => {
                    found.push(path.join(&name).join(rest))
                }
                _ => {}
            }
        }
        match entry.file_type() {
            FileType::Directory => folders.push(name),
            FileType::Socket => found.push(path.join(name)),
            _ => {}
        }
    }
    folders
}

fn open_folder(root: &NewRoot, path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat2(&root.0, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS).ok()
}

fn exists(root: &NewRoot, path: &Path) -> bool {
    root.open(path).is_ok_and(|fd| statat(fd, "", AtFlags::EMPTY_PATH).is_ok())
}
