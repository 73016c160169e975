//! Tools and the toolbox.

use std::time::Duration;

/// Bytes of one call's arguments as the model wrote them: a large file fits, more is not an edit but a dump. An agent keeps
/// no more of them; a tool refuses them, and the model is told.
pub const ARGUMENTS_BYTES: usize = 1024 * 1024;
/// Bytes of one shell command: the kernel takes 128 KiB in one argument. Refused, the model is told.
pub const COMMAND_BYTES: usize = 96 * 1024;
/// Bytes of one path: the kernel's own limit. Refused, the model is told.
pub const PATH_BYTES: usize = 4096;
/// Bytes of one search pattern: nobody writes longer ones by hand. Refused, the model is told.
pub const PATTERN_BYTES: usize = 1000;
/// Seconds a command gets when the model doesn't say (the role's bound may be lower).
pub const SHELL_SECONDS: u64 = 120;
/// Bytes kept of one command's output, half from its start and half from its end; the middle is counted and dropped.
pub const CAPTURE_BYTES: u64 = 4 * 1024 * 1024;
/// The most a host may ask a child to keep of one command's output; more is lowered to it.
pub const CAPTURE_MOST_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of a tool's answer that the model is shown (about 4,000 tokens); cut in the middle, the whole is kept.
pub const VIEW_BYTES: usize = 16 * 1024;
/// Bytes of a file that one `read` shows; it stops at a whole line and says where to go on.
pub const READ_VIEW_BYTES: usize = 32 * 1024;
/// Lines that one `read` shows when the model doesn't say.
pub const READ_LINES: u64 = 1000;
/// Bytes of a file that `read` fetches: lines are numbered from the start. The rest is for the shell, as the model is told.
pub const READ_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of one shown line of a file. Cut with a note.
pub const READ_LINE_BYTES: usize = 2000;
/// Bytes of a file that `edit` changes: it is held in memory. Refused, the model is told.
pub const EDIT_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Lines of a file that are compared to explain a missed edit; a longer file is explained by its first lines.
pub const MISS_LINES: usize = 50_000;
/// Lines of the place that a missed edit is explained with, and of the old text that are compared: more helps nobody.
pub const MISS_REGION_LINES: usize = 40;
/// Places of a file that are compared with the old text, the likeliest first. The rest is not looked at.
pub const MISS_CANDIDATES: usize = 8;
/// Places where one line may stand that count for it: a blank brace stands everywhere. The rest is not looked at.
pub const MISS_PLACES: usize = 1000;
/// Bytes of one compared line: likeness costs length times length. Longer ones are compared by their start.
pub const MISS_LINE_BYTES: usize = 400;
/// Lines compared by likeness when no line of the old text is in the file. The rest is not looked at.
pub const MISS_LIKENESS_LINES: usize = 5_000;
/// Percent of likeness below which no place is named: it would lead astray.
pub const MISS_ALIKE_PERCENT: u32 = 30;
/// Line numbers named where an old text is there more than once; the rest is counted.
pub const PLACES_NAMED: usize = 10;
/// Bytes of a file that are looked through for a NUL, as git does, to tell that it is binary.
pub const BINARY_BYTES: usize = 8_000;
/// Entries of a folder that are listed; the rest is counted.
pub const LIST_ENTRIES: u32 = 1000;
/// Names looked at to guess what a missing path meant.
pub const GUESS_ENTRIES: usize = 20_000;
/// Bytes of a path that is compared with others: likeness costs length times length. A longer one gets no guess.
pub const GUESS_BYTES: usize = 300;
/// Guesses named for a missing path, the likeliest first.
pub const GUESSES: usize = 3;
/// Threads of one search: more count against the sandbox's processes and gain nothing on small trees.
pub const SEARCH_THREADS: usize = 4;
/// Matches shown when the model doesn't say, and the most it may ask for; the rest is counted.
pub const SEARCH_MATCHES: u32 = 100;
/// See [`SEARCH_MATCHES`].
pub const SEARCH_MOST_MATCHES: u32 = 1000;
/// Matches gathered before sorting: at the bound the search stops and says so.
pub const SEARCH_GATHERED: usize = 20_000;
/// Bytes of a file that is searched: bigger ones are data. Skipped.
pub const SEARCH_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of a compiled pattern: `\\w{100}` fits. A bigger one takes seconds to make; it is taken as plain text.
pub const SEARCH_PROGRAM_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of one found line: the part around its first match. Cut with a note.
pub const SEARCH_LINE_BYTES: usize = 300;
/// Time of one search: at the bound it stops and says so.
pub const SEARCH_TIME: Duration = Duration::from_secs(20);
/// Time of one call that is not a command, and what a command gets on top of its own time; then the tree is killed.
pub const CALL_GRACE: Duration = Duration::from_secs(30);
/// Bytes of one explanation (why an edit missed). Cut with a note.
pub const NOTE_BYTES: usize = 6 * 1024;
/// Bytes of one line for a person watching. Cut.
pub const LINE_BYTES: usize = 120;
/// Bytes of a plan on the wire: it must fit an event with room for its name. Refused, the model is told.
pub const PLAN_BYTES: usize = 24 * 1024;
/// Percent of confidence of a plan that states none: below the bar for going on without a person.
pub const CONFIDENCE: u8 = 50;
/// Bytes of a request's header and body that the child takes; more ends it.
pub const REQUEST_HEADER_BYTES: u32 = 1024 * 1024;
/// See [`REQUEST_HEADER_BYTES`].
pub const REQUEST_BODY_BYTES: u32 = 32 * 1024 * 1024;
/// Scans for processes that a command left behind before it is said that some can't be ended.
pub const CLEAR_SCANS: u32 = 200;
/// How often a running command's orphans are collected: a build makes some hundred a second at most.
pub const REAP_EVERY: Duration = Duration::from_millis(200);
