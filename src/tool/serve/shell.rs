//! Runs one command: `sh -c`, no input, stdout and stderr in one pipe, a deadline, and nothing left behind.
//!
//! Waits in `poll` on the pipe, the process and the host's socket; never sleeps, never spins.

use super::{files, place::Root, tree::Tree};
use crate::{
    limits::tool::{CAPTURE_MOST_BYTES, REAP_EVERY},
    sandbox::{toolbox::Answer, wall_off},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};
use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::{
    net::UnixStream,
    process::{CommandExt, ExitStatusExt},
};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What is to be run.
pub(super) struct Wish<'a> {
    pub(super) command: &'a str,
    pub(super) cwd: Option<&'a str>,
    pub(super) seconds: u32,
    pub(super) capture_bytes: u64,
}

/// Why there is no answer.
pub(super) enum Failed {
    /// The host is gone: so is everything here.
    HungUp,
    /// It can't be run.
    Refused(String),
}

/// How a command ended.
enum Ended {
    Itself,
    TimedOut,
    HungUp,
}

/// Runs it and answers when its whole tree is gone.
pub(super) fn run(
    root: &Root,
    tree: &Tree,
    wish: &Wish<'_>,
    host: &UnixStream,
) -> Result<(Answer, Vec<u8>), Failed> {
    let folder = match wish.cwd {
        None => root.path.clone(),
        Some(cwd) => files::folder(root, cwd).map_err(Failed::Refused)?,
    };
    let refused = |error: io::Error| Failed::Refused(format!("the command can't be run: {error}"));
    let begun = Instant::now();
    let deadline = begun + Duration::from_secs(u64::from(wish.seconds.max(1)));
    let (mut child, mut output) = start(&folder, wish.command).map_err(refused)?;
    let mut kept = Kept::new(wish.capture_bytes.min(CAPTURE_MOST_BYTES));
    let ended = watch(&child, &mut output, &mut kept, host, deadline);
    let status = finish(&mut child, &ended);
    let left = tree.clear();
    let timed_out = match ended.map_err(refused)? {
        Ended::HungUp => return Err(Failed::HungUp),
        Ended::TimedOut => true,
        Ended::Itself => false,
    };
    // whoever wrote into the pipe is gone, so this ends
    while let Ok(true) = kept.take_from(&mut output) {}
    if let Some(count) = left.map_or(Some(1), |count| (count > 0).then_some(count)) {
        kept.push(format!("\n[{count} or more processes of this command could not be ended]\n").as_bytes());
    }
    let answer = Answer::Shell {
        exit_code: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()),
        timed_out,
        millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        total_bytes: kept.total,
    };
    Ok((answer, kept.into_bytes()))
}

#[expect(clippy::disallowed_methods, reason = "this runs inside the sandbox: here is where commands start")]
fn start(folder: &Path, command: &str) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    rustix::io::ioctl_fionbio(&reader, true)?;
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).current_dir(folder).process_group(0);
    shell.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    // it has the toolbox's uid: without this it could kill the toolbox
    wall_off(&mut shell);
    Ok((shell.spawn()?, reader))
}

/// Keeps the output until the command ends, its time is over or the host is gone.
fn watch(
    child: &Child,
    output: &mut PipeReader,
    kept: &mut Kept,
    host: &UnixStream,
    deadline: Instant,
) -> io::Result<Ended> {
    let process: OwnedFd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let mut open = true;
    loop {
        let now = Instant::now();
        if now >= deadline {
            return Ok(Ended::TimedOut);
        }
        // orphans of a long command come to us: they are collected now and then, or they fill the process limit
        super::tree::reap_but(Pid::from_child(child));
        let left = Timespec::try_from((deadline - now).min(REAP_EVERY)).map_err(io::Error::other)?;
        let mut fds = vec![PollFd::new(&process, PollFlags::IN), PollFd::new(host, PollFlags::RDHUP)];
        if open {
            fds.push(PollFd::new(&*output, PollFlags::IN));
        }
        match poll(&mut fds, Some(&left)) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        let ready: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        let [exited, gone, readable @ ..] = ready.as_slice() else { continue };
        if gone.intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Ok(Ended::HungUp);
        }
        if readable.iter().any(|flags| !flags.is_empty()) {
            open = kept.take_from(output)? || !kept.at_end;
        }
        if !exited.is_empty() {
            return Ok(Ended::Itself);
        }
    }
}

/// The status of a command that ended itself; else it is killed with its group, and has none.
fn finish(child: &mut Child, ended: &io::Result<Ended>) -> Option<ExitStatus> {
    if let Ok(Ended::Itself) = ended {
        return child.wait().ok();
    }
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
    None
}

/// The start and the end of an output, and how long it was.
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_bytes: usize,
    tail_bytes: usize,
    total: u64,
    at_end: bool,
    buffer: Vec<u8>,
}

impl Kept {
    fn new(most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let (head_bytes, tail_bytes) = (most / 2, most - most / 2);
        let buffer = vec![0; 128 * 1024];
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            head_bytes,
            tail_bytes,
            total: 0,
            at_end: false,
            buffer,
        }
    }

    /// Reads once; true when there may be more at once.
    fn take_from(&mut self, output: &mut PipeReader) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = output.read(&mut buffer);
        if let Ok(count) = &read {
            self.push(&buffer[..*count]);
            self.at_end = *count == 0;
        }
        self.buffer = buffer;
        match read {
            Ok(count) => Ok(count > 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let (head, rest) = bytes.split_at(bytes.len().min(self.head_bytes - self.head.len()));
        self.head.extend_from_slice(head);
        let rest = &rest[rest.len().saturating_sub(self.tail_bytes)..];
        let over = (self.tail.len() + rest.len()).saturating_sub(self.tail_bytes);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    fn into_bytes(mut self) -> Vec<u8> {
        self.head.extend(self.tail);
        self.head
    }
}

#[cfg(test)]
mod tests {
    use super::Kept;

    #[test]
    fn both_ends_are_kept_and_the_middle_is_counted() {
        let check = |most: u64, parts: &[&str], expected: &str, total: u64| {
            let mut kept = Kept::new(most);
            parts.iter().for_each(|part| kept.push(part.as_bytes()));
            assert_eq!(kept.total, total);
            assert_eq!(String::from_utf8(kept.into_bytes()).expect("UTF-8"), expected, "{most} {parts:?}");
        };
        check(10, &["abc", "def"], "abcdef", 6);
        check(4, &["abcdefgh"], "abgh", 8);
        check(5, &["a", "b", "c", "d", "e", "f", "g"], "abefg", 7);
        check(4, &["abcd"], "abcd", 4);
        check(0, &["abcd"], "", 4);
        check(1, &["ab", "cd"], "d", 4);
    }
}
