//! The part of setup that has a network: which hosts it may reach, and the commands that are run with a way to them.

use super::{Errand, Performer, prepare::disk, rooms, workspace::Workspace};
use crate::{
    agent::contract::Progress,
    engine::{
        setup::{
            hosts, notes,
            steps::{Client, Step},
        },
        verify::Ended,
    },
    limits::verify as limits,
    report::Report,
    sandbox::{
        Kind, Policy,
        egress::{self, Log, Place, Rules},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};
use tokio::net::UnixListener;

/// A step that did not work out, and why.
pub(super) type Failed = (Step, String);

/// Who fetches, and what the repository asks for.
pub(super) struct Fetching<'a> {
    pub(super) hands: &'a Performer,
    pub(super) errand: &'a Errand<'a>,
    /// `network.allow` of the repository's configuration.
    pub(super) asked: &'a [String],
    /// Where a client may keep what it needs only meanwhile.
    pub(super) scratch: &'a Path,
}

impl Fetching<'_> {
    /// Runs the steps with a way out; gives those that failed. One failure does not end the others, unless they are commands
    /// of the configuration, which may build on each other.
    pub(super) async fn fetch(
        &self,
        workspace: &Workspace,
        policy: &Policy,
        steps: &[Step],
        log: &Log,
    ) -> Result<Vec<Failed>, Report> {
        let all_fail =
            |why: &str| steps.iter().map(|step| (step.clone(), why.to_owned())).collect::<Vec<_>>();
        let host_env = &self.hands.parts.host_env;
        let clients = clients(steps);
        let rules = match self.rules_for(workspace, &clients).await? {
            Ok(rules) => rules,
            Err(wrong) => return Ok(all_fail(&wrong)),
        };
        // a command of the configuration may need no host at all, and without walls nothing is held back
        let has_walls = self.hands.parts.sandbox.kind == Kind::Linux;
        let is_lost = has_walls && rules.allow.is_empty() && rules.asked.is_empty();
        if is_lost && steps.iter().all(|step| step.client != Client::Any) {
            return Ok(all_fail("no host is known that the package clients use"));
        }
        let mut policy = policy.clone();
        policy.env.extend(certificates(host_env));
        policy.env.extend(clients.iter().flat_map(|client| hosts::settings(*client, host_env)));
        // the host's own, which is read-only, was tried without a network
        policy.env.push(("npm_config_cache".to_owned(), self.scratch.display().to_string()));
        let mut failed = Vec::new();
        for step in steps {
            self.errand
                .watch
                .show(Progress::Command { what: "setup".to_owned(), command: step.command.clone() });
            let before = log.lines().len();
            let ended = self.with_a_way_out(&policy, &step.command, &rules, log, limits::SETUP).await?;
            if ended.exit_code == Some(0) {
                continue;
            }
            let how = ended
                .exit_code
                .map_or("did not finish".to_owned(), |code| format!("ended with exit code {code}"));
            tracing::info!(command = step.command, output = %String::from_utf8_lossy(&ended.output), "setup failed");
            let said = notes::last_line(&ended.output);
            let refused = notes::refused(log.lines().get(before..).unwrap_or_default());
            failed.push((step.clone(), format!("`{}` {how}{said}{refused}", step.command)));
            if step.client == Client::Any || self.errand.cancel.is_cancelled() {
                break;
            }
        }
        Ok(failed)
    }

    /// One command whose sandbox reaches what the rules allow.
    async fn with_a_way_out(
        &self,
        policy: &Policy,
        command: &str,
        rules: &Rules,
        log: &Log,
        limit: Duration,
    ) -> Result<Ended, Report> {
        // a socket's path has at most 107 bytes: the data folder's may be longer
        let home = tempfile::Builder::new().prefix("quantum-").tempdir().map_err(|cause| disk(&cause))?;
        let socket = home.path().join("egress");
        let listener = UnixListener::bind(&socket).map_err(|cause| disk(&cause))?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).map_err(|cause| disk(&cause))?;
        let mut policy = Policy { egress: Some(socket), ..policy.clone() };
        policy
            .env
            .extend(hosts::PATIENCE.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        tokio::select! {
            () = egress::serve(listener, rules.clone(), log.clone()) =>
                Ok(Ended { exit_code: None, millis: 0, output: b"it asked for refused hosts again and again\n".to_vec() }),
            ended = rooms::command(self.hands, self.errand, &policy, command, limit) => ended,
        }
    }

    /// What may be reached: the operator's list, else what the clients say; an error is what is wrong with the settings.
    async fn rules_for(
        &self,
        workspace: &Workspace,
        clients: &BTreeSet<Client>,
    ) -> Result<Result<Rules, String>, Report> {
        let parts = &self.hands.parts;
        let upstream = match hosts::upstream(&parts.host_env) {
            Ok(upstream) => upstream,
            Err(wrong) => return Ok(Err(format!("setup had no proxy: {wrong}"))),
        };
        if let Some(list) = &parts.egress_allow {
            return Ok(Ok(Rules { allow: hosts::by_operator(list), upstream, ..Rules::default() }));
        }
        let asked = self.asked.iter().filter_map(|entry| Place::parse(entry)).collect();
        let mut rules = Rules { asked, upstream, ..Rules::default() };
        let policy = rooms::policy(self.hands, workspace.folder(), &Default::default(), limits::FROM_CACHES);
        for client in clients {
            let mut said = Vec::new();
            if let Some(question) = hosts::question(*client) {
                said = rooms::command(self.hands, self.errand, &policy, question, limits::FROM_CACHES)
                    .await?
                    .output;
            }
            let mut found = hosts::reported(*client, &String::from_utf8_lossy(&said), &parts.host_env);
            if let Some(question) = hosts::further_question(*client).filter(|_| !found.is_empty()) {
                let to_them =
                    Rules { allow: found.clone(), upstream: rules.upstream.clone(), ..Rules::default() };
                let mut policy = policy.clone();
                policy.env.extend(certificates(&parts.host_env));
                let log = Log::default();
                let told =
                    self.with_a_way_out(&policy, question, &to_them, &log, limits::FROM_CACHES).await?;
                found.extend(hosts::reported(
                    *client,
                    &String::from_utf8_lossy(&told.output),
                    &BTreeMap::new(),
                ));
            }
            rules.allow.extend(found);
        }
        rules.allow.sort();
        rules.allow.dedup();
        Ok(Ok(rules))
    }
}

/// Whose hosts and settings the steps need; a command of the configuration may be of any client.
fn clients(steps: &[Step]) -> BTreeSet<Client> {
    let of = |step: &Step| match step.client {
        Client::Any => vec![Client::Cargo, Client::Node, Client::Python, Client::Go],
        one => vec![one],
    };
    steps.iter().flat_map(of).collect()
}

/// A company's own authorities, where the file is one that the sandbox sees.
fn certificates(env: &BTreeMap<String, String>) -> Vec<(String, String)> {
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
