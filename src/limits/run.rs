//! Runs.

/// Bytes of one event or effect on the wire: later engines carry them in histories with small blobs.
/// Bigger things go into the store by content hash; a bigger event is refused as broken.
pub const WIRE_BYTES: usize = 32 * 1024;
/// Bytes of one run on the wire, for the same reason.
pub const RUN_BYTES: usize = 256 * 1024;
/// Tasks in one plan: more can't be reviewed by a person. A longer plan is refused.
pub const PLAN_TASKS: usize = 20;
/// Bytes of one short text (title) inside an event. Cut with a note.
pub const TITLE_BYTES: usize = 200;
/// Bytes of one long text (summary, task text, question) inside an event. Cut with a note.
pub const TEXT_BYTES: usize = 4 * 1024;
/// Attempts at one task before the run pauses (first + 2 more).
pub const TASK_ATTEMPTS: u32 = 3;
/// Redos of one task after merge conflicts before the run pauses.
pub const CONFLICT_REDOS: u32 = 2;
/// Bytes of the name of a task or a role. A longer one is refused.
pub const NAME_BYTES: usize = 20;
/// Bytes of all task texts of one plan together, shared evenly: a plan must fit one event. Cut with a note.
pub const PLAN_TEXT_BYTES: usize = 12 * 1024;
/// Needs of all tasks of one plan together: more is no graph a person can follow. A plan with more is refused.
pub const PLAN_NEEDS: usize = 60;
/// Confidence in percent below which `approve_plan: auto` asks.
pub const SURE_PERCENT: u8 = 70;
/// Tasks above which `approve_plan: auto` asks.
pub const SMALL_PLAN_TASKS: usize = 5;
/// Bytes of a question, a plan's summary, an error's message. Cut with a note.
pub const MESSAGE_BYTES: usize = 2 * 1024;
/// Bytes of an error's hint, a command, a path, a note of a receipt. Cut with a note.
pub const LINE_BYTES: usize = 400;
/// Choices offered with a question. More are dropped.
pub const CHOICES: usize = 10;
/// Files named in a conflict: enough to see what it is about. The rest is counted.
pub const CONFLICT_FILES: usize = 20;
/// Commands of a receipt that travel in an event; failing ones first. The rest is counted in a note.
pub const RECEIPT_COMMANDS: usize = 16;
/// Notes of a receipt that travel in an event. The rest is counted in a note.
pub const RECEIPT_NOTES: usize = 8;
/// Bytes kept of a merged task's summary: the run carries all of them. Cut with a note.
pub const DONE_BYTES: usize = 1024;
/// Bytes of a text for a person (reply, commit message). Cut with a note.
pub const REPLY_BYTES: usize = 12 * 1024;
/// What a phase may take longer than the run's minutes: agents stop themselves first and say why.
pub const DEADLINE_GRACE: std::time::Duration = std::time::Duration::from_secs(2 * 60);
/// Time that nobody worked on a run before it is noted: shorter is a restart, and not worth an entry in its journal.
pub const IDLE: std::time::Duration = std::time::Duration::from_secs(60);
/// How long publishing may take where it is done on GitHub, whatever the run's minutes are: longer than what is asked of GitHub
/// is tried ([`super::app::GITHUB_FAILURES`]), so that it says itself why it did not go. Then the run pauses.
pub const PUBLISHED_WITHIN: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// How long a question or an approval may wait. Then the run closes silently.
pub const SILENCE: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);
