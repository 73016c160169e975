//! The wire between the host and the sandboxed child, and the host's end of it.
//!
//! A frame is two big-endian u32 lengths (header, body), a JSON header and raw body bytes. Requests are answered in
//! order, one at a time. The host bounds every answer and trusts none: the first that is not the protocol ends the tree.

use super::{
    Kind, SandboxError,
    cgroup::Cgroup,
    launch::End,
    wire::{FrameBounds, WireError, read_frame_async, write_frame_async},
};
use crate::limits::sandbox::{ANSWER_BODY_BYTES, ANSWER_HEADER_BYTES, ANSWER_LINE_BYTES, END_GRACE};
use serde::{Deserialize, Serialize};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use tokio::{net::UnixStream, process::Child, time::timeout};

/// What the host asks of the child. Paths are relative to the workspace or absolute inside the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "snake_case")]
pub enum Request {
    /// Runs `sh -c COMMAND` in the workspace (or `cwd`). Its whole process tree is gone when the answer comes.
    Shell { command: String, cwd: Option<String>, seconds: u32, capture_bytes: u64 },
    /// Reads a file; the body of the answer holds the bytes (at most `max_bytes` from `offset`).
    Read { path: String, offset: u64, max_bytes: u64 },
    /// Writes a file whole (the request's body), making parent folders; keeps the executable bit of an existing file.
    Write { path: String },
    /// Replaces text exactly: the request's body is old text then new text, split at `old_bytes`.
    Edit { path: String, old_bytes: u64, every: bool },
    /// Searches text by regular expression below `path`; the body holds `path:line:text` lines.
    Search {
        pattern: String,
        path: Option<String>,
        glob: Option<String>,
        ignore_case: bool,
        max_matches: u32,
    },
}

/// What the child answers; its bytes are in the frame's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// A command ended. `exit_code` is None when it was killed (`timed_out`, or by a signal).
    Shell { exit_code: Option<i32>, signal: Option<i32>, timed_out: bool, millis: u64, total_bytes: u64 },
    /// Done; `note` says what happened in one line, `total` counts what there was (bytes, entries, matches, replacements).
    Done { note: String, total: u64 },
    /// Not done, and why, for the model: a wrong path, no such text, not a text file.
    Refused { why: String },
}

impl Request {
    /// The most bytes that an honest answer's body has.
    fn answer_bytes(&self) -> u64 {
        let bytes = match self {
            Self::Shell { capture_bytes, .. } => *capture_bytes,
            Self::Read { max_bytes, .. } => *max_bytes,
            Self::Search { max_matches, .. } => u64::from(*max_matches).saturating_mul(ANSWER_LINE_BYTES),
            Self::Write { .. } | Self::Edit { .. } => ANSWER_HEADER_BYTES,
        };
        bytes.min(ANSWER_BODY_BYTES)
    }

    fn is_shell(&self) -> bool {
        matches!(self, Self::Shell { .. })
    }
}

/// The host's end: one sandboxed child. Dropping it ends the whole tree of processes.
#[derive(Debug)]
pub struct Toolbox {
    kind: Kind,
    socket: UnixStream,
    child: Child,
    cgroup: Option<Cgroup>,
    workspace: String,
    /// Why it is of no more use.
    ended: Option<String>,
}

impl Toolbox {
    pub(super) fn new(
        kind: Kind,
        socket: UnixStream,
        child: Child,
        cgroup: Option<Cgroup>,
        workspace: String,
    ) -> Self {
        Self { kind, socket, child, cgroup, workspace, ended: None }
    }

    pub(super) fn socket(&mut self) -> &mut UnixStream {
        &mut self.socket
    }

    /// Where commands see the workspace: `/workspace` behind walls, the folder itself without.
    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// What bounds the tree's memory: a cgroup, or the child's own watch.
    pub fn memory_bound(&self) -> &'static str {
        self.cgroup.as_ref().map_or("watchdog", Cgroup::name)
    }

    /// Asks the child; at `limit` (which includes the child's own time limit) the tree is killed and `Ended` comes back.
    /// An answer's body longer than the request allows is `Protocol`. Dropping the future before it is done kills the
    /// tree too: an answer that nobody waits for must never be taken for the next one's.
    pub async fn ask(
        &mut self,
        request: &Request,
        body: &[u8],
        limit: Duration,
    ) -> Result<(Answer, Vec<u8>), SandboxError> {
        if let Some(why) = &self.ended {
            return Err(SandboxError::Ended(why.clone()));
        }
        let flight = Flight { toolbox: self, landed: false };
        let bounds = FrameBounds { header_bytes: ANSWER_HEADER_BYTES, body_bytes: request.answer_bytes() };
        let Self { socket, cgroup, .. } = &mut *flight.toolbox;
        let exchange = timeout(limit, exchange(socket, request, body, bounds));
        let outcome = tokio::select! {
            biased;
            () = passed(cgroup.as_ref()) => None,
            outcome = exchange => Some(outcome),
        };
        let passed = cgroup.as_ref().is_some_and(Cgroup::out_of_memory);
        flight.land();
        let Some(outcome) = outcome.filter(|_| !passed) else {
            return Err(self.ended(OUT_OF_MEMORY.to_owned()));
        };
        match outcome {
            Err(_) => Err(self.ended(format!("no answer within {} s", limit.as_secs()))),
            Ok(Ok(Some((answer, _)))) if matches!(answer, Answer::Shell { .. }) && !request.is_shell() => {
                Err(self.nonsense("an exit code where no command was asked for".to_owned()))
            }
            Ok(Ok(Some(answer))) => Ok(answer),
            Ok(Ok(None) | Err(WireError::Io(_))) => {
                let why = self.why_ended().await;
                Err(self.ended(why))
            }
            Ok(Err(error)) => Err(self.nonsense(error.to_string())),
        }
    }

    /// Ends the whole tree and waits until it is gone.
    pub async fn end(mut self) {
        self.why_ended().await;
    }

    /// Starts the end of the tree without waiting for it.
    pub(super) fn kill(&mut self) {
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        if self.kind == Kind::Linux {
            // Behind walls the second process, the namespace's first, dies with the first, and all others with it.
            let _ = self.child.start_kill();
        }
    }

    /// Hangs up, waits for the tree's end, and says what ended it.
    pub(super) async fn why_ended(&mut self) -> String {
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        let status = match timeout(END_GRACE, self.child.wait()).await {
            Ok(Ok(status)) => status,
            _ => {
                let _ = self.child.kill().await;
                return "it did not end by itself and was killed".to_owned();
            }
        };
        if self.cgroup.as_ref().is_some_and(Cgroup::out_of_memory) {
            return OUT_OF_MEMORY.to_owned();
        }
        match (status.code().map(|code| (code, End::of(code))), status.signal()) {
            (Some((_, Some(End::Memory))), _) => OUT_OF_MEMORY.to_owned(),
            (Some((_, Some(End::Disk))), _) => {
                "its folders passed their disk bound, or hardly any disk was left".to_owned()
            }
            (Some((_, Some(End::Life))), _) => "the sandbox passed its time bound".to_owned(),
            (Some((_, Some(End::Toolbox))), _) => "its toolbox was killed or broke".to_owned(),
            (Some((_, Some(End::Served))), _) => "it hung up".to_owned(),
            (Some((code, _)), _) => format!("its first process exited with code {code}"),
            (None, Some(signal)) => format!("its first process was killed by signal {signal}"),
            (None, None) => "its first process is gone".to_owned(),
        }
    }

    fn ended(&mut self, why: String) -> SandboxError {
        self.kill();
        self.ended = Some(why.clone());
        SandboxError::Ended(why)
    }

    fn nonsense(&mut self, what: String) -> SandboxError {
        self.kill();
        self.ended = Some("it answered nonsense before".to_owned());
        SandboxError::Protocol(what)
    }
}

const OUT_OF_MEMORY: &str = "the tree of processes passed its memory bound";

/// Comes back when the kernel has killed for the memory bound; never, where no cgroup bounds it.
async fn passed(cgroup: Option<&Cgroup>) {
    match cgroup {
        Some(cgroup) => cgroup.passed().await,
        None => std::future::pending().await,
    }
}

async fn exchange(
    socket: &mut UnixStream,
    request: &Request,
    body: &[u8],
    bounds: FrameBounds,
) -> Result<Option<(Answer, Vec<u8>)>, WireError> {
    write_frame_async(socket, request, body).await?;
    read_frame_async(socket, bounds).await
}

/// A question in flight. Dropped before it has landed, it ends the tree.
struct Flight<'a> {
    toolbox: &'a mut Toolbox,
    landed: bool,
}

impl Flight<'_> {
    fn land(mut self) {
        self.landed = true;
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.landed {
            self.toolbox.kill();
            self.toolbox.ended = Some("an earlier question was given up".to_owned());
        }
    }
}
