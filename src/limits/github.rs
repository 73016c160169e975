//! GitHub's API. Where it says "GitHub", the number is GitHub's own ("Rate limits for the REST API", "Best practices for
//! using the REST API", "Authenticating as a GitHub App").

use std::time::Duration;

/// Calls under way at the same time (GitHub: 100). At the bound a call waits for a place.
pub const CALLS_AT_ONCE: usize = 100;
/// Points that one installation spends in [`MINUTE`]: a read costs 1, all else 5 (GitHub: 900). At the bound a call is not
/// sent, and its caller is told when it may be.
pub const POINTS: u32 = 900;
/// What a read costs.
pub const READ_POINTS: u32 = 1;
/// What everything else costs.
pub const WRITE_POINTS: u32 = 5;
/// The shorter window of the limits.
pub const MINUTE: Duration = Duration::from_secs(60);
/// The longer window of the limits.
pub const HOUR: Duration = Duration::from_secs(60 * 60);
/// Comments and pull requests that one installation writes in [`MINUTE`] (GitHub: 80). At the bound as above.
pub const CREATED_A_MINUTE: u32 = 80;
/// Comments and pull requests that one installation writes in [`HOUR`] (GitHub: 500). At the bound as above.
pub const CREATED_AN_HOUR: u32 = 500;
/// Time between two changes by one installation (GitHub: at least a second); what is over a second is the way's jitter.
/// One that comes sooner is not sent, and its caller is told when it may be.
pub const WRITE_GAP: Duration = Duration::from_millis(1_050);
/// How long an installation is quiet after a limit that came without a time (GitHub: at least a minute, then longer each
/// time): doubled with every further one.
pub const HOLD_FIRST: Duration = Duration::from_secs(60);
/// The longest that an installation is quiet, whatever a header says: GitHub's own windows are an hour.
pub const HOLD_MOST: Duration = Duration::from_secs(2 * 60 * 60);
/// Installations whose pace is remembered. At the bound those that were quiet for [`HOUR`] are forgotten, then any.
pub const ACCOUNTS: usize = 10_000;

/// Time for a connection; a server that is further away is not there.
pub const CONNECT: Duration = Duration::from_secs(10);
/// Time between two parts of an answer (GitHub gives up after 10 s itself). Then the call has failed.
pub const IDLE: Duration = Duration::from_secs(30);
/// Time for one call with all that belongs to it, a blob of 10 MB on a slow line included. Then the call has failed.
pub const CALL: Duration = Duration::from_secs(90);
/// Times one read is sent when the network or the server fails it, without waiting between. Then the read has failed.
pub const READ_TRIES: u32 = 2;
/// Bytes of one answer: a page of 100 comments of 65,536 four-byte characters fits. A longer one is nonsense.
pub const ANSWER_BYTES: usize = 32 << 20;
/// Items that are asked for a page (GitHub: 100 at most).
pub const PAGE: usize = 100;
/// Pages of one list: a thousand comments since a moment is no thread that we can look through. More are an error.
pub const PAGES: usize = 10;
/// Pages of the App's delivery log: 20,000 deliveries. Older ones are left out, with a line in the log.
pub const DELIVERY_PAGES: usize = 200;
/// The longest between two times that a delivery which keeps failing is asked for: whoever mends what refuses it waits no longer
/// for it, and three days of failing are some eighty attempts, not two thousand.
pub const AGAIN_MOST: Duration = HOUR;
/// Pages of the App's installations: 10,000 of them. More are left out, with a line in the log.
pub const INSTALLATION_PAGES: usize = 100;
/// Characters of GitHub's message that are shown. Cut.
pub const MESSAGE_CHARS: usize = 300;

/// How far GitHub's clock may be from ours, once it did not take our token, before tokens are dated by its clock
/// instead: half of what the date of a token is put back by.
pub const CLOCK_OFF: Duration = Duration::from_secs(30);
/// How far back the App's own token is dated, for clocks that differ (GitHub: 60 s).
pub const JWT_BACK: Duration = Duration::from_secs(60);
/// How long the App's own token is good for (GitHub: at most 10 min from its own now; a minute is for clocks).
pub const JWT_LIFE: Duration = Duration::from_secs(9 * 60);
/// How long before its end a token is replaced: longer than any call takes.
pub const TOKEN_MARGIN: Duration = Duration::from_secs(5 * 60);
/// The longest that a token is believed to be good for, whatever it says (GitHub: one hour).
pub const TOKEN_LIFE: Duration = HOUR;
/// How long a repository's names count as right, so that "there is none" is believed without another look.
pub const NAMES_PROVEN: Duration = Duration::from_secs(5 * 60);

/// Answers that are kept to ask "has it changed?": one for each repository and watched pull request of a large server. What was
/// not asked for longest is forgotten.
pub const KEPT_ANSWERS: usize = 8_192;
/// Bytes of one such answer. A larger one is not kept.
pub const KEPT_BYTES: usize = 64 * 1024;
/// Bytes of all of them. As above.
pub const KEPT_BYTES_ALL: usize = 64 << 20;
/// Annotations of a check run in one call (GitHub: 50). More are left out.
pub const ANNOTATIONS: usize = 50;
