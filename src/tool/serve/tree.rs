//! What a command leaves behind is ended with it: also what called `setsid`, forked twice or goes on in the background.
//!
//! This process adopts the orphans of everything it started (`PR_SET_CHILD_SUBREAPER`), so they are all below it in
//! `/proc`, with or without a namespace of their own. They are stopped first and killed then: what is stopped can't
//! fork, so a fork bomb runs into its process limit and is over.

use crate::limits::tool::CLEAR_SCANS;
use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait, waitpid},
};
use std::collections::{HashMap, HashSet};
use std::io;

/// The processes below this one, but for those that were there first: the sandbox's own, e.g. its way to the proxy.
pub(super) struct Tree {
    spared: HashSet<Pid>,
}

impl Tree {
    /// From now on orphans below this process become its children.
    pub(super) fn adopt() -> io::Result<Self> {
        set_child_subreaper(Some(getpid()))?;
        let nobody = Self { spared: HashSet::new() };
        let spared = nobody.below().map(|(below, _)| below.into_iter().collect());
        // without a /proc nothing can be told apart, and nothing is ended that should not be
        Ok(Self { spared: spared.unwrap_or_default() })
    }

    /// Ends and reaps all of them; how many could not be ended (never our own user's).
    pub(super) fn clear(&self) -> io::Result<usize> {
        let mut refused = HashSet::new();
        for _ in 0..CLEAR_SCANS {
            if reap() == Left::Nobody {
                return Ok(0);
            }
            self.freeze(&mut refused)?;
            let (below, children) = self.below()?;
            let mine: Vec<Pid> = below.into_iter().filter(|pid| !refused.contains(pid)).collect();
            if mine.is_empty() {
                return Ok(refused.len());
            }
            for pid in &mine {
                let _ = kill_process(*pid, Signal::KILL); // gone already is as good
            }
            for pid in children.into_iter().filter(|pid| mine.contains(pid)) {
                let _ = waitpid(Some(pid), WaitOptions::empty()); // killed: this ends
            }
        }
        Ok(self.below()?.0.len())
    }

    /// Stops processes until no scan finds a new one.
    fn freeze(&self, refused: &mut HashSet<Pid>) -> io::Result<()> {
        let mut stopped = HashSet::new();
        for _ in 0..CLEAR_SCANS {
            let (below, _) = self.below()?;
            let fresh: Vec<Pid> = below.into_iter().filter(|pid| !stopped.contains(pid)).collect();
            if fresh.is_empty() {
                return Ok(());
            }
            for pid in fresh {
                if kill_process(pid, Signal::STOP) == Err(Errno::PERM) {
                    refused.insert(pid);
                }
                stopped.insert(pid);
            }
        }
        Ok(())
    }

    /// All processes of the tree, and those among them that are this process's own children.
    fn below(&self) -> io::Result<(Vec<Pid>, Vec<Pid>)> {
        let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            let Some(pid) = pid.filter(|pid| !self.spared.contains(pid)) else { continue };
            // it may be gone by now, which is as good
            let Ok(stat) = std::fs::read(format!("/proc/{pid}/stat")) else { continue };
            if let Some(parent) = parent(&stat).and_then(Pid::from_raw) {
                children.entry(parent).or_default().push(pid);
            }
        }
        let direct = children.get(&getpid()).cloned().unwrap_or_default();
        let (mut found, mut at) = (direct.clone(), 0);
        while let Some(pid) = found.get(at) {
            found.extend(children.get(pid).cloned().unwrap_or_default());
            at += 1;
        }
        Ok((found, direct))
    }
}

#[derive(PartialEq, Eq)]
enum Left {
    Nobody,
    Somebody,
}

/// Collects orphans that have ended, but not this child, whose status somebody waits for. Where the kernel does not list
/// children nothing happens: then they are collected when the command has ended.
pub(super) fn reap_but(child: Pid) {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    for pid in children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
        if pid != child {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// Collects the dead. Nobody left means that nothing is below this process: orphans are its children too.
fn reap() -> Left {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Left::Somebody,
            Err(_) => return Left::Nobody,
        }
    }
}

/// The parent's id in a `/proc/PID/stat`. The name in parentheses may hold anything. A zombie counts: it may be a
/// process whose first thread alone has ended.
fn parent(stat: &[u8]) -> Option<i32> {
    let after = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(after + 1..)?).ok()?;
    let mut words = rest.split_whitespace();
    words.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parent;

    #[test]
    fn a_process_may_call_itself_anything() {
        assert_eq!(parent(b"12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent(b"12 (a) S 1 (b) R 9 1 1"), Some(9));
        assert_eq!(parent(b"12 (\xff\n) Z 7 12"), Some(7));
        assert_eq!(parent(b"nonsense"), None);
    }
}
