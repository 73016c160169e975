//! The host's side of a start: the process with nothing of ours in it, its memory bound, the policy, the first word back.

use super::{
    Kind, Policy, Sandbox, SandboxError,
    cgroup::Cgroup,
    launch::{Hello, Launch, MARKER},
    toolbox::Toolbox,
    walls::{Facts, Missing},
    wire::{FrameBounds, WireError, read_frame_async, write_frame_async},
};
use crate::limits::sandbox::{ANSWER_HEADER_BYTES, LAUNCH_BYTES, START};
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use tokio::process::{Child, Command};

/// What came of a start.
pub(super) enum Started {
    Ready { toolbox: Box<Toolbox>, landlock: u32 },
    Missing(Vec<Missing>),
}

pub(super) async fn start(sandbox: &Sandbox, policy: &Policy) -> Result<Toolbox, SandboxError> {
    match attempt(sandbox, policy).await? {
        Started::Ready { toolbox, .. } => Ok(*toolbox),
        Started::Missing(walls) => Err(match walls.first() {
            Some(missing) => missing.error(&Facts::read()),
            None => SandboxError::Protocol("no wall is missing, and yet it did not start".to_owned()),
        }),
    }
}

/// Starts a child and says which walls it can't build, all of them as far as that can be found out.
pub(super) async fn attempt(sandbox: &Sandbox, policy: &Policy) -> Result<Started, SandboxError> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let child = spawn(sandbox, theirs.into())?;
    let cgroup = child.id().and_then(|pid| Cgroup::confine(pid, &policy.bounds));
    let launch = Launch { kind: sandbox.kind, policy: policy.clone(), watch_memory: cgroup.is_none() };
    let text =
        serde_json::to_vec(&launch).map_err(|error| invalid(format!("the policy can't be sent: {error}")))?;
    if text.len() as u64 > LAUNCH_BYTES {
        return Err(invalid(format!(
            "a policy of {} bytes where at most {LAUNCH_BYTES} are taken",
            text.len()
        )));
    }
    let workspace = match sandbox.kind {
        Kind::Linux => super::WORKSPACE.to_owned(),
        Kind::DangerHost => policy.workspace.to_string_lossy().into_owned(),
    };
    let socket = tokio::net::UnixStream::from_std(ours)?;
    let mut toolbox = Toolbox::new(sandbox.kind, socket, child, cgroup, workspace);
    match tokio::time::timeout(START, greet(toolbox.socket(), &launch)).await {
        Err(_) => {
            toolbox.kill();
            Err(SandboxError::Ended(format!("it was not ready after {} s", START.as_secs())))
        }
        Ok(Ok(Some((Hello::Ready { landlock }, _)))) => {
            Ok(Started::Ready { toolbox: Box::new(toolbox), landlock })
        }
        Ok(Ok(Some((Hello::Missing { walls }, _)))) => Ok(Started::Missing(walls)),
        Ok(Ok(Some((Hello::Failed { what }, _)))) => Err(invalid(what)),
        Ok(Ok(None) | Err(WireError::Io(_))) => {
            Err(SandboxError::Ended(format!("{} before it was ready", toolbox.why_ended().await)))
        }
        Ok(Err(error)) => {
            toolbox.kill();
            Err(SandboxError::Protocol(error.to_string()))
        }
    }
}

async fn greet(
    socket: &mut tokio::net::UnixStream,
    launch: &Launch,
) -> Result<Option<(Hello, Vec<u8>)>, WireError> {
    write_frame_async(socket, launch, &[]).await?;
    read_frame_async(socket, FrameBounds { header_bytes: ANSWER_HEADER_BYTES, body_bytes: 0 }).await
}

fn invalid(what: String) -> SandboxError {
    SandboxError::Host(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// The process: our own binary, an empty environment, the socket as its standard input, every other descriptor closed
/// before it is executed.
#[expect(clippy::disallowed_methods, reason = "this is the sandbox: processes start here")]
fn spawn(sandbox: &Sandbox, socket: OwnedFd) -> Result<Child, SandboxError> {
    let mut command = Command::new(&sandbox.program);
    command
        .arg0("quantum")
        .arg(MARKER)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Without walls the first process must live to end the others.
        .kill_on_drop(sandbox.kind == Kind::Linux);
    close_on_exec(&mut command);
    command.spawn().map_err(|error| {
        let program = sandbox.program.display();
        SandboxError::Host(io::Error::new(error.kind(), format!("{program} can't be started: {error}")))
    })
}

#[expect(
    unsafe_code,
    reason = "a descriptor that some library or our parent left open must not reach the child"
)]
fn close_on_exec(command: &mut Command) {
    // SAFETY: between fork and exec the closure makes one system call, and neither allocates nor locks.
    unsafe {
        command.pre_exec(|| {
            let flags = libc::CLOSE_RANGE_CLOEXEC as libc::c_uint;
            match libc::syscall(libc::SYS_close_range, 3 as libc::c_uint, libc::c_uint::MAX, flags) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        });
    }
}
