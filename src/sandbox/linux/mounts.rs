//! Mounts by descriptor: trees taken from the host before its paths are out of reach, and the new root they are put into.
//! No path of the old root is ever resolved while the new one is built.

use super::syscalls::mount_attributes;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat2, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// What a mount forbids.
pub(super) type Forbids = MountAttrFlags;

/// Nothing is written, no file gives rights, no file is a device.
pub(super) const READ_ONLY: Forbids =
    Forbids::MOUNT_ATTR_RDONLY.union(Forbids::MOUNT_ATTR_NOSUID).union(Forbids::MOUNT_ATTR_NODEV);
/// No file gives rights, no file is a device.
pub(super) const WRITABLE: Forbids = Forbids::MOUNT_ATTR_NOSUID.union(Forbids::MOUNT_ATTR_NODEV);
/// Device files themselves.
pub(super) const DEVICE: Forbids = Forbids::MOUNT_ATTR_NOSUID.union(Forbids::MOUNT_ATTR_NOEXEC);
/// `/proc`, and what only holds names.
pub(super) const INERT: Forbids = WRITABLE.union(Forbids::MOUNT_ATTR_NOEXEC);

/// A copy of the host's mounts at and below a path, in no namespace yet.
pub(super) fn copy(path: &Path, forbids: Forbids) -> Result<OwnedFd, Errno> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, path, flags)?;
    mount_attributes(&tree, forbids.bits(), true)?;
    Ok(tree)
}

/// A copy of one mount of ours.
pub(super) fn copy_own(from: impl AsFd, forbids: Forbids) -> Result<OwnedFd, Errno> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(from, "", flags)?;
    mount_attributes(&tree, forbids.bits(), false)?;
    Ok(tree)
}

/// A new filesystem of this kind, in no namespace yet.
pub(super) fn fresh(kind: &str, options: &[(&str, String)], forbids: Forbids) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (name, value) in options {
        fsconfig_set_string(context.as_fd(), *name, value.as_str())?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, forbids)
}

/// A tmpfs of this size.
pub(super) fn tmpfs(bytes: u64, inodes: u64, forbids: Forbids) -> Result<OwnedFd, Errno> {
    let options =
        [("size", bytes.to_string()), ("nr_inodes", inodes.to_string()), ("mode", "0755".to_owned())];
    fresh("tmpfs", &options, forbids)
}

/// Whether this is a folder.
pub(super) fn is_folder(fd: impl AsFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(fd)?.st_mode) == FileType::Directory)
}

/// Mounts a tree on what this descriptor stands for.
pub(super) fn attach(tree: impl AsFd, on: impl AsFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, "", on, "", flags)
}

/// The root that is being built. Paths are absolute and resolved inside it, links included.
pub(super) struct NewRoot(pub(super) OwnedFd);

impl NewRoot {
    /// What is there, for use as a mount point or a parent.
    pub(super) fn open(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.0, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
    }

    /// A folder with all its parents.
    pub(super) fn folder(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let mut so_far = PathBuf::from("/");
        let mut here = self.open(&so_far)?;
        for part in path.components() {
            let Component::Normal(name) = part else { continue };
            so_far.push(name);
            here = match self.open(&so_far) {
                Err(Errno::NOENT) => {
                    mkdirat(&here, name, Mode::from_raw_mode(0o755))?;
                    self.open(&so_far)?
                }
                other => other?,
            };
        }
        Ok(here)
    }

    /// A file of ours.
    pub(super) fn file(&self, path: &Path, text: &str, mode: u32) -> Result<OwnedFd, Errno> {
        self.parent(path)?;
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = openat2(&self.0, path, flags, Mode::from_raw_mode(mode), ResolveFlags::IN_ROOT)?;
        let mut file = File::from(file);
        file.write_all(text.as_bytes()).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Ok(file.into())
    }

    /// A symbolic link.
    pub(super) fn link(&self, path: &Path, target: &Path) -> Result<(), Errno> {
        let parent = self.parent(path)?;
        match symlinkat(target, parent, path.file_name().unwrap_or_default()) {
            Err(Errno::EXIST) => Ok(()),
            other => other,
        }
    }

    /// Mounts a tree at a path, making the mount point.
    pub(super) fn mount(&self, path: &Path, tree: &OwnedFd) -> Result<(), Errno> {
        let point = match self.open(path) {
            Err(Errno::NOENT) if is_folder(tree)? => self.folder(path)?,
            Err(Errno::NOENT) => self.file(path, "", 0o444)?,
            other => other?,
        };
        attach(tree, point)
    }

    fn parent(&self, path: &Path) -> Result<OwnedFd, Errno> {
        self.folder(path.parent().unwrap_or(Path::new("/")))
    }
}
