//! The processes of one sandbox, as `/proc` shows them to the first of them, and their end.

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

    /// Their ids.
    pub(super) fn pids(self) -> Vec<i32> {
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
