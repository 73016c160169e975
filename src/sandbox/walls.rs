//! The walls by name, and what to do where one can't be built. Pure but for [`Facts::read`].

use super::SandboxError;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// What must stand, in the order it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wall {
    OrdinaryUser,
    UserNamespace,
    MountNamespace,
    PidNamespace,
    NetNamespace,
    IpcNamespace,
    UtsNamespace,
    Root,
    Proc,
    Limits,
    Landlock,
    Capabilities,
    Seccomp,
}

impl Wall {
    pub(super) const ALL: [Self; 13] = [
        Self::OrdinaryUser,
        Self::UserNamespace,
        Self::MountNamespace,
        Self::PidNamespace,
        Self::NetNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::Root,
        Self::Proc,
        Self::Limits,
        Self::Landlock,
        Self::Capabilities,
        Self::Seccomp,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OrdinaryUser => "ordinary user",
            Self::UserNamespace => "user namespace",
            Self::MountNamespace => "mount namespace",
            Self::PidNamespace => "pid namespace",
            Self::NetNamespace => "network namespace",
            Self::IpcNamespace => "ipc namespace",
            Self::UtsNamespace => "uts namespace",
            Self::Root => "private root",
            Self::Proc => "fresh /proc",
            Self::Limits => "resource limits",
            Self::Landlock => "Landlock",
            Self::Capabilities => "capabilities",
            Self::Seccomp => "seccomp",
        }
    }

    /// For `map_err` where the call is named by what it does.
    pub(super) fn missing(self, step: &str, errno: Errno) -> Missing {
        Missing { wall: self, step: step.to_owned(), errno: errno.raw_os_error() }
    }

    /// Where no call failed, and it is not as it must be all the same.
    pub(super) fn faulty(self, what: impl Into<String>) -> Missing {
        Missing { wall: self, step: what.into(), errno: 0 }
    }
}

/// The wall that is missing where a file can't be given to the user that root's sandboxes become: that user is not there,
/// as in a user namespace with root alone in it, or root may not give files away.
pub(super) fn not_given(cause: &std::io::Error) -> Option<Missing> {
    let errno = Errno::from_io_error(cause)?;
    matches!(errno, Errno::INVAL | Errno::PERM | Errno::OVERFLOW)
        .then(|| Wall::OrdinaryUser.missing("a file can't be given to uid 61000", errno))
}

/// A wall that can't be built: which, at which step, and the kernel's answer (0 when it gave none).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Missing {
    pub(super) wall: Wall,
    pub(super) step: String,
    pub(super) errno: i32,
}

impl Missing {
    /// As the error that a person reads.
    pub(super) fn error(&self, facts: &Facts) -> SandboxError {
        let cause = match self.errno {
            0 => self.step.clone(),
            errno => format!("{}: {}", self.step, std::io::Error::from_raw_os_error(errno)),
        };
        SandboxError::Wall { wall: self.wall.name(), cause, remedy: remedy(self, facts) }
    }
}

/// What this machine says of itself, as far as a remedy depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Ubuntu's AppArmor restriction of unprivileged user namespaces.
    pub(super) apparmor_restricts: bool,
    /// Debian's switch for unprivileged user namespaces is off.
    pub(super) clone_off: bool,
    /// `user.max_user_namespaces` is 0.
    pub(super) none_allowed: bool,
    /// In a container.
    pub(super) container: bool,
}

impl Facts {
    pub(super) fn read() -> Self {
        let setting = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        Self {
            apparmor_restricts: setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1",
            clone_off: setting("/proc/sys/kernel/unprivileged_userns_clone") == "0",
            none_allowed: setting("/proc/sys/user/max_user_namespaces") == "0",
            container: ["/.dockerenv", "/run/.containerenv", "/run/secrets/kubernetes.io"]
                .iter()
                .any(|path| std::path::Path::new(path).exists()),
        }
    }
}

const APPARMOR: &str = "AppArmor on this machine forbids it: give `quantum` a profile with `userns,` in /etc/apparmor.d, or run \
    `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0` (keep it in /etc/sysctl.d)";
const CONTAINER: &str = "the container's seccomp profile forbids it: start the container with `--security-opt seccomp=unconfined \
    --security-opt apparmor=unconfined --security-opt systempaths=unconfined` or a profile that allows unshare, mount and pivot_root; \
    not `--privileged`";

fn remedy(missing: &Missing, facts: &Facts) -> String {
    let is = |known: &[Errno]| known.iter().any(|errno| errno.raw_os_error() == missing.errno);
    let refused = is(&[Errno::PERM, Errno::ACCESS, Errno::NOSYS]);
    match missing.wall {
        Wall::OrdinaryUser => "started as root, the sandbox first becomes uid and gid 61000, which this user namespace or container \
             does not allow: start `quantum` as an ordinary user"
            .to_owned(),
        Wall::Landlock => "needs Linux 6.7 or newer with Landlock (ABI 4): update the kernel, or add `landlock` to the `lsm=` list on the \
             kernel's command line; in a container, the seccomp profile must allow the landlock calls"
            .to_owned(),
        Wall::Seccomp => "needs a kernel with CONFIG_SECCOMP_FILTER, and a container or service manager that allows the seccomp call".to_owned(),
        Wall::Limits | Wall::Capabilities => {
            "whatever starts `quantum` forbids a process to give up rights (prctl, capset, setrlimit): loosen that seccomp profile"
                .to_owned()
        }
        Wall::Proc if refused => "parts of /proc are covered by other mounts, as containers do, and then no fresh one can be mounted: start the \
             container with `--security-opt systempaths=unconfined` (Kubernetes: `procMount: Unmasked`), or unmount what \
             `grep ' /proc/' /proc/self/mounts` shows"
            .to_owned(),
        _ if facts.none_allowed || is(&[Errno::NOSPC, Errno::USERS]) => {
            "namespaces are used up or switched off: run `sudo sysctl user.max_user_namespaces=15000` and look at the other \
             `user.max_*_namespaces`"
                .to_owned()
        }
        _ if facts.clone_off && refused => "run `sudo sysctl kernel.unprivileged_userns_clone=1` (keep it in /etc/sysctl.d)".to_owned(),
        // the restriction is the host's, and is seen in its containers
        _ if facts.apparmor_restricts && facts.container && refused => format!("{CONTAINER}; then, on the host: {APPARMOR}"),
        _ if facts.apparmor_restricts && refused => APPARMOR.to_owned(),
        _ if facts.container && refused => CONTAINER.to_owned(),
        _ if refused => "something forbids it here: a seccomp profile (container, systemd `RestrictNamespaces=`), SELinux or AppArmor; \
             loosen it for `quantum`, or run on a machine that allows user namespaces"
            .to_owned(),
        _ => "the kernel can't do it: Linux 6.7 or newer with namespaces, tmpfs and Landlock is needed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_denied_wall_names_its_remedy() {
        fn check(wall: Wall, errno: Errno, facts: Facts, expected: &str) {
            let text = remedy(&wall.missing("unshare", errno), &facts);
            assert!(text.contains(expected), "{wall:?}: {text}");
        }
        let plain = Facts::default();
        let ubuntu = Facts { apparmor_restricts: true, ..Facts::default() };
        let debian = Facts { clone_off: true, ..Facts::default() };
        let none = Facts { none_allowed: true, ..Facts::default() };
        let docker = Facts { container: true, ..Facts::default() };
        check(Wall::OrdinaryUser, Errno::INVAL, plain.clone(), "ordinary user");
        let given = |errno: Errno| not_given(&std::io::Error::from(errno)).map(|missing| missing.wall);
        assert_eq!(given(Errno::INVAL), Some(Wall::OrdinaryUser));
        assert_eq!(given(Errno::PERM), Some(Wall::OrdinaryUser));
        assert_eq!(given(Errno::NOSPC), None);
        check(Wall::UserNamespace, Errno::PERM, plain.clone(), "RestrictNamespaces");
        check(Wall::UserNamespace, Errno::ACCESS, ubuntu.clone(), "apparmor_restrict_unprivileged_userns=0");
        check(Wall::MountNamespace, Errno::PERM, ubuntu.clone(), "profile with `userns,`");
        let both = Facts { container: true, ..ubuntu };
        check(Wall::UserNamespace, Errno::PERM, both.clone(), "seccomp=unconfined");
        check(Wall::UserNamespace, Errno::PERM, both, "apparmor_restrict_unprivileged_userns=0");
        check(Wall::UserNamespace, Errno::PERM, debian, "unprivileged_userns_clone=1");
        check(Wall::UserNamespace, Errno::NOSPC, plain.clone(), "max_user_namespaces=15000");
        check(Wall::PidNamespace, Errno::PERM, none, "max_user_namespaces=15000");
        check(Wall::UserNamespace, Errno::PERM, docker.clone(), "seccomp=unconfined");
        check(Wall::Proc, Errno::PERM, docker, "systempaths=unconfined");
        check(Wall::Proc, Errno::PERM, plain.clone(), "/proc/self/mounts");
        check(Wall::NetNamespace, Errno::INVAL, plain.clone(), "Linux 6.7");
        check(Wall::Landlock, Errno::NOSYS, plain.clone(), "lsm=");
        check(Wall::Seccomp, Errno::INVAL, plain.clone(), "CONFIG_SECCOMP_FILTER");
        check(Wall::Capabilities, Errno::PERM, plain.clone(), "prctl");
        check(Wall::Limits, Errno::PERM, plain.clone(), "setrlimit");
        let old = Wall::Landlock.faulty("ABI 3, and at least 4 is needed").error(&plain);
        assert!(old.to_string().ends_with("its Landlock wall: ABI 3, and at least 4 is needed"), "{old}");
    }
}
