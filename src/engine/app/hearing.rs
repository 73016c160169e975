//! Hearing: each comment once, and those of a thread in the order in which they were written.
//!
//! The same comment comes under several deliveries' ids (a second webhook, the scan of what was missed), and deliveries come in
//! any order. So it is remembered durably what a comment led to: one that ended is silent from then on, one that was cut off
//! goes on as it was decided, not as it would be decided now. And before a command is decided about, its thread is read for
//! commands that were said before it and whose deliveries are still on their way: those go first.
//!
//! One comment of a repository is decided about at a time, until what was decided is kept and its run is told. The answer waits
//! in its installation's line, so it is said afterwards, and holds up nobody else's decision.
//!
//! A comment that is found by reading and was edited since is left alone: what it said at first, nobody can tell, and edits
//! start nothing. When its own delivery comes, that says it.

use super::{App, Taken, commands::Heard, desk::Trouble};
use crate::{
    github::{GitHubError, Seen},
    ids::RunId,
    intent::{
        mention::Said,
        notice::{Comment, Form},
        policy::{self, Decision, Standing, Us},
    },
    limits::{app as limits, intent::COMMAND_AGE},
    report::{Class, Report},
    store::{CommentKey, Hearing, KnownRepo},
};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

/// What a comment led to, as it is kept until that is done. Whatever a repeat must not do twice is told by its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    /// A run is stopped. Tried again since, it has another attempt, and is not meant.
    Cancel { run: RunId, attempt: u32 },
    /// A run tries again. When it did, it has another attempt or round.
    Retry { run: RunId, attempt: u32, round: u32 },
    /// The comment is answered, and that is all.
    Say { text: String, is_refusal: bool },
    /// Somebody who may not write is refused: these words, and nothing of the comment's said back.
    Deny { text: String },
    /// It was refused in words today already: a reaction says it.
    OnlyReact,
}

/// How a comment came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// In a delivery of its own, with what its thread said then.
    Delivered,
    /// It was found by reading: what its thread said then is not known yet.
    Read,
}

/// What is left to do when a comment is decided about, and that is kept.
pub(super) enum Next {
    /// It has ended, and nobody is told.
    Over(Taken),
    /// Its answer is to be said.
    Answer,
}

impl App {
    /// Somebody wrote a comment.
    pub(super) async fn commented(&self, comment: &Comment, came: Came) -> Result<Taken, Report> {
        let said = match policy::heard(comment, self.hands().us()) {
            Ok(said) => said,
            Err(why) => return Ok(Taken::Nothing(why.code())),
        };
        match self.in_order(comment, came, said).await {
            Ok(taken) => Ok(taken),
            Err(Trouble::Gone(_)) => Ok(Taken::Nothing("gone")),
            Err(Trouble::Told(report)) => Err(report),
        }
    }

    /// Hears a comment, after those of its thread that were said before it.
    async fn in_order(&self, comment: &Comment, came: Came, said: Said) -> Result<Taken, Trouble> {
        let hands = self.hands();
        let lock = self.lock_of(comment.repo.id, None);
        let one_at_a_time = lock.lock().await;
        let known = hands.store.hearing(&key(comment)).await?;
        if matches!(known, Some(Hearing::Ended(_))) {
            return Ok(Taken::Nothing("heard"));
        }
        let installation = hands.installation_of(comment).await?;
        let desk = hands.desk_of(installation, comment.repo.clone());
        let heard = Heard { hands, comment, came, installation, desk: &desk, said };
        let (standing, before) = match known {
            Some(_) => (None, Vec::new()),
            None => {
                let standing = heard.standing().await?;
                // nothing more is asked for whoever gets silence
                let is_silence = matches!(self.decide(&heard, standing).await?, Decision::Ignore(_));
                let before = if is_silence { Vec::new() } else { self.said_before(&heard).await? };
                (Some(standing), before)
            }
        };
        let mut to_answer = Vec::new();
        for (comment, said) in &before {
            let (came, said) = (Came::Read, said.clone());
            let earlier = Heard { hands, comment, came, installation, desk: &desk, said };
            if let Some(Next::Answer) = self.keep_first(&earlier).await? {
                to_answer.push(earlier);
            }
        }
        let next = self.keep(&heard, standing).await?;
        drop(one_at_a_time);
        let others = join_all(to_answer.iter().map(|earlier| self.answer_too(earlier)));
        let own = async {
            match next {
                Next::Over(taken) => Ok(taken),
                Next::Answer => self.answer(&heard).await,
            }
        };
        futures_util::join!(others, own).1
    }

    /// Keeps what one leads to that was said before another one; None: it can wait.
    async fn keep_first(&self, heard: &Heard<'_>) -> Result<Option<Next>, Trouble> {
        let trouble = match self.keep(heard, None).await {
            Ok(next) => return Ok(Some(next)),
            Err(trouble) => trouble,
        };
        let store = &heard.hands.store;
        let is_decided = store.hearing(&key(heard.comment)).await?.is_some()
            || store.thread(&heard.own_run()).await?.is_some();
        match trouble {
            // what is missing of it is for people to see only; nobody waits for that, least of all a cancel
            Trouble::Told(report) if is_decided || report.class != Class::Transient => {
                tracing::info!(comment = heard.comment.id, %report, "an earlier comment is not answered yet");
                Ok(None)
            }
            trouble => Err(trouble),
        }
    }

    /// Decides about one comment and keeps that, or goes on with what was kept; the run it is about is told.
    async fn keep(&self, heard: &Heard<'_>, standing: Option<Standing>) -> Result<Next, Trouble> {
        let (store, key) = (&heard.hands.store, key(heard.comment));
        let next = match store.hearing(&key).await? {
            Some(Hearing::Ended(_)) => return Ok(Next::Over(Taken::Nothing("heard"))),
            Some(Hearing::Begun(deed)) => self.go_on(heard, &read(&deed)?).await?,
            // what this very comment started is no other run: we stopped in between
            None if store.thread(&heard.own_run()).await?.is_some() => {
                self.started(heard, &heard.own_run()).await?
            }
            None => {
                let standing = match standing {
                    Some(known) => known,
                    None => heard.standing().await?,
                };
                self.decide_and_follow(heard, standing).await?
            }
        };
        if let Next::Over(Taken::Done(end) | Taken::Nothing(end)) = next {
            store.end_hearing(&key, end, heard.hands.clock.now()).await?;
        }
        Ok(next)
    }

    /// Answers a comment as it was decided and kept: once, whichever of its deliveries comes first.
    pub(super) async fn answer(&self, heard: &Heard<'_>) -> Result<Taken, Trouble> {
        let (store, key) = (&heard.hands.store, key(heard.comment));
        let lock = self.lock_of(key.repo, Some(key.comment.clone()));
        let _one_at_a_time = lock.lock().await;
        let end = match store.hearing(&key).await? {
            Some(Hearing::Ended(_)) => return Ok(Taken::Nothing("heard")),
            Some(Hearing::Begun(deed)) => heard.answer(&read(&deed)?).await?,
            None => heard.answer_start().await?,
        };
        store.end_hearing(&key, end, heard.hands.clock.now()).await?;
        Ok(Taken::Done(end))
    }

    /// The same for one that was said before another one: what is missing of it comes with its own delivery.
    async fn answer_too(&self, heard: &Heard<'_>) {
        match self.answer(heard).await {
            Ok(_) => {}
            Err(Trouble::Gone(what)) => {
                tracing::info!(comment = heard.comment.id, what, "an earlier comment is not answered");
            }
            Err(Trouble::Told(report)) => {
                tracing::info!(comment = heard.comment.id, %report, "an earlier comment is not answered yet");
            }
        }
    }

    /// The commands that were said in this thread before this comment, and that we were not told of yet; oldest first.
    async fn said_before(&self, heard: &Heard<'_>) -> Result<Vec<(Comment, Said)>, Trouble> {
        let (store, comment) = (&heard.hands.store, heard.comment);
        let begun = self.see(heard).await?.begun;
        let since = comment.created.before(limits::LOOK_BACK).max(begun);
        let seen = match heard.desk.said_since(comment.number, since).await {
            Ok(seen) => seen,
            // that it went may be told before what was said on it
            Err(GitHubError::Missing { .. }) => {
                return Err(Trouble::Gone(format!("issue #{}", comment.number)));
            }
            Err(error) => return Err(error.into()),
        };
        let mut before = Vec::new();
        // the numbers of reviews and of lines are others
        let is_before = |one: &Seen| match comment.form {
            Form::Thread => one.id < comment.id,
            Form::Line | Form::Review => one.created < comment.created,
        };
        for one in seen.into_iter().filter(|one| is_before(one) && one.created >= begun) {
            let Some((earlier, said)) = command_of(one, comment, heard.hands.us()) else { continue };
            if !matches!(store.hearing(&key(&earlier)).await?, Some(Hearing::Ended(_))) {
                before.push((earlier, said));
            }
        }
        before.sort_by_key(|(comment, _)| comment.id);
        Ok(before)
    }

    /// The comment's repository is one that is looked through from now on.
    async fn see(&self, heard: &Heard<'_>) -> Result<KnownRepo, Trouble> {
        let (store, repo) = (&heard.hands.store, heard.desk.repo());
        let known = store.known_repo(repo.id).await?;
        let first = heard.comment.created.max(heard.hands.parts.github.time().before(COMMAND_AGE));
        let begun = first.before(limits::SCAN_OVERLAP);
        let (begun, since) = known.as_ref().map_or((begun, begun), |known| (known.begun, known.since));
        let seen = KnownRepo {
            installation: heard.installation,
            repo_id: repo.id,
            owner: repo.owner,
            name: repo.name,
            is_private: repo.is_private,
            begun,
            since,
        };
        if known.as_ref() != Some(&seen) {
            store.see_repo(&seen).await?;
        }
        Ok(seen)
    }
}

impl Heard<'_> {
    /// What was decided is kept before it is done.
    pub(super) async fn begin(&self, deed: &Deed) -> Result<(), Trouble> {
        let text = serde_json::to_string(deed).map_err(|cause| odd(&cause))?;
        Ok(self.hands.store.begin_hearing(&key(self.comment), &text, self.hands.clock.now()).await?)
    }
}

/// A comment that was read, as one on the thread of `on`, when it is a command that was never edited. What the thread said then is
/// left open ([`Came::Read`]).
pub(super) fn command_of(seen: Seen, on: &Comment, us: &Us) -> Option<(Comment, Said)> {
    if seen.updated != seen.created || seen.number != on.number {
        return None;
    }
    let author = seen.author?;
    let comment = Comment {
        form: Form::Thread,
        id: seen.id,
        sender: author.clone(),
        author,
        via_app: seen.app_id,
        body: seen.body,
        created: seen.created,
        title: String::new(),
        thread_body: String::new(),
        ..on.clone()
    };
    let said = policy::heard(&comment, us).ok()?;
    Some((comment, said))
}

/// Under which name a comment is remembered.
pub(super) fn key(comment: &Comment) -> CommentKey {
    CommentKey { repo: comment.repo.id, comment: comment.name() }
}

fn read(deed: &str) -> Result<Deed, Report> {
    serde_json::from_str(deed).map_err(|cause| odd(&cause))
}

fn odd(cause: &serde_json::Error) -> Report {
    let message = format!("what a comment led to is kept in a form that is not known: {cause}");
    let hint = "the store is from another version: update this program, or say the command again";
    Report::new(Class::Broken, "odd_deed", message, hint)
}
