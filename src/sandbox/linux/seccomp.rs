//! Seccomp: the calls that nothing inside needs and that kernels were broken through. Four filters: calls refused with
//! EPERM, families of sockets, calls that don't exist here so that programs use their older way, and which numbers are
//! calls at all.
//!
//! It is a list of what is refused, and every number past the newest known call counts as refused: compilers, test
//! runners and language runtimes use nearly everything else.

use super::super::walls::{Missing, Wall};
use super::syscalls;
use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Built<T> = Result<T, seccompiler::BackendError>;

/// Refused whatever the arguments.
#[rustfmt::skip]
const REFUSED: &[libc::c_long] = &[
    // Mounts and roots.
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_move_mount, libc::SYS_open_tree,
    libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at, libc::SYS_name_to_handle_at, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_quotactl,
    libc::SYS_quotactl_fd, libc::SYS_fanotify_init, libc::SYS_fanotify_mark, libc::SYS_acct,
    // Namespaces.
    libc::SYS_unshare, libc::SYS_setns,
    // Other processes.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise, libc::SYS_pidfd_getfd,
    libc::SYS_kcmp, libc::SYS_migrate_pages, libc::SYS_move_pages,
    // The kernel.
    libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_kexec_load, libc::SYS_kexec_file_load,
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_reboot, libc::SYS_syslog,
    libc::SYS_vhangup, libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_memfd_secret,
    // Keys.
    libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl,
    // Time.
    libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_clock_adjtime, libc::SYS_adjtimex,
];

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const REFUSED_HERE: &[libc::c_long] = &[
    libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_uselib, libc::SYS_ustat,
    libc::SYS_sysfs, libc::SYS__sysctl, libc::SYS_nfsservctl,
    libc::SYS_lookup_dcookie,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[libc::c_long] = &[];

/// Not there at all. `clone3` hides its flags behind a pointer; io_uring passes every filter by.
const ABSENT: &[libc::c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// The family of Unix sockets.
const UNIX: u64 = 1;

/// The newest call this list was made for (`mseal`); what comes after it is absent.
const NEWEST: u32 = 462;

pub(super) fn available() -> Result<(), Missing> {
    syscalls::seccomp_available().map_err(|errno| Wall::Seccomp.missing("actions", errno))
}

/// Restricts this process and all it will start. Where the memory is watched and not bounded by the kernel, there is none
/// that no process shows: no file in memory alone.
pub(super) fn restrict(watch_memory: bool) -> Result<(), Missing> {
    let failed = |error: String| Wall::Seccomp.faulty(error);
    for program in programs(watch_memory).map_err(|error| failed(error.to_string()))? {
        seccompiler::apply_filter(&program).map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

fn programs(watch_memory: bool) -> Built<[BpfProgram; 4]> {
    let every = |calls: &[libc::c_long]| calls.iter().map(|call| (*call, Vec::new())).collect::<Rules>();
    let mut refused = every(REFUSED);
    refused.extend(every(REFUSED_HERE));
    refused.extend(conditional()?);
    let pair = rule(vec![(0, Op::Ne, UNIX)])?;
    let families = Rules::from([(libc::SYS_socket, sockets()?), (libc::SYS_socketpair, vec![pair])]);
    let mut absent = every(ABSENT);
    if watch_memory {
        absent.extend(every(&[libc::SYS_memfd_create]));
    }
    Ok([
        filter(refused, Errno::PERM)?,
        filter(families, Errno::AFNOSUPPORT)?,
        filter(absent, Errno::NOSYS)?,
        numbers(),
    ])
}

/// Matches answer with this error; another processor architecture's calls kill.
fn filter(rules: Rules, errno: Errno) -> Built<BpfProgram> {
    let refusal = SeccompAction::Errno(errno.raw_os_error().unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refusal, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn conditional() -> Built<Rules> {
    let namespaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    let with = |flag: libc::c_int| {
        let flag = u64::from(flag.unsigned_abs());
        rule(vec![(0, Op::MaskedEq(flag), flag)])
    };
    let clone = namespaces.into_iter().map(with).collect::<Built<_>>()?;
    // Typing into a terminal, and into the console; a line discipline, which would load a kernel module.
    let type_in = [libc::TIOCSTI, libc::TIOCLINUX, libc::TIOCSETD].map(|call| rule(vec![(1, Op::Eq, call)]));
    // Linux as it is, without address randomisation, and asking.
    let personalities = [0, 0x0004_0000, 0xffff_ffff].map(|known| (0, Op::Ne, known));
    Ok(Rules::from([
        (libc::SYS_clone, clone),
        (libc::SYS_ioctl, type_in.into_iter().collect::<Built<_>>()?),
        // Another's limits: without processor time it would be killed.
        (libc::SYS_prlimit64, vec![rule(vec![(0, Op::Ne, 0)])?]),
        (libc::SYS_personality, vec![rule(personalities.to_vec())?]),
    ]))
}

/// Which sockets there are not: all families but Unix, IPv4, IPv6 and route netlink (to list interfaces); raw ones; and
/// protocols that would load a kernel module.
fn sockets() -> Built<Vec<SeccompRule>> {
    let (v4, v6, netlink) = (2, 10, 16);
    let mut rules = vec![
        rule([UNIX, v4, v6, netlink].map(|family| (0, Op::Ne, family)).to_vec())?,
        rule(vec![(0, Op::Eq, netlink), (2, Op::Ne, 0)])?,
    ];
    for family in [v4, v6] {
        let (raw, packet) = (3, 10);
        for kind in [raw, packet] {
            rules.push(rule(vec![(0, Op::Eq, family), (1, Op::MaskedEq(0xf), kind)])?);
        }
        let known = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP, libc::IPPROTO_MPTCP];
        let mut unknown = vec![(0, Op::Eq, family)];
        unknown.extend(known.map(|protocol| (2, Op::Ne, u64::from(protocol.unsigned_abs()))));
        rules.push(rule(unknown)?);
    }
    Ok(rules)
}

/// All of these hold; arguments are compared in their low 32 bits, as the kernel reads them.
fn rule(conditions: Vec<(u8, Op, u64)>) -> Built<SeccompRule> {
    let condition = |(argument, op, value)| SeccompCondition::new(argument, Len::Dword, op, value);
    SeccompRule::new(conditions.into_iter().map(condition).collect::<Built<_>>()?)
}

/// Every number past the newest known call is absent; on x86-64 that includes the x32 calls, which would pass the lists.
fn numbers() -> BpfProgram {
    let step = |code: u32, jt: u8, jf: u8, k: u32| sock_filter { code: code as u16, jt, jf, k };
    let absent = libc::SECCOMP_RET_ERRNO | Errno::NOSYS.raw_os_error().unsigned_abs();
    vec![
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, 0, 1, NEWEST),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, absent),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}
