//! What memory a tree of processes holds, where no cgroup bounds it: added up by the child's watch.
//!
//! Two sums. The quick one counts shared pages for each process that has them; only when it passes the bound the exact
//! one is made, which shares them out (and costs a walk through page tables). Not seen: buffers of sockets and pipes, and
//! what the kernel keeps about processes. That is what a memory cgroup is for.

use super::tree::Tree;
use crate::limits::sandbox::SEMAPHORE_BYTES;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How much longer than an exact sum took is waited before the next.
const REST: u32 = 3;

/// What is bounded.
pub(super) struct Memory {
    tree: Tree,
    bytes: u64,
    next: Instant,
}

impl Memory {
    pub(super) fn new(tree: Tree, bytes: u64) -> Self {
        Self { tree, bytes, next: Instant::now() }
    }

    /// Whether the tree holds more than it may.
    pub(super) fn is_passed(&mut self) -> bool {
        let begun = Instant::now();
        if begun < self.next || self.sum(quick) <= self.bytes {
            return false;
        }
        let passed = self.sum(exact) > self.bytes;
        self.next = Instant::now() + begun.elapsed() * REST;
        passed
    }

    fn sum(&self, of: fn(i32) -> u64) -> u64 {
        let lasting = if self.tree == Tree::Namespace { lasting() } else { 0 };
        self.tree.pids().into_iter().map(of).fold(lasting, u64::saturating_add)
    }
}

fn quick(pid: i32) -> u64 {
    let status = of_a_thread(pid, "status", "RssAnon:").unwrap_or_default();
    total(&status, &["RssAnon:", "RssShmem:", "VmSwap:"])
}

/// A process that hides its pages from us is counted as if it shared none.
fn exact(pid: i32) -> u64 {
    match of_a_thread(pid, "smaps_rollup", "Pss_Anon:") {
        Some(pages) => total(&pages, &["Pss_Anon:", "Pss_Shmem:", "SwapPss:"]),
        None => quick(pid),
    }
}

/// What the kernel tells of a process's memory. A thread that has ended tells nothing, and the first one may have ended
/// before the others, which hold the memory still.
fn of_a_thread(pid: i32, file: &str, field: &str) -> Option<String> {
    let read = |folder: &Path| fs::read_to_string(folder.join(file)).ok().filter(|text| text.contains(field));
    let process = PathBuf::from(format!("/proc/{pid}"));
    read(&process).or_else(|| {
        let mut threads = fs::read_dir(process.join("task")).ok()?.flatten();
        threads.find_map(|thread| read(&thread.path()))
    })
}

/// The sum of these fields (`Name: N kB`) in bytes.
fn total(text: &str, names: &[&str]) -> u64 {
    let value = |name: &&str| {
        let line = text.lines().find_map(|line| line.strip_prefix(*name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    names.iter().filter_map(value).fold(0, u64::saturating_add).saturating_mul(1024)
}

/// What System V objects hold, which outlive the processes that made them.
fn lasting() -> u64 {
    let read = |name: &str| fs::read_to_string(format!("/proc/sysvipc/{name}")).unwrap_or_default();
    // an attached segment is counted with its processes
    let shared = columns(&read("shm"), ["rss", "nattch"]);
    let shared = shared.into_iter().filter(|[_, attached]| *attached == 0).map(|[bytes, _]| bytes);
    let semaphores = columns(&read("sem"), ["nsems"]);
    let messages = columns(&read("msg"), ["qnum", "cbytes"]).into_iter().map(|[count, bytes]| {
        // a message's text comes on top of its head
        count.saturating_mul(SEMAPHORE_BYTES).saturating_add(bytes)
    });
    let semaphores = semaphores.into_iter().map(|[count]| count.saturating_mul(SEMAPHORE_BYTES));
    shared.chain(messages).chain(semaphores).fold(0, u64::saturating_add)
}

/// The numbers in the columns of these names, line by line.
fn columns<const N: usize>(table: &str, names: [&str; N]) -> Vec<[u64; N]> {
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let head = lines.next().unwrap_or_default();
    let places = names.map(|name| head.iter().position(|column| *column == name).unwrap_or(usize::MAX));
    let number = |line: &Vec<&str>, place: usize| line.get(place).and_then(|text| text.parse().ok());
    lines.map(|line| places.map(|place| number(&line, place).unwrap_or(0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_added_up() {
        let status = "Name:\tcat\nVmRSS:\t 99 kB\nRssAnon:\t     120 kB\nRssShmem:\t3 kB\n";
        assert_eq!(total(status, &["RssAnon:", "RssShmem:", "VmSwap:"]), 123 * 1024);
        assert_eq!(total("", &["RssAnon:"]), 0);
        assert_eq!(total("RssAnon: lots kB", &["RssAnon:"]), 0);
    }

    #[test]
    fn columns_are_found_by_name() {
        let table = "key shmid size nattch rss\n 0 1 10 0 4096\n 0 2 10 2 8192\n 0 3 x\n";
        assert_eq!(columns(table, ["rss", "nattch"]), [[4096, 0], [8192, 2], [0, 0]]);
        assert_eq!(columns("", ["rss"]), [[0; 1]; 0]);
    }

    #[test]
    fn a_process_whose_first_thread_has_ended_is_seen() {
        let python = "import ctypes, threading, sys, time\nb = bytearray(32 << 20)\nd = threading.Event()\n\
            t = threading.Thread(target=lambda: (print('held', flush=True), sys.stdin.read()))\nt.start()\n\
            ctypes.CDLL(None).syscall(93 if __import__('platform').machine() == 'aarch64' else 60, 0)";
        let piped = std::process::Stdio::piped;
        #[expect(clippy::disallowed_methods, reason = "a process that hides its memory")]
        let child =
            std::process::Command::new("python3").args(["-c", python]).stdin(piped()).stdout(piped()).spawn();
        let Ok(mut child) = child else { return };
        let mut said = [0; 4];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
        let pid = child.id().cast_signed();
        let leader = || fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        while leader().contains("RssAnon:") {
            std::thread::yield_now();
        }
        assert!(quick(pid) > 32 << 20 && exact(pid) > 32 << 20, "{} {}", quick(pid), exact(pid));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn our_own_memory_is_seen() {
        let held = vec![1_u8; 32 << 20];
        let own = std::process::id().cast_signed();
        assert!(quick(own) > 32 << 20 && exact(own) > 32 << 20, "{}", held.len());
        assert!(exact(own) <= quick(own) + (1 << 20));
    }
}
