//! Carries out setup: dependencies are fetched once per (repository, lockfiles of the base, toolchain), in a sandbox whose
//! only way out is the allow-list, and are read-only for every later work. It never fails a run: what could not be set up
//! is said, with the line of configuration that would help.

use super::{Errand, Performer, aside, fetch::Fetching, keep::keep, rooms, tree_files::TreeFiles, workspace};
use crate::{
    agent::contract::Progress,
    config::repo::RepoRules,
    engine::{
        setup::{
            advice, hosts, notes,
            steps::{self, Client, Step},
        },
        verify::Ended,
    },
    ids::{ContentHash, RunId, Sha},
    limits::verify as limits,
    report::{Class, Report},
    sandbox::{Kind, Policy, WORKSPACE, egress::Log},
};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
};
use workspace::Workspace;

/// What setup left for later works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Prepared {
    /// Shown read-only.
    pub(super) folder: Option<PathBuf>,
    /// Names in the workspace that link into the folder.
    pub(super) links: Vec<String>,
    /// For the tools to find it.
    pub(super) env: Vec<(String, String)>,
    /// What was done or could not be done, for the receipt; empty: nothing was needed.
    pub(super) note: String,
    /// What could help where the checks don't pass, for the receipt then; empty: nothing is known.
    #[serde(default)]
    pub(super) hint: String,
    /// Some of it did not work out.
    pub(super) is_incomplete: bool,
}

/// Finds an earlier result or makes one.
pub(super) async fn prepare(
    hands: &Performer,
    errand: &Errand<'_>,
    rules: &RepoRules,
    base: &Sha,
) -> Result<Prepared, Report> {
    let files = TreeFiles::of(&hands.parts.source, base).await?;
    let steps = steps::steps(rules.setup.as_deref(), &files);
    if steps.is_empty() {
        let shown: Vec<&Path> = hands.parts.roots.listing.iter().map(|(_, path)| path.as_path()).collect();
        // a person who says that nothing is needed knows it
        if rules.setup.is_some() {
            return Ok(Prepared::default());
        }
        let note = advice::advice(&files, &shown).unwrap_or_default();
        let hint = if note.is_empty() { advice::hint(&files) } else { None };
        return Ok(Prepared { note, hint: hint.unwrap_or_default(), ..Prepared::default() });
    }
    let folder = folder(hands, &files, &steps);
    let run = &errand.run.id;
    if let Some(earlier) = earlier(&folder, run) {
        return Ok(earlier);
    }
    let _one_at_a_time = hands.setup.lock().await;
    let Some(_alone) = alone(&folder, errand).await.map_err(|cause| disk(&cause))? else {
        return Ok(Prepared::default());
    };
    if let Some(earlier) = earlier(&folder, run) {
        return Ok(earlier);
    }
    let prepared = Making { hands, errand, rules, folder: &folder }.make(base, &steps).await?;
    if !errand.cancel.is_cancelled() {
        let failed_in = prepared.has_failed().then(|| run.clone());
        let text = serde_json::to_vec(&Kept { prepared: prepared.clone(), failed_in }).unwrap_or_default();
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join(DONE), text))
            .map_err(|cause| disk(&cause))?;
    }
    Ok(prepared)
}

/// Waits until no other process makes this result; None: told to stop meanwhile. The kernel gives the lock of a dead one back.
async fn alone(folder: &Path, errand: &Errand<'_>) -> std::io::Result<Option<fs::File>> {
    fs::create_dir_all(folder.parent().unwrap_or(folder))?;
    let file = fs::File::create(folder.with_extension("lock"))?;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => {}
            Err(cause) => return Err(cause.into()),
        }
        tokio::select! {
            () = errand.cancel.cancelled() => return Ok(None),
            () = tokio::time::sleep(limits::LOCK_LOOK) => {}
        }
    }
}

/// Where a result is said to be whole; nothing in a sandbox can write there.
const DONE: &str = "done";

/// A result as it is found again.
#[derive(Serialize, Deserialize)]
struct Kept {
    prepared: Prepared,
    /// It did not work out in this run: its further works don't try again, the next run does.
    failed_in: Option<RunId>,
}

impl Prepared {
    fn has_failed(&self) -> bool {
        self.is_incomplete || self.folder.is_none() && !self.note.is_empty()
    }
}

fn folder(hands: &Performer, files: &TreeFiles, steps: &[Step]) -> PathBuf {
    let parts = &hands.parts;
    let commands: String = steps.iter().map(|step| format!("{}\n", step.command)).collect();
    // what a command of the repository's own runs: another branch's script must not have made this one's dependencies
    let own = steps.iter().filter(|step| step.client == Client::Any);
    let named: Vec<&str> = own.flat_map(|step| steps::words(&step.command)).collect();
    let counts = |path: &str| {
        steps::counts(path) || steps::is_manifest(path) || named.iter().any(|word| steps::means(word, path))
    };
    let name = [
        format!("{:?}", parts.sandbox.kind),
        parts.source.folder().display().to_string(),
        files.digest(counts).to_string(),
        rooms::toolchains(hands),
        commands,
    ]
    .join("\n");
    parts.data.join("setup").join(ContentHash::of(name.as_bytes()).as_str().get(..16).unwrap_or_default())
}

fn earlier(folder: &Path, run: &RunId) -> Option<Prepared> {
    let kept: Kept = serde_json::from_slice(&fs::read(folder.join(DONE)).ok()?).ok()?;
    kept.failed_in.is_none_or(|failed_in| failed_in == *run).then_some(kept.prepared)
}

pub(super) fn disk(cause: &std::io::Error) -> Report {
    Report::new(
        Class::Transient,
        "disk",
        format!("the data folder can't be written: {cause}"),
        "free disk space or make QUANTUM_DATA_DIR writable",
    )
}

struct Making<'a> {
    hands: &'a Performer,
    errand: &'a Errand<'a>,
    rules: &'a RepoRules,
    folder: &'a Path,
}

impl Making<'_> {
    async fn make(&self, base: &Sha, steps: &[Step]) -> Result<Prepared, Report> {
        let parts = &self.hands.parts;
        let place = (parts.data.as_path(), self.errand.lease, "setup");
        let workspace = Workspace::check_out(&parts.source, place, base, parts.sandbox.owner()).await?;
        let made = self.in_workspace(&workspace, steps).await;
        workspace.remove().await;
        made
    }

    async fn in_workspace(&self, workspace: &Workspace, steps: &[Step]) -> Result<Prepared, Report> {
        let mut needed = Vec::new();
        for step in steps {
            let enough = match step.enough {
                Some(command) => self.offline(workspace, command).await?.exit_code == Some(0),
                None => false,
            };
            if !enough {
                needed.push(step.clone());
            }
        }
        if needed.is_empty() {
            return Ok(Prepared::default());
        }
        self.fresh(&needed).await?;
        let mut policy = rooms::policy(self.hands, workspace.folder(), &Prepared::default(), limits::SETUP);
        let homes = homes(self.folder);
        policy.write.push((homes.clone(), homes));
        policy.env.extend(own_homes(self.folder));
        let (from_caches, left) = self.without_network(&policy, &needed).await?;
        let (log, mut failed) = (Log::default(), Vec::new());
        if !left.is_empty() {
            let scratch = self::homes(self.folder).join("meanwhile");
            let (hands, errand) = (self.hands, self.errand);
            let fetching = Fetching { hands, errand, asked: &self.rules.allow, scratch: &scratch };
            failed = fetching.fetch(workspace, &policy, &left, &log).await?;
            workspace::remove(&scratch);
        }
        let has_failed = |step: &Step| failed.iter().any(|(other, _)| other == step);
        let note = notes::failed(&failed, &log);
        // commands of the configuration may build on each other: what they left is whole or is nothing
        if failed.iter().any(|(step, _)| step.client == Client::Any) || failed.len() == needed.len() {
            return Ok(Prepared { note, ..Prepared::default() });
        }
        let fetched: Vec<Step> = left.iter().filter(|step| !has_failed(step)).cloned().collect();
        let done: Vec<Step> = needed.iter().filter(|step| !has_failed(step)).cloned().collect();
        let after = self.afterwards(&policy, &done).await?;
        let names: Vec<&str> = done.iter().flat_map(|step| steps::kept(step.client)).copied().collect();
        // without walls every work's workspace is somewhere else
        let seen_at = (self.hands.parts.sandbox.kind == Kind::Linux).then_some(WORKSPACE);
        let links = keep(workspace.folder(), self.folder, &names, seen_at).map_err(|cause| disk(&cause))?;
        // an empty home would only hide the host's own cache
        let is_used = |(_, home): &(String, String)| {
            ["registry", "git", "cache"].iter().any(|inner| Path::new(home).join(inner).is_dir())
        };
        let env = own_homes(self.folder).into_iter().filter(is_used).collect();
        let made = notes::done(&from_caches, &fetched, &log) + &after;
        let note = if note.is_empty() { made } else { format!("{made}; {note}") };
        Ok(Prepared {
            folder: Some(self.folder.to_owned()),
            links,
            env,
            note,
            hint: String::new(),
            is_incomplete: !failed.is_empty(),
        })
    }

    /// Only what is made by us is in it, and one folder that the sandbox may write.
    async fn fresh(&self, steps: &[Step]) -> Result<(), Report> {
        let parts = &self.hands.parts;
        let (folder, owner) = (self.folder.to_owned(), parts.sandbox.owner());
        let wants_cargo = steps.iter().any(|step| matches!(step.client, Client::Cargo | Client::Any));
        let home = hosts::cargo_home(&parts.host_env).filter(|_| wants_cargo);
        let deed = move || {
            let config = home.map(|home| hosts::cargo_config(&home)).unwrap_or_default();
            fresh_folder(&folder, &config.to_string(), owner)
        };
        aside(move || deed().map_err(|cause| disk(&cause))).await
    }

    /// Which steps did without a network, and which did not.
    async fn without_network(
        &self,
        policy: &Policy,
        steps: &[Step],
    ) -> Result<(Vec<Step>, Vec<Step>), Report> {
        let (mut done, mut left) = (Vec::new(), Vec::new());
        let mut policy = policy.clone();
        policy.env.extend(self.hands.parts.roots.setup_env.iter().cloned());
        for step in steps {
            if step.from_caches {
                let (what, command) = ("setup from the caches".to_owned(), step.command.clone());
                self.errand.watch.show(Progress::Command { what, command });
            }
            let is_done = step.from_caches
                && rooms::command(self.hands, self.errand, &policy, &step.command, limits::FROM_CACHES)
                    .await?
                    .exit_code
                    == Some(0);
            if is_done { done.push(step.clone()) } else { left.push(step.clone()) }
        }
        Ok((done, left))
    }

    /// A command in the workspace without any network.
    async fn offline(&self, workspace: &Workspace, command: &str) -> Result<Ended, Report> {
        let policy = rooms::policy(self.hands, workspace.folder(), &Prepared::default(), limits::SETUP);
        rooms::command(self.hands, self.errand, &policy, command, limits::SETUP).await
    }

    /// What follows without a network; it may fail, and then the receipt says so.
    async fn afterwards(&self, policy: &Policy, steps: &[Step]) -> Result<String, Report> {
        let mut said = String::new();
        for command in steps.iter().filter_map(|step| step.after) {
            let ended = rooms::command(self.hands, self.errand, policy, command, limits::SETUP).await?;
            if ended.exit_code != Some(0) {
                said.push_str(&format!("; `{command}` failed{}", notes::last_line(&ended.output)));
            }
        }
        Ok(said)
    }
}

/// What the sandbox itself may write of the result.
fn homes(folder: &Path) -> PathBuf {
    folder.join("homes")
}

fn fresh_folder(folder: &Path, cargo_config: &str, owner: Option<(u32, u32)>) -> std::io::Result<()> {
    // folders that a sandbox made unreadable are opened up for that
    workspace::remove(folder);
    let own = |path: &Path| owner.map_or(Ok(()), |(uid, gid)| chown(path, Some(uid), Some(gid)));
    fs::create_dir_all(homes(folder))?;
    own(&homes(folder))?;
    if !cargo_config.is_empty() {
        let cargo = homes(folder).join("cargo");
        fs::create_dir(&cargo)?;
        fs::write(cargo.join("config.toml"), cargo_config)?;
        own(&cargo)?;
    }
    Ok(())
}

/// Where package clients keep what they fetch.
fn own_homes(folder: &Path) -> Vec<(String, String)> {
    let home = |name: &str, inner: &str| (name.to_owned(), homes(folder).join(inner).display().to_string());
    vec![home("CARGO_HOME", "cargo"), home("GOMODCACHE", "go")]
}
