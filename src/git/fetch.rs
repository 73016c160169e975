//! A remote's commits in a bare repository of ours.
//!
//! One commit is fetched at a time, without its history and without tags, and pinned under `refs/quantum/pin/`: the
//! next fetch builds on it, and nothing takes it away while a run uses it. No URL and no token is ever written there.

use super::{
    GitError, reference,
    source::{disk, open_ours, sha, tree_at},
    sync,
    tip::{self, OFFERED},
    transport::{Offer, meant},
    wire::{Call, Caps, Wire},
};
use crate::ids::{Secret, Sha};
use git2::{AutotagOption, FetchOptions, Oid, RemoteCallbacks, Repository};
use rustix::fs::{FlockOperation, flock};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::Mutex as Turns;
use tokio_util::sync::CancellationToken;

pub(super) const PINS: &str = "refs/quantum/pin";

/// Where to fetch from, and what.
#[derive(Clone, Debug)]
pub struct Remote {
    /// `https://HOST/OWNER/NAME.git`, as [`Want`]'s server knows it; nobody's name or password in it.
    pub url: String,
    /// Sent in an `Authorization` header, and nowhere else.
    pub token: Option<Secret>,
    /// What is fetched.
    pub want: Want,
}

/// What is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// What HEAD names: the default branch.
    Head,
    /// A branch, without `refs/heads/`.
    Branch(String),
    /// A commit by its full id. One that is here already is not asked for again.
    Commit(Sha),
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("HEAD"),
            Self::Branch(name) => f.write_str(name),
            Self::Commit(sha) => sha.fmt(f),
        }
    }
}

/// A bare repository of ours that a remote is fetched into; [`super::Source`] reads it. It is a cache: whatever is
/// missing can be fetched again. All calls block: use a blocking task.
#[derive(Clone, Debug)]
pub struct Mirror {
    pub(super) folder: PathBuf,
    wire: Wire,
}

impl Mirror {
    /// Opens the mirror in this folder, and makes an empty one when there is none. Safe at a crash.
    pub fn open(folder: &Path, wire: Wire) -> Result<Self, GitError> {
        open_ours(folder)?;
        let folder = folder.canonicalize().map_err(|cause| disk(folder, cause))?;
        Ok(Self { folder, wire })
    }

    /// Its folder, canonical.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fetches one commit, and answers its id once it is here for good, with all its files. One fetch a mirror goes at a
    /// time. Progress is nowhere but in the log; `cancel` ends it within moments.
    pub fn fetch(&self, remote: &Remote, caps: &Caps, cancel: &CancellationToken) -> Result<Sha, GitError> {
        // another fetch of this mirror may bring what we want
        let _turn = self.wire.until(cancel, turns(&self.folder).lock_owned())?;
        let _lock = self.lock()?;
        let store = open_ours(&self.folder)?;
        if let Want::Commit(sha) = &remote.want
            && self.is_pinned(&store, sha)
        {
            return Ok(sha.clone());
        }
        let mut call = Call::new(&self.wire, remote, caps, cancel)?;
        let tip = tip::ask(&mut call, &remote.want)?;
        let commit = sha(tip.commit);
        if !self.is_pinned(&store, &commit) {
            self.clear();
            let before = self.packs()?;
            let call = Arc::new(call);
            let offer = Offer::new(Arc::clone(&call), &tip)?;
            download(&store, &offer, &call, &remote.want)?;
            whole(&store, tip.commit, &remote.want)?;
            self.settle(&before).map_err(|cause| disk(&self.folder, cause))?;
            self.pin(&store, tip.commit)?;
            tracing::info!(commit = %commit, bytes = call.bytes(), "fetched");
        }
        Ok(commit)
    }

    /// Keeps other processes out. The kernel lets go of it when we die.
    pub(super) fn lock(&self) -> Result<Lock, GitError> {
        let path = self.folder.join("quantum.lock");
        drop(open_ours(&self.folder)?);
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|cause| disk(&path, cause))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(GitError::Busy(self.folder.clone())),
            Err(cause) => Err(disk(&path, cause.into())),
        }
    }

    fn is_pinned(&self, store: &Repository, commit: &Sha) -> bool {
        let pin = store.find_reference(&format!("{PINS}/{commit}"));
        pin.is_ok_and(|pin| pin.peel_to_commit().is_ok_and(|found| sha(found.id()) == *commit))
    }

    /// What a fetch that was killed has left: packs that are half there, and a lock that nobody holds.
    fn clear(&self) {
        let _ = fs::remove_file(self.folder.join("shallow.lock"));
        let entries = fs::read_dir(self.folder.join("objects/pack")).into_iter().flatten().flatten();
        for entry in entries {
            // whole ones are `pack-ID`
            if entry.file_name().to_string_lossy().starts_with("pack_git2_") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The files of all packs.
    pub(super) fn packs(&self) -> Result<BTreeSet<PathBuf>, GitError> {
        let folder = self.folder.join("objects/pack");
        let listed = fs::read_dir(&folder).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<BTreeSet<_>, _>>()
        });
        listed.map_err(|cause| disk(&folder, cause))
    }

    /// Makes what came survive a power cut before anything refers to it: also where history is cut off, or the next
    /// fetch would claim to have what lies before.
    pub(super) fn settle(&self, before: &BTreeSet<PathBuf>) -> std::io::Result<()> {
        let packs = self.folder.join("objects/pack");
        for entry in fs::read_dir(&packs)? {
            let path = entry?.path();
            if !before.contains(&path) {
                sync::flush(&path)?;
            }
        }
        [self.folder.join("shallow"), packs, self.folder.clone()]
            .iter()
            .try_for_each(|path| sync::flush(path))
    }

    fn pin(&self, store: &Repository, commit: Oid) -> Result<(), GitError> {
        let name = format!("{PINS}/{commit}");
        if reference::create(&self.folder, &name, commit).is_err() {
            // there already, or a file system that knows no files without names
            store.reference(&name, commit, true, "quantum: fetched")?;
        }
        sync::reference(&self.folder, &name).map_err(|cause| disk(&self.folder, cause))
    }
}

/// A lock that is let go of, not just closed: a process that is being started has a copy of it for a moment.
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Whose turn it is in each mirror of this process.
pub(super) fn turns(folder: &Path) -> Arc<Turns<()>> {
    static ALL: Mutex<BTreeMap<PathBuf, Weak<Turns<()>>>> = Mutex::new(BTreeMap::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(turns) = all.get(folder).and_then(Weak::upgrade) {
        return turns;
    }
    all.retain(|_, turns| turns.strong_count() > 0);
    let turns = Arc::default();
    all.insert(folder.to_owned(), Arc::downgrade(&turns));
    turns
}

fn download(store: &Repository, offer: &Offer, call: &Arc<Call>, want: &Want) -> Result<(), GitError> {
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|progress| {
        call.takes(progress.total_objects()).map_err(|error| call.fail(error)).is_ok()
    });
    let mut options = FetchOptions::new();
    options.depth(1).download_tags(AutotagOption::None).update_fetchhead(false).remote_callbacks(callbacks);
    let mut remote = store.remote_anonymous(&offer.url())?;
    let done = remote.download(&[OFFERED], Some(&mut options));
    done.map_err(|error| match call.failure() {
        Some(GitError::Garbled(said)) if said.contains("not our ref") => {
            GitError::NoSuchCommit(want.to_string())
        }
        Some(failure) => failure,
        None => meant(error),
    })
}

/// Whether what came is what was asked for. Its files are looked at by whoever reads them.
fn whole(store: &Repository, commit: Oid, want: &Want) -> Result<(), GitError> {
    match store.find_object(commit, None) {
        Ok(object) if object.as_commit().is_none() => Err(GitError::NoSuchCommit(want.to_string())),
        Ok(object) => {
            let tree = object.peel_to_commit()?.tree_id();
            tree_at(store, tree)
                .map(drop)
                .map_err(|_| GitError::Garbled("a commit without its tree".to_owned()))
        }
        Err(_) => Err(GitError::Garbled("a pack without the commit".to_owned())),
    }
}
