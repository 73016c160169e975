//! Verify: the repository's own checks on exactly the tree that will be committed, each command in a fresh sandbox.

use super::{
    Errand, Performer,
    rooms::{self, Room},
    tree_files::TreeFiles,
    workspace::Workspace,
};
use crate::{
    agent::contract::Progress,
    engine::{
        setup::steps,
        verify::{self as checks, Checks, Desk, Ended, Judged, On, anew, detect, weaker},
    },
    ids::{ContentHash, Sha},
    limits::verify as limits,
    report::{Hint, Report},
    run::{Event, Verdict},
    store::BaseEnd,
};
use async_trait::async_trait;

pub(super) async fn verify(
    hands: &Performer,
    errand: &Errand<'_>,
    round: u32,
    tree: &Sha,
) -> Result<Option<Event>, Report> {
    let parts = &hands.parts;
    let name = format!("verify/{round}");
    let place = (parts.data.as_path(), errand.lease, name.as_str());
    let workspace = Workspace::check_out(&parts.source, place, tree, parts.sandbox.owner()).await?;
    let judged = in_workspace(hands, errand, &workspace, tree).await;
    workspace.remove().await;
    if errand.cancel.is_cancelled() {
        return Ok(None);
    }
    let Judged { verdict, why, receipt } = judged?;
    Ok(Some(match verdict {
        Verdict::Verified => Event::Verified { round, receipt },
        Verdict::Unverified => Event::Unverified { round, why, receipt },
        Verdict::Failed => Event::VerifyFailed { round, receipt },
    }))
}

async fn in_workspace(
    hands: &Performer,
    errand: &Errand<'_>,
    workspace: &Workspace,
    tree: &Sha,
) -> Result<Judged, Report> {
    let room = rooms::furnish(hands, errand, workspace.folder(), tree).await?;
    let base = match &errand.run.state.snapshot {
        Some(snapshot) => Some(TreeFiles::of(&hands.parts.source, &snapshot.tree).await?),
        None => None,
    };
    let (checks, note) = match &base {
        Some(base) => compared(&room, base, &TreeFiles::of(&hands.parts.source, tree).await?),
        None => (Checks { commands: &room.checks, ..Checks::default() }, None),
    };
    let mut desk = Sandboxes { hands, errand, room: &room, base: base.as_ref() };
    let mut judged = checks::check(&checks, &mut desk).await?;
    let notes = &mut judged.receipt.notes;
    notes.extend(note);
    notes.extend(rooms::warning(hands.parts.sandbox.kind));
    notes.extend(Some(room.note.clone()).filter(|note| !note.is_empty()));
    if judged.verdict != Verdict::Verified {
        notes.extend(Some(room.hint.clone()).filter(|hint| !hint.is_empty()));
    }
    Ok(judged)
}

/// The checks, what the change does to them, and a note on dependencies that it wants otherwise.
fn compared<'a>(room: &'a Room, base: &TreeFiles, change: &TreeFiles) -> (Checks<'a>, Option<String>) {
    let difference = base.difference(change);
    let taken_away = if room.is_named {
        Vec::new()
    } else {
        detect::taken_away(&detect::checks(None, base), &room.checks)
    };
    let checks = Checks {
        commands: &room.checks,
        taken_away,
        redefined: anew::redefined(&room.checks, &difference, base, change),
        signs: weaker::signs(&difference, base, change),
    };
    let other_dependencies = base.digest(steps::counts) != change.digest(steps::counts);
    let note = other_dependencies.then(|| {
        "the change edits a lockfile; the checks saw the dependencies of the base commit".to_owned()
    });
    (checks, note)
}

/// The real desk.
struct Sandboxes<'a> {
    hands: &'a Performer,
    errand: &'a Errand<'a>,
    room: &'a Room,
    base: Option<&'a TreeFiles>,
}

#[async_trait]
impl Desk for Sandboxes<'_> {
    async fn run(&mut self, command: &str, on: On) -> Result<Ended, Report> {
        let what = if on == On::Change { "verify" } else { "verify on the base commit" };
        self.errand.watch.show(Progress::Command { what: what.to_owned(), command: command.to_owned() });
        let ended = match on {
            On::Change => {
                rooms::command(self.hands, self.errand, &self.room.policy, command, limits::COMMAND).await
            }
            On::Base => self.on_base(command).await,
        }?;
        self.errand.watch.show(Progress::Note(format!("{what}: {}", how(&ended))));
        Ok(ended)
    }

    async fn keep(&mut self, output: &[u8]) -> Result<ContentHash, Report> {
        self.hands.store.keep(output).await.map_err(|error| error.report())
    }
}

/// How a check ended, for a person watching.
fn how(ended: &Ended) -> String {
    let tests = checks::tests_run(&ended.output).map_or(String::new(), |run| format!(", {run} tests"));
    let seconds = ended.millis.saturating_add(50) / 100;
    let took = format!("{}.{} s", seconds / 10, seconds % 10);
    match ended.exit_code {
        Some(code) => format!("exit code {code} after {took}{tests}"),
        None => format!("did not finish in {took}"),
    }
}

impl Sandboxes<'_> {
    /// On the base commit, whose ends are kept: it never changes.
    async fn on_base(&self, command: &str) -> Result<Ended, Report> {
        let parts = &self.hands.parts;
        let (Some(snapshot), Some(files)) = (&self.errand.run.state.snapshot, self.base) else {
            return Ok(Ended { exit_code: Some(0), millis: 0, output: Vec::new() });
        };
        // a check that the change brought along can't have failed before
        let there = detect::checks(None, files);
        if !self.room.is_named && !there.iter().any(|check| detect::is_same_kind(&check.command, command)) {
            return Ok(Ended { exit_code: Some(0), millis: 0, output: Vec::new() });
        }
        let tools = rooms::toolchains(self.hands);
        let setup = self.room.links.join(",");
        let sandbox = parts.sandbox.kind;
        let key = ContentHash::of(
            format!("{}\n{command}\n{setup}\n{sandbox:?}\n{tools}", snapshot.base).as_bytes(),
        );
        let store = &self.hands.store;
        if let Some(earlier) = store.base_end(&key).await.map_err(|error| error.report())? {
            let output = store.kept(&earlier.output).await.map_err(|error| error.report())?;
            return Ok(Ended { exit_code: Some(earlier.exit_code), millis: earlier.millis, output });
        }
        let place = (parts.data.as_path(), self.errand.lease, "verify/base");
        let workspace =
            Workspace::check_out(&parts.source, place, &snapshot.tree, parts.sandbox.owner()).await?;
        let ended = self.in_base(&workspace, &snapshot.tree, command).await;
        workspace.remove().await;
        let ended = ended?;
        if let Some(exit_code) = ended.exit_code.filter(|_| !self.errand.cancel.is_cancelled()) {
            let output = store.keep(&ended.output).await.map_err(|error| error.report())?;
            let end = BaseEnd { exit_code, millis: ended.millis, output };
            store.keep_base_end(&key, &end).await.map_err(|error| error.report())?;
        }
        Ok(ended)
    }

    async fn in_base(&self, workspace: &Workspace, tree: &Sha, command: &str) -> Result<Ended, Report> {
        let room = rooms::furnish(self.hands, self.errand, workspace.folder(), tree).await?;
        rooms::command(self.hands, self.errand, &room.policy, command, limits::COMMAND).await
    }
}
