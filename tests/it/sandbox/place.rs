//! A place to try the sandbox in: a folder of the host with a workspace, a read-only root, and things to be found out.

use quantumlayer::sandbox::toolbox::{Answer, Request, Toolbox};
use quantumlayer::sandbox::{Bounds, Kind, Policy, Sandbox, SandboxError};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// What only the host may read.
pub(super) const CANARY: &str = "canary-of-the-host";

/// As whom the host's side runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Whoever runs the tests.
    Us,
    /// An ordinary user. When the tests are run by one, the same.
    Ordinary,
}

const ORDINARY: u32 = 65_534;

pub(super) fn root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a story as that user: Linux keeps a thread's own user, and a process forked by it inherits that.
pub(super) fn run_as<T: Send + 'static>(who: Who, story: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let run = move || {
        if who == Who::Ordinary && root() {
            become_ordinary();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(story())
    };
    match std::thread::spawn(run).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn become_ordinary() {
    use rustix::thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let (uid, gid) = (Uid::from_raw(ORDINARY), Gid::from_raw(ORDINARY));
    set_thread_groups(&[]).unwrap();
    set_thread_res_gid(gid, gid, gid).unwrap();
    set_thread_res_uid(uid, uid, uid).unwrap();
}

/// The folder; gone when dropped.
pub(super) struct Place {
    folder: TempDir,
    pub(super) sandbox: Sandbox,
}

impl Place {
    pub(super) fn new(who: Who) -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let built = Path::new(env!("CARGO_BIN_EXE_quantum"));
        let mut program = built.to_owned();
        if who == Who::Ordinary && root() {
            // The build folder may be closed to that user.
            program = folder.path().join("quantum");
            if fs::hard_link(built, &program).is_err() {
                fs::copy(built, &program).unwrap();
            }
        }
        let place = Self { folder, sandbox: Sandbox { kind: Kind::Linux, program } };
        let owner =
            if who == Who::Ordinary && root() { Some((ORDINARY, ORDINARY)) } else { place.sandbox.owner() };
        fs::write(place.path("canary"), CANARY).unwrap();
        fs::create_dir_all(place.path("root/tool/.aws")).unwrap();
        fs::write(place.path("root/program"), "#!/bin/sh\necho tool\n").unwrap();
        fs::set_permissions(place.path("root/program"), fs::Permissions::from_mode(0o755)).unwrap();
        for secret in
            ["root/.npmrc", "root/tool/.netrc", "root/tool/.aws/credentials", "root/credentials.toml"]
        {
            fs::write(place.path(secret), CANARY).unwrap();
        }
        fs::create_dir(place.workspace()).unwrap();
        std::os::unix::fs::symlink(place.path("canary"), place.workspace().join("out")).unwrap();
        if let Some((uid, gid)) = owner {
            chown(place.workspace(), Some(uid), Some(gid)).unwrap();
        }
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program of ours outside the sandbox.
    pub(super) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(super) fn workspace(&self) -> PathBuf {
        self.path("workspace")
    }

    pub(super) fn policy(&self) -> Policy {
        let bounds = Bounds {
            memory_bytes: 1 << 30,
            processes: 128,
            file_bytes: 64 << 20,
            tmp_bytes: 64 << 20,
            disk_bytes: 4 << 30,
            life: Duration::from_secs(120),
        };
        Policy {
            workspace: self.workspace(),
            read: vec![self.path("root")],
            write: Vec::new(),
            env: Vec::new(),
            egress: None,
            bounds,
        }
    }
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) text: String,
}

pub(super) async fn shell(toolbox: &mut Toolbox, command: &str) -> Result<Ran, SandboxError> {
    shell_within(toolbox, command, Duration::from_secs(60)).await
}

pub(super) async fn shell_within(
    toolbox: &mut Toolbox,
    command: &str,
    limit: Duration,
) -> Result<Ran, SandboxError> {
    let request =
        Request::Shell { command: command.to_owned(), cwd: None, seconds: 600, capture_bytes: 1 << 20 };
    let (answer, body) = toolbox.ask(&request, &[], limit).await?;
    let Answer::Shell { exit_code, .. } = answer else { panic!("{answer:?}") };
    Ok(Ran { code: exit_code, text: String::from_utf8_lossy(&body).trim().to_owned() })
}
