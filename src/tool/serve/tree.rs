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
use std::collections::{BTreeMap, HashSet};
use std::io;

/// From now on orphans below this process become its children.
pub(super) fn adopt() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Ends and reaps every process below this one; how many could not be ended (never our own user's).
pub(super) fn clear() -> io::Result<usize> {
    let mut refused = HashSet::new();
    for _ in 0..CLEAR_SCANS {
        if reap() == Left::Nobody {
            return Ok(0);
        }
        freeze(&mut refused)?;
        let (below, children) = below()?;
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
    Ok(below()?.0.len())
}

/// Stops processes until no scan finds a new one.
fn freeze(refused: &mut HashSet<Pid>) -> io::Result<()> {
    let mut stopped = HashSet::new();
    for _ in 0..CLEAR_SCANS {
        let fresh: Vec<Pid> = below()?.0.into_iter().filter(|pid| !stopped.contains(pid)).collect();
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

#[derive(PartialEq, Eq)]
enum Left {
    Nobody,
    Somebody,
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

/// All processes below this one, and those among them that are its own children.
fn below() -> io::Result<(Vec<Pid>, Vec<Pid>)> {
    let me = getpid().as_raw_pid();
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // it may be gone by now, which is as good
        let Ok(stat) = std::fs::read(format!("/proc/{pid}/stat")) else { continue };
        if let Some(parent) = parent(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let direct = children.get(&me).cloned().unwrap_or_default();
    let (mut found, mut at) = (direct.clone(), 0);
    while let Some(pid) = found.get(at).copied() {
        found.extend(children.get(&pid).into_iter().flatten());
        at += 1;
    }
    let pids = |list: Vec<i32>| list.into_iter().filter_map(Pid::from_raw).collect();
    Ok((pids(found), pids(direct)))
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
