//! Carries out setup: dependencies are fetched once per (repository, lockfiles of the base, toolchain), in a sandbox whose
//! only way out is the allow-list, and are read-only for every later work. It never fails a run: what could not be set up
//! is said, with the line of configuration that would help.

use super::{Errand, Performer, aside, rooms, tree_files::TreeFiles, workspace::Workspace};
use crate::{
    agent::contract::Progress,
    config::repo::RepoRules,
    engine::{
        setup::{
            hosts,
            steps::{self, Client, KEPT, LOCKFILES, Step},
        },
        verify::Ended,
    },
    ids::{ContentHash, Sha},
    limits::verify as limits,
    report::{Class, Report},
    sandbox::egress::{self, Log, Rules},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};
use tokio::net::UnixListener;

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
        let advice = if rules.setup.is_none() { steps::advice(&files) } else { None };
        return Ok(Prepared { note: advice.unwrap_or_default(), ..Prepared::default() });
    }
    let folder = folder(hands, &files, &steps);
    if let Some(earlier) = earlier(&folder) {
        return Ok(earlier);
    }
    let _one_at_a_time = hands.setup.lock().await;
    if let Some(earlier) = earlier(&folder) {
        return Ok(earlier);
    }
    let prepared = Making { hands, errand, rules, folder: &folder }.make(base, &steps).await?;
    if !errand.cancel.is_cancelled() {
        keep(&folder, &prepared)?;
    }
    Ok(prepared)
}

fn folder(hands: &Performer, files: &TreeFiles, steps: &[Step]) -> PathBuf {
    let parts = &hands.parts;
    let tools: String = parts.roots.listing.iter().map(|(_, path)| format!("{}\n", path.display())).collect();
    let commands: String = steps.iter().map(|step| format!("{}\n", step.command)).collect();
    let name =
        [parts.source.folder().display().to_string(), files.digest(LOCKFILES).to_string(), tools, commands]
            .join("\n");
    parts.data.join("setup").join(ContentHash::of(name.as_bytes()).as_str().get(..16).unwrap_or_default())
}

/// A result is whole once its `done` is there; one that failed is tried again by the next run.
fn earlier(folder: &Path) -> Option<Prepared> {
    serde_json::from_slice(&fs::read(folder.join("done")).ok()?).ok()
}

fn keep(folder: &Path, prepared: &Prepared) -> Result<(), Report> {
    if prepared.folder.is_none() && !prepared.note.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_vec(prepared).unwrap_or_default();
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(folder.join("done"), text))
        .map_err(|cause| disk(&cause))
}

fn disk(cause: &std::io::Error) -> Report {
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
        let place = (parts.data.as_path(), &self.errand.run.id, "setup");
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
        let rules = match self.rules_for(workspace, &needed).await? {
            Ok(rules) if !rules.allow.is_empty() => rules,
            Ok(_) => return Ok(failed("no host is known that the package clients use", &needed)),
            Err(entry) => {
                return Ok(failed(&format!("QUANTUM_EGRESS_ALLOW: {entry:?} is no host[:port]"), &needed));
            }
        };
        self.with_network(workspace, &needed, rules).await
    }

    /// A command in the workspace without any network.
    async fn offline(&self, workspace: &Workspace, command: &str) -> Result<Ended, Report> {
        let policy = rooms::policy(self.hands, workspace.folder(), &Prepared::default(), limits::SETUP);
        rooms::command(self.hands, self.errand, &policy, command, limits::SETUP).await
    }

    /// What may be reached: the operator's list, else what the clients say; a repository only chooses out of a list.
    async fn rules_for(
        &self,
        workspace: &Workspace,
        steps: &[Step],
    ) -> Result<Result<Rules, String>, Report> {
        let parts = &self.hands.parts;
        if let Some(list) = &parts.egress_allow {
            return Ok(hosts::by_operator(list));
        }
        let clients: BTreeSet<Client> = steps
            .iter()
            .flat_map(|step| match step.client {
                Client::Any => vec![Client::Cargo, Client::Node, Client::Python, Client::Go],
                one => vec![one],
            })
            .collect();
        let mut allow = Vec::new();
        for client in clients {
            let answer = match hosts::question(client) {
                Some(command) => self.offline(workspace, command).await?.output,
                None => Vec::new(),
            };
            allow.extend(hosts::reported(client, &String::from_utf8_lossy(&answer), &parts.host_env));
        }
        let asked = self.rules.allow.iter().filter_map(|entry| egress::Place::parse(entry));
        allow.extend(asked);
        Ok(Ok(Rules { allow, by_operator: false, upstream: None }))
    }

    async fn with_network(
        &self,
        workspace: &Workspace,
        steps: &[Step],
        rules: Rules,
    ) -> Result<Prepared, Report> {
        let parts = &self.hands.parts;
        let folder = self.folder.to_owned();
        let owner = parts.sandbox.owner();
        aside_io(move || fresh_folder(&folder, owner)).await?;
        // a socket's path has at most 107 bytes: the data folder's may be longer
        let socket_home =
            tempfile::Builder::new().prefix("quantum-").tempdir().map_err(|cause| disk(&cause))?;
        let socket = socket_home.path().join("egress");
        let listener = UnixListener::bind(&socket).map_err(|cause| disk(&cause))?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).map_err(|cause| disk(&cause))?;
        let mut policy = rooms::policy(self.hands, workspace.folder(), &Prepared::default(), limits::SETUP);
        policy.write.push((self.folder.to_owned(), self.folder.to_owned()));
        policy.env.extend(own_homes(self.folder));
        policy.env.extend(certificates(&parts.host_env));
        policy.egress = Some(socket);
        let log = Log::default();
        let ended = tokio::select! {
            () = egress::serve(listener, rules, log.clone()) => return Ok(failed("the proxy ended", steps)),
            ended = self.commands(&policy, steps) => ended?,
        };
        if let Some((command, why)) = ended {
            return Ok(failed(&format!("`{command}` {why}{}", refused(&log)), steps));
        }
        let notes = self.afterwards(&policy, steps).await?;
        let links = self.take(workspace)?;
        let env = own_homes(self.folder).into_iter().filter(|(_, path)| Path::new(path).is_dir()).collect();
        Ok(Prepared { folder: Some(self.folder.to_owned()), links, env, note: done(steps, &log) + &notes })
    }

    /// Runs the steps; the first that fails ends it.
    async fn commands(
        &self,
        policy: &crate::sandbox::Policy,
        steps: &[Step],
    ) -> Result<Option<(String, String)>, Report> {
        for step in steps {
            self.errand
                .watch
                .show(Progress::Command { what: "setup".to_owned(), command: step.command.clone() });
            let ended = rooms::command(self.hands, self.errand, policy, &step.command, limits::SETUP).await?;
            if ended.exit_code != Some(0) {
                let how = ended
                    .exit_code
                    .map_or("did not finish".to_owned(), |code| format!("ended with exit code {code}"));
                tracing::info!(command = step.command, output = %String::from_utf8_lossy(&ended.output), "setup failed");
                return Ok(Some((step.command.clone(), format!("{how}{}", last_line(&ended.output)))));
            }
        }
        Ok(None)
    }

    /// What follows without a network; it may fail, and then the receipt says so.
    async fn afterwards(&self, policy: &crate::sandbox::Policy, steps: &[Step]) -> Result<String, Report> {
        let policy = crate::sandbox::Policy { egress: None, ..policy.clone() };
        let mut notes = String::new();
        for command in steps.iter().filter_map(|step| step.after) {
            let ended = rooms::command(self.hands, self.errand, &policy, command, limits::SETUP).await?;
            if ended.exit_code != Some(0) {
                notes.push_str(&format!("; `{command}` failed{}", last_line(&ended.output)));
            }
        }
        Ok(notes)
    }

    /// Moves what is kept out of the workspace.
    fn take(&self, workspace: &Workspace) -> Result<Vec<String>, Report> {
        let mut links = Vec::new();
        for name in KEPT {
            let made = workspace.folder().join(name);
            if fs::symlink_metadata(&made).is_ok_and(|meta| meta.is_dir()) {
                fs::rename(&made, self.folder.join(name)).map_err(|cause| disk(&cause))?;
                links.push((*name).to_owned());
            }
        }
        Ok(links)
    }
}

async fn aside_io(deed: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<(), Report> {
    aside(move || deed().map_err(|cause| disk(&cause))).await
}

fn fresh_folder(folder: &Path, owner: Option<(u32, u32)>) -> std::io::Result<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    match owner {
        Some((uid, gid)) => chown(folder, Some(uid), Some(gid)),
        None => Ok(()),
    }
}

/// Where package clients keep what they fetch.
fn own_homes(folder: &Path) -> Vec<(String, String)> {
    let home = |name: &str, inner: &str| (name.to_owned(), folder.join(inner).display().to_string());
    vec![home("CARGO_HOME", "cargo"), home("GOMODCACHE", "go")]
}

/// A company's own authorities, where the file is one that the sandbox sees.
fn certificates(env: &std::collections::BTreeMap<String, String>) -> Vec<(String, String)> {
    let names = [
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        "PIP_CERT",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "CARGO_HTTP_CAINFO",
    ];
    let seen = |path: &str| {
        path.starts_with("/etc/ssl/") || path.starts_with("/etc/pki/") || path.starts_with("/usr/")
    };
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), env.get(*name).filter(|path| seen(path))?.clone())))
        .collect()
}

fn failed(why: &str, steps: &[Step]) -> Prepared {
    let commands: Vec<String> = steps.iter().map(|step| format!("{:?}", step.command)).collect();
    let help = format!(
        "set QUANTUM_EGRESS_ALLOW to the hosts they need, or name what does work with `setup: [{}]` in .github/quantum.yml",
        commands.join(", ")
    );
    Prepared { note: format!("dependencies could not be set up: {why}; {help}"), ..Prepared::default() }
}

fn refused(log: &Log) -> String {
    let lines = log.lines();
    let refused: BTreeSet<String> =
        lines.iter().filter_map(|line| Some(format!("{} ({})", line.place, line.refused?))).take(5).collect();
    if refused.is_empty() {
        String::new()
    } else {
        format!("; refused: {}", refused.into_iter().collect::<Vec<_>>().join(", "))
    }
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).take(200).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}

fn done(steps: &[Step], log: &Log) -> String {
    let lines = log.lines();
    let down: u64 = lines.iter().map(|line| line.down).sum();
    let places: BTreeSet<&str> =
        lines.iter().filter(|line| line.refused.is_none()).map(|line| line.place.as_str()).collect();
    let from = places.into_iter().take(8).collect::<Vec<_>>().join(", ");
    let commands: Vec<&str> = steps.iter().map(|step| step.command.as_str()).collect();
    format!(
        "dependencies were set up by `{}`: {:.1} MB from {from}",
        commands.join("`, `"),
        down as f64 / 1e6
    )
}
