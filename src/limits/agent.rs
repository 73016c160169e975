//! Agents.

use std::time::Duration;

/// Steps of a run when nobody says otherwise.
pub const STEPS: u32 = 60;
/// Minutes of a run when nobody says otherwise.
pub const RUN: Duration = Duration::from_secs(30 * 60);
/// Dollars of a run when nobody says otherwise.
pub const DOLLARS: f64 = 2.0;
/// Wall time of one shell command unless the tool asks for less: a cold build fits. Killed, and the model is told.
pub const SHELL: Duration = Duration::from_secs(10 * 60);

/// Attempts at one call that a busy provider refuses (429, 5xx): about two minutes of waiting. Then the work fails.
pub const BUSY_ATTEMPTS: u32 = 8;
/// Attempts at one call that never left (no network): a person waits for this. Then the work fails.
pub const UNSENT_ATTEMPTS: u32 = 4;
/// Attempts at one call that may have been billed without an answer. Then the work fails.
pub const BILLED_ATTEMPTS: u32 = 3;
/// Wait before the second attempt when the provider names no time; doubled each time.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// Longest wait that we choose ourselves; the provider's `Retry-After` may be longer, up to the deadline.
pub const BACKOFF_MOST: Duration = Duration::from_secs(60);

/// Tokens of one answer: a whole file of 1,500 lines fits. The provider cuts there, and the model is told.
pub const OUTPUT_TOKENS: u32 = 16 * 1024;
/// Fewest tokens worth asking for: below that the money counts as used up.
pub const OUTPUT_TOKENS_LEAST: u32 = 1024;
/// An answer may take one part in so many of the window, so that small windows keep room for the question.
pub const OUTPUT_SHARE: u64 = 4;
/// Bytes a token, for estimates before a provider has told real numbers.
pub use super::model::TOKEN_BYTES;

/// Unusable answers in a row (empty, cut, a call that can't be read) that are corrected. Then the work fails.
pub const CORRECTIONS: u32 = 2;
/// Tool calls of one answer that are run. The rest is answered "not run".
pub const CALLS_PER_REPLY: usize = 16;
/// Tool calls of one answer that are kept. The rest is dropped, and the answer counts as cut off.
pub const CALLS_KEPT: usize = 64;
/// Bytes of one answer's text. Cut, and the model is told.
pub const REPLY_BYTES: usize = 256 * 1024;
/// Bytes of a provider's id for a tool call; a longer one is replaced by ours.
pub const CALL_ID_BYTES: usize = 64;
/// Bytes of one tool answer, whatever the tool hands over. Cut with a note.
pub const TOOL_ANSWER_BYTES: usize = 64 * 1024;
/// Bytes of a text answer that ends a work: it has to fit into an event. Cut with a note.
pub const ANSWER_BYTES: usize = 16 * 1024;

/// Every so many times the same call brings the same answer, the answer says so.
pub const NUDGE_EVERY: u32 = 3;
/// Repeated calls that are always let pass before a work counts as stuck.
pub const REPEATS_LEAST: u32 = 12;
/// A loop may burn one part in so many of the step budget. Then the work fails as stuck.
pub const REPEATS_SHARE: u32 = 3;

/// Percent of the window at which the conversation is made shorter: the rest is for the answer and estimate errors.
pub const COMPACT_PERCENT: u64 = 75;
/// What a compaction may drop has to be one part in so many of the window, or it is not worth a call.
pub const COMPACT_SHARE: u64 = 8;
/// Latest tool answers that stay whole when older ones are dropped.
pub const ELIDE_KEPT: u32 = 6;
/// Tool answers up to this many bytes are not worth dropping.
pub const ELIDE_BYTES: usize = 400;
/// Bytes of a summary. Cut with a note.
pub const SUMMARY_BYTES: usize = 8 * 1024;
/// Transcripts that one transcript may stand on (plan, question, answer …). A longer chain begins anew with the task.
pub const CHAIN: usize = 8;

/// Bytes of the request shown. Cut with a note, as are all below.
pub const REQUEST_BYTES: usize = 16 * 1024;
/// Bytes of one task's text shown.
pub const TASK_BYTES: usize = 8 * 1024;
/// Bytes of `AGENTS.md` shown.
pub const INSTRUCTIONS_BYTES: usize = 16 * 1024;
/// Bytes of the list of files shown.
pub const FILES_BYTES: usize = 8 * 1024;
/// Bytes of evidence shown (failing commands): a quarter from the start, the rest from the end.
pub const EVIDENCE_BYTES: usize = 16 * 1024;
/// Bytes of a tool's name as a person watching sees it: ours have six. Cut.
pub const NAME_SHOWN_BYTES: usize = 40;
/// Bytes of an answer's first line, or of a call's arguments, where one line stands for all of it. Cut.
pub const FIRST_WORDS_BYTES: usize = 100;
/// Bytes of any one-line text shown (title, setup, command).
pub const LINE_BYTES: usize = 400;
/// Commands shown that will check the result.
pub const CHECKS: usize = 20;
