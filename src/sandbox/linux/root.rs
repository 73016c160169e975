//! The private root: a tmpfs with the shown trees mounted into it, a fresh `/proc`, devices, and a few files of ours.
//! Entering it leaves the host's root behind for good.

use super::super::{
    Policy,
    launch::Trouble,
    walls::{Missing, Wall},
};
use super::identity::INSIDE;
use super::masks::mask;
use super::mounts::{INERT, NewRoot, READ_ONLY, WRITABLE, attach, copy_own, fresh, tmpfs};
use super::sources::{Shown, Sources};
use super::syscalls::mount_attributes;
use super::{HOME, TMP};
use crate::limits::sandbox::{ROOT_BYTES, TMP_INODES};
use rustix::fs::{AtFlags, Mode, chmodat, mkdirat};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Entries of `/proc` that tell of the host or take orders for it.
const HIDDEN: &[&str] = &[
    "acpi",
    "bus",
    "cmdline",
    "config.gz",
    "driver",
    "fs",
    "interrupts",
    "iomem",
    "ioports",
    "irq",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "mdstat",
    "modules",
    "partitions",
    "sched_debug",
    "schedstat",
    "scsi",
    "swaps",
    "sysrq-trigger",
    "timer_list",
    "vmallocinfo",
];

/// Builds the root and enters it.
pub(super) fn enter(sources: Sources, policy: &Policy) -> Result<(), Trouble> {
    let wall = |step| move |errno: Errno| Trouble::from(Wall::Root.missing(step, errno));
    let all = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", all).map_err(wall("private mounts"))?;
    let tree = tmpfs(ROOT_BYTES, TMP_INODES, WRITABLE).map_err(wall("tmpfs"))?;
    // Any folder will do: it is the old root's, and on its way out.
    let point = ["/tmp", "/mnt", "/usr"]
        .into_iter()
        .find_map(|path| rustix::fs::open(path, PATH, Mode::empty()).ok());
    attach(&tree, point.ok_or_else(|| Trouble::Other("there is no /tmp".to_owned()))?)
        .map_err(wall("move_mount"))?;
    let root = NewRoot(tree);
    private(&root, policy).map_err(wall("private folders"))?;
    files(&root).map_err(wall("files"))?;
    devices(&root).map_err(wall("devices"))?;
    let Sources { system, devices, read, write } = sources;
    let roots: Vec<PathBuf> = read.iter().map(|(path, _)| path.clone()).collect();
    for (path, shown) in system.into_iter().chain(devices).chain(read) {
        show(&root, &path, shown)?;
    }
    mask(&root, &roots).map_err(wall("masks"))?;
    for (path, shown) in write {
        show(&root, &path, shown)?;
    }
    proc(&root)?;
    pivot(&root).map_err(wall("pivot_root"))?;
    mount_attributes(&root.0, READ_ONLY.bits(), false).map_err(wall("read-only root"))?;
    no_more_namespaces().map_err(|errno| Wall::UserNamespace.missing("no further ones", errno).into())
}

const PATH: rustix::fs::OFlags = rustix::fs::OFlags::PATH.union(rustix::fs::OFlags::CLOEXEC);

fn show(root: &NewRoot, path: &Path, shown: Shown) -> Result<(), Trouble> {
    let done = match &shown {
        Shown::Tree(tree) => root.mount(path, tree),
        Shown::Link(target) => root.link(path, target),
    };
    done.map_err(|errno| Wall::Root.missing(&format!("mount {}", path.display()), errno).into())
}

/// One size-bounded tmpfs for all that is private: temporary files, home, shared memory.
fn private(root: &NewRoot, policy: &Policy) -> Result<(), Errno> {
    let whole = tmpfs(policy.bounds.tmp_bytes, TMP_INODES, WRITABLE)?;
    let stage = root.folder(Path::new("/run/private"))?;
    attach(&whole, &stage)?;
    for (name, mode, path) in [("tmp", 0o1777, TMP), ("home", 0o700, HOME), ("shm", 0o1777, "/dev/shm")] {
        mkdirat(&whole, name, Mode::from_raw_mode(mode))?;
        chmodat(&whole, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
        let part = root.open(&Path::new("/run/private").join(name))?;
        root.mount(Path::new(path), &copy_own(part, WRITABLE)?)?;
    }
    let home = root.open(Path::new(HOME))?;
    mkdirat(home, ".run", Mode::from_raw_mode(0o700))?;
    // The parts stay mounted; the whole is out of reach. Relative to the root being built, which is no path yet.
    let stage = root.open(Path::new("/run/private"))?;
    rustix::process::fchdir(stage)?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::fchdir(&root.0)
}

/// The few files of `/etc` that are ours: one user, one host, no resolver.
fn files(root: &NewRoot) -> Result<(), Errno> {
    let passwd = format!("quantum:x:{INSIDE}:{INSIDE}::{HOME}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n");
    let group = format!("quantum:x:{INSIDE}:\nnogroup:x:65534:\n");
    for (path, text) in [
        ("/etc/passwd", passwd.as_str()),
        ("/etc/group", &group),
        ("/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
        ("/etc/hostname", "sandbox\n"),
        ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
        ("/etc/resolv.conf", ""),
    ] {
        root.file(Path::new(path), text, 0o444)?;
    }
    root.folder(Path::new("/var"))?;
    root.link(Path::new("/var/tmp"), Path::new(TMP))?;
    root.link(Path::new("/var/run"), Path::new("/run"))
}

fn devices(root: &NewRoot) -> Result<(), Errno> {
    let terminals =
        fresh("devpts", &[("ptmxmode", "0666".to_owned()), ("mode", "0620".to_owned())], no_exec())?;
    root.mount(Path::new("/dev/pts"), &terminals)?;
    for (path, target) in [
        ("/dev/ptmx", "pts/ptmx"),
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        root.link(Path::new(path), Path::new(target))?;
    }
    Ok(())
}

fn no_exec() -> super::mounts::Forbids {
    super::mounts::DEVICE
}

/// A `/proc` of the new pid namespace, without what tells of the host.
fn proc(root: &NewRoot) -> Result<(), Missing> {
    let wall = |step| move |errno: Errno| Wall::Proc.missing(step, errno);
    let tree = fresh("proc", &[], INERT).map_err(wall("mount"))?;
    root.mount(Path::new("/proc"), &tree).map_err(wall("mount"))?;
    let (folder, file) = covers(root).map_err(wall("covers"))?;
    for name in HIDDEN {
        let Ok(point) = root.open(&Path::new("/proc").join(name)) else { continue };
        let cover = if super::mounts::is_folder(&point).map_err(wall("look"))? { &folder } else { &file };
        attach(copy_own(cover, READ_ONLY).map_err(wall("cover"))?, point).map_err(wall("cover"))?;
    }
    Ok(())
}

fn covers(root: &NewRoot) -> Result<(OwnedFd, OwnedFd), Errno> {
    Ok((root.open(Path::new("/run/masked"))?, root.open(Path::new("/run/mask"))?))
}

/// The new root becomes `/`; the old one is gone, with all its mounts.
fn pivot(root: &NewRoot) -> Result<(), Errno> {
    rustix::process::fchdir(&root.0)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}

/// Not one more namespace of any kind from inside, whatever else fails.
fn no_more_namespaces() -> Result<(), Errno> {
    for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"] {
        let path = format!("/proc/sys/user/max_{kind}_namespaces");
        match std::fs::write(path, "0") {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            other => other.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?,
        }
    }
    Ok(())
}
