//! Rooms: what the sandbox of a work or a check sees, and which commands check the repository.

use super::{
    Errand, Performer,
    prepare::{self, Prepared},
    snapshot,
    tree_files::TreeFiles,
};
use crate::{
    engine::verify::{
        Ended,
        detect::{self, CheckCommand},
    },
    ids::Sha,
    limits::{engine as limits, verify as checks},
    report::{Class, Hint, Report},
    sandbox::{
        Bounds, Kind, Policy, SYSTEM_PATH, SandboxError,
        toolbox::{Answer, Request},
    },
};
use std::{os::unix::fs::symlink, path::Path, time::Duration};

/// A sandbox's furniture.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// What it sees and may use.
    pub(super) policy: Policy,
    /// The commands that check the repository.
    pub(super) checks: Vec<CheckCommand>,
    /// A person named them in the repository's configuration.
    pub(super) is_named: bool,
    /// Links in the workspace that setup made; they are no change.
    pub(super) links: Vec<String>,
    /// What the setup did or could not do, one line.
    pub(super) note: String,
    /// What could help where the checks don't pass, one line.
    pub(super) hint: String,
}

impl Room {
    /// The commands as text, for the agent.
    pub(super) fn commands(&self) -> Vec<String> {
        self.checks.iter().map(|check| check.command.clone()).collect()
    }
}

/// Furnishes a sandbox for the files of `tree` that are in `workspace`: dependencies by the base's lockfiles, checks by the tree.
pub(super) async fn furnish(
    hands: &Performer,
    errand: &Errand<'_>,
    workspace: &Path,
    tree: &Sha,
) -> Result<Room, Report> {
    let rules = snapshot::rules(hands, errand.run).await?;
    let base = errand.run.state.snapshot.as_ref().map_or(tree, |snapshot| &snapshot.tree);
    let prepared = prepare::prepare(hands, errand, &rules, base).await?;
    let files = TreeFiles::of(&hands.parts.source, tree).await?;
    let checks = detect::checks(rules.verify.as_deref(), &files);
    let mut links = Vec::new();
    for name in &prepared.links {
        let Some(folder) = &prepared.folder else { continue };
        // a file of that name in the tree wins: the repository has its dependencies in it
        if symlink(folder.join(name), workspace.join(name)).is_ok() {
            links.push(name.clone());
        }
    }
    let life = hands.parts.life(errand.run);
    let policy = policy(hands, workspace, &prepared, life);
    let (note, hint) = (prepared.note, prepared.hint);
    Ok(Room { policy, checks, is_named: rules.verify.is_some(), links, note, hint })
}

/// What a sandbox sees: the workspace, the toolchains, what setup left.
pub(super) fn policy(hands: &Performer, workspace: &Path, prepared: &Prepared, life: Duration) -> Policy {
    let roots = &hands.parts.roots;
    let mut read = roots.read.clone();
    read.extend(prepared.folder.clone());
    let mut env: Vec<(String, String)> = roots
        .env
        .iter()
        .filter(|(name, _)| !prepared.env.iter().any(|(own, _)| own == name))
        .cloned()
        .collect();
    for (name, value) in &mut env {
        if name == "PATH" {
            // toolchains come before the system's own folders
            *value = format!("{value}:{SYSTEM_PATH}");
        }
    }
    env.extend(prepared.env.iter().cloned());
    let bounds = Bounds {
        memory_bytes: limits::SANDBOX_MEMORY_BYTES,
        processes: limits::SANDBOX_PROCESSES,
        file_bytes: limits::SANDBOX_FILE_BYTES,
        tmp_bytes: limits::SANDBOX_TMP_BYTES,
        disk_bytes: limits::SANDBOX_DISK_BYTES,
        life,
    };
    Policy { workspace: workspace.to_owned(), read, write: Vec::new(), env, egress: None, bounds }
}

/// What a sandbox sees of this host, for results that are only good with the same.
pub(super) fn toolchains(hands: &Performer) -> String {
    hands.parts.roots.listing.iter().map(|(_, path)| format!("{}\n", path.display())).collect()
}

/// One command in a fresh sandbox, to its end; a sandbox that was killed by a bound is a command that did not finish.
pub(super) async fn command(
    hands: &Performer,
    errand: &Errand<'_>,
    policy: &Policy,
    command: &str,
    limit: Duration,
) -> Result<Ended, Report> {
    let mut toolbox = hands.sandbox(policy).await?;
    let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX);
    let request = Request::Shell {
        command: command.to_owned(),
        cwd: None,
        seconds,
        capture_bytes: checks::OUTPUT_BYTES,
    };
    let asked = tokio::select! {
        asked = toolbox.ask(&request, &[], limit + limits::GRACE) => asked,
        () = errand.cancel.cancelled() => Err(SandboxError::Ended("it was cancelled".to_owned())),
    };
    toolbox.end().await;
    match asked {
        Ok((Answer::Shell { exit_code, millis, timed_out, .. }, output)) => {
            Ok(Ended { exit_code: exit_code.filter(|_| !timed_out), millis, output })
        }
        Ok((Answer::Refused { why }, _)) => {
            Ok(Ended { exit_code: None, millis: 0, output: why.into_bytes() })
        }
        Ok((Answer::Done { .. }, _)) => Err(Report::new(
            Class::Broken,
            "sandbox_protocol",
            "a command was answered as if it were none",
            "run again; report it with the log",
        )),
        Err(SandboxError::Ended(why)) => Ok(Ended {
            exit_code: None,
            millis: 0,
            output: format!("the sandbox ended: {why}\n").into_bytes(),
        }),
        Err(error) => Err(error.report()),
    }
}

/// What a receipt must say about the sandbox.
pub(super) fn warning(kind: Kind) -> Option<String> {
    match kind {
        Kind::Linux => None,
        Kind::DangerHost => Some(
            "WARNING: danger-host: the agent and these checks ran on the host without a sandbox".to_owned(),
        ),
    }
}
