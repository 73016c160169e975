//! Every bound: name, unit, reason, and what happens at the bound. One module per part of the program.

use std::time::Duration;

/// Runs.
pub mod run {
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
    /// Attempts at one task before the run pauses (first + 2 more, design §3).
    pub const TASK_ATTEMPTS: u32 = 3;
    /// Redos of one task after merge conflicts before the run pauses (design §3).
    pub const CONFLICT_REDOS: u32 = 2;
}

/// Agents.
pub mod agent {
    use super::Duration;
    /// Steps of a run when nobody says otherwise (design §5.4).
    pub const STEPS: u32 = 60;
    /// Minutes of a run when nobody says otherwise.
    pub const RUN: Duration = Duration::from_secs(30 * 60);
    /// Dollars of a run when nobody says otherwise.
    pub const DOLLARS: f64 = 2.0;
}

/// Tools and the toolbox.
pub mod tool {}

/// Models.
pub mod model {}

/// The sandbox.
pub mod sandbox {}

/// Git.
pub mod git {}

/// The store and the engine.
pub mod engine {}

/// Verify and setup.
pub mod verify {}

/// Configuration.
pub mod config {
    /// Bytes of a request (command line, file, standard input); GitHub's largest comment is 64 KiB. A longer one is wrong usage.
    pub const REQUEST_BYTES: u64 = 256 * 1024;
}

/// What a terminal shows.
pub mod shown {
    /// Changed files listed at the end of a run; the rest are counted. The branch has them all.
    pub const FILES: usize = 40;
    /// Columns of a path before the counts stop lining up.
    pub const PATH_COLUMNS: usize = 60;
    /// Bytes of a diff on a terminal; the rest is cut with a note.
    pub const DIFF_BYTES: usize = 16 * 1024;
}
