//! A disk that fails when told to: the traced program's calls that write or sync its database are failed at the border of
//! the kernel, as a full or broken disk does it, and everything that really came there is written down.

use super::{trace, wait};
use libc::{c_int, c_long, pid_t};
use std::{
    collections::HashMap,
    process::Command,
    ptr,
    sync::{Arc, Mutex, MutexGuard},
    thread::JoinHandle,
};

/// Which calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Bytes are written, or a file's length is set.
    Write,
    /// What was written is made durable.
    Sync,
}

/// What the disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) call: Call,
    /// The first call of these that fails, from 1, counted from now; and how many in a row.
    pub(crate) first: usize,
    pub(crate) times: usize,
    /// How: `ENOSPC`, `EIO`.
    pub(crate) errno: c_int,
}

/// One call that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) call: Call,
    pub(crate) file: File,
    pub(crate) is_good: bool,
}

/// Which file of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    /// The log of transactions: what a commit writes and syncs.
    Log,
    /// The database itself.
    Main,
    /// What every opening makes anew.
    Index,
}

#[derive(Default)]
struct Shared {
    fault: Option<Fault>,
    writes: usize,
    syncs: usize,
    ended: Vec<Ended>,
}

/// A program on such a disk.
pub(crate) struct Faulty {
    pub(crate) pid: u32,
    shared: Arc<Mutex<Shared>>,
    tracer: JoinHandle<()>,
}

impl Faulty {
    /// Starts it. The thread that starts it must trace it, so it gets one of its own.
    pub(crate) fn start(mut command: Command, database: &'static str) -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (told, here) = (std::sync::mpsc::channel(), Arc::clone(&shared));
        let tracer = std::thread::spawn(move || {
            let pid = super::start(&mut command);
            told.0.send(pid).unwrap();
            follow(pid_t::try_from(pid).unwrap(), database, &here);
        });
        Self { pid: told.1.recv().unwrap(), shared, tracer }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// From now on, and counted from now. None: the disk is well.
    pub(crate) fn set(&self, fault: Option<Fault>) {
        let mut shared = self.shared();
        (shared.fault, shared.writes, shared.syncs) = (fault, 0, 0);
    }

    /// Writes and syncs since `set`.
    pub(crate) fn made(&self) -> (usize, usize) {
        let shared = self.shared();
        (shared.writes, shared.syncs)
    }

    /// What ended since this was asked last, in order.
    pub(crate) fn ended(&self) -> Vec<Ended> {
        std::mem::take(&mut self.shared().ended)
    }

    /// Kills it.
    pub(crate) fn end(self) {
        crate::process::kill(self.pid);
        self.tracer.join().unwrap();
    }
}

impl Shared {
    /// How this call is failed, if it is.
    fn fails(&mut self, call: Call) -> Option<c_int> {
        let count = match call {
            Call::Write => &mut self.writes,
            Call::Sync => &mut self.syncs,
        };
        *count += 1;
        let fault = self.fault.filter(|fault| fault.call == call)?;
        let is_hit = count.checked_sub(fault.first).is_some_and(|past| past < fault.times);
        is_hit.then_some(fault.errno)
    }
}

/// A call that a thread is in.
struct UnderWay {
    call: Call,
    file: File,
    errno: Option<c_int>,
}

fn follow(pid: pid_t, database: &str, shared: &Mutex<Shared>) {
    assert_eq!(wait().0, pid, "it stops when it has become the program");
    let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
    trace(libc::PTRACE_SETOPTIONS, pid, c_long::from(options));
    trace(libc::PTRACE_SYSCALL, pid, 0);
    let mut under_way: HashMap<pid_t, UnderWay> = HashMap::new();
    loop {
        let (thread, status) = wait();
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            if thread == pid {
                return;
            }
            continue;
        }
        let mut signal = libc::WSTOPSIG(status);
        if signal == libc::SIGTRAP | 0x80 {
            signal = 0;
            match (call_of(thread), under_way.remove(&thread)) {
                (Info::Begins(number, descriptor), _) => {
                    if let Some((call, file)) = database_call(pid, database, number, descriptor) {
                        let errno = shared.lock().unwrap().fails(call);
                        if errno.is_some() {
                            // the kernel is asked for nothing
                            change(thread, |registers| registers.orig_rax = u64::MAX);
                        }
                        under_way.insert(thread, UnderWay { call, file, errno });
                    }
                }
                (Info::Ends(is_good), Some(UnderWay { call, file, errno })) => {
                    if let Some(errno) = errno {
                        change(thread, |registers| registers.rax = i64::from(-errno).cast_unsigned());
                    }
                    let is_good = is_good && errno.is_none();
                    shared.lock().unwrap().ended.push(Ended { call, file, is_good });
                }
                (Info::Ends(_) | Info::Gone, _) => {}
            }
        } else if status >> 16 != 0 || matches!(signal, libc::SIGTRAP | libc::SIGSTOP) {
            // news of a thread, or its first stop
            signal = 0;
        }
        trace(libc::PTRACE_SYSCALL, thread, c_long::from(signal));
    }
}

/// What a thread stands at.
enum Info {
    /// A call by its number, and its first argument.
    Begins(c_long, u64),
    /// A call's end, and whether it went well.
    Ends(bool),
    /// The thread is no longer there.
    Gone,
}

fn call_of(thread: pid_t) -> Info {
    // SAFETY: the kernel fills in as much of the structure as we say that there is room for, and says which part of it.
    unsafe {
        let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
        let size = size_of_val(&info);
        let told = libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, thread, size, &raw mut info);
        match info.op {
            _ if told <= 0 => Info::Gone,
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                Info::Begins(c_long::try_from(info.u.entry.nr).unwrap_or(-1), info.u.entry.args[0])
            }
            libc::PTRACE_SYSCALL_INFO_EXIT => Info::Ends(info.u.exit.sval >= 0),
            _ => Info::Gone,
        }
    }
}

/// Whether it is one of ours, and on which file.
fn database_call(pid: pid_t, database: &str, number: c_long, descriptor: u64) -> Option<(Call, File)> {
    let call = match number {
        libc::SYS_pwrite64
        | libc::SYS_write
        | libc::SYS_writev
        | libc::SYS_ftruncate
        | libc::SYS_fallocate => Call::Write,
        libc::SYS_fsync | libc::SYS_fdatasync => Call::Sync,
        _ => return None,
    };
    let link = std::fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).ok()?;
    let file = match link.file_name()?.to_str()?.strip_prefix(database)? {
        "" => File::Main,
        "-wal" => File::Log,
        _ => File::Index,
    };
    Some((call, file))
}

fn change(thread: pid_t, then: impl FnOnce(&mut libc::user_regs_struct)) {
    // SAFETY: the kernel fills in the structure, whose size is its own, and reads it back.
    unsafe {
        let mut registers: libc::user_regs_struct = std::mem::zeroed();
        let got = libc::ptrace(libc::PTRACE_GETREGS, thread, ptr::null_mut::<u8>(), &raw mut registers);
        assert_eq!(got, 0, "a stopped thread shows its registers");
        then(&mut registers);
        libc::ptrace(libc::PTRACE_SETREGS, thread, ptr::null_mut::<u8>(), &raw mut registers);
    }
}
