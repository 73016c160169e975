//! Probes of system calls, by number.

use super::probes::{Probe, fails, prints};

/// A call by the 32-bit entry, whose numbers mean other calls; said to be killed where it can't be tried.
const OTHER_KIND: &str = "command -v cc > /dev/null && test $(uname -m) = x86_64 || { echo killed; exit; }
    echo 'int main(void) { int r; __asm__ volatile(\"int $0x80\" : \"=a\"(r) : \"a\"(20)); return 0; }' > /tmp/k.c && cc -o /tmp/k /tmp/k.c && \
    sh -c '/tmp/k; exit $?' > /dev/null 2>&1; test $? -gt 128 && echo killed";

/// A system call by number: prints the error's number, or that it was let through.
fn call(name: &'static str, number: libc::c_long, arguments: &str, errno: i32) -> Probe {
    // Perl hands over strings only from variables.
    let texts = arguments.split('"').skip(1).step_by(2).map(|text| format!("\"{text}\"")).collect::<Vec<_>>();
    let arguments = arguments.split('"').enumerate().map(|(at, part)| match at % 2 {
        0 => part.to_owned(),
        _ => format!("$t[{}]", at / 2),
    });
    let (texts, arguments) = (texts.join(", "), arguments.collect::<String>());
    let command = format!(
        "perl -e '@t = ({texts}); $r = syscall({number}, {arguments}); print $r < 0 ? $!+0 : \"REACHED\"'"
    );
    prints(name, command, errno.to_string())
}

#[rustfmt::skip]
pub(super) fn calls() -> Vec<Probe> {
    let (eperm, enosys) = (libc::EPERM, libc::ENOSYS);
    vec![
        call("a user namespace", libc::SYS_unshare, "0x10000000", eperm),
        call("a mount namespace", libc::SYS_unshare, "0x20000", eperm),
        call("a network namespace", libc::SYS_unshare, "0x40000000", eperm),
        call("a namespace by clone", libc::SYS_clone, "0x20020011, 0, 0, 0, 0", eperm),
        call("a time namespace", libc::SYS_unshare, "0x80", eperm),
        call("moving a mount", libc::SYS_move_mount, "-100, \"/tmp\", -100, \"/usr\", 0", eperm),
        call("a mount's settings", libc::SYS_fsconfig, "0, 0, 0, 0, 0", eperm),
        call("a mount picked up", libc::SYS_fspick, "-100, \"/\", 0", eperm),
        call("a tree with settings", 467, "-100, \"/\", 1, 0, 0", enosys),
        call("handles of files", libc::SYS_name_to_handle_at, "-100, \"/\", 0, 0, 0", eperm),
        call("watching everybody's files", libc::SYS_fanotify_init, "0, 0", eperm),
        call("writing another's memory", libc::SYS_process_vm_writev, "2, 0, 0, 0, 0, 0", eperm),
        call("moving another's pages", libc::SYS_move_pages, "2, 0, 0, 0, 0, 0", eperm),
        call("comparing processes", libc::SYS_kcmp, "1, 2, 0, 0, 0", eperm),
        call("another's limits", libc::SYS_prlimit64, "2, 0, 0, 0", eperm),
        call("another kernel by file", libc::SYS_kexec_file_load, "0, 0, 0, 0, 0", eperm),
        call("a kernel module by file", libc::SYS_finit_module, "0, \"\", 0", eperm),
        call("removing a kernel module", libc::SYS_delete_module, "\"x\", 0", eperm),
        call("accounting", libc::SYS_acct, "\"/tmp/x\"", eperm),
        call("quotas", libc::SYS_quotactl, "0, 0, 0, 0", eperm),
        call("the clock by another way", libc::SYS_clock_settime, "0, 0", eperm),
        call("the domain's name", libc::SYS_setdomainname, "\"x\", 1", eperm),
        call("the console", libc::SYS_ioctl, "0, 0x541c, \"x\"", eperm),
        call("a line discipline", libc::SYS_ioctl, "0, 0x5423, \"x\"", eperm),
        call("io_uring's entry", libc::SYS_io_uring_enter, "0, 0, 0, 0, 0, 0", enosys),
        call("a user namespace by clone", libc::SYS_clone, "0x10000011, 0, 0, 0, 0", eperm),
        call("clone3", libc::SYS_clone3, "0, 0", enosys),
        call("another's namespace", libc::SYS_setns, "0, 0", eperm),
        fails("unshare", "unshare -U true"),
        call("mount", libc::SYS_mount, "\"none\", \"/tmp\", \"tmpfs\", 0, 0", eperm),
        fails("making /usr writable", "mount -o remount,rw,bind /usr"),
        call("unmount", libc::SYS_umount2, "\"/proc\", 2", eperm),
        call("the new mount calls", libc::SYS_fsopen, "\"tmpfs\", 0", eperm),
        call("a mount's copy", libc::SYS_open_tree, "-100, \"/\", 1", eperm),
        call("mount attributes", libc::SYS_mount_setattr, "-100, \"/\", 0, 0, 0", eperm),
        call("another root", libc::SYS_chroot, "\"/tmp\"", eperm),
        call("pivot_root", libc::SYS_pivot_root, "\"/tmp\", \"/tmp\"", eperm),
        call("files by handle", libc::SYS_open_by_handle_at, "-100, 0, 0", eperm),
        call("ptrace", libc::SYS_ptrace, "0, 0, 0, 0", eperm),
        call("attaching to the toolbox", libc::SYS_ptrace, "16, 2, 0, 0", eperm),
        call("another's memory", libc::SYS_process_vm_readv, "2, 0, 0, 0, 0, 0", eperm),
        call("another's descriptors", libc::SYS_pidfd_getfd, "0, 0, 0", eperm),
        call("bpf", libc::SYS_bpf, "0, 0, 0", eperm),
        call("perf", libc::SYS_perf_event_open, "0, 0, 0, 0, 0", eperm),
        call("userfaultfd", libc::SYS_userfaultfd, "0", eperm),
        call("io_uring", libc::SYS_io_uring_setup, "1, 0", enosys),
        call("adding a key", libc::SYS_add_key, "\"user\", \"x\", \"x\", 1, -3", eperm),
        call("reading keys", libc::SYS_keyctl, "0, -3, 0", eperm),
        call("asking for a key", libc::SYS_request_key, "\"user\", \"x\", 0, 0", eperm),
        call("another kernel", libc::SYS_kexec_load, "0, 0, 0, 0", eperm),
        call("a kernel module", libc::SYS_init_module, "0, 0, \"\"", eperm),
        call("reboot", libc::SYS_reboot, "0, 0, 0, 0", eperm),
        call("swap", libc::SYS_swapon, "\"/tmp/x\", 0", eperm),
        call("kernel log", libc::SYS_syslog, "3, 0, 0", eperm),
        call("the clock", libc::SYS_settimeofday, "0, 0", eperm),
        call("the host's name", libc::SYS_sethostname, "\"x\", 1", eperm),
        call("secret memory", libc::SYS_memfd_secret, "0", eperm),
        call("an old personality", libc::SYS_personality, "0x0400000", eperm),
        call("typing into a terminal", libc::SYS_ioctl, "0, 0x5412, \"x\"", eperm),
        call("a call of tomorrow", 500, "0", enosys),
        call("a call of the x32 kind", 0x4000_0000 + 39, "0", enosys),
        call("becoming root", libc::SYS_setuid, "0", libc::EINVAL),
        call("groups", libc::SYS_setgroups, "0, 0", eperm),
        prints("calls of another processor's kind", OTHER_KIND, "killed"),
    ]
}
