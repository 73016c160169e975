//! No walls: the same child and the same toolbox, right on the host. For machines that can't build walls and people who
//! said so in words. The tree is still ended as well as the host allows, and time and memory are still bounded.

use super::{
    child::{Serve, cannot, serve_in, tell},
    environment::environment,
    launch::{End, Hello, Launch, Trouble},
    linux,
    tree::Tree,
    watch::Watch,
};
use rustix::process::{Pid, Signal, set_child_subreaper, set_parent_process_death_signal};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

pub(super) fn run(socket: &UnixStream, launch: &Launch, serve: Serve) -> Result<End, Trouble> {
    let policy = &launch.policy;
    if let Err(error) = std::fs::read_dir(&policy.workspace) {
        return Err(cannot("the workspace", &policy.workspace, error));
    }
    let private = tempfile::Builder::new().prefix("quantum-").tempdir();
    let private = private.map_err(|error| Trouble::Other(format!("no temporary folder: {error}")))?;
    let folder = private.path().to_string_lossy();
    let _ = std::fs::create_dir_all(private.path().join("tmp"));
    let mut variables = environment(policy, &folder, &format!("{folder}/tmp"));
    // Without a network wall there is no forwarder either: what reaches out does so by itself.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        variables.remove(name);
    }
    // Orphans come to this process, so that it can end them.
    set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| Trouble::Other(format!("no subreaper: {error}")))?;
    linux::file_limits(&policy.bounds).map_err(Trouble::from)?;
    let toolbox = match linux::fork().map_err(|error| Trouble::Other(format!("fork: {error}")))? {
        None => {
            let _ = set_parent_process_death_signal(Some(Signal::KILL));
            let code = serve_in(&policy.workspace, &variables, socket, serve);
            linux::leave(code == ExitCode::SUCCESS)
        }
        Some(pid) => pid,
    };
    tell(socket, &Hello::Ready { landlock: 0 });
    let end = watch(socket, launch, toolbox);
    Tree::Descendants.end();
    Ok(end)
}

fn watch(socket: &UnixStream, launch: &Launch, toolbox: Pid) -> End {
    let (bounds, memory) = (launch.policy.bounds, launch.watch_memory);
    let disk = vec![launch.policy.workspace.clone()];
    Watch { socket, toolbox, tree: Tree::Descendants, bounds, memory, disk }.run()
}
