//! What a terminal shows.

/// Changed files listed at the end of a run; the rest are counted. The branch has them all.
pub const FILES: usize = 40;
/// Columns of a path before the counts stop lining up.
pub const PATH_COLUMNS: usize = 60;
/// Bytes of a diff on a terminal; the rest is cut with a note.
pub const DIFF_BYTES: usize = 16 * 1024;
/// Rows of a terminal that are not for tasks: the status, the current tool, the count of the rest, a line kept free.
pub const OTHER_ROWS: usize = 5;
