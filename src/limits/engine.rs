//! The store and the engine.

use std::time::Duration;

/// Memory of one sandbox's processes in bytes: a linker needs some GiB, a laptop has some more. At the bound the tree is killed.
pub const SANDBOX_MEMORY_BYTES: u64 = 8 << 30;
/// Processes and threads of one sandbox: parallel builds need hundreds. At the bound `fork` fails.
pub const SANDBOX_PROCESSES: u64 = 2_048;
/// Bytes of one file in a sandbox: debug builds write large ones. At the bound the write fails.
pub const SANDBOX_FILE_BYTES: u64 = 8 << 30;
/// Bytes of a sandbox's private `/tmp` and home. At the bound a write fails.
pub const SANDBOX_TMP_BYTES: u64 = 2 << 30;
/// Bytes of the host's disk that a sandbox's writable folders may hold: large debug builds fit. At the bound the tree is killed.
pub const SANDBOX_DISK_BYTES: u64 = 32 << 30;
/// Longest life of one sandbox, whatever a run's minutes are. At the bound the tree is killed.
pub const SANDBOX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// What a bound inside gets on top before the bound outside strikes, so that the inner one can say why.
pub const GRACE: Duration = Duration::from_secs(15);
/// Requests that may wait for the writer. At the bound a caller waits for a place, so nothing piles up unseen.
pub const WRITER_QUEUE: usize = 256;
/// Requests in one transaction: shares one fsync among many, and bounds what one failing disk write takes along.
pub const WRITER_BATCH: usize = 64;
/// How long an opening waits for other processes to let it write the log into the database; it holds them up meanwhile. At the
/// bound the log stays, which is theirs to write.
pub const CHECKPOINT_WAIT: Duration = Duration::from_millis(200);
/// How long a statement waits for another process's lock. At the bound the write is refused as locked, to be tried again.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Connections that only read. At the bound a reader waits for one.
pub const READERS: u32 = 4;
/// The same for the loops that drive runs, which read one row at a time.
pub const READERS_APART: u32 = 2;
/// Bytes of one kept output before compression: more than any log a person reads. Bigger is refused.
pub const BLOB_BYTES: usize = 64 * 1024 * 1024;
/// Bytes above which compressing leaves the async threads (about a millisecond of work).
pub const BLOB_ASIDE_BYTES: usize = 128 * 1024;
/// Bytes of one transcript entry: a model's answer and a cut tool output fit many times. Bigger is refused as broken.
pub const ENTRY_BYTES: usize = 4 * 1024 * 1024;
/// How long a lease holds without a heartbeat: a dead process's runs go on after that.
pub const LEASE: Duration = Duration::from_secs(30);
/// Time between heartbeats: three may be missed before the lease is over.
pub const HEARTBEAT: Duration = Duration::from_secs(8);
/// Wait before the first repeat of an effect that failed but may succeed; doubles each time.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest wait between two repeats.
pub const BACKOFF_MOST: Duration = Duration::from_secs(60);
/// Times an effect may fail in a way that may pass (15 seconds of waiting): whoever sits at this machine has to do something then.
/// At the bound the run is told that it was refused. While GitHub is away it is [`super::app::GITHUB_FAILURES`].
pub const EFFECT_FAILURES: u32 = 5;
/// Times an effect may be started without coming to any end: stops one that kills the program each time. At the bound the run
/// is told that it was refused.
pub const EFFECT_CLAIMS: u32 = 20;
/// How long works may take to end their sandboxes after a stop (the interface promises 10 s). At the bound they are dropped,
/// which kills the sandbox's whole tree.
pub const STOP: Duration = Duration::from_secs(8);
/// Times a step is tried again because somebody else told the run something meanwhile. At the bound it is an error: two writers fight.
pub const STEP_RETRIES: u32 = 50;
/// Bytes of `AGENTS.md` and of the repository's configuration. Bigger ones are left out, with a note.
pub const TEXT_FILE_BYTES: usize = 64 * 1024;
/// Paths of the tree that an agent is shown at the start. At the bound the list is cut, with the number left out.
pub const FILES_SHOWN: usize = 400;
/// Bytes of each failing command's output that the next attempt is shown (its end: that is where errors are).
pub const EVIDENCE_BYTES: usize = 8 * 1024;
/// Folders that are opened up below a workspace that can't be removed at once. At the bound the rest stays for the next sweep.
pub const SWEEP_FOLDERS: usize = 200_000;
/// Levels of folders below a workspace that are removed as they are; deeper ones are moved up first, because a removal holds
/// a descriptor for each level.
pub const SWEEP_DEPTH: usize = 64;
