//! The life of a sandbox's first process: it collects the dead, and ends when the toolbox ends, the host hangs up, or a
//! bound is passed. Behind walls its own end takes every process of the namespace with it.

use super::{Bounds, disk::Disk, launch::End, memory::Memory, tree::Tree};
use crate::limits::sandbox::WATCH;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open, wait};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;

/// What is watched.
pub(super) struct Watch<'a> {
    /// The toolbox's socket, on which this process never reads: only its end matters here.
    pub(super) socket: &'a UnixStream,
    pub(super) toolbox: Pid,
    pub(super) tree: Tree,
    pub(super) bounds: Bounds,
    /// Whether nobody else bounds the memory.
    pub(super) memory: bool,
    /// The writable host folders, as they are seen here.
    pub(super) disk: Vec<PathBuf>,
}

impl Watch<'_> {
    /// Watches until there is a reason to end.
    pub(super) fn run(&self) -> End {
        let start = Instant::now();
        let mut memory = self.memory.then(|| Memory::new(self.tree, self.bounds.memory_bytes));
        let mut disk = Disk::new(self.disk.clone(), self.bounds.disk_bytes, self.tree);
        let Ok(toolbox) = pidfd_open(self.toolbox, PidfdFlags::empty()) else { return End::Toolbox };
        loop {
            let left = self.bounds.life.saturating_sub(start.elapsed());
            if left.is_zero() {
                return End::Life;
            }
            let pause = Timespec::try_from(left.min(WATCH)).ok();
            let mut watched =
                [PollFd::new(self.socket, PollFlags::RDHUP), PollFd::new(&toolbox, PollFlags::IN)];
            let _ = poll(&mut watched, pause.as_ref());
            let hung_up = !watched.iter().take(1).all(|socket| socket.revents().is_empty());
            if let Some(served) = self.collect() {
                return if served || hung_up { End::Served } else { End::Toolbox };
            }
            if hung_up {
                return End::Served;
            }
            if memory.as_mut().is_some_and(Memory::is_passed) {
                return End::Memory;
            }
            if disk.is_passed() {
                return End::Disk;
            }
        }
    }

    /// Takes the dead off the kernel's table. The toolbox among them: whether it ended well.
    fn collect(&self) -> Option<bool> {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == self.toolbox {
                return Some(status.exit_status() == Some(0));
            }
        }
        None
    }
}
