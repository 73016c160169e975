//! Who the sandbox is: never host root, a user namespace with one user in it, no capabilities, no way to any.

use super::super::walls::{Missing, Wall};
use super::syscalls;
use crate::limits::sandbox::OOM_SCORE;
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, getegid, geteuid, set_dumpable_behavior};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, Gid, Uid, UnshareFlags, capabilities,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_capabilities_secure_bits, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};
use std::io::Write;

/// The uid and gid that root's sandboxes run as: in the range that systemd's registry of uids leaves unused.
pub(crate) const OWNER: u32 = 61_000;

/// Who a command sees itself as.
pub(super) const INSIDE: u32 = 1000;

/// What the host should know of this process, while its `/proc` is still in reach.
pub(super) fn prepare() {
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE.to_string());
    syscalls::new_keyring();
}

/// Whether this process may mount where it is.
pub(super) fn may_mount() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// From root to an ordinary user, for good.
pub(super) fn become_ordinary() -> Result<(), Missing> {
    let wall = |step| move |errno: Errno| Wall::OrdinaryUser.missing(step, errno);
    let (uid, gid) = (Uid::from_raw(OWNER), Gid::from_raw(OWNER));
    set_thread_groups(&[]).map_err(wall("setgroups"))?;
    set_thread_res_gid(gid, gid, gid).map_err(wall("setresgid"))?;
    set_thread_res_uid(uid, uid, uid).map_err(wall("setresuid"))?;
    if set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok() {
        return Err(Wall::OrdinaryUser.faulty("root can be taken back"));
    }
    // A change of user closes our own /proc to us, which the maps below need.
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(wall("dumpable"))
}

/// The namespaces, one after the other, so that a missing one is named.
pub(super) fn unshare() -> Result<(), Missing> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let user = |step| move |errno: Errno| Wall::UserNamespace.missing(step, errno);
    syscalls::unshare(UnshareFlags::NEWUSER).map_err(user("unshare"))?;
    write("/proc/self/setgroups", "deny").map_err(user("setgroups"))?;
    write("/proc/self/uid_map", &format!("{INSIDE} {uid} 1")).map_err(user("uid map"))?;
    write("/proc/self/gid_map", &format!("{INSIDE} {gid} 1")).map_err(user("gid map"))?;
    for (wall, flags) in [
        (Wall::MountNamespace, UnshareFlags::NEWNS),
        (Wall::PidNamespace, UnshareFlags::NEWPID),
        (Wall::NetNamespace, UnshareFlags::NEWNET),
        (Wall::IpcNamespace, UnshareFlags::NEWIPC),
        (Wall::UtsNamespace, UnshareFlags::NEWUTS),
    ] {
        syscalls::unshare(flags).map_err(|errno| wall.missing("unshare", errno))?;
    }
    // It hides a name, no more: a kernel without it is good enough.
    let _ = syscalls::unshare(UnshareFlags::NEWCGROUP);
    Ok(())
}

/// No capability can come back by executing something.
pub(super) fn drop_bounding_set() -> Result<(), Missing> {
    let wall = |step| move |errno: Errno| Wall::Capabilities.missing(step, errno);
    set_no_new_privs(true).map_err(wall("no_new_privs"))?;
    let bits = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
    set_capabilities_secure_bits(bits).map_err(wall("securebits"))?;
    clear_ambient_capability_set().map_err(wall("ambient set"))?;
    for number in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // Past the kernel's last one.
            Err(Errno::INVAL) if number > 0 => break,
            Err(errno) => return Err(Wall::Capabilities.missing("bounding set", errno)),
        }
    }
    Ok(())
}

/// The last of them, and a look whether it is so.
pub(super) fn drop_capabilities() -> Result<(), Missing> {
    let wall = |step| move |errno: Errno| Wall::Capabilities.missing(step, errno);
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).map_err(wall("capset"))?;
    let now = capabilities(None).map_err(wall("capget"))?;
    if (now.effective | now.permitted | now.inheritable).is_empty() {
        return Ok(());
    }
    Err(Wall::Capabilities.faulty("some are left"))
}

/// One write, as these files want it.
fn write(path: &str, text: &str) -> Result<(), Errno> {
    use rustix::fs::{OFlags, open};
    let file = open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut file = std::fs::File::from(file);
    file.write_all(text.as_bytes()).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
