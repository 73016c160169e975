//! Paths: what a model names becomes a file beneath the workspace, or a reason why not. The kernel resolves
//! (`openat2`, `RESOLVE_BENEATH`), so no symlink and no `..` leads out, whatever the repository holds.

use super::guess;
use crate::sandbox::WORKSPACE;
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// The workspace.
pub(super) struct Root {
    pub(super) dir: OwnedFd,
    pub(super) path: PathBuf,
}

/// Where something is or shall be: an open folder and a name in it.
pub(super) struct Place {
    pub(super) folder: OwnedFd,
    pub(super) name: String,
    /// What stands there now.
    pub(super) now: Option<rustix::fs::Stat>,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let dir = rustix::fs::open(&path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { dir, path })
    }

    /// The given path relative to the workspace, without `.` and `..`; the workspace itself is `.`.
    pub(super) fn relative(&self, given: &str) -> Result<String, String> {
        let path = Path::new(given);
        let below = [self.path.as_path(), Path::new(WORKSPACE)]
            .into_iter()
            .find_map(|root| path.strip_prefix(root).ok());
        let path = match (path.is_absolute(), below) {
            (false, _) => path,
            (true, Some(below)) => below,
            (true, None) => {
                return Err(format!("{given} is outside the workspace; use the shell to look at it"));
            }
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(name) => parts.push(name.to_str().unwrap_or_default()),
                Component::ParentDir if parts.pop().is_none() => {
                    return Err(format!("{given} leads out of the workspace"));
                }
                Component::ParentDir | Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
    }

    /// Opens something that exists. Never blocks (fifos, devices) and never leaves the workspace.
    pub(super) fn open_existing(&self, given: &str) -> Result<(String, OwnedFd, rustix::fs::Stat), String> {
        let path = self.relative(given)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = beneath(&self.dir, &path, flags).map_err(|error| self.explain(&path, error))?;
        let stat = rustix::fs::fstat(&file).map_err(|error| self.explain(&path, error))?;
        Ok((path, file, stat))
    }

    /// Where to write `given`: through symlinks as long as they stay inside, with the folders on the way made.
    pub(super) fn place(&self, given: &str) -> Result<Place, String> {
        let mut path = self.relative(given)?;
        for _ in 0..40 {
            let whole = Path::new(&path);
            let name = whole.file_name().and_then(|name| name.to_str()).filter(|_| path != ".");
            let Some(name) = name.map(str::to_owned) else { return Err(format!("{given} is a folder")) };
            let parent =
                whole.parent().and_then(Path::to_str).filter(|parent| !parent.is_empty()).unwrap_or(".");
            let folder = self.make_folder(parent)?;
            let now = match rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some(stat),
                Err(Errno::NOENT) => None,
                Err(error) => return Err(self.explain(&path, error)),
            };
            match now.as_ref().map(|stat| FileType::from_raw_mode(stat.st_mode)) {
                Some(FileType::Symlink) => {
                    let target = rustix::fs::readlinkat(&folder, &name, Vec::new());
                    let target = target.map_err(|error| self.explain(&path, error))?;
                    let target = target
                        .to_str()
                        .map_err(|_| format!("{given} is a symlink to a name that is not UTF-8"))?;
                    if target.starts_with('/') {
                        return Err(format!("{given} is a symlink out of the workspace ({target})"));
                    }
                    // the link's own dots are the kernel's business: it resolves them beneath the workspace
                    path = format!("{parent}/{target}");
                }
                Some(FileType::RegularFile) | None => return Ok(Place { folder, name, now }),
                Some(other) => return Err(format!("{given} is {}", kind(other))),
            }
        }
        Err(format!("{given} is a symlink to itself"))
    }

    /// Opens a folder, making what is missing of it.
    fn make_folder(&self, path: &str) -> Result<OwnedFd, String> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match beneath(&self.dir, path, flags) {
            Ok(folder) => return Ok(folder),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(self.explain(path, error)),
        }
        let mut made = String::new();
        let mut above = beneath(&self.dir, ".", flags).map_err(|error| self.explain(".", error))?;
        for name in path.split('/') {
            made = if made.is_empty() { name.to_owned() } else { format!("{made}/{name}") };
            above = match beneath(&self.dir, &made, flags) {
                Err(Errno::NOENT) => rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o777))
                    .and_then(|()| beneath(&self.dir, &made, flags))
                    .map_err(|error| self.explain(&made, error))?,
                other => other.map_err(|error| self.explain(&made, error))?,
            };
        }
        Ok(above)
    }

    /// An error about a path, for the model.
    pub(super) fn explain(&self, path: &str, error: Errno) -> String {
        match error {
            Errno::NOENT => guess::missing(self, path),
            Errno::XDEV => format!("{path} leads out of the workspace"),
            Errno::LOOP => format!("{path} is a symlink to itself or out of the workspace"),
            Errno::NOTDIR => format!("{path}: a part of the path is a file, not a folder"),
            Errno::ISDIR => format!("{path} is a folder"),
            Errno::ACCESS | Errno::PERM => format!("{path}: permission denied"),
            Errno::ROFS => format!("{path} is read-only here"),
            Errno::NOSPC | Errno::DQUOT => format!("{path}: the disk is full"),
            Errno::FBIG => format!("{path}: larger than a file may be here"),
            Errno::NAMETOOLONG => format!("{path}: the name is too long"),
            Errno::NXIO => format!("{path} is a socket or device, not a file"),
            other => format!("{path}: {}", io::Error::from(other)),
        }
    }
}

/// `openat2` beneath `dir`; again when a rename elsewhere disturbed it.
fn beneath(dir: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut last = Errno::AGAIN;
    for _ in 0..10 {
        match rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(error @ (Errno::AGAIN | Errno::INTR)) => last = error,
            other => return other,
        }
    }
    Err(last)
}

/// What kind of thing stands there, in words.
pub(super) fn kind(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a folder",
        FileType::Fifo => "a fifo, not a file",
        FileType::Socket => "a socket, not a file",
        FileType::CharacterDevice | FileType::BlockDevice => "a device, not a file",
        FileType::Symlink => "a symlink",
        FileType::RegularFile => "a file",
        FileType::Unknown => "of an unknown kind",
    }
}
