//! The processes of one sandbox, as `/proc` shows them to the first of them: what memory they hold, and their end.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use std::collections::BTreeSet;
use std::fs;

/// Which processes are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// All that this `/proc` shows: we are the first process of a namespace.
    Namespace,
    /// Our descendants: orphans come to us, because we are a subreaper.
    Descendants,
}

impl Tree {
    /// Bytes that the tree holds: private memory of each, the largest shared one, and System V segments.
    ///
    /// Memory that forked processes still share counts for each. Shared memory that no process maps is not seen: that
    /// is what a memory cgroup is for.
    pub(super) fn memory_bytes(self) -> u64 {
        let (mut own, mut shared) = (0_u64, 0);
        for pid in self.pids() {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            own = own.saturating_add(field(&status, "RssAnon:"));
            shared = field(&status, "RssShmem:").max(shared);
        }
        let segments = if self == Self::Namespace { segments() } else { 0 };
        own.saturating_add(shared).saturating_add(segments)
    }

    /// Kills all of it and waits until it is gone. For the first process of a namespace the kernel does that.
    pub(super) fn end(self) {
        if self == Self::Namespace {
            return;
        }
        loop {
            for pid in self.pids() {
                if let Some(pid) = Pid::from_raw(pid) {
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            // Each wait gives one dead process; its children have become ours meanwhile.
            if wait(WaitOptions::empty()).is_err() {
                return;
            }
        }
    }

    fn pids(self) -> Vec<i32> {
        match self {
            Self::Namespace => numbers("/proc"),
            Self::Descendants => {
                let own = rustix::process::getpid().as_raw_nonzero().get();
                let (mut found, mut open) = (BTreeSet::new(), vec![own]);
                while let Some(pid) = open.pop() {
                    open.extend(children(pid).into_iter().filter(|child| found.insert(*child)));
                }
                found.into_iter().collect()
            }
        }
    }
}

fn children(pid: i32) -> Vec<i32> {
    let tasks = numbers(&format!("/proc/{pid}/task"));
    let of = |task: i32| fs::read_to_string(format!("/proc/{pid}/task/{task}/children")).unwrap_or_default();
    tasks
        .into_iter()
        .map(of)
        .flat_map(|text| text.split(' ').flat_map(str::parse).collect::<Vec<_>>())
        .collect()
}

fn numbers(folder: &str) -> Vec<i32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A field of `/proc/PID/status` in bytes.
fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    let kib =
        value.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

/// Resident bytes of System V shared memory: it outlives the process that made it.
fn segments() -> u64 {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let mut lines = table.lines();
    let column = lines.next().and_then(|head| head.split_whitespace().position(|name| name == "rss"));
    let Some(column) = column else { return 0 };
    let resident = |line: &str| line.split_whitespace().nth(column)?.parse::<u64>().ok();
    lines.filter_map(resident).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_status() {
        let status = "Name:\tcat\nVmRSS:\t 99 kB\nRssAnon:\t     120 kB\nRssShmem:\t0 kB\n";
        assert_eq!(field(status, "RssAnon:"), 120 * 1024);
        assert_eq!(field(status, "RssShmem:"), 0);
        assert_eq!(field("", "RssAnon:"), 0);
        assert_eq!(field("RssAnon: lots kB", "RssAnon:"), 0);
    }
}
