//! The wire between the host and the sandboxed child, and the host's end of it.
//!
//! A frame is two big-endian u32 lengths (header, body), a JSON header and raw body bytes. Requests are answered in
//! order, one at a time. The host bounds every answer and trusts none.

use super::SandboxError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the host asks of the child. Paths are relative to the workspace or absolute inside the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "snake_case")]
pub enum Request {
    /// Runs `sh -c COMMAND` in the workspace (or `cwd`). Its whole process tree is gone when the answer comes.
    Shell { command: String, cwd: Option<String>, seconds: u32, capture_bytes: u64 },
    /// Reads a file; the body of the answer holds the bytes (at most `max_bytes` from `offset`).
    Read { path: String, offset: u64, max_bytes: u64 },
    /// Lists a folder: one name a line in the body, folders with a trailing `/`, symlinks with `@`.
    List { path: String, max_entries: u32 },
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

/// The host's end: one sandboxed child. Dropping it ends the whole tree of processes.
#[derive(Debug)]
pub struct Toolbox {
    // owned by the sandbox helper
}

impl Toolbox {
    /// Asks the child; at `limit` (which includes the child's own time limit) the tree is killed and `Ended` comes back.
    /// An answer's body longer than the request allows is `Protocol`.
    pub async fn ask(
        &mut self,
        request: &Request,
        body: &[u8],
        limit: Duration,
    ) -> Result<(Answer, Vec<u8>), SandboxError> {
        let _ = (request, body, limit);
        Err(SandboxError::Ended("not built yet".to_owned()))
    }

    /// Ends the whole tree and waits until it is gone.
    pub async fn end(self) {}
}
