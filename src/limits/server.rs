//! The server: what strangers may send, and how long they may take.

use std::time::Duration;

/// Bytes of a webhook's body: GitHub's own cap is 25 MB. At the bound: 413.
pub const BODY_BYTES: usize = 25 * 1024 * 1024;
/// Bytes over it that are still read and dropped, so that the sender reads our answer. At the bound the connection is closed.
pub const LINGER_BYTES: usize = 8 * 1024 * 1024;
/// How long they are waited for when the head already said that the body is over the bound; then the answer goes out, which is
/// the same.
pub const LINGER: Duration = Duration::from_secs(2);
/// Bytes of a body that waits in no line: nearly every webhook. [`CONNECTIONS`] times this is their bound together.
pub const SMALL_BODY_BYTES: usize = 64 * 1024;
/// Bytes of a body that waits in the line of the middle ones.
pub const MIDDLE_BODY_BYTES: usize = 1024 * 1024;
/// Bytes of middle bodies in memory at once. At the bound one waits in line.
pub const MIDDLE_AT_ONCE_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of large bodies, and of those that don't say how long they are, in memory at once. At the bound one waits in line.
pub const LARGE_AT_ONCE_BYTES: usize = 4 * BODY_BYTES;
/// Bytes of a large body after which the next part waits for [`LARGE_PAUSE`]: what a network brings, and not what another
/// process of this machine could send.
pub const LARGE_PART_BYTES: usize = 64 * 1024;
/// How long: meanwhile small deliveries are answered as ever.
pub const LARGE_PAUSE: Duration = Duration::from_millis(1);
/// How long a body is read at that pace: 25 MB take less. At the bound the rest is read without pauses, because on a busy machine
/// each of them is longer than it should be.
pub const LARGE_PACED: Duration = Duration::from_secs(1);
/// How long a body waits in line. At the bound: 503.
pub const LINE: Duration = Duration::from_secs(3);
/// How long a delivery may take from its head to its answer: GitHub hangs up after 10 s. At the bound: 408 when its bytes did
/// not come, 503 when it is not stored yet.
pub const ANSWER: Duration = Duration::from_secs(9);
/// Bytes above which signature, digest and compression leave the async threads (about a millisecond of work).
pub const ASIDE_BYTES: usize = 128 * 1024;
/// What a refused sender is told to wait.
pub const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How long a wrong signature is not said again: strangers must not be able to fill the log. Meanwhile it is for `debug` alone.
pub const UNSIGNED_SAID: Duration = Duration::from_secs(60);
/// Characters of a delivery's id and of an event's name. At the bound: 400.
pub const NAME_CHARS: usize = 64;

/// Connections at once. At the bound the one that has been silent for longest is closed for the new one.
pub const CONNECTIONS: usize = 512;
/// Bytes of a request's head. At the bound: 431.
pub const HEAD_BYTES: usize = 64 * 1024;
/// How long a connection may be silent, or take for a head. At the bound it is closed.
pub const SILENCE: Duration = Duration::from_secs(30);
/// Wait before the next try to take a connection when the system gave none (no descriptors left).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests may take to end after a stop (the interface promises 10 s). At the bound they are cut off.
pub const DRAIN: Duration = Duration::from_secs(8);

/// How long an answer of `/ready` is given again.
pub const READY_KEPT: Duration = Duration::from_secs(10);
/// How long one check of `/ready` may take. At the bound it counts as failed.
pub const CHECK: Duration = Duration::from_secs(5);

/// Bodies under one delivery id that are remembered besides the first. At the bound no more are.
pub const TWINS: u32 = 8;
/// Characters of the reason a delivery ended with; the rest is cut.
pub const WHY_CHARS: usize = 256;
/// Bytes of what is noted beside a remote id: a commit or an address. A longer one is refused.
pub const NOTE_BYTES: usize = 2048;
/// How long deliveries are remembered after they ended: longer than the 30 days promised for recognising a repeat.
pub const DELIVERIES_KEPT: Duration = Duration::from_secs(35 * 24 * 60 * 60);
