//! Makes what was written to somebody's repository survive a power cut: objects first, then the ref that names them.

use crate::limits::git as limits;
use git2::Oid;
use rustix::fs::syncfs;
use std::{
    collections::BTreeSet,
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Flushes loose objects and the folders that name them.
pub(super) fn objects(folder: &Path, ids: &[Oid]) -> io::Result<()> {
    if ids.len() > limits::SYNC_ONE_BY_ONE {
        return Ok(syncfs(File::open(folder)?)?);
    }
    let mut folders = BTreeSet::new();
    for id in ids {
        let text = id.to_string();
        let (first, rest) = text.split_at(2);
        let inner = folder.join(first);
        flush(&inner.join(rest))?;
        folders.insert(inner);
    }
    folders.iter().try_for_each(|folder| flush(folder))?;
    if ids.is_empty() { Ok(()) } else { flush(folder) }
}

/// Flushes a loose ref and the folders up to `common`.
pub(super) fn reference(common: &Path, name: &str) -> io::Result<()> {
    let path: PathBuf = common.join(name);
    path.ancestors().take_while(|path| *path != common).try_for_each(flush)
}

/// Flushes one file or folder.
pub(super) fn flush(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) => file.sync_all(),
        // packed by somebody meanwhile, and so flushed by them
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
