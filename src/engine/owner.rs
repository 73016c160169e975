//! Who holds a lease: a name that is never used twice, and that tells on this machine whether its process is gone.

use crate::{ids::RunId, store::Lease};
use std::{
    fs,
    hash::{BuildHasher, RandomState},
    process,
};

/// A lease on this run for this process, to be taken. Fencing depends on its owner's name being new each time.
pub fn lease(run: &RunId) -> Lease {
    // The standard library seeds each `RandomState` from the system's randomness.
    let draw = || RandomState::new().hash_one(process::id());
    let start = started(process::id()).unwrap_or_default();
    let owner = format!("{}-{start}-{}-{:016x}{:016x}", process::id(), namespace(), draw(), draw());
    Lease { run: run.clone(), owner }
}

/// Whether the owner's process is known to have ended, so that nobody need wait for its lease. A process id alone does not
/// tell: it may be another process's by now. One that can't be seen from here (another container) may still be there.
pub fn is_gone(owner: &str) -> bool {
    let mut parts = owner.split('-');
    let (Some(Ok(pid)), Some(start), Some(space)) =
        (parts.next().map(str::parse), parts.next(), parts.next())
    else {
        return false;
    };
    space == namespace() && started(pid).is_none_or(|now| now != start)
}

/// When a process that still runs was started, in the kernel's own count; None: it has ended, reaped or not.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // the name in brackets may hold anything; the state is the first field after it, the start the twentieth
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18).map(str::to_owned) }
}

/// Among whose process ids ours counts: this start of this machine (a data folder may lie on a share, and the first
/// namespace has the same number everywhere), and the namespace.
fn namespace() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let space: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    format!("{boot}.{space}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_ended_is_known() {
        let ours = lease(&RunId::new("r")).owner;
        assert_ne!(ours, lease(&RunId::new("r")).owner);
        assert!(!is_gone(&ours));
        let parts: Vec<&str> = ours.split('-').collect();
        let [pid, start, space, _] = parts[..] else { panic!("{ours}") };
        assert!(is_gone(&format!("{pid}-1{start}-{space}-0")), "the same id, an earlier process");
        assert!(!is_gone(&format!("{pid}-1{start}-1{space}-0")), "somewhere else");
        assert!(!is_gone("somebody"));

        #[expect(clippy::disallowed_methods, reason = "a process that ends")]
        let mut child = process::Command::new("true").spawn().unwrap();
        let id = child.id();
        let owner = format!("{id}-{}-{space}-0", started(id).unwrap_or_default());
        // ended and not reaped is ended
        let begun = std::time::Instant::now();
        while started(id).is_some() {
            assert!(begun.elapsed().as_secs() < 60, "it did not end");
            std::thread::yield_now();
        }
        assert!(fs::exists(format!("/proc/{id}")).unwrap() && is_gone(&owner));
        child.wait().unwrap();
        assert!(is_gone(&owner));
    }
}
