//! What a terminal shows.

/// Changed files listed at the end of a run; the rest are counted. The branch has them all.
pub const FILES: usize = 40;
/// Columns of a path before the counts stop lining up.
pub const PATH_COLUMNS: usize = 60;
/// Bytes of a diff on a terminal; the rest is cut with a note.
pub const DIFF_BYTES: usize = 16 * 1024;
/// Lines of a failing command's output that are shown, its end: that is where errors are. The store has it whole.
pub const TAIL_LINES: usize = 20;
/// Bytes of the same: one line may be as long as a file. What is before them is left out.
pub const TAIL_BYTES: usize = 4 * 1024;
/// Rows of a terminal that are not for tasks: the status, the current tool, the count of the rest, a line kept free.
pub const OTHER_ROWS: usize = 5;
/// Bytes of one command's output in a check run, its end. GitHub takes 65,535 characters for all of it.
pub const OUTPUT_BYTES: usize = 16 * 1024;
/// Runs that a list shows, the newest.
pub const RUNS: u32 = 50;
/// Runs among which one is looked for by the beginning of its id.
pub const RUNS_SEARCHED: u32 = 10_000;
