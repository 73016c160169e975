//! What confines every process and every file access of a work.
//!
//! One long-lived child per work (our own binary re-executed) stands behind the walls and serves all tools over one
//! inherited socket ([`toolbox`]). Its answers are untrusted. There is no silent weaker mode: a wall that can't be
//! built is a [`SandboxError`] that names the facility and the remedy.

mod cgroup;
mod child;
mod command;
mod danger_host;
mod disk;
pub mod egress;
mod environment;
mod forward;
mod launch;
mod linux;
mod memory;
mod probe;
pub mod roots;
mod spawn;
pub mod toolbox;
mod tree;
mod walls;
mod watch;
pub mod wire;

use crate::report::{Class, Hint};
use serde::{Deserialize, Serialize};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

pub use command::wall_off;
pub use environment::SYSTEM_PATH;

/// Which sandbox (setting `QUANTUM_SANDBOX`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Five walls on Linux: namespaces, private root, Landlock, seccomp, no capabilities.
    Linux,
    /// No walls at all; only by explicit setting, with a warning in every receipt.
    DangerHost,
}

/// What one work may see and use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// The only host folder it may write; seen inside at the same path [`WORKSPACE`].
    pub workspace: PathBuf,
    /// Read-only host files and folders (toolchain roots, package caches, the shared dependency results), seen at their own path.
    pub read: Vec<PathBuf>,
    /// Further writable host folders with the path they are seen at (a setup's result while it is being made).
    pub write: Vec<(PathBuf, PathBuf)>,
    /// Environment on top of what the sandbox sets itself (`HOME`, `PATH`, `TMPDIR`, offline switches …).
    pub env: Vec<(String, String)>,
    /// A listening Unix socket of the egress proxy; None: no network at all but the sandbox's own loopback.
    pub egress: Option<PathBuf>,
    /// Bounds for the tree of processes.
    pub bounds: Bounds,
}

/// Bounds for one sandbox's tree of processes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Bounds {
    /// Memory of the tree in bytes; at the bound the tree is killed.
    pub memory_bytes: u64,
    /// Processes and threads; at the bound `fork` fails.
    pub processes: u64,
    /// One file in bytes; at the bound a write fails.
    pub file_bytes: u64,
    /// The private tmpfs (`/tmp`, `HOME`) in bytes.
    pub tmp_bytes: u64,
    /// What the writable host folders hold in bytes; at the bound the tree is killed.
    pub disk_bytes: u64,
    /// The sandbox's whole life; at the bound the tree is killed.
    pub life: Duration,
}

/// Starts sandboxes of one kind.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// Which.
    pub kind: Kind,
    /// The program that becomes the child: this binary (tests name the built `quantum`).
    pub program: PathBuf,
}

/// One line of `quantum doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What was looked at, e.g. `sandbox: user namespace`.
    pub name: String,
    /// Whether it is there.
    pub ok: bool,
    /// What to do when it isn't; what was found when it is.
    pub hint: Option<String>,
}

impl Sandbox {
    /// Builds the walls and starts the child behind them. Every folder of the policy must exist.
    pub async fn start(&self, policy: &Policy) -> Result<toolbox::Toolbox, SandboxError> {
        spawn::start(self, policy).await
    }

    /// Tries every wall once and says what is missing, one line each.
    pub async fn probe(&self) -> Vec<Probe> {
        probe::probe(self).await
    }

    /// Who must own the workspace's files (uid, gid); None: the user we are. As root it is not root: a process bound
    /// does not bite for host uid 0, so the child becomes this user before anything else.
    pub fn owner(&self) -> Option<(u32, u32)> {
        let root = rustix::process::geteuid().is_root();
        (self.kind == Kind::Linux && root).then_some((linux::OWNER, linux::OWNER))
    }
}

/// Gives a new workspace to the [`Sandbox::owner`]. Where that user can't be, the wall is named.
pub fn give(folder: &Path, owner: Option<(u32, u32)>) -> Result<(), SandboxError> {
    let Some((uid, gid)) = owner else { return Ok(()) };
    std::os::unix::fs::chown(folder, Some(uid), Some(gid)).map_err(|cause| match walls::not_given(&cause) {
        Some(missing) => missing.error(&walls::Facts::read()),
        None => SandboxError::Host(cause),
    })
}

/// To be called first thing in `main`, while single-threaded: when this process was started as a sandbox's child it
/// builds the walls, calls `serve` with the socket to the host, and gives the exit code.
///
/// `serve` runs with the workspace as its working folder, the sandbox's environment set, and a null standard input,
/// output and error.
pub fn child(serve: fn(UnixStream) -> ExitCode) -> Option<ExitCode> {
    child::child(serve)
}

/// Where the workspace is seen inside.
pub const WORKSPACE: &str = "/workspace";

/// Why there is no sandbox, or why it ended.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A wall can't be built here.
    #[error("the sandbox can't build its {wall} wall: {cause}")]
    Wall { wall: &'static str, cause: String, remedy: String },
    /// The child ended: killed by a bound, by us, or by itself.
    #[error("the sandbox ended: {0}")]
    Ended(String),
    /// The child answered something that is not the protocol.
    #[error("the sandbox answered nonsense: {0}")]
    Protocol(String),
    /// The host's own trouble (no memory, no descriptors, disk full).
    #[error("the sandbox could not be started: {0}")]
    Host(#[from] std::io::Error),
}

impl Hint for SandboxError {
    fn code(&self) -> &'static str {
        match self {
            Self::Wall { .. } => "sandbox_wall",
            Self::Ended(_) => "sandbox_ended",
            Self::Protocol(_) => "sandbox_protocol",
            Self::Host(_) => "sandbox_host",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::Wall { remedy, .. } => remedy.clone(),
            Self::Ended(_) => "the work starts again in a new sandbox; if it was memory, disk or time, raise the bound or make the command smaller".to_owned(),
            Self::Protocol(_) => "run again; if it repeats, report it with the log".to_owned(),
            Self::Host(_) => "free memory, descriptors or disk on this machine and run again; `quantum doctor` names what is missing".to_owned(),
        }
    }
    fn class(&self) -> Class {
        match self {
            Self::Wall { .. } => Class::Refused,
            Self::Ended(_) | Self::Host(_) => Class::Transient,
            Self::Protocol(_) => Class::Broken,
        }
    }
}
