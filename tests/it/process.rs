//! Processes of this machine, found by their command lines (a zombie has none), and waiting that comes to an end.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Past this what is waited for does not come: a failure tells more than a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every process with its command line, words joined by spaces.
fn all() -> impl Iterator<Item = (Pid, String)> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ")))
    })
}

/// How many have this text in their command line.
pub(crate) fn running(text: &str) -> usize {
    all().filter(|(_, line)| line.contains(text)).count()
}

/// Whether one has this text in its command line, or in the paths of its mounts.
pub(crate) fn holds(text: &str) -> bool {
    all().any(|(pid, line)| {
        let mounts = format!("/proc/{}/mountinfo", pid.as_raw_nonzero());
        line.contains(text) || fs::read_to_string(mounts).unwrap_or_default().contains(text)
    })
}

/// The one with exactly this command line.
pub(crate) fn find(command_line: &str) -> Option<OwnedFd> {
    all().find_map(|(pid, line)| {
        (line == command_line).then(|| pidfd_open(pid, PidfdFlags::empty()).ok()).flatten()
    })
}

/// Its id here.
pub(crate) fn pid_of(process: &OwnedFd) -> i32 {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).unwrap();
    info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok()).unwrap()
}

/// A process that this one started and has not reaped.
pub(crate) fn open(pid: u32) -> OwnedFd {
    pidfd_open(id(pid), PidfdFlags::empty()).unwrap()
}

/// Ends such a process as a crash would.
pub(crate) fn kill(pid: u32) {
    kill_process(id(pid), Signal::KILL).unwrap();
}

fn id(pid: u32) -> Pid {
    i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap()
}

/// Whether it ends soon.
pub(crate) fn ends(process: &OwnedFd) -> bool {
    ends_within(process, PATIENCE)
}

/// Whether it ends within this time.
pub(crate) fn ends_within(process: &OwnedFd, time: Duration) -> bool {
    let limit = Timespec::try_from(time).unwrap();
    let wait = || poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&limit));
    rustix::io::retry_on_intr(wait).unwrap() == 1
}

/// Waits until it is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, || is_so().then_some(()));
}

/// Waits until it is there.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// The process with this command line, which comes to be while `work` goes on, and `work` does not end.
pub(crate) async fn found_during<T>(
    command_line: &str,
    mut work: impl Future<Output = T> + Unpin,
) -> OwnedFd {
    let begun = Instant::now();
    loop {
        // each round gives the work some time
        let ended = tokio::time::timeout(Duration::from_millis(5), &mut work).await;
        assert!(ended.is_err(), "it ended before {command_line}");
        if let Some(found) = find(command_line) {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {command_line}");
    }
}
