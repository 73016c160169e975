//! The Linux walls: user, mount, pid, network, ipc and uts namespaces; a private root; Landlock; no capabilities; seccomp.
//!
//! Three processes. The first opens what the policy shows, becomes an ordinary user, unshares, and waits. The second is
//! the namespace's first: it builds the root, closes the walls behind itself and watches ([`super::watch`]). The third
//! is the toolbox, forked behind all walls. Nothing is executed between: no program needs to be visible inside.
//! Deliberately absent: any weaker mode.

mod identity;
mod landlock;
mod limits;
mod masks;
mod mounts;
mod root;
mod seccomp;
mod sources;
mod syscalls;

use super::{
    Policy, WORKSPACE,
    child::{Serve, null_streams, serve_in, tell},
    environment::environment,
    forward,
    launch::{End, Hello, Launch, Trouble},
    tree::Tree,
    walls::{Missing, Wall},
    watch::Watch,
};
use rustix::process::{
    DumpableBehavior, Signal, WaitOptions, set_dumpable_behavior, set_parent_process_death_signal, waitpid,
};
use sources::Sources;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

pub(super) use identity::OWNER;
pub(super) use limits::file_limits;
pub(super) use syscalls::{close_from, fork, leave};

/// The private home, on the private tmpfs.
const HOME: &str = "/home/quantum";
/// The private temporary folder, on the same tmpfs.
const TMP: &str = "/tmp";

/// Builds the walls and serves behind them; returns in the first process when all is over.
pub(super) fn run(socket: &UnixStream, launch: &Launch, serve: Serve) -> Result<End, Trouble> {
    // Asked for first, so that `doctor` names all that is missing at once.
    let mut missing: Vec<Missing> =
        [landlock::available().err(), seccomp::available().err()].into_iter().flatten().collect();
    let sources = match unshared(&launch.policy) {
        Ok(sources) => sources,
        Err(Trouble::Walls(walls)) => {
            missing.splice(0..0, walls);
            return Err(Trouble::Walls(missing));
        }
        Err(other) => return Err(other),
    };
    if !missing.is_empty() {
        return Err(Trouble::Walls(missing));
    }
    match fork().map_err(|errno| Wall::PidNamespace.missing("fork", errno))? {
        None => {
            let end = first(socket, launch, sources, serve).unwrap_or_else(|trouble| {
                tell(socket, &Hello::from(trouble));
                End::NotStarted
            });
            syscalls::leave_with(end.code())
        }
        Some(second) => {
            drop(sources);
            let status = waitpid(Some(second), WaitOptions::empty());
            let code = status.ok().flatten().and_then(|(_, status)| status.exit_status());
            Ok(code.and_then(End::of).unwrap_or(End::Toolbox))
        }
    }
}

/// Everything up to the namespaces. Root opens the sources while it still may; an ordinary user, whose rights don't
/// change, does so where it may mount. So does a container's root, which may not mount before: it sees what that user sees.
fn unshared(policy: &Policy) -> Result<Sources, Trouble> {
    identity::prepare();
    let root = rustix::process::getuid().is_root() || rustix::process::geteuid().is_root();
    let early = (root && identity::may_mount()).then(|| Sources::open(policy)).transpose()?;
    if root {
        identity::become_ordinary()?;
    }
    identity::unshare()?;
    early.map_or_else(|| Sources::open(policy), Ok)
}

/// The namespace's first process.
fn first(socket: &UnixStream, launch: &Launch, sources: Sources, serve: Serve) -> Result<End, Trouble> {
    let policy = &launch.policy;
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| Wall::PidNamespace.missing("death signal", errno))?;
    syscalls::loopback_up().map_err(|errno| Wall::NetNamespace.missing("loopback", errno))?;
    let _ = rustix::system::sethostname(b"sandbox");
    let writable = sources.writable();
    let disk: Vec<_> = sources.write.iter().map(|(path, _)| path.clone()).collect();
    root::enter(sources, policy)?;
    null_streams().map_err(|error| Trouble::Other(format!("/dev/null inside: {error}")))?;
    limits::limit(&policy.bounds)?;
    let proxy = policy.egress.is_some().then(forward::listen).transpose();
    let proxy =
        proxy.map_err(|error| Trouble::Other(format!("the egress forwarder can't listen: {error}")))?;
    let abi = close_behind(&writable, launch.watch_memory)?;
    let variables = environment(policy, HOME, TMP);
    let toolbox = match fork().map_err(|errno| Wall::Limits.missing("fork", errno))? {
        None => {
            drop(proxy);
            let served = serve_in(Path::new(WORKSPACE), &variables, socket, serve);
            leave(served == ExitCode::SUCCESS)
        }
        Some(pid) => pid,
    };
    forward_from(proxy)?;
    tell(socket, &Hello::Ready { landlock: abi });
    let (bounds, memory) = (policy.bounds, launch.watch_memory);
    Ok(Watch { socket, toolbox, tree: Tree::Namespace, bounds, memory, disk }.run())
}

/// The walls that are laws for this process and all it will start. The order matters: each needs what the next forbids.
fn close_behind(writable: &[std::path::PathBuf], watch_memory: bool) -> Result<u32, Missing> {
    identity::drop_bounding_set()?;
    let abi = landlock::restrict(writable)?;
    identity::drop_capabilities()?;
    // Neither memory nor descriptors of this process and of the toolbox can be reached by the commands (same uid).
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|errno| Wall::Capabilities.missing("not dumpable", errno))?;
    seccomp::restrict(watch_memory)?;
    Ok(abi)
}

fn forward_from(proxy: Option<TcpListener>) -> Result<(), Trouble> {
    proxy
        .map_or(Ok(()), forward::forward)
        .map_err(|error| Trouble::Other(format!("the egress forwarder can't start: {error}")))
}
