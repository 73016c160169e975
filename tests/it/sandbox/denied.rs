//! Each wall denied in turn: no work, and an error that names the wall and what to do. The kernel is made to refuse by
//! a filter on the host's thread, which the child inherits.

use super::place::{Place, Who, root, run_as};
use quantumlayer::report::{Class, Hint};
use quantumlayer::sandbox::SandboxError;
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};

/// Makes one call fail for this thread and all it starts: every use of it, or those with such an argument.
fn deny(call: libc::c_long, argument: Option<(u8, SeccompCmpOp, u64)>, errno: i32) {
    rustix::thread::set_no_new_privs(true).unwrap();
    let condition = |(index, operator, value)| {
        SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value).unwrap()
    };
    let rules = argument.map(|one| SeccompRule::new(vec![condition(one)]).unwrap());
    let filter = SeccompFilter::new(
        [(call, rules.into_iter().collect())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: seccompiler::BpfProgram = filter.unwrap().try_into().unwrap();
    apply_filter(&program).unwrap();
}

fn check(
    who: Who,
    call: libc::c_long,
    argument: Option<(u8, SeccompCmpOp, u64)>,
    errno: i32,
    wall: &str,
    remedy: &str,
) {
    let outcome = run_as(who, async move || {
        let place = Place::new(who);
        deny(call, argument, errno);
        place.sandbox.start(&place.policy()).await.map(drop)
    });
    refused(outcome, wall, remedy);
}

fn refused(outcome: Result<(), SandboxError>, expected: &str, hint: &str) {
    let error = outcome.expect_err(expected);
    let SandboxError::Wall { wall, .. } = &error else { panic!("{expected}: {error:?}") };
    assert_eq!(*wall, expected, "{error}");
    assert!(error.hint().contains(hint), "{expected}: {}", error.hint());
    assert_eq!(error.class(), Class::Refused);
}

#[test]
fn a_wall_that_cannot_be_built_refuses_the_work() {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let flag = |flag: i32| {
        let flag = u64::from(flag.unsigned_abs());
        Some((0, MaskedEq(flag), flag))
    };
    let namespaces = [
        (libc::CLONE_NEWUSER, "user namespace"),
        (libc::CLONE_NEWNS, "mount namespace"),
        (libc::CLONE_NEWPID, "pid namespace"),
        (libc::CLONE_NEWNET, "network namespace"),
        (libc::CLONE_NEWIPC, "ipc namespace"),
        (libc::CLONE_NEWUTS, "uts namespace"),
    ];
    for who in [Who::Us, Who::Ordinary] {
        for (kind, wall) in namespaces {
            check(who, libc::SYS_unshare, flag(kind), libc::EPERM, wall, "allow");
            check(who, libc::SYS_unshare, flag(kind), libc::ENOSPC, wall, "user.max_user_namespaces=15000");
        }
        for call in [
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_mount_setattr,
            libc::SYS_fsconfig,
            libc::SYS_fsmount,
        ] {
            check(who, call, None, libc::EPERM, "private root", "seccomp");
        }
        check(who, libc::SYS_prctl, Some((0, Eq, 1)), libc::EPERM, "pid namespace", "seccomp");
        check(who, libc::SYS_ioctl, Some((1, Eq, 0x8914)), libc::EPERM, "network namespace", "seccomp");
        check(who, libc::SYS_seccomp, Some((0, Eq, 1)), libc::EPERM, "seccomp", "CONFIG_SECCOMP_FILTER");
        check(who, libc::SYS_prctl, Some((0, Eq, 28)), libc::EPERM, "capabilities", "prctl");
        check(who, libc::SYS_open_tree, None, libc::EPERM, "private root", "seccomp");
        check(who, libc::SYS_fsopen, None, libc::EPERM, "private root", "seccomp");
        check(who, libc::SYS_move_mount, None, libc::EPERM, "private root", "seccomp");
        check(who, libc::SYS_pivot_root, None, libc::EPERM, "private root", "seccomp");
        check(who, libc::SYS_landlock_create_ruleset, None, libc::ENOSYS, "Landlock", "Linux 6.7");
        check(who, libc::SYS_landlock_create_ruleset, None, libc::EOPNOTSUPP, "Landlock", "`lsm=`");
        check(who, libc::SYS_landlock_restrict_self, None, libc::EPERM, "Landlock", "landlock");
        check(who, libc::SYS_seccomp, None, libc::EINVAL, "seccomp", "CONFIG_SECCOMP_FILTER");
        check(who, libc::SYS_capset, None, libc::EPERM, "capabilities", "capset");
        check(who, libc::SYS_prctl, Some((0, Eq, 24)), libc::EPERM, "capabilities", "prctl");
        check(who, libc::SYS_prctl, Some((0, Eq, 38)), libc::EPERM, "capabilities", "prctl");
        check(who, libc::SYS_prlimit64, Some((2, Ne, 0)), libc::EPERM, "resource limits", "setrlimit");
    }
    if root() {
        check(Who::Us, libc::SYS_setresuid, None, libc::EPERM, "ordinary user", "as an ordinary user");
        check(Who::Us, libc::SYS_setgroups, None, libc::EPERM, "ordinary user", "as an ordinary user");
    }
}

#[test]
fn doctor_names_every_missing_wall() {
    let lines = run_as(Who::Us, async || {
        let place = Place::new(Who::Us);
        deny(libc::SYS_landlock_create_ruleset, None, libc::ENOSYS);
        let flag = u64::from(libc::CLONE_NEWPID.unsigned_abs());
        deny(libc::SYS_unshare, Some((0, SeccompCmpOp::MaskedEq(flag), flag)), libc::EPERM);
        let probes = place.sandbox.probe().await;
        probes.into_iter().filter(|probe| !probe.ok).map(|probe| probe.name).collect::<Vec<_>>()
    });
    for name in ["sandbox: pid namespace", "sandbox: Landlock", "sandbox: network namespace"] {
        assert!(lines.iter().any(|line| line == name), "{name}: {lines:?}");
    }
    assert!(
        !lines.iter().any(|line| line == "sandbox: mount namespace" || line == "sandbox: seccomp"),
        "{lines:?}"
    );
}

#[test]
fn doctor_is_content_where_all_walls_stand() {
    let probes = run_as(Who::Us, async || Place::new(Who::Us).sandbox.probe().await);
    assert!(probes.iter().all(|probe| probe.ok), "{probes:?}");
    assert!(probes.len() >= 13);
}

/// Lets another thread answer a call of this thread and of all it starts: with success and this value.
#[expect(unsafe_code, reason = "no safe API answers a filter's questions")]
fn answer(call: libc::c_long, value: i64) {
    use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
    const RECEIVE: libc::c_ulong = 0xc050_2100;
    const SEND: libc::c_ulong = 0xc018_2101;
    rustix::thread::set_no_new_privs(true).unwrap();
    let (questions, listener) = std::sync::mpsc::channel::<libc::c_int>();
    std::thread::spawn(move || {
        let Ok(filter) = listener.recv() else { return };
        loop {
            // SAFETY: both are as large as the kernel's own, whose numbers hold the sizes, and outlive the calls.
            let mut question = [0_u64; 10];
            if unsafe { libc::ioctl(filter, RECEIVE, &raw mut question) } != 0 {
                return;
            }
            let mut given = [question[0], value.unsigned_abs(), 0];
            // SAFETY: as above.
            unsafe { libc::ioctl(filter, SEND, &raw mut given) };
        }
    });
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut steps = [
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0, 0),
        step(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, u32::try_from(call).unwrap()),
        step(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_USER_NOTIF),
        step(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: the program and its steps outlive the call, which copies them.
    let filter = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    assert!(filter >= 0, "{}", std::io::Error::last_os_error());
    questions.send(filter.try_into().unwrap()).unwrap();
}

#[test]
fn an_old_landlock_is_not_enough() {
    for who in [Who::Us, Who::Ordinary] {
        let outcome = run_as(who, async move || {
            let place = Place::new(who);
            answer(libc::SYS_landlock_create_ruleset, 3);
            place.sandbox.start(&place.policy()).await.map(drop)
        });
        assert!(outcome.as_ref().is_err_and(|error| error.to_string().contains("ABI 3")), "{outcome:?}");
        refused(outcome, "Landlock", "Linux 6.7");
    }
}

/// A launcher that starts ours in namespaces of its own where something was done first.
fn wrapped(place: &Place, namespaces: &str, first: &str) -> std::path::PathBuf {
    let program = place.sandbox.program.display();
    let script = format!(
        "#!/bin/sh\nexec unshare --user --map-current-user --keep-caps {namespaces} sh -c \
            '{first} && exec {program} \"$@\"' sh \"$@\"\n"
    );
    place.script("wrapper", &script)
}

#[test]
fn namespaces_switched_off_are_named() {
    let outcome = run_as(Who::Ordinary, async || {
        let mut place = Place::new(Who::Ordinary);
        // Whoever has a user namespace of their own may forbid further ones there.
        place.sandbox.program = wrapped(&place, "", "echo 0 > /proc/sys/user/max_user_namespaces");
        place.sandbox.start(&place.policy()).await.map(drop)
    });
    refused(outcome, "user namespace", "user.max_user_namespaces=15000");
}

#[test]
fn a_proc_that_is_covered_in_part_is_named() {
    let outcome = run_as(Who::Ordinary, async || {
        let mut place = Place::new(Who::Ordinary);
        // As containers do.
        let cover = format!(
            "perl -e \"syscall({}, \\$n=q(none), \\$p=q(/proc/sys), \\$k=q(tmpfs), 0, 0) == 0 or die\"",
            libc::SYS_mount
        );
        place.sandbox.program = wrapped(&place, "--mount", &cover);
        place.sandbox.start(&place.policy()).await.map(drop)
    });
    refused(outcome, "fresh /proc", "systempaths=unconfined");
}
