//! The child's half: one request at a time, until the host hangs up. Runs behind the walls (or, with `danger-host`,
//! without any), so it is careful for its own sake: paths stay in the workspace, nothing blocks, every answer is bounded.
//!
//! Deliberately absent: threads (but for a search), async, and any trust in what is asked.

mod edit;
mod files;
mod guess;
mod miss;
mod place;
mod search;
mod shell;
mod tree;

use crate::limits::tool::{NOTE_BYTES, REQUEST_BODY_BYTES, REQUEST_HEADER_BYTES};
use crate::sandbox::{
    toolbox::{Answer, Request},
    wire::{FrameBounds, WireError, read_frame, write_frame},
};
use place::Root;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use tree::Tree;

/// What is taken from the host.
const BOUNDS: FrameBounds =
    FrameBounds { header_bytes: REQUEST_HEADER_BYTES as u64, body_bytes: REQUEST_BODY_BYTES as u64 };

/// What a request came to: an answer with its body, or why not, for the model.
type Outcome = Result<(Answer, Vec<u8>), String>;

/// The child's side: serves requests until the host hangs up. Called behind the walls; the working folder is the workspace.
pub fn serve(socket: UnixStream) -> ExitCode {
    serve_in(Path::new("."), socket)
}

/// As [`serve`], with this folder as the workspace. Takes the whole process: whatever it started or adopted is ended.
pub fn serve_in(folder: &Path, mut socket: UnixStream) -> ExitCode {
    match prepare(folder, &socket)
        .map_err(WireError::Io)
        .and_then(|(root, tree)| answer_all(&root, &tree, &mut socket))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE, // the host sees the socket close; there is nobody else to tell
    }
}

fn prepare(folder: &Path, socket: &UnixStream) -> io::Result<(Root, Tree)> {
    // commands must not inherit the way to the host
    rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::CLOEXEC)?;
    // no terminal to ask for passwords on; fails harmlessly in a process that leads a group already
    let _ = rustix::process::setsid();
    let tree = Tree::adopt()?;
    Ok((Root::open(folder)?, tree))
}

fn answer_all(root: &Root, tree: &Tree, socket: &mut UnixStream) -> Result<(), WireError> {
    while let Some((request, body)) = read_frame(socket, BOUNDS)? {
        let outcome = match &request {
            Request::Shell { command, cwd, seconds, capture_bytes } => {
                let wish = shell::Wish {
                    command,
                    cwd: cwd.as_deref(),
                    seconds: *seconds,
                    capture_bytes: *capture_bytes,
                };
                match shell::run(root, tree, &wish, socket) {
                    Err(shell::Failed::HungUp) => return Ok(()),
                    Err(shell::Failed::Refused(why)) => Err(why),
                    Ok(done) => Ok(done),
                }
            }
            Request::Read { path, offset, max_bytes } => files::read(root, path, *offset, *max_bytes),
            Request::Write { path } => files::write(root, path, &body),
            Request::Edit { path, old_bytes, every } => edit::edit(root, path, &body, *old_bytes, *every),
            Request::Search { pattern, path, glob, ignore_case, max_matches } => {
                let wish = search::Wish {
                    pattern,
                    path: path.as_deref(),
                    glob: glob.as_deref(),
                    ignore_case: *ignore_case,
                };
                search::search(root, &wish, *max_matches)
            }
        };
        let (mut answer, body) = outcome.unwrap_or_else(|why| (Answer::Refused { why }, Vec::new()));
        if let Answer::Refused { why: text } | Answer::Done { note: text, .. } = &mut answer {
            // a header is for some lines: whatever else a text quotes, the host would not take it
            text.truncate(text.floor_char_boundary(NOTE_BYTES));
        }
        write_frame(socket, &answer, &body)?;
    }
    Ok(())
}

fn done(note: String, total: u64) -> Answer {
    Answer::Done { note, total }
}
