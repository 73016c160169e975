//! The App at work.

use std::time::Duration;

/// Times one request waits for GitHub's limits; at the bound it is an error of its effect, which is tried again later.
pub const LIMIT_WAITS: u32 = 10;
/// Shortest time between two edits of a status comment (design: one every 10 s); the last one of a run does not wait.
pub const STATUS_EVERY: Duration = Duration::from_secs(10);
/// When a status that could not be written is tried again.
pub const STATUS_AGAIN: Duration = Duration::from_secs(30);
/// Status comments that are looked at in one go; more are looked at in the next.
pub const STATUSES_AT_ONCE: u32 = 50;
/// Deliveries that are taken in side by side; more wait.
pub const DELIVERIES_AT_ONCE: u32 = 8;
/// Times taking a delivery in may fail in a way that may pass (over half an hour of waiting). At the bound it is given up.
pub const DELIVERY_FAILURES: u32 = 40;
/// How long nothing is looked at without news.
pub const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Files of one change. A larger one is refused.
pub const CHANGE_FILES: usize = 1_000;
/// Bytes of all files of one change. A larger one is refused.
pub const CHANGE_BYTES: u64 = 50 << 20;
/// Bytes of one file of a change. A larger one is refused.
pub const BLOB_BYTES: u64 = 10 << 20;
/// Bytes of text that goes along in one tree request; more are several requests.
pub const TREE_BYTES: u64 = 2 << 20;
/// Entries of one tree request; more are several requests.
pub const TREE_ENTRIES: usize = 1_000;
/// Characters of a branch's slug.
pub const SLUG_BYTES: usize = 40;
/// How far GitHub's clock may be behind ours when comments are looked for.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(10 * 60);
/// How long GitHub keeps deliveries for us to ask for again ("Handling failed webhook deliveries": three days).
pub const DELIVERIES_ASKED: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// Runs of a repository or an installation that came back whose status comments are brought up to date, the newest first;
/// older ones stay as they were.
pub const GONE_TOLD: u32 = 50;
/// When a status comment that GitHub refuses is tried again: what it refuses, a person has to change.
pub const STATUS_REFUSED: Duration = Duration::from_secs(10 * 60);
/// Runs that are driven at the same time: each may take a sandbox's memory and two cores. More wait.
pub const RUNS_AT_ONCE: usize = 2;
