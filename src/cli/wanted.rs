//! Which run a command line means: a new one, or one that was left in mid-work.

use super::{
    Exit,
    args::RunArgs,
    outcome, say,
    wiring::{Refusal, failed, usage},
};
use crate::{
    clock::{Clock, Timestamp},
    engine::{Timing, owner},
    git::{Base, GitError, Source},
    ids::RunId,
    limits::config as limits,
    report::{Class, Report},
    run::{Rules, Run},
    store::{Lease, Store, StoreError},
};

/// What was typed, as far as it names a run.
pub(super) struct Names<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) request: &'a str,
    pub(super) title: &'a str,
    pub(super) base: &'a Base,
    pub(super) repository: &'a str,
}

/// A wish, and what is needed to find or begin its run.
pub(super) struct Wanted<'a> {
    pub(super) names: Names<'a>,
    pub(super) source: &'a Source,
    pub(super) rules: &'a Rules,
    /// A new run with this id.
    pub(super) fresh: &'a (dyn Fn(RunId) -> Run + Sync),
}

/// The run that is meant, with its lease, so that of two that ask at once each has a run of its own; and its branch.
pub(super) struct Meant {
    pub(super) run: Run,
    pub(super) lease: Lease,
    /// Until when the lease before it held.
    pub(super) held_until: Timestamp,
    pub(super) branch: String,
}

impl Names<'_> {
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

    fn branch(&self, id: &RunId) -> String {
        self.args.branch.clone().unwrap_or_else(|| branch(self.title, id))
    }
}

impl Wanted<'_> {
    /// The first run that is new, was left by a process that is gone (in mid-work, or before it told the end), waits
    /// for a `--yes`, or was held up by something that may be over (a full disk, a network that was down): what is paid
    /// for is not paid again.
    pub(super) async fn claim(&self, store: &Store, clock: &Clock) -> Result<Meant, Refusal> {
        for ordinal in 0..limits::RUNS_OF_A_REQUEST {
            let id = self.names.id(ordinal);
            let branch = self.names.branch(&id);
            let run = match store.run(&id).await {
                Ok(stored) if !self.may_go_on(store, &stored.run, clock).await? => continue,
                Ok(stored) => {
                    say(&format!("note: going on with run {}, {}", id.short(), self.why(&stored.run)));
                    stored.run
                }
                Err(StoreError::Missing(_)) if self.is_taken(&branch)? => continue,
                Err(StoreError::Missing(_)) => {
                    let run = (self.fresh)(id.clone());
                    let stored = store.insert_or_find(&run, self.names.repository).await;
                    stored.map_err(|error| failed(&error))?.run
                }
                Err(error) => return Err(failed(&error)),
            };
            let (lease, now) = (owner::lease(&id), clock.now());
            match store.take_lease(&lease, now, now.after(Timing::default().lease)).await {
                Ok(held_until) => return Ok(Meant { run, lease, held_until, branch }),
                Err(StoreError::Leased { .. }) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err((
            Report::new(Class::Broken, "runs", "too many runs of the same request", "say it in other words"),
            Exit::Failed,
        ))
    }

    async fn may_go_on(&self, store: &Store, run: &Run, clock: &Clock) -> Result<bool, Refusal> {
        let is_wanted = !outcome::is_at_rest(run) || self.goes_on(run);
        match store.last_holder(&run.id).await.map_err(|error| failed(&error))? {
            None => Ok(is_wanted),
            Some(lease) if owner::is_gone(&lease.owner) => {
                store.release_lease(&lease).await.map_err(|error| failed(&error))?;
                Ok(true)
            }
            Some(_) => {
                let is_held = store.is_leased(&run.id, clock.now()).await.map_err(|error| failed(&error))?;
                Ok(is_wanted && !is_held)
            }
        }
    }

    /// Whether a run at rest is taken up again.
    fn goes_on(&self, run: &Run) -> bool {
        // with other caps it is another wish
        let is_held_up = outcome::is_held_up(run) && run.rules == *self.rules;
        is_held_up || (self.names.args.yes && outcome::waits_for_approval(run))
    }

    fn why(&self, run: &Run) -> &'static str {
        if outcome::is_at_rest(run) && !self.goes_on(run) {
            "whose end was not told"
        } else {
            "which did not end"
        }
    }

    /// Whether an earlier run of the same request has this branch, one that our store does not know (it was on another
    /// data folder). A name that can't be had at all is an error now: nothing was spent yet.
    fn is_taken(&self, branch: &str) -> Result<bool, Refusal> {
        match self.source.check_branch(branch) {
            Ok(()) => Ok(false),
            Err(error) if self.names.args.branch.is_some() => Err(usage(&error)),
            Err(GitError::BranchExists(other)) if other == branch => Ok(true),
            Err(error) => Err(failed(&error)),
        }
    }
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
