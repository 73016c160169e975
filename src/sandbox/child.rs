//! The child's way in: from `main` to the walls. One thread, an empty environment, one socket.

use super::{
    Kind, danger_host, environment,
    launch::{End, Hello, Launch, MARKER, Trouble},
    linux,
    wire::{FrameBounds, read_frame, write_frame},
};
use crate::limits::sandbox::LAUNCH_BYTES;
use rustix::net::{SocketType, sockopt::socket_type};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

/// What serves the tools, behind the walls.
pub(super) type Serve = fn(UnixStream) -> ExitCode;

pub(super) fn child(serve: Serve) -> Option<ExitCode> {
    if std::env::args_os().nth(1)? != MARKER {
        return None;
    }
    Some(ExitCode::from(run(serve).code()))
}

fn run(serve: Serve) -> End {
    // Called by hand: there is nobody to tell.
    let Some(mut socket) = socket() else { return End::NotStarted };
    let bounds = FrameBounds { header_bytes: LAUNCH_BYTES, body_bytes: 0 };
    let Ok(Some((launch, _))) = read_frame::<Launch>(&mut socket, bounds) else { return End::NotStarted };
    // Out of the terminal's reach: Ctrl-C is for the host, which ends us in its own order.
    let _ = rustix::process::setsid();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let outcome = match launch.kind {
        Kind::Linux => linux::run(&socket, &launch, serve),
        Kind::DangerHost => danger_host::run(&socket, &launch, serve),
    };
    outcome.unwrap_or_else(|trouble| {
        tell(&socket, &Hello::from(trouble));
        End::NotStarted
    })
}

/// The socket moves from standard input to a descriptor that commands don't inherit; all others are closed.
fn socket() -> Option<UnixStream> {
    linux::close_from(3).ok()?;
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).ok()?;
    if socket_type(&socket).ok()? != SocketType::STREAM {
        return None;
    }
    null_streams().ok()?;
    Some(socket.into())
}

/// Standard input, output and error lead nowhere. Done again once the old root is gone.
pub(super) fn null_streams() -> std::io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

pub(super) fn tell(mut socket: &UnixStream, hello: &Hello) {
    // A host that hung up is noticed elsewhere.
    let _ = write_frame(&mut socket, hello, &[]);
}

/// The toolbox's own process, from its fork to its end.
pub(super) fn serve_in(
    folder: &Path,
    variables: &BTreeMap<String, String>,
    socket: &UnixStream,
    serve: Serve,
) -> ExitCode {
    let start = || {
        rustix::process::setsid()?;
        rustix::process::chdir(folder)?;
        socket.try_clone()
    };
    let Ok(socket) = start() else { return ExitCode::FAILURE };
    environment::set(variables);
    serve(socket)
}

/// An error of the policy, not of a wall.
pub(super) fn cannot(what: &str, path: &Path, error: impl std::fmt::Display) -> Trouble {
    Trouble::Other(format!("{what} {} can't be opened: {error}", path.display()))
}
