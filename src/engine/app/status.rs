//! What a thread shows of a run besides its pull request: the status comment, the result, the reaction.
//!
//! A status is wanted when the run's phase changes (`Effect::Status` notes it durably) and written apart from the run, so
//! that nothing waits for it; of several only the newest is written, and no oftener than [`limits::STATUS_EVERY`] but
//! for the last one.

use super::{
    AppHands, Priority, beside,
    desk::{Place, Trouble},
    intake::caught,
    publish::{PULL, commit_slot},
    slots::Wall,
};
use crate::{
    clock::Timestamp,
    github::{GitHubError, Pull, PullState, Reaction},
    ids::RunId,
    limits::app as limits,
    report::{Class, Hint, Report},
    run::{
        About, Ground, Outcome, Phase, Run, Verdict,
        comment::{self, PullLink},
    },
    store::{Lease, Sender, StoreError, WantedStatus},
};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Under which key status comments are remembered: they are no run's effect, and nobody's lease.
pub(super) fn key(run: &RunId) -> String {
    format!("status/{run}")
}

/// The status of a run that has not begun; those that a run asks for come after it.
pub(super) const QUEUED: u32 = 1;
/// The slot of the status comment.
pub(super) const STATUS: &str = "status";
/// The slot of the comment about the end or a pause.
const RESULT: &str = "result";
/// Under which slot the reaction of a run's end is remembered; its note is the word.
const REACTION: &str = "reaction";

impl AppHands {
    /// Writes the statuses that are due, side by side: each waits in the line of its own installation, and nobody for the others.
    /// When the next one is due, if any waits.
    pub(super) async fn write_statuses(&self, again: Duration) -> Result<Option<Timestamp>, Report> {
        let told = |error: StoreError| error.report();
        let (mut hand, mut now) = (FuturesUnordered::new(), self.clock.now());
        let mut look = std::pin::pin!(tokio::time::sleep(limits::LOOK_AGAIN));
        loop {
            let places = limits::STATUSES_AT_ONCE.saturating_sub(hand.len());
            if places > 0 {
                let (busy, most) = (self.writing.all(), u32::try_from(places).unwrap_or(u32::MAX));
                let asked = self.store.due_statuses(&busy, now, limits::STATUSES_OF_ONE, most);
                let (due, ended) = beside(&mut hand, asked).await;
                ended.into_iter().collect::<Result<(), Report>>()?;
                let begun = due.map_err(told)?.into_iter().filter_map(|run| self.writing.begin(&run));
                hand.extend(begun.map(|alone| self.write_begun(alone, again)));
            }
            tokio::select! {
                ended = hand.next() => match ended {
                    Some(end) => end?,
                    None => return self.store.next_status_at(&self.writing.all(), now).await.map_err(told),
                },
                () = self.told.notified(), if places > 0 && !hand.is_empty() => now = self.clock.now(),
                // what waits keeps nobody else
                () = &mut look, if !hand.is_empty() => {
                    now = self.clock.now();
                    look.as_mut().reset(Instant::now() + limits::LOOK_AGAIN);
                }
            }
        }
    }

    /// Writes the status of one run if it is due and nobody else writes it.
    pub(super) async fn write_status_of(&self, run: &RunId, again: Duration) -> Result<(), Report> {
        let Some(alone) = self.writing.begin(run) else { return Ok(()) };
        let end = self.write_begun(alone, again).await;
        // it was left out for that time, and its place is another's now
        self.told.notify_one();
        end
    }

    /// Writes it. One that can't be is tried again later, and is no error of the others.
    async fn write_begun(&self, alone: Alone<'_>, again: Duration) -> Result<(), Report> {
        let Err(report) = caught(self.write_if_due(&alone.run, again)).await else { return Ok(()) };
        let run = &alone.run;
        tracing::error!(%run, %report, hint = %report.hint, "its status is not written; tried again");
        let again = self.clock.now().after(again.max(limits::LOOK_AGAIN));
        self.store.postpone_status(run, again).await.map_err(|error| error.report())
    }

    async fn write_if_due(&self, run: &RunId, again: Duration) -> Result<(), Report> {
        let wanted = self.store.wanted_status(run).await.map_err(|error| error.report())?;
        let Some(one) = wanted else { return Ok(()) };
        let now = self.clock.now();
        let run = self.store.run(&one.run).await.map_err(|error| error.report())?.run;
        let due = match one.written {
            Some(written) if is_going_on(run.phase()) => written.after(limits::STATUS_EVERY),
            Some(_) | None => now,
        };
        if due.max(one.not_before) > now {
            return Ok(());
        }
        let end = self.write_status(&run, &one, again).await;
        // whoever says the last of a run gives its tokens back
        if !is_going_on(run.phase())
            && let Ok(thread) = self.thread(&run.id).await
        {
            self.leave(&thread).await;
        }
        end
    }

    /// Writes one; one that can't be written now is put off.
    async fn write_status(&self, run: &Run, wanted: &WantedStatus, again: Duration) -> Result<(), Report> {
        let thread = self.thread(&run.id).await?;
        let desk = self.desk(&thread);
        let mut facts = self.facts(run, &thread).await?;
        let run = &self.shown(run, &mut facts)?;
        let key = key(&run.id);
        let wall = Wall {
            hands: self,
            desk: &desk,
            installation: thread.installation,
            number: thread.number,
            sender: Sender::Key(&key),
        };
        let end = wall.put(STATUS, Priority::Status, &comment::status(run, &facts)).await;
        self.keep_names(&thread).await;
        let now = self.clock.now();
        match end {
            // gone: nobody is there to read it
            Ok(()) | Err(Trouble::Gone(_)) => {
                let written = self.store.status_written(&run.id, wanted.seq, now).await;
                written.map_err(|error| error.report())
            }
            Err(Trouble::Told(report)) => {
                tracing::warn!(run = %run.id, %report, "the status comment could not be written; tried again later");
                // what GitHub refuses, a person has to change first
                let is_refused = report.class == Class::Refused;
                let again = now.after(if is_refused { limits::STATUS_REFUSED } else { again });
                let again = report.not_before.unwrap_or_default().max(again);
                self.store.postpone_status(&run.id, again).await.map_err(|error| error.report())
            }
        }
    }
}

/// The runs whose status is being written: two writers of one would make two comments.
#[derive(Debug, Default)]
pub(super) struct Writing(Mutex<HashSet<RunId>>);

impl Writing {
    fn runs(&self) -> MutexGuard<'_, HashSet<RunId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them.
    fn all(&self) -> Vec<RunId> {
        self.runs().iter().cloned().collect()
    }

    /// The right to write a run's status until it is dropped; None: somebody else has it, and looks again.
    pub(super) fn begin(&self, run: &RunId) -> Option<Alone<'_>> {
        self.runs().insert(run.clone()).then(|| Alone { writing: self, run: run.clone() })
    }
}

pub(super) struct Alone<'a> {
    writing: &'a Writing,
    run: RunId,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.writing.runs().remove(&self.run);
    }
}

/// Whether there is soon more to say; what a run rests at is said at once.
fn is_going_on(phase: Phase) -> bool {
    match phase {
        Phase::Queued | Phase::Planning | Phase::Working | Phase::Verifying | Phase::Publishing => true,
        Phase::Watching | Phase::Paused | Phase::Closed => false,
    }
}

impl Place<'_> {
    /// Where this run writes, as whoever holds this lease.
    pub(super) fn wall<'w>(&'w self, lease: &'w Lease) -> Wall<'w> {
        Wall {
            hands: self.hands,
            desk: self.desk,
            installation: self.thread.installation,
            number: self.thread.number,
            sender: Sender::Run(lease),
        }
    }

    /// The end of a run, or a pause that nobody was asked about: the reaction, and one result comment when no pull request
    /// says it already.
    pub(super) async fn end(&self, lease: &Lease, run: &Run, text: &str) -> Result<(), Trouble> {
        let mut facts = self.hands.facts(run, self.thread).await?;
        // opening it was the notice and its reaction the end; what comes after is in the status comment
        let is_watched = facts.pull.is_some() && matches!(run.state.ground, Ground::Watching { .. });
        // first: tried again, it would write the words again
        let reaction = if is_well(run, is_watched) { Reaction::Rocket } else { Reaction::Confused };
        self.react(lease, run, reaction).await?;
        if !is_watched || run.phase() == Phase::Paused {
            facts.notes.extend(self.begun(run).await?);
            let text = self.hands.shown(&text.to_owned(), &mut facts)?;
            let body = comment::result(run, &text, &facts);
            self.wall(lease).put(RESULT, Priority::Reply, &body).await?;
        } else if let (Some(pull), true) = (&facts.pull, self.has_stopped(run).await?) {
            let body = comment::went_on(run, pull, &facts);
            self.wall(lease).put(RESULT, Priority::Reply, &body).await?;
        }
        Ok(())
    }

    /// Whether the thread was told that it stopped, or may have been.
    async fn has_stopped(&self, run: &Run) -> Result<bool, Trouble> {
        Ok(self.hands.store.remembered(&run.id, RESULT).await?.is_some())
    }

    /// What is on GitHub of a publishing that did not come to its end: what it did last may not be known here.
    async fn begun(&self, run: &Run) -> Result<Option<String>, Trouble> {
        let is_publishing = matches!(run.state.ground, Ground::Publishing { .. });
        // somebody else's branch says nothing about ours
        if !is_publishing || run.state.moved.is_some() {
            return Ok(None);
        }
        let (hands, branch) = (self.hands, self.thread.branch.as_str());
        let tried =
            async |slot: &str| hands.store.remembered(&run.id, slot).await.map(|known| known.is_some());
        // a request may be on its way still, and what was just made is not in every list at once
        let pull = match tried(PULL).await? {
            true => hands.look(|| self.pull_of_branch().boxed()).await?,
            false => self.pull_of_branch().await?,
        };
        let begun = match pull {
            Some(Pull { number, url, state, .. }) => {
                comment::Begun::Pull { link: PullLink { number, url }, is_open: state == PullState::Open }
            }
            None => match tried(&commit_slot(run.round)).await? {
                true => hands.look(|| self.desk.git_ref(branch).boxed()).await?,
                false => self.desk.git_ref(branch).await?,
            }
            .map_or(comment::Begun::Nothing, |_| comment::Begun::Branch(branch)),
        };
        Ok(Some(comment::begun(&begun)))
    }

    /// The reaction of an end on the command's comment; that of an earlier one is taken away. A comment that is gone needs none.
    async fn react(&self, lease: &Lease, run: &Run, reaction: Reaction) -> Result<(), Trouble> {
        let (store, comment, priority) = (&self.hands.store, self.thread.comment, Priority::Acknowledge);
        let there = store.remembered(&run.id, REACTION).await?;
        if let Some((id, word)) = there.and_then(|known| known.remote_id.zip(known.note)) {
            if word == reaction.word() {
                return Ok(());
            }
            self.send(priority, || self.desk.unreact_comment(comment, id).boxed()).await?;
        }
        match self.send(priority, || self.desk.react_comment(comment, reaction).boxed()).await {
            Ok(id) => {
                let (now, word) = (self.hands.clock.now(), reaction.word());
                Ok(store.remember(Sender::Run(lease), REACTION, Some(id), Some(word), now).await?)
            }
            Err(GitHubError::Missing { .. }) => Ok(()),
            // the words say it too
            Err(error @ GitHubError::Refused { .. }) => {
                tracing::warn!(run = %run.id, %error, "its end goes without a reaction");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether what a reply is about is still so.
pub(super) fn is_so(run: &Run, about: About) -> bool {
    match about {
        About::End => run.outcome().is_some() || matches!(run.state.ground, Ground::Watching { .. }),
        About::Pause => run.phase() == Phase::Paused,
        About::Command => true,
    }
}

/// A pull request whose checks pass or could not tell, or an answer.
fn is_well(run: &Run, is_watched: bool) -> bool {
    if is_watched {
        return !matches!(&run.state.ground, Ground::Watching { verdict: Verdict::Failed, .. });
    }
    let well = [Outcome::Answered, Outcome::Proposed, Outcome::Unverified, Outcome::Merged];
    run.outcome().is_some_and(|outcome| well.contains(&outcome))
}
