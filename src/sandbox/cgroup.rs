//! A memory bound by cgroup v2, where one is delegated to us; else the child's watch does it ([`super::watch`]).
//!
//! Deliberately not here: cgroup v1 (it has no delegation that can be relied on) and any other controller.

use super::Bounds;
use std::fs;
use std::path::{Path, PathBuf};

/// How far up from our own cgroup a place is looked for: our own, the unit's, its slice.
const LEVELS: usize = 3;

/// One sandbox's cgroup; removed when dropped, if its processes are gone (else by a later sandbox).
#[derive(Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Puts this process and all it will start behind a memory bound. None: nothing is delegated.
    pub(super) fn confine(pid: u32, bounds: &Bounds) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let place = own_place(&own, &mounts)?;
        place.ancestors().take(LEVELS).find_map(|parent| Self::below(parent, pid, bounds).ok())
    }

    /// Whether the kernel killed for this bound.
    pub(super) fn out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        events.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count != "0"))
    }

    fn below(parent: &Path, pid: u32, bounds: &Bounds) -> std::io::Result<Self> {
        let controllers = fs::read_to_string(parent.join("cgroup.subtree_control"))?;
        if !controllers.split_whitespace().any(|name| name == "memory") {
            return Err(std::io::ErrorKind::Unsupported.into());
        }
        sweep(parent);
        let path = parent.join(format!("quantum-{pid}"));
        fs::create_dir(&path)?;
        let cgroup = Self { path };
        fs::write(cgroup.path.join("memory.max"), bounds.memory_bytes.to_string())?;
        // Without swap accounting these two don't exist; the bound holds all the same.
        let _ = fs::write(cgroup.path.join("memory.swap.max"), "0");
        let _ = fs::write(cgroup.path.join("memory.oom.group"), "1");
        fs::write(cgroup.path.join("cgroup.procs"), pid.to_string())?;
        Ok(cgroup)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
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

/// The folder of our own v2 cgroup, out of `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn own_place(own: &str, mounts: &str) -> Option<PathBuf> {
    let inside = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mount = mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let point = left.split(' ').nth(4)?;
        (right.split(' ').next() == Some("cgroup2")).then_some(point)
    })?;
    Some(Path::new(mount).join(inside.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_place() {
        fn check(own: &str, mounts: &str, expected: Option<&str>) {
            assert_eq!(own_place(own, mounts), expected.map(PathBuf::from));
        }
        let v2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
        check("0::/user.slice/app.scope\n", v2, Some("/sys/fs/cgroup/user.slice/app.scope"));
        check("4:memory:/x\n0::/\n", v2, Some("/sys/fs/cgroup/"));
        check("4:memory:/x\n", v2, None);
        check("0::/\n", "31 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", None);
        check("", "", None);
    }

    #[test]
    fn a_folder_without_the_controller_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.subtree_control"), "cpu pids\n").unwrap();
        let bounds = Bounds {
            memory_bytes: 1,
            processes: 1,
            file_bytes: 1,
            tmp_bytes: 1,
            life: std::time::Duration::ZERO,
        };
        assert!(Cgroup::below(folder.path(), 1, &bounds).is_err());
        assert!(!folder.path().join("quantum-1").exists());
        fs::write(folder.path().join("cgroup.subtree_control"), "cpu memory\n").unwrap();
        let cgroup = Cgroup::below(folder.path(), 7, &bounds).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("quantum-7/memory.max")).unwrap(), "1");
        assert_eq!(fs::read_to_string(folder.path().join("quantum-7/cgroup.procs")).unwrap(), "7");
        fs::write(folder.path().join("quantum-7/memory.events"), "oom 1\noom_kill 2\n").unwrap();
        assert!(cgroup.out_of_memory());
    }
}
