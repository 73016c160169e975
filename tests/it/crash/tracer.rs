//! Kills a program at one of its writes: before it is made, or after it was made and before the program knows. The
//! program is traced and its calls of the kernel are counted, so it needs no hook and no luck.

#![expect(unsafe_code, reason = "tracing a child has no safe interface")]

pub(crate) mod faulty;

use crate::process;
use libc::{c_int, c_long, pid_t};
use std::{collections::HashMap, os::unix::process::CommandExt, process::Command, ptr};

/// Where to kill: at this write (from 1), before or after it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) write: usize,
    pub(super) is_made: bool,
}

/// How a traced program ended.
pub(super) struct End {
    /// The writes that it came to.
    pub(super) writes: usize,
    /// None: it was killed.
    pub(super) exit: Option<i32>,
}

/// Starts it, traced by this thread, which must also bring it [`to_its_end`].
pub(super) fn start(command: &mut Command) -> u32 {
    // SAFETY: the closure makes one call of the kernel between fork and exec and allocates nothing.
    unsafe {
        command.pre_exec(|| {
            match libc::ptrace(libc::PTRACE_TRACEME, 0, ptr::null_mut::<u8>(), ptr::null_mut::<u8>()) {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            }
        });
    }
    command.spawn().unwrap().id()
}

/// Follows it to its end, or to its death at a write.
pub(super) fn to_its_end(pid: u32, at: Option<At>) -> End {
    let pid = pid_t::try_from(pid).unwrap();
    assert_eq!(wait().0, pid, "it stops when it has become the program");
    let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
    trace(libc::PTRACE_SETOPTIONS, pid, c_long::from(options));
    trace(libc::PTRACE_SYSCALL, pid, 0);
    let (mut writes, mut under_way) = (0, HashMap::new());
    loop {
        let (thread, status) = wait();
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            under_way.remove(&thread);
            if thread == pid {
                let exit = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
                return End { writes, exit };
            }
            continue;
        }
        let mut signal = libc::WSTOPSIG(status);
        if signal == libc::SIGTRAP | 0x80 {
            signal = 0;
            let here = match under_way.remove(&thread) {
                Some(write) => Some(At { write, is_made: true }),
                None if is_write(pid, thread) => {
                    writes += 1;
                    under_way.insert(thread, writes);
                    Some(At { write: writes, is_made: false })
                }
                None => None,
            };
            if at.is_some() && here == at {
                process::kill(u32::try_from(pid).unwrap());
                continue;
            }
        } else if status >> 16 != 0 || matches!(signal, libc::SIGTRAP | libc::SIGSTOP) {
            // news of a thread, or its first stop
            signal = 0;
        }
        trace(libc::PTRACE_SYSCALL, thread, c_long::from(signal));
    }
}

fn wait() -> (pid_t, c_int) {
    let mut status = 0;
    // SAFETY: waits for what this thread started or traces, and for nothing of other tests.
    let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    assert!(thread > 0, "nothing to wait for: {}", std::io::Error::last_os_error());
    (thread, status)
}

/// A thread that is dying meanwhile is no longer there: what it came to is told by `wait`.
fn trace(request: libc::c_uint, thread: pid_t, data: c_long) {
    // SAFETY: no request here reads or writes memory of ours.
    unsafe { libc::ptrace(request, thread, ptr::null_mut::<u8>(), data as *mut u8) };
}

/// Whether the thread is about to write something that outlives it: to the disk, to a folder, to a socket.
fn is_write(pid: pid_t, thread: pid_t) -> bool {
    // SAFETY: the kernel fills in as much of the structure as we say that there is room for.
    let info = unsafe {
        let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
        let size = size_of_val(&info);
        let told = libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, thread, size, &raw mut info);
        if told <= 0 || info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            return false;
        }
        info.u.entry
    };
    let number = c_long::try_from(info.nr).unwrap_or(-1);
    let is_socket = || {
        let link = std::fs::read_link(format!("/proc/{pid}/fd/{}", info.args[0])).unwrap_or_default();
        link.to_string_lossy().starts_with("socket:")
    };
    #[cfg(target_arch = "x86_64")]
    if matches!(
        number,
        libc::SYS_rename | libc::SYS_link | libc::SYS_unlink | libc::SYS_mkdir | libc::SYS_rmdir
    ) {
        return true;
    }
    match number {
        libc::SYS_fsync
        | libc::SYS_fdatasync
        | libc::SYS_syncfs
        | libc::SYS_pwrite64
        | libc::SYS_ftruncate
        | libc::SYS_renameat
        | libc::SYS_renameat2
        | libc::SYS_linkat
        | libc::SYS_unlinkat
        | libc::SYS_mkdirat
        | libc::SYS_sendto
        | libc::SYS_sendmsg => true,
        libc::SYS_write | libc::SYS_writev => is_socket(),
        _ => false,
    }
}
