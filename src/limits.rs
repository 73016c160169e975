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
    /// Bytes of the name of a task or a role. A longer one is refused.
    pub const NAME_BYTES: usize = 20;
    /// Bytes of all task texts of one plan together, shared evenly: a plan must fit one event. Cut with a note.
    pub const PLAN_TEXT_BYTES: usize = 12 * 1024;
    /// Needs of all tasks of one plan together: more is no graph a person can follow. A plan with more is refused.
    pub const PLAN_NEEDS: usize = 60;
    /// Confidence in percent below which `approve_plan: auto` asks (design §5.6).
    pub const SURE_PERCENT: u8 = 70;
    /// Tasks above which `approve_plan: auto` asks (design §5.6).
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
    pub const DEADLINE_GRACE: super::Duration = super::Duration::from_secs(2 * 60);
    /// How long a question or an approval may wait (design §3). Then the run closes silently.
    pub const SILENCE: super::Duration = super::Duration::from_secs(30 * 24 * 3600);
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
    pub const TOKEN_BYTES: u64 = 4;

    /// Unusable answers in a row (empty, cut, a call that can't be read) that are corrected. Then the work fails.
    pub const CORRECTIONS: u32 = 2;
    /// Tool calls of one answer that are run. The rest is answered "not run".
    pub const CALLS_PER_REPLY: usize = 16;
    /// Tool calls of one answer that are kept. The rest is dropped, and the answer counts as cut off.
    pub const CALLS_KEPT: usize = 64;
    /// Bytes of one call's arguments: a large file fits. Cut, and the model is told.
    pub const ARGUMENT_BYTES: usize = 1024 * 1024;
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
    /// Bytes of any one-line text shown (title, setup, command).
    pub const LINE_BYTES: usize = 400;
    /// Commands shown that will check the result.
    pub const CHECKS: usize = 20;
}

/// Tools and the toolbox.
pub mod tool {
    use super::Duration;
    /// Bytes of one call's arguments as the model wrote them: more is not an edit but a dump. Refused, the model is told.
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
    /// Entries of a folder that are listed; the rest is counted.
    pub const LIST_ENTRIES: u32 = 1000;
    /// Names looked at to guess what a missing path meant.
    pub const GUESS_ENTRIES: usize = 20_000;
    /// Matches shown when the model doesn't say, and the most it may ask for; the rest is counted.
    pub const SEARCH_MATCHES: u32 = 100;
    /// See [`SEARCH_MATCHES`].
    pub const SEARCH_MOST_MATCHES: u32 = 1000;
    /// Matches gathered before sorting: at the bound the search stops and says so.
    pub const SEARCH_GATHERED: usize = 20_000;
    /// Bytes of a file that is searched: bigger ones are data. Skipped.
    pub const SEARCH_FILE_BYTES: u64 = 64 * 1024 * 1024;
    /// Bytes of one found line. Cut with a note.
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
    /// Answers offered with one question; more are dropped.
    pub const CHOICES: usize = 10;
    /// Percent of confidence of a plan that states none: below the bar for going on without a person.
    pub const CONFIDENCE: u8 = 50;
    /// Bytes of a request's header and body that the child takes; more ends it.
    pub const REQUEST_HEADER_BYTES: u32 = 1024 * 1024;
    /// See [`REQUEST_HEADER_BYTES`].
    pub const REQUEST_BODY_BYTES: u32 = 32 * 1024 * 1024;
    /// Scans for processes that a command left behind before it is said that some can't be ended.
    pub const CLEAR_SCANS: u32 = 200;
}

/// Models.
pub mod model {
    use super::Duration;
    /// Tokens of a window when nobody knows the model's; most models of 2025 have more.
    pub const WINDOW: u64 = 128_000;
    /// Time for a connection; a server that is further away is not there.
    pub const CONNECT: Duration = Duration::from_secs(20);
    /// Time between two parts of an answer; thinking models are silent for minutes. Then the call has failed.
    pub const IDLE: Duration = Duration::from_secs(300);
    /// Time for a whole answer; then the call has failed.
    pub const ANSWER: Duration = Duration::from_secs(900);
    /// Bytes of one answer: the largest windows answer with far less. A longer one is nonsense.
    pub const ANSWER_BYTES: usize = 4 << 20;
    /// Tool calls of one answer. More are nonsense.
    pub const CALLS: usize = 128;
    /// Characters of a provider's message that are shown.
    pub const MESSAGE_CHARS: usize = 500;
}

/// The sandbox.
pub mod sandbox {
    use super::Duration;
    /// Entries of `PATH`, and of a folder of installed versions, that are looked at when toolchains are looked for.
    pub const PATH_ENTRIES: usize = 100;
    /// From the start of the child to its first word: it takes milliseconds; slower is a hung machine. The child is killed.
    pub const START: Duration = Duration::from_secs(20);
    /// How long an ended tree may take to be gone before its first process is killed from outside.
    pub const END_GRACE: Duration = Duration::from_secs(5);
    /// Bytes of the policy on the wire: some hundred roots and variables. Longer is refused.
    pub const LAUNCH_BYTES: u64 = 4 * 1024 * 1024;
    /// Bytes of one answer's header: a note of some lines. A longer one is not the protocol.
    pub const ANSWER_HEADER_BYTES: u64 = 64 * 1024;
    /// Bytes of any answer's body, whatever the request allows: it is held in memory. A longer one is not the protocol.
    pub const ANSWER_BODY_BYTES: u64 = 64 * 1024 * 1024;
    /// Bytes per listed entry (a name and its mark) or found line that an answer may have on average.
    pub const ANSWER_LINE_BYTES: u64 = 8 * 1024;
    /// Bytes of the private root's own files (`/etc/passwd` …). At the bound the sandbox does not start.
    pub const ROOT_BYTES: u64 = 8 * 1024 * 1024;
    /// Files and folders on the private tmpfs: each costs the kernel about 1 KiB. At the bound a create fails.
    pub const TMP_INODES: u64 = 400_000;
    /// Open files of one process: linkers and JVMs want thousands. At the bound an open fails.
    pub const OPEN_FILES: u64 = 16_384;
    /// How often the tree's memory is added up where no memory cgroup is delegated.
    pub const WATCH: Duration = Duration::from_millis(100);
    /// What a sandboxed process is marked with for the kernel's out-of-memory killer (-1000 to 1000): it goes first.
    pub const OOM_SCORE: i32 = 800;
    /// Names looked at per root for credentials to mask, the root's own first, then those of its direct child folders.
    /// At the bound the rest is not looked at.
    pub const MASK_ENTRIES: usize = 20_000;
    /// Where the egress forwarder listens on the sandbox's own loopback.
    pub const PROXY_PORT: u16 = 3128;
    /// Connections through the egress forwarder at a time: each costs two threads. One more waits.
    pub const PROXY_CONNECTIONS: usize = 48;
    /// Files and folders that hold credentials: masked wherever they lie in the first folders of a root.
    pub const CREDENTIALS: &[&str] = &[
        ".netrc",
        "_netrc",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".pypirc",
        ".git-credentials",
        ".gitconfig",
        ".pgpass",
        ".my.cnf",
        ".env",
        ".ssh",
        ".gnupg",
        ".aws",
        ".azure",
        ".kube",
        ".oci",
        ".docker",
        ".vault-token",
        ".terraform.d",
        ".terraformrc",
        ".s3cfg",
        ".boto",
        ".password-store",
        ".bash_history",
        ".zsh_history",
        ".python_history",
        ".node_repl_history",
        ".config/gh",
        ".config/hub",
        ".config/glab-cli",
        ".config/gcloud",
        ".config/git",
        ".config/pip",
        ".config/pypoetry",
        ".config/configstore",
        ".config/op",
        ".config/containers",
        ".local/share/keyrings",
        ".pip",
        "gh/hosts.yml",
        "credentials",
        "credentials.toml",
        "credentials.json",
        ".m2/settings.xml",
        ".m2/settings-security.xml",
        ".gradle/gradle.properties",
        ".gem/credentials",
        ".bundle/config",
        ".cargo/credentials",
        ".cargo/credentials.toml",
        ".composer/auth.json",
        ".nuget/NuGet.Config",
        ".sbt/.credentials",
        ".ivy2/.credentials",
        ".claude",
        ".codex",
        "id_rsa",
        "id_ed25519",
        "id_ecdsa",
    ];
}

/// Git.
pub mod git {
    /// Entries of a tree or a workspace: real repositories have up to some 100,000. More are refused.
    pub const ENTRIES: usize = 200_000;
    /// Bytes of one file: beyond it a repository is not for a laptop's agent. A larger one is refused.
    pub const FILE_BYTES: u64 = 100 << 20;
    /// Bytes of all files of a tree or a workspace. More are refused.
    pub const TREE_BYTES: u64 = 4 << 30;
    /// Folders in folders: more is a bomb. Deeper trees are refused.
    pub const DEPTH: usize = 256;
    /// Commits of one branch that are copied when it is published: one a round. More are refused.
    pub const COMMITS: usize = 256;
    /// Threads that write a checkout.
    pub const CHECKOUT_THREADS: usize = 4;
    /// Files that one of them gets at least: a thread costs more than a few files.
    pub const FILES_A_THREAD: usize = 64;
    /// Bytes of all `.gitignore` files of a workspace: they are compiled, and hostile ones take long. More are refused.
    pub const IGNORE_BYTES: u64 = 512 * 1024;
    /// Bytes of a link's target: what Linux takes. A longer one is refused.
    pub const LINK_BYTES: usize = 4_095;
    /// Checkouts whose files are remembered, so that unchanged ones need not be read again. The oldest is forgotten.
    pub const STAMPED_CHECKOUTS: usize = 8;
    /// Objects that are made durable one by one; more are by flushing the whole file system.
    pub const SYNC_ONE_BY_ONE: usize = 64;
    /// Files compared when a merge looks for renames; beyond it renames are not looked for.
    pub const RENAMES: u32 = 1_000;
    /// Conflicting files that are named; the rest are as many again.
    pub const CONFLICTS: usize = 300;
    /// Bytes of a file that is compared line by line; a larger one counts as binary.
    pub const DIFF_FILE_BYTES: i64 = 4 << 20;
}

/// The store and the engine.
pub mod engine {
    use super::Duration;
    /// Memory of one sandbox's processes in bytes: a linker needs some GiB, a laptop has some more. At the bound the tree is killed.
    pub const SANDBOX_MEMORY_BYTES: u64 = 8 << 30;
    /// Processes and threads of one sandbox: parallel builds need hundreds. At the bound `fork` fails.
    pub const SANDBOX_PROCESSES: u64 = 2_048;
    /// Bytes of one file in a sandbox: debug builds write large ones. At the bound the write fails.
    pub const SANDBOX_FILE_BYTES: u64 = 8 << 30;
    /// Bytes of a sandbox's private `/tmp` and home. At the bound a write fails.
    pub const SANDBOX_TMP_BYTES: u64 = 2 << 30;
    /// Longest life of one sandbox, whatever a run's minutes are. At the bound the tree is killed.
    pub const SANDBOX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
    /// What a bound inside gets on top before the bound outside strikes, so that the inner one can say why.
    pub const GRACE: Duration = Duration::from_secs(15);
    /// Requests that may wait for the writer. At the bound a caller waits for a place, so nothing piles up unseen.
    pub const WRITER_QUEUE: usize = 256;
    /// Requests in one transaction: shares one fsync among many, and bounds what one failing disk write takes along.
    pub const WRITER_BATCH: usize = 64;
    /// How long a statement waits for another process's lock. At the bound the write is refused as locked, to be tried again.
    pub const LOCK_WAIT: Duration = Duration::from_secs(5);
    /// Connections that only read. At the bound a reader waits for one.
    pub const READERS: u32 = 4;
    /// Bytes of one kept output before compression: more than any log a person reads. Bigger is refused.
    pub const BLOB_BYTES: usize = 64 * 1024 * 1024;
    /// Bytes above which compressing leaves the async threads (about a millisecond of work).
    pub const BLOB_ASIDE_BYTES: usize = 128 * 1024;
    /// Bytes of one transcript entry: a model's answer and a cut tool output fit many times. Bigger is refused as broken.
    pub const ENTRY_BYTES: usize = 4 * 1024 * 1024;
    /// How long a lease holds without a heartbeat: a dead process's runs go on after that.
    pub const LEASE: Duration = Duration::from_secs(30);
    /// Time between heartbeats: three may be missed before the lease is over.
    pub const HEARTBEAT: Duration = Duration::from_secs(8);
    /// Wait before the first repeat of an effect that failed but may succeed; doubles each time.
    pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
    /// The longest wait between two repeats.
    pub const BACKOFF_MOST: Duration = Duration::from_secs(60);
    /// Times an effect may fail in a way that may pass. At the bound the run is told that it was refused.
    pub const EFFECT_FAILURES: u32 = 5;
    /// Times an effect may be started at all, crashes included: stops one that kills the program each time. At the
    /// bound the run is told that it was refused.
    pub const EFFECT_CLAIMS: u32 = 20;
    /// How long works may take to end their sandboxes after a stop (the interface promises 10 s). At the bound they are dropped,
    /// which kills the sandbox's whole tree.
    pub const STOP: Duration = Duration::from_secs(8);
    /// Times a step is tried again because somebody else told the run something meanwhile. At the bound it is an error: two writers fight.
    pub const STEP_RETRIES: u32 = 50;
    /// Bytes of `AGENTS.md` and of the repository's configuration. Bigger ones are left out, with a note.
    pub const TEXT_FILE_BYTES: usize = 64 * 1024;
    /// Paths of the tree that an agent is shown at the start. At the bound the list is cut, with the number left out.
    pub const FILES_SHOWN: usize = 400;
    /// Bytes of each failing command's output that the next attempt is shown (its end: that is where errors are).
    pub const EVIDENCE_BYTES: usize = 8 * 1024;
    /// Folders that are opened up below a workspace that can't be removed at once. At the bound the rest stays for the next sweep.
    pub const SWEEP_FOLDERS: usize = 200_000;
}

/// Verify and setup.
pub mod verify {
    use super::Duration;
    /// Wall time of one command of verify; it also ends with the run's own time. At the bound it is killed: never a pass.
    pub const COMMAND: Duration = Duration::from_secs(20 * 60);
    /// Wall time of one command of setup. At the bound it is killed and the run goes on without.
    pub const SETUP: Duration = Duration::from_secs(10 * 60);
    /// Bytes of one command's output that are kept (half from its head, half from its tail).
    pub const OUTPUT_BYTES: u64 = 8 << 20;
    /// Bytes of output that a fixer is shown for each failed command.
    pub const EVIDENCE_BYTES: usize = 12 * 1024;
    /// Names of failing tests that are compared and shown; more are counted.
    pub const FAILING: usize = 500;
    /// Names of old failures that a receipt's note spells out.
    pub const NAMED: usize = 10;
    /// Bytes of a manifest (`package.json`, `Makefile`) that detection reads. A larger one is not looked at.
    pub const MANIFEST_BYTES: usize = 512 * 1024;
    /// Bytes one connection may send while setup runs: requests, not uploads (security rule R13). Then it is cut.
    pub const UPLOAD_CONNECTION_BYTES: u64 = 256 * 1024;
    /// Bytes all connections of one setup may send. Then every connection is cut.
    pub const UPLOAD_BYTES: u64 = 4 << 20;
    /// Bytes all connections of one setup may receive. Then every connection is cut.
    pub const DOWNLOAD_BYTES: u64 = 4 << 30;
    /// Connections of one setup at a time. More wait.
    pub const CONNECTIONS: usize = 64;
    /// Bytes of a proxy request's head, and of a TLS hello: real ones have some hundred. Longer is refused.
    pub const HEAD_BYTES: usize = 16 * 1024;
    /// Connections of one setup that are logged; more are only carried.
    pub const LOG_LINES: usize = 1_000;
    /// Time for a proxy request's head, a TLS hello, or a connection to the host. Then it is refused.
    pub const HELLO: Duration = Duration::from_secs(30);
}

/// Configuration.
pub mod config {
    /// Bytes of a request (command line, file, standard input); GitHub's largest comment is 64 KiB. A longer one is wrong usage.
    pub const REQUEST_BYTES: u64 = 256 * 1024;
    /// Bytes of `quantum.toml`; the rest is not read.
    pub const FILE_BYTES: u64 = 64 * 1024;
    /// Bytes of `.github/quantum.yml`: it is a hostile file; a larger one is refused.
    pub const REPO_FILE_BYTES: usize = 64 * 1024;
    /// Commands in `verify` or `setup`; more are refused.
    pub const COMMANDS: usize = 20;
    /// Bytes of the request's words in a branch's name; the rest is left out.
    pub const SLUG_BYTES: usize = 40;
    /// Fixer rounds when nobody says otherwise (design §5.6).
    pub const FIX_ATTEMPTS: u32 = 3;
    /// Fixer rounds a repository may ask for; a larger number counts as this (money caps it too).
    pub const FIX_ATTEMPTS_MOST: u32 = 10;
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
