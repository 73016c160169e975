//! Which run a command line means: a new one, or one that was left in mid-work.

use super::{
    Exit,
    args::RunArgs,
    outcome, say,
    wiring::{Refusal, failed, usage},
};
use crate::{
    clock::Clock,
    git::{Base, GitError, Source},
    ids::RunId,
    limits::config as limits,
    report::{Class, Report},
    run::{Rules, Run},
    store::{Store, StoreError},
};
use std::path::Path;

/// What was typed, as far as it names a run.
pub(super) struct Wanted<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) request: &'a str,
    pub(super) title: &'a str,
    pub(super) base: &'a Base,
    pub(super) repository: &'a str,
    pub(super) rules: &'a Rules,
}

/// The run that is meant, its branch, and its state when it began earlier.
pub(super) struct Meant {
    pub(super) id: RunId,
    pub(super) branch: String,
    pub(super) found: Option<Run>,
}

impl Wanted<'_> {
    /// The first id whose run is new, was left in mid-work by a process that is gone, waits for a `--yes`, or was held
    /// up by something that may be over (a full disk, a network that was down): what is paid for is not paid again.
    pub(super) async fn find(&self, source: &Source, store: &Store, clock: &Clock) -> Result<Meant, Refusal> {
        for ordinal in 0.. {
            let id = self.id(ordinal);
            let branch = self.args.branch.clone().unwrap_or_else(|| branch(self.title, &id));
            let run = match store.run(&id).await {
                Ok(stored) => stored.run,
                Err(StoreError::Missing(_)) if self.is_taken(source, &branch)? => continue,
                Err(StoreError::Missing(_)) => return Ok(Meant { id, branch, found: None }),
                Err(error) => return Err(failed(&error)),
            };
            if outcome::is_at_rest(&run) && !self.goes_on(&run) {
                continue;
            }
            if let Some(lease) = store.holder(&id, clock.now()).await.map_err(|error| failed(&error))? {
                if is_alive(&lease.owner) {
                    continue;
                }
                store.release_lease(&lease).await.map_err(|error| failed(&error))?;
            }
            say(&format!("note: going on with run {}, which did not end", id.short()));
            return Ok(Meant { id, branch, found: Some(run) });
        }
        Err((
            Report::new(Class::Broken, "runs", "too many runs of the same request", "say it in other words"),
            Exit::Failed,
        ))
    }

    fn id(&self, ordinal: u32) -> RunId {
        let role = self.args.role.as_deref().unwrap_or_default();
        let branch = self.args.branch.as_deref().unwrap_or_default();
        RunId::derive(&[
            "run",
            self.repository,
            self.base.commit.as_str(),
            self.request,
            role,
            branch,
            &ordinal.to_string(),
        ])
    }

    fn goes_on(&self, run: &Run) -> bool {
        // with other caps it is another wish
        let is_held_up = outcome::is_held_up(run) && run.rules == *self.rules;
        is_held_up || (self.args.yes && outcome::waits_for_approval(run))
    }

    /// Whether an earlier run of the same request has this branch, one that our store does not know (it was on another
    /// data folder). A name that can't be had at all is an error now: nothing was spent yet.
    fn is_taken(&self, source: &Source, branch: &str) -> Result<bool, Refusal> {
        match source.check_branch(branch) {
            Ok(()) => Ok(false),
            Err(error) if self.args.branch.is_some() => Err(usage(&error)),
            Err(GitError::BranchExists(other)) if other == branch => Ok(true),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// Whether the process that an owner's name begins with still runs.
fn is_alive(owner: &str) -> bool {
    owner.split('-').next().is_none_or(|pid| Path::new("/proc").join(pid).exists())
}

/// `quantum/run-SLUG-XXXXXX`.
fn branch(title: &str, id: &RunId) -> String {
    let words: String =
        title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let mut slug = words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    slug.truncate(limits::SLUG_BYTES);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        format!("quantum/run-{}", id.short())
    } else {
        format!("quantum/run-{slug}-{}", id.short())
    }
}
