//! The App at work.

use std::time::Duration;

/// Times one request waits for GitHub's limits; at the bound it is an error of its effect, which is tried again later.
pub const LIMIT_WAITS: u32 = 10;
/// Times what a run needs of GitHub may fail because GitHub is away: a minute of waiting, then one a minute for eight hours,
/// because outages of GitHub and of networks end by themselves. At the bound the run is told that it was refused. What is only
/// said has no such bound: it is said when it can be.
pub const GITHUB_FAILURES: u32 = 486;
/// How long what is not let in yet is waited for on the spot. What is further off is put aside until then, so that what waits
/// for one installation's hour keeps no place from others.
pub const LINGER: Duration = Duration::from_secs(30);
/// Times we look for what we may have made already, with the pause of a line between two, before we make it anew: GitHub's
/// lists show what is new a moment later.
pub const LOOKS: u32 = 4;
/// Shortest time between two edits of a status comment (design: one every 10 s); the last one of a run does not wait.
pub const STATUS_EVERY: Duration = Duration::from_secs(10);
/// When a status that could not be written is tried again.
pub const STATUS_AGAIN: Duration = Duration::from_secs(30);
/// Status comments that are written side by side: nearly all the time each waits in its installation's line. Each that ends makes
/// place for another.
pub const STATUSES_AT_ONCE: usize = 200;
/// Of these, for one installation: its line lets one change out at a time, so more would only keep places from others, and be
/// older when they come. More wait.
pub const STATUSES_OF_ONE: u32 = 2;
/// Deliveries that are taken in side by side: nearly all the time each waits in its installation's line, where a change goes
/// out once a second, so there are places for more than a crowd. More wait.
pub const DELIVERIES_AT_ONCE: usize = 256;
/// Of these, for one installation, so that whoever sends many keeps no place from others; enough that a cancel behind them is read
/// soon. More wait.
pub const DELIVERIES_OF_ONE: u32 = 32;
/// Times taking a delivery in may fail in a way that may pass (over half an hour of waiting). At the bound it is given up.
pub const DELIVERY_FAILURES: u32 = 40;
/// Times a delivery may be begun without coming to any end: the program ended in the middle of it, each time. At the bound it is
/// given up, so that it can't end the program for ever, and what it said is not found by reading either.
pub const DELIVERY_STARTS: u32 = 5;
/// How long a delivery that `quantum receive` has in hand is left alone by a server beside it: nearly always longer than looking at
/// one takes. At the bound the server takes it in.
pub const RECEIVE_HELD: Duration = Duration::from_secs(2 * 60);
/// Starts without an end from which on a delivery may be what ended the program: such ones are begun one at a time, so that the
/// one takes no others along.
pub const DELIVERY_SUSPECT: u32 = 2;
/// How long nothing is looked at without news.
pub const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long after GitHub did not take the App's key it is asked whether it does now; doubled each time, up to
/// [`SHUT_OUT_MOST`], for nothing goes on before.
pub const SHUT_OUT_FIRST: Duration = Duration::from_secs(5);
/// The longest between two such questions.
pub const SHUT_OUT_MOST: Duration = Duration::from_secs(60);
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
/// Deliveries that never came and that one sweep asks for again. More are asked for by the next.
pub const MISSED_AT_ONCE: u32 = 500;
/// How long GitHub keeps deliveries for us to ask for again ("Handling failed webhook deliveries": three days).
pub const DELIVERIES_ASKED: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// Runs beside those that are the only ones of their installations: a crowd on another one, whose line is long, does not
/// hold them up. More wait.
pub const FIRST_AT_ONCE: usize = 2;
/// Runs beside those that only have something to say: ends and refusals wait for no work to end. More wait.
pub const SAYING_AT_ONCE: usize = 8;
/// How long it is believed that no work can be done here, before it is tried again: the sandbox is built for it.
pub const ABLE_KEPT: Duration = Duration::from_secs(30);
/// After this long without a look through the runs, `/ready` says so; a look is due every [`LOOK_AGAIN`].
pub const PULSE: Duration = Duration::from_secs(60);
/// How far back from a command its thread is read for commands that were said before it and not delivered yet: GitHub holds
/// deliveries back for minutes when it throttles, and we saw 40. What is later still is heard when it comes.
pub const LOOK_BACK: Duration = Duration::from_secs(60 * 60);
/// How often the comments of a repository are read for what no delivery told of. A person waits at most so long, and a sweep more;
/// while nothing changes, GitHub answers from an ETag, for free.
pub const SCAN_EVERY: Duration = Duration::from_secs(4 * 60);
/// How much of what was read is read again: a comment may be seen later than it was written, and clocks differ.
pub const SCAN_OVERLAP: Duration = Duration::from_secs(2 * 60);
/// Repositories that one sweep reads; more are read by the next.
pub const SCAN_REPOS: u32 = 200;
/// Pages of one repository's comments that one sweep reads: a thousand comments. More are read by the next.
pub const SCAN_PAGES: usize = 10;
/// How long a comment of ours may be there whose id we don't know yet: whoever wrote it looks for it, or has gone for good.
pub const UNKNOWN_LIFE: Duration = Duration::from_secs(60 * 60);
/// Twins of our comments that one sweep deletes in a repository; more go with the next.
pub const TWINS_AT_ONCE: u32 = 10;
/// Deliveries and heard comments that one sweep forgets, once they are older than
/// [`super::server::DELIVERIES_KEPT`]. More go with the next.
pub const FORGOTTEN_AT_ONCE: u32 = 1_000;
/// Runs of a repository or an installation that came back whose status comments are brought up to date, the newest first;
/// older ones stay as they were.
pub const GONE_TOLD: u32 = 50;
/// When a status comment that GitHub refuses is tried again: what it refuses, a person has to change.
pub const STATUS_REFUSED: Duration = Duration::from_secs(10 * 60);
/// Runs that are driven at the same time: each may take a sandbox's memory and two cores. More wait.
pub const RUNS_AT_ONCE: usize = 2;
