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
pub mod sandbox {
    use super::Duration;
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
pub mod git {}

/// The store and the engine.
pub mod engine {}

/// Verify and setup.
pub mod verify {}

/// Configuration.
pub mod config {}
