//! A memory bound by cgroup, v2 or v1, where one is delegated to us; else the child's watch does it ([`super::memory`]).
//!
//! Deliberately not here: any other controller.

use super::Bounds;
use crate::limits::sandbox::{CGROUP_GRACE, WATCH};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How far up from our own cgroup a place is looked for in v2, where processes and controllers don't share a folder: our
/// own, the unit's, its slice. In v1 our own will do.
const LEVELS: usize = 3;

/// Which interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// One sandbox's cgroup; removed when dropped, if its processes are gone (else by a later sandbox).
#[derive(Debug)]
pub(super) struct Cgroup {
    version: Version,
    path: PathBuf,
}

impl Cgroup {
    /// Puts this process and all it will start behind a memory bound. None: nothing is delegated.
    pub(super) fn confine(pid: u32, bounds: &Bounds) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let place = |version| own_place(version, &own, &mounts);
        let above =
            place(Version::Two).map(|place| place.ancestors().take(LEVELS).map(Path::to_owned).collect());
        let v2 = above.unwrap_or_else(Vec::new).into_iter().map(|parent| (Version::Two, parent));
        let v1 = place(Version::One).into_iter().map(|parent| (Version::One, parent));
        v2.chain(v1).find_map(|(version, parent)| Self::below(version, &parent, pid, bounds).ok())
    }

    /// For a person.
    pub(super) fn name(&self) -> &'static str {
        match self.version {
            Version::One => "cgroup v1",
            Version::Two => "cgroup v2",
        }
    }

    /// Whether the kernel killed for this bound.
    pub(super) fn out_of_memory(&self) -> bool {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let events = fs::read_to_string(self.path.join(file)).unwrap_or_default();
        events.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count != "0"))
    }

    /// Comes back when the kernel has killed for this bound: v1 kills one process, and the tree is to end.
    pub(super) async fn passed(&self) {
        while !self.out_of_memory() {
            tokio::time::sleep(WATCH).await;
        }
    }

    fn below(version: Version, parent: &Path, pid: u32, bounds: &Bounds) -> std::io::Result<Self> {
        let has_memory = match version {
            Version::One => parent.join("memory.limit_in_bytes").exists(),
            Version::Two => fs::read_to_string(parent.join("cgroup.subtree_control"))?
                .split_whitespace()
                .any(|name| name == "memory"),
        };
        if !has_memory {
            return Err(std::io::ErrorKind::Unsupported.into());
        }
        sweep(parent);
        let path = parent.join(format!("quantum-{pid}"));
        fs::create_dir(&path)?;
        let cgroup = Self { version, path };
        let set = |file: &str, value: u64| fs::write(cgroup.path.join(file), value.to_string());
        // Without swap accounting those of swap don't exist; the bound holds all the same.
        match version {
            Version::One => {
                set("memory.limit_in_bytes", bounds.memory_bytes)?;
                let _ = set("memory.memsw.limit_in_bytes", bounds.memory_bytes);
                let _ = set("memory.swappiness", 0);
            }
            Version::Two => {
                set("memory.max", bounds.memory_bytes)?;
                let _ = set("memory.swap.max", 0);
                let _ = set("memory.oom.group", 1);
            }
        }
        set("cgroup.procs", pid.into())?;
        Ok(cgroup)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let until = Instant::now() + CGROUP_GRACE;
        // the last of its processes may be on their way out
        while fs::remove_dir(&self.path).is_err_and(|error| error.kind() == std::io::ErrorKind::ResourceBusy)
            && Instant::now() < until
        {
            std::thread::yield_now();
        }
    }
}

/// Removes what earlier sandboxes left; one that is in use can't be removed.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("quantum-") {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The folder of our own cgroup (v1: of the memory controller's), out of `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn own_place(version: Version, own: &str, mounts: &str) -> Option<PathBuf> {
    let (kind, is_ours): (_, fn(&str) -> bool) = match version {
        Version::One => ("cgroup", |list| list.split(',').any(|name| name == "memory")),
        Version::Two => ("cgroup2", str::is_empty),
    };
    let inside = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        fields.next().filter(|list| is_ours(list)).and_then(|_| fields.next())
    })?;
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, point) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let is_kind = right.next() == Some(kind);
        let options = right.nth(1).unwrap_or_default();
        // a container sees its own part of the tree, mounted as if it were the whole
        let below = Path::new(inside).strip_prefix(root).ok()?;
        (is_kind && (version == Version::Two || is_ours(options))).then(|| Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_place() {
        fn check(version: Version, own: &str, mounts: &str, expected: Option<&str>) {
            assert_eq!(own_place(version, own, mounts), expected.map(PathBuf::from));
        }
        let v2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
        check(Version::Two, "0::/user.slice/app.scope\n", v2, Some("/sys/fs/cgroup/user.slice/app.scope"));
        check(Version::Two, "4:memory:/x\n0::/\n", v2, Some("/sys/fs/cgroup/"));
        check(Version::Two, "4:memory:/x\n", v2, None);
        check(Version::Two, "0::/../up\n", "31 23 0:28 /own /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", None);
        let v1 = "30 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
            31 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        check(Version::One, "5:cpu:/y\n4:memory:/a/b\n0::/\n", v1, Some("/sys/fs/cgroup/memory/a/b"));
        check(Version::Two, "0::/\n", v1, None);
        check(Version::One, "0::/\n", v1, None);
        let docker = "31 23 0:28 /docker/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        check(Version::One, "4:memory:/docker/c1\n", docker, Some("/sys/fs/cgroup/memory/"));
        check(Version::One, "", "", None);
    }

    fn bounds() -> Bounds {
        let life = std::time::Duration::ZERO;
        Bounds { memory_bytes: 1, processes: 1, file_bytes: 1, tmp_bytes: 1, disk_bytes: 1, life }
    }

    #[test]
    fn a_folder_without_the_controller_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.subtree_control"), "cpu pids\n").unwrap();
        for version in [Version::One, Version::Two] {
            assert!(Cgroup::below(version, folder.path(), 1, &bounds()).is_err());
        }
        assert!(!folder.path().join("quantum-1").exists());
    }

    #[test]
    fn a_bound_is_set_and_a_kill_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.subtree_control"), "cpu memory\n").unwrap();
        fs::write(folder.path().join("memory.limit_in_bytes"), "").unwrap();
        for (version, pid, bound, events) in [
            (Version::Two, 7, "memory.max", "memory.events"),
            (Version::One, 8, "memory.limit_in_bytes", "memory.oom_control"),
        ] {
            let cgroup = Cgroup::below(version, folder.path(), pid, &bounds()).unwrap();
            let own = folder.path().join(format!("quantum-{pid}"));
            assert_eq!(fs::read_to_string(own.join(bound)).unwrap(), "1");
            assert_eq!(fs::read_to_string(own.join("cgroup.procs")).unwrap(), pid.to_string());
            fs::write(own.join(events), "oom_kill_disable 0\noom_kill 0\n").unwrap();
            assert!(!cgroup.out_of_memory());
            fs::write(own.join(events), "oom 1\noom_kill 2\n").unwrap();
            assert!(cgroup.out_of_memory());
        }
    }
}
