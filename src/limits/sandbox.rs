//! The sandbox.

use std::time::Duration;

/// Entries of `PATH`, and of a folder of installed versions, that are looked at when toolchains are looked for.
pub const PATH_ENTRIES: usize = 100;
/// Names looked at in one folder of a toolchain's prefix: an installed one has some dozen. One with more is taken for none.
pub const PREFIX_ENTRIES: usize = 200;
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
/// How long it is tried to remove a sandbox's cgroup, whose last processes may be on their way out. Then a later one does it.
pub const CGROUP_GRACE: Duration = Duration::from_secs(1);
/// Free bytes of the host's disk that a sandbox leaves, or half of what was free when it started, if that is less: other
/// programs need some. Below it the tree is killed.
pub const DISK_FLOOR_BYTES: u64 = 1 << 30;
/// Free files (inodes) that a sandbox leaves on the host's disk, as [`DISK_FLOOR_BYTES`].
pub const DISK_FLOOR_FILES: u64 = 100_000;
/// Files that are looked at when it is counted what a sandbox wrote. At the bound it is taken for too much.
pub const DISK_ENTRIES: usize = 1_000_000;
/// Bytes of one System V semaphore in the kernel, and of one message beside its text.
pub const SEMAPHORE_BYTES: u64 = 64;
/// How often bounds are looked at: the disk, and the tree's memory where no memory cgroup is delegated.
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
    "npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".git-credentials",
    ".git/config",
    ".git/credentials",
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
    "pip.conf",
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
