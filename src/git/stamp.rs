//! What checkouts wrote, so that files nobody touched since need not be read to know what is in them.
//!
//! A file is known by device, inode, size and change time. The change time can't be set by a process (unlike the
//! modification time), so content that changed after the checkout shows, except within the same tick of the clock:
//! what was written in the checkout's last tick is therefore not remembered. Kept in memory only.

use crate::limits::git as limits;
use git2::Oid;
use rustix::fs::Stat;
use std::{
    collections::{HashMap, VecDeque},
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// A change time: seconds and nanoseconds.
type Time = (i64, i64);

/// One written file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: Time,
    id: Oid,
}

impl Stamp {
    /// The file as its checkout leaves it.
    pub(super) fn new(file: &Metadata, id: Oid) -> Self {
        let changed = (file.ctime(), file.ctime_nsec());
        Self { device: file.dev(), inode: file.ino(), size: file.size(), changed, id }
    }
}

/// One checkout's files by inode.
#[derive(Debug, Default)]
pub(super) struct Written(HashMap<u64, Stamp>);

impl Written {
    /// The blob that the file holds, when that is known.
    pub(super) fn id(&self, file: &Stat) -> Option<Oid> {
        let stamp = self.0.get(&file.st_ino)?;
        #[expect(clippy::unnecessary_cast, reason = "the types differ between architectures")]
        let now =
            (file.st_dev as u64, file.st_size as u64, (file.st_ctime as i64, file.st_ctime_nsec as i64));
        (now == (stamp.device, stamp.size, stamp.changed)).then_some(stamp.id)
    }
}

/// The last checkouts.
#[derive(Debug, Default)]
pub(super) struct Stamps(Mutex<VecDeque<(PathBuf, Arc<Written>)>>);

impl Stamps {
    /// Remembers a checkout, just finished. No other process may have had access to the folder before.
    pub(super) fn remember(&self, folder: &Path, stamps: Vec<Stamp>) -> io::Result<()> {
        // Setting the folder's mode, to what it is, tells the file system's own time.
        fs::set_permissions(folder, fs::metadata(folder)?.permissions())?;
        let end = fs::metadata(folder)?;
        let end = (end.ctime(), end.ctime_nsec());
        let past = stamps.into_iter().filter(|stamp| stamp.changed < end);
        let written = Arc::new(Written(past.map(|stamp| (stamp.inode, stamp)).collect()));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(other, _)| other != folder);
        if all.len() >= limits::STAMPED_CHECKOUTS {
            all.pop_front();
        }
        all.push_back((folder.to_owned(), written));
        Ok(())
    }

    /// What is known about a folder: nothing when it was not checked out here, or long ago.
    pub(super) fn of(&self, folder: &Path) -> Arc<Written> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .find(|(other, _)| other == folder)
            .map(|(_, written)| Arc::clone(written))
            .unwrap_or_default()
    }
}
