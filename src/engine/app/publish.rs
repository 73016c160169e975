//! Publish on GitHub: tree, commit, branch, pull request, label, assignee and check run, by the Git data API, so that GitHub
//! signs the commit. Nothing is pushed, nothing is forced.
//!
//! Safe to repeat: trees and blobs are named by their content; a commit is remembered before the branch moves to it; a branch whose
//! head has our tree, parent and trailer is ours; pull requests are looked up by their branch, check runs by our `external_id`.

use super::{
    Priority,
    desk::{Place, Trouble},
    upload,
};
use crate::{
    github::{CheckSeen, Conclusion, GitHubError, NewCheck, NewPull, Pull, PullState},
    ids::Sha,
    report::{Class, Hint, Report},
    run::{
        Event, Run, Verdict,
        comment::{self, PullLink},
    },
    store::{Lease, Sender},
};
use futures_util::{FutureExt, TryFutureExt};

/// What is to be published.
pub(super) struct Change<'a> {
    pub(super) lease: &'a Lease,
    pub(super) round: u32,
    /// The tree of the commit that the run started from, which GitHub has.
    pub(super) base_tree: &'a Sha,
    /// The branch is not there yet.
    pub(super) is_first: bool,
    pub(super) tree: &'a Sha,
    pub(super) parent: &'a Sha,
    pub(super) title: &'a str,
    pub(super) message: String,
    pub(super) verdict: Verdict,
}

/// The check run's name.
const CHECK: &str = "quantum";
/// Under which slot a run's pull request is remembered.
pub const PULL: &str = "pull";

/// Under which slot a round's commit is remembered; its note is the commit.
pub(super) fn commit_slot(round: u32) -> String {
    format!("commit-{round}")
}

/// Under which slot a round's check run is remembered; its note says why there is none.
pub(super) fn check_slot(round: u32) -> String {
    format!("check-{round}")
}

impl Place<'_> {
    /// Writes the branch and everything that shows it.
    pub(super) async fn publish(&self, run: &Run, change: &Change<'_>) -> Result<Event, Trouble> {
        let (round, branch) = (change.round, self.thread.branch.clone());
        let Some(head) = self.branch(change).await? else { return Ok(Event::Moved { round, branch }) };
        let number = self.pull(run, change).await?.number;
        let labels: Vec<&str> = self.thread.labels.iter().map(String::as_str).collect();
        if !labels.is_empty() {
            let labelled = self.send(Priority::Publish, || self.desk.add_labels(number, &labels).boxed());
            or_without("its labels", labelled.await)?;
        }
        // somebody who can't be assigned is mentioned all the same
        let who = self.thread.requester_login.as_str();
        let assigned = self.send(Priority::Publish, || self.desk.add_assignee(number, who).boxed());
        or_without("an assignee", assigned.await)?;
        self.check(run, change, &head).await?;
        Ok(Event::Published { round, branch, head })
    }

    /// The branch with our commit as its head; None: somebody else wrote it.
    async fn branch(&self, change: &Change<'_>) -> Result<Option<Sha>, Trouble> {
        let name = self.thread.branch.as_str();
        let known = self.hands.store.remembered(&change.lease.run, &commit_slot(change.round)).await?;
        let known = known.and_then(|known| known.note).map(Sha::new);
        // the first one is not there yet, unless a commit was made for it before
        let is_absent = change.is_first && known.is_none();
        let there = if is_absent { None } else { self.desk.git_ref(name).await? };
        if let Some(head) = there.filter(|head| head != change.parent) {
            return Ok(self.is_ours(&head, change).await?.then_some(head));
        }
        let ours = match known {
            Some(known) if self.is_kept(&known, change).await? => known,
            Some(_) | None => self.commit(change).await?,
        };
        let write = || match change.is_first {
            true => self.desk.create_ref(name, &ours).boxed(),
            false => self.desk.update_ref(name, &ours).boxed(),
        };
        let error = match self.send(Priority::Publish, write).await {
            Ok(()) => return Ok(Some(ours)),
            Err(error) => error,
        };
        let is_unclear = matches!(
            error,
            GitHubError::Exists { .. } | GitHubError::NotForward | GitHubError::Ambiguous { .. }
        );
        if !is_unclear {
            return Err(error.into());
        }
        // it exists already, moved meanwhile, or the answer was lost: what is there now decides
        match self.hands.look(|| self.desk.git_ref(name).boxed()).await? {
            Some(head) if head == ours || self.is_ours(&head, change).await? => Ok(Some(head)),
            Some(head) if head == *change.parent => Err(Trouble::for_now(&error)),
            Some(_) => Ok(None),
            None => Err(Trouble::for_now(&error)),
        }
    }

    /// Makes the commit; it is remembered before the branch moves to it.
    async fn commit(&self, change: &Change<'_>) -> Result<Sha, Trouble> {
        upload::tree(self, change.base_tree, change.tree).await?;
        let commit = || self.desk.commit(&change.message, change.tree, change.parent).boxed();
        let made = self.send(Priority::Publish, commit).await?;
        let (sender, slot, now) =
            (Sender::Run(change.lease), commit_slot(change.round), self.hands.clock.now());
        self.hands.store.remember(sender, &slot, None, Some(made.sha.as_str()), now).await?;
        Ok(made.sha)
    }

    /// Whether GitHub still has a commit that we made: what no branch holds may be thrown away.
    async fn is_kept(&self, commit: &Sha, change: &Change<'_>) -> Result<bool, Trouble> {
        match self.is_ours(commit, change).await {
            Err(GitHubError::Missing { .. }) => Ok(false),
            end => Ok(end?),
        }
    }

    /// Whether a commit is the one of this round, or of an older one that was stopped after it had written the same. A person
    /// who changed it has other content, whatever its message says.
    async fn is_ours(&self, head: &Sha, change: &Change<'_>) -> Result<bool, GitHubError> {
        let facts = self.desk.commit_facts(head).await?;
        let trailer = change.message.trim_end().lines().last().unwrap_or_default();
        let run = trailer.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_trailer = |line: &str| {
            let round = line.trim().strip_prefix(run).and_then(|round| round.parse::<u32>().ok());
            round.is_some_and(|round| round <= change.round)
        };
        Ok(facts.tree == *change.tree
            && facts.parents == [change.parent.clone()]
            && facts.message.lines().any(is_trailer))
    }

    /// The pull request of our branch.
    async fn pull(&self, run: &Run, change: &Change<'_>) -> Result<PullLink, Trouble> {
        let (store, now) = (&self.hands.store, self.hands.clock.now());
        let known = store.try_first(Sender::Run(change.lease), PULL, now).await?;
        if !known.is_first
            && let Some(pull) = self.pull_of_branch().await?
        {
            return self.know(change, pull).await;
        }
        let mut facts = self.hands.facts(run, self.thread).await?;
        let run = &self.hands.shown(run, &mut facts)?;
        let new = |draft: bool, says_draft: bool| NewPull {
            title: comment::pull_title(change.title, says_draft),
            head: self.thread.branch.clone(),
            base: self.thread.default_branch.clone(),
            body: comment::pull_body(run, change.verdict, &facts),
            draft,
        };
        let wanted = self.thread.is_draft;
        let first = new(wanted, false);
        let mut made = self.send(Priority::Publish, || self.desk.create_pull(&first).boxed()).await;
        if matches!(made, Err(GitHubError::NoDrafts)) {
            let plain = new(false, wanted);
            made = self.send(Priority::Publish, || self.desk.create_pull(&plain).boxed()).await;
        }
        match made {
            Ok(pull) => self.know(change, pull).await,
            Err(error @ (GitHubError::Exists { .. } | GitHubError::Ambiguous { .. })) => {
                match self.hands.look(|| self.pull_of_branch().boxed()).await? {
                    Some(pull) => self.know(change, pull).await,
                    None => Err(Trouble::for_now(&error)),
                }
            }
            // a branch that was just made may not be seen everywhere yet
            Err(error @ GitHubError::Refused { status: 422, .. }) => Err(Trouble::for_now(&error)),
            Err(error) => Err(error.into()),
        }
    }

    /// An open one, else the newest.
    pub(super) async fn pull_of_branch(&self) -> Result<Option<Pull>, GitHubError> {
        let there = self.desk.pulls_by_head(&self.thread.branch).await?;
        Ok(there.into_iter().max_by_key(|pull| (pull.state == PullState::Open, pull.number)))
    }

    async fn know(&self, change: &Change<'_>, pull: Pull) -> Result<PullLink, Trouble> {
        let (sender, now) = (Sender::Run(change.lease), self.hands.clock.now());
        self.hands.store.remember(sender, PULL, Some(pull.number), Some(&pull.url), now).await?;
        if pull.state == PullState::Open {
            return Ok(PullLink { number: pull.number, url: pull.url });
        }
        let message = format!("the pull request #{} is closed", pull.number);
        let hint = "open it again and say `/quantum retry`, or ask anew in a comment";
        Err(Report::new(Class::Refused, "pull_closed", message, hint).into())
    }

    async fn check(&self, run: &Run, change: &Change<'_>, head: &Sha) -> Result<(), Trouble> {
        let external_id = format!("{}/{}", run.id, change.round);
        let slot = check_slot(change.round);
        let (store, now) = (&self.hands.store, self.hands.clock.now());
        let known = store.try_first(Sender::Run(change.lease), &slot, now).await?;
        if !known.is_first {
            let app = Some(self.hands.us().app_id);
            let is_ours = |one: &CheckSeen| one.app_id == app && one.external_id == external_id;
            let look = || {
                let seen = self.desk.checks(head, CHECK);
                seen.map_ok(move |seen| seen.into_iter().find(is_ours)).boxed()
            };
            if self.hands.look(look).await?.is_some() {
                return Ok(());
            }
        }
        let mut facts = self.hands.facts(run, self.thread).await?;
        let run = &self.hands.shown(run, &mut facts)?;
        let outputs = self.hands.outputs(run).await?;
        let shown = comment::check_output(run, change.verdict, &outputs, &facts);
        let conclusion = match change.verdict {
            Verdict::Verified => Conclusion::Success,
            Verdict::Unverified => Conclusion::Neutral,
            Verdict::Failed => Conclusion::Failure,
        };
        let new = NewCheck {
            name: CHECK.to_owned(),
            head_sha: head.clone(),
            external_id,
            conclusion,
            title: shown.title,
            summary: shown.summary,
            text: shown.text,
            details_url: facts.run_url.clone(),
            annotations: Vec::new(),
        };
        match self.send(Priority::Publish, || self.desk.create_check(&new).boxed()).await {
            Ok(id) => Ok(store.remember(Sender::Run(change.lease), &slot, Some(id), None, now).await?),
            Err(error @ GitHubError::Ambiguous { .. }) => Err(Trouble::for_now(&error)),
            // the pull request is there, and holds the receipt: that this is missing is said in the thread
            Err(error @ GitHubError::Refused { .. }) => {
                let note = comment::no_check(&error.to_string(), &error.hint());
                tracing::warn!(%error, "the pull request goes without a check run");
                Ok(store.remember(Sender::Run(change.lease), &slot, None, Some(&note), now).await?)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What makes a pull request easier to find is not worth losing it for.
fn or_without(what: &str, done: Result<(), GitHubError>) -> Result<(), Trouble> {
    match done {
        Err(error @ (GitHubError::Refused { .. } | GitHubError::Missing { .. })) => {
            tracing::warn!(%error, "the pull request goes without {what}");
            Ok(())
        }
        done => Ok(done?),
    }
}
