//! The system calls that no safe API of our libraries makes. Each is small, and says why it is sound.

use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, AsRawFd};

fn done(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result < 0 { Err(last()) } else { Ok(result) }
}

fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

/// Two processes of one thread each. None in the new one, which must end by [`leave`].
#[expect(unsafe_code, reason = "no safe API forks")]
pub(crate) fn fork() -> Result<Option<Pid>, Errno> {
    // SAFETY: this process has one thread, so that the new one may do all that this one may.
    let pid = done(unsafe { libc::fork() }.into())?;
    Ok(i32::try_from(pid).ok().and_then(Pid::from_raw))
}

/// Ends a forked process without running what its parent registered to run at exit.
pub(crate) fn leave(well: bool) -> ! {
    leave_with(if well { 0 } else { 1 })
}

#[expect(unsafe_code, reason = "no safe API ends a process without its exit handlers")]
pub(super) fn leave_with(code: u8) -> ! {
    // SAFETY: `_exit` touches nothing of this process.
    unsafe { libc::_exit(code.into()) }
}

/// Closes every descriptor from this number on.
#[expect(unsafe_code, reason = "no safe API closes descriptors that nobody owns")]
pub(crate) fn close_from(first: u32) -> Result<(), Errno> {
    // SAFETY: called first thing in `main`: nothing here owns a descriptor yet.
    done(unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) }).map(drop)
}

/// Leaves these namespaces for new ones.
#[expect(unsafe_code, reason = "the flag for descriptor tables, never given here, would make it unsound")]
pub(super) fn unshare(flags: rustix::thread::UnshareFlags) -> Result<(), Errno> {
    // SAFETY: the flags are those of namespaces.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// The kernel's `struct mount_attr`.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns: u64,
}

/// Adds attributes to a mount (and all below it) and takes it out of the host's propagation.
#[expect(unsafe_code, reason = "rustix has no mount_setattr")]
pub(super) fn mount_attributes(mount: impl AsFd, set: u32, recursive: bool) -> Result<(), Errno> {
    let attr = MountAttr { set: set.into(), clear: 0, propagation: libc::MS_PRIVATE, userns: 0 };
    let below = if recursive { libc::AT_RECURSIVE } else { 0 };
    let (fd, flags) = (mount.as_fd().as_raw_fd(), libc::AT_EMPTY_PATH | below);
    // SAFETY: the path is an empty C string, and the struct lives longer than the call, which is told its size.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd,
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    done(result).map(drop)
}

/// Switches this network namespace's own loopback on.
#[expect(unsafe_code, reason = "no safe API sets an interface's flags")]
pub(super) fn loopback_up() -> Result<(), Errno> {
    use rustix::net::{AddressFamily, SocketType, socket};
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: all zeros is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request is a whole `ifreq` with a name that ends in a zero, and outlives the call.
    done(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) }.into()).map(drop)
}

/// A keyring of our own instead of the one that whoever started us filled. It is no wall: seccomp forbids key calls.
#[expect(unsafe_code, reason = "no safe API for keyrings")]
pub(super) fn new_keyring() {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for an anonymous keyring.
    let _ =
        unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>()) };
}

/// A write past the file bound fails instead of killing, here and in all that is started from here.
#[expect(unsafe_code, reason = "no safe API ignores a signal")]
pub(super) fn ignore_file_bound_signal() {
    // SAFETY: ignoring runs no handler.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// The kernel's Landlock ABI.
#[expect(unsafe_code, reason = "the landlock crate does not tell the number")]
pub(super) fn landlock_abi() -> Result<u32, Errno> {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag, no attributes and size 0 the call only answers the version.
    let abi = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0_usize, VERSION)
    };
    Ok(u32::try_from(done(abi)?).unwrap_or(0))
}

/// Whether the kernel takes seccomp filters that answer with an error.
#[expect(unsafe_code, reason = "seccompiler can't be asked")]
pub(super) fn seccomp_available() -> Result<(), Errno> {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the action outlives the call, which only reads it.
    done(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) })
        .map(drop)
}
