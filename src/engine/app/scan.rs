//! The scan: what people said and no delivery told of. A delivery may be dropped without a trace, or be older than GitHub's log of
//! them; the comments themselves are still there. So each repository that we know is read from where it was read last, and a
//! command that was not heard yet is heard like any other: same decision, same order, same silence.
//!
//! A repository is known from the log of deliveries and from comments that were heard; nothing from before it was first seen is
//! looked for. There is no list of an installation's repositories to ask for: that takes a token for all of them at once, and
//! ours are for one.
//!
//! Each installation is read by itself: what is heard in one whose line is long waits there, and neither the others nor the sweep.
//!
//! Asking costs nothing while nothing changes: the question stays the same, and GitHub answers from its ETag.

use super::{
    App, Taken, beside,
    desk::Trouble,
    hearing::{Came, command_of, key},
    intake::caught,
    twins::Twin,
    unknown::UNKNOWN,
};
use crate::{
    clock::Timestamp,
    github::{Desk, GitHubError, Seen},
    intent::notice::{Account, AccountKind, Comment, Form, On, RepoRef},
    limits::{app as limits, github::PAGE, intent::COMMAND_AGE},
    report::{Class, Hint, Report},
    store::{Hearing, KnownRepo},
};
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};
use tokio::sync::mpsc;

/// What a scan found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Commands that no delivery had told of.
    pub(super) heard: u32,
    /// Later twins of our comments that were deleted.
    pub(super) twins: u32,
}

/// A repository being read.
struct Reading<'a> {
    known: &'a KnownRepo,
    desk: Desk,
    /// All before this is read.
    since: Timestamp,
    /// What could not be dealt with yet is of then: the next scan begins there.
    held: Option<Timestamp>,
    /// Comments that were deleted while they were read.
    gone: HashSet<u64>,
    found: Scanned,
}

/// What reads the repositories of one installation each; of which, and what it found.
type Readers<'a> = FuturesUnordered<LocalBoxFuture<'a, (u64, Result<Scanned, Report>)>>;
/// Who asked for a reading is told what each installation's found.
pub(super) type Asked = mpsc::Sender<Result<Scanned, Report>>;

impl Scanned {
    /// What was found besides; of several errors the first is kept.
    fn and(all: Result<Self, Report>, more: Result<Self, Report>) -> Result<Self, Report> {
        let (all, more) = (all?, more?);
        Ok(Self { heard: all.heard + more.heard, twins: all.twins + more.twins })
    }
}

impl App {
    /// Reads the repositories whose turn it is, to the end.
    pub(super) async fn scan(&self) -> Result<Scanned, Report> {
        let (mut hand, mut all) = (Readers::new(), Ok(Scanned::default()));
        let due = self.due_repos(&HashSet::new()).await?;
        self.start_readers(&mut hand, due, None);
        while let Some((_, end)) = hand.next().await {
            all = Scanned::and(all, end);
        }
        all
    }

    /// The same by [`Self::reading`], and no longer than a moment: what is found late waits in the line of its own installation,
    /// and nobody else for it.
    pub(super) async fn scan_aside(&self, asks: &mpsc::Sender<Asked>) -> Result<Scanned, Report> {
        let (told, mut ends) = mpsc::channel(limits::SCAN_REPOS as usize);
        let mut all = Ok(Scanned::default());
        // nobody reads any more when the program ends
        if asks.send(told).await.is_ok() {
            let listen = async {
                while let Some(end) = ends.recv().await {
                    all = Scanned::and(all.clone(), end);
                }
            };
            let _ = tokio::time::timeout(limits::LINGER, listen).await;
        }
        all
    }

    /// Reads when it is asked to, each installation by itself: one that is still being read is not begun again.
    pub(super) async fn reading(&self, mut asked: mpsc::Receiver<Asked>) {
        let (mut hand, mut busy) = (Readers::new(), HashSet::new());
        loop {
            tokio::select! {
                Some(told) = asked.recv() => {
                    let (due, ended) = beside(&mut hand, self.due_repos(&busy)).await;
                    for (installation, _) in ended {
                        busy.remove(&installation);
                    }
                    match due {
                        Ok(due) => {
                            busy.extend(due.keys());
                            self.start_readers(&mut hand, due, Some(told));
                        }
                        // who asked listens, or has ended
                        Err(report) => drop(told.try_send(Err(report))),
                    }
                }
                Some((installation, _)) = hand.next(), if !hand.is_empty() => {
                    busy.remove(&installation);
                }
                else => return,
            }
        }
    }

    /// What is due, besides that of installations that are being read.
    async fn due_repos(&self, busy: &HashSet<u64>) -> Result<BTreeMap<u64, Vec<KnownRepo>>, Report> {
        let until = self.engine().now().before(limits::SCAN_EVERY).max(self.awake_since());
        let due = self.engine().store().repos_to_scan(until, busy, limits::SCAN_REPOS).await;
        let mut repos = BTreeMap::<u64, Vec<KnownRepo>>::new();
        for known in due.map_err(|error| error.report())? {
            repos.entry(known.installation).or_default().push(known);
        }
        Ok(repos)
    }

    /// Begins to read these.
    fn start_readers<'a>(
        &'a self,
        hand: &mut Readers<'a>,
        due: BTreeMap<u64, Vec<KnownRepo>>,
        told: Option<Asked>,
    ) {
        for (installation, repos) in due {
            let told = told.clone();
            let reader = async move {
                let end = self.read_installation(&repos).await;
                let unheard = match &told {
                    Some(told) => told.try_send(end.clone()).is_err(),
                    None => false,
                };
                if unheard {
                    tracing::info!(installation, ?end, "read, while the sweep went on");
                }
                (installation, end)
            };
            hand.push(reader.boxed_local());
        }
    }

    /// Reads these repositories of one installation.
    async fn read_installation(&self, repos: &[KnownRepo]) -> Result<Scanned, Report> {
        let (store, mut all) = (self.engine().store(), Scanned::default());
        let told = |error: crate::store::StoreError| error.report();
        for known in repos {
            let mut reading = self.repo_reading(known);
            let end = self.read_repo(&mut reading).await;
            all.heard += reading.found.heard;
            all.twins += reading.found.twins;
            match end {
                Ok(()) => {}
                Err(ReadError::Limited) => break,
                Err(ReadError::Trouble(Trouble::Gone(what))) => {
                    tracing::info!(repository = known.repo_id, what, "not read any more");
                    store.forget_repo(known.repo_id).await.map_err(told)?;
                    continue;
                }
                Err(ReadError::Trouble(Trouble::Told(report))) => {
                    tracing::warn!(repository = known.repo_id, %report, "its comments could not be read; tried again");
                }
            }
            self.name(&reading).await?;
            let since = reading.held.map_or(reading.since, |held| held.min(reading.since));
            store.repo_scanned(known.repo_id, since, self.engine().now()).await.map_err(told)?;
        }
        Ok(all)
    }

    fn repo_reading<'a>(&self, known: &'a KnownRepo) -> Reading<'a> {
        let (owner, name) = (known.owner.clone(), known.name.clone());
        let repo = RepoRef { id: known.repo_id, owner, name, is_private: known.is_private };
        // one without names is nobody's but ours until it has learned them
        let desk = match known.name.is_empty() {
            true => self.hands().parts.github.desk(known.installation, repo),
            false => self.hands().desk_of(known.installation, repo),
        };
        Reading {
            known,
            desk,
            since: known.since,
            held: None,
            gone: HashSet::new(),
            found: Scanned::default(),
        }
    }

    /// Keeps the names that a repository turned out to have.
    async fn name(&self, reading: &Reading<'_>) -> Result<(), Report> {
        let (known, repo) = (reading.known, reading.desk.repo());
        if (&known.owner, &known.name, known.is_private) == (&repo.owner, &repo.name, repo.is_private) {
            return Ok(());
        }
        if known.name.is_empty()
            && let Err(error) = reading.desk.done().await
        {
            tracing::warn!(%error, "a token could not be taken back; it ends by itself within the hour");
        }
        let (owner, name, is_private) = (repo.owner, repo.name, repo.is_private);
        let seen = KnownRepo { owner, name, is_private, ..known.clone() };
        self.engine().store().see_repo(&seen).await.map_err(|error| error.report())
    }

    /// Reads on from where it was left, page by page.
    async fn read_repo(&self, reading: &mut Reading<'_>) -> Result<(), ReadError> {
        for _ in 0..limits::SCAN_PAGES {
            let page = reading.desk.talk_since(reading.since).await?;
            let (is_full, newest) = (page.len() >= PAGE, page.last().map(|one| one.updated));
            for one in page {
                let at = one.updated;
                if !self.look_at_comment(reading, one).await? {
                    reading.held = Some(reading.held.map_or(at, |held| held.min(at)));
                }
            }
            let Some(newest) = newest else { break };
            if !is_full {
                // a comment may be seen later than a younger one
                let seen = self.hands().parts.github.time().before(limits::SCAN_OVERLAP).min(newest);
                reading.since = reading.since.max(seen);
                break;
            }
            // a second that fills a page by itself is left behind
            let within = Timestamp(reading.since.0.div_euclid(1_000) * 1_000);
            reading.since = if newest > within { newest } else { within.after(Duration::from_secs(1)) };
        }
        Ok(())
    }

    /// One comment; false: it could not be dealt with yet.
    async fn look_at_comment(&self, reading: &mut Reading<'_>, seen: Seen) -> Result<bool, ReadError> {
        let hands = self.hands();
        if seen.app_id == Some(hands.us().app_id) {
            if reading.gone.contains(&seen.id) {
                return Ok(true);
            }
            if reading.found.twins >= limits::TWINS_AT_ONCE {
                return Ok(false);
            }
            let twin = self.one_of_a_slot(reading.known, &reading.desk, &seen).await?;
            if let Twin::Deleted(later) = twin {
                reading.gone.insert(later);
                reading.found.twins += 1;
            }
            return Ok(twin != Twin::Unknown);
        }
        if seen.created < reading.known.begun {
            return Ok(true);
        }
        let (number, created) = (seen.number, seen.created);
        let Some((comment, _)) = command_of(seen, &somewhere(reading, number), hands.us()) else {
            return Ok(true);
        };
        let hearing = hands.store.hearing(&key(&comment)).await.map_err(Trouble::from)?;
        if matches!(hearing, Some(Hearing::Ended(_))) {
            return Ok(true);
        }
        let report = match self.hear_found(reading, &comment).await {
            Ok(Taken::Done(_)) => {
                reading.found.heard += 1;
                return Ok(true);
            }
            Ok(Taken::Nothing(_)) => return Ok(true),
            Err(ReadError::Trouble(Trouble::Told(report))) => report,
            Err(end) => return Err(end),
        };
        tracing::warn!(repository = reading.known.repo_id, number, %report, "a comment that was found is not answered yet");
        // what keeps failing is not tried for ever; that GitHub does not take us is no fault of the comment
        let is_old = self.hands().parts.github.time().since(created) > COMMAND_AGE;
        let is_over = is_old || report.class != Class::Transient && hands.parts.github.shut_out().is_none();
        if is_over && report.code == UNKNOWN {
            self.say_unknown(&comment).await;
        }
        Ok(is_over)
    }

    /// A command that no delivery told of: its thread is read, and it is heard.
    async fn hear_found(&self, reading: &Reading<'_>, comment: &Comment) -> Result<Taken, ReadError> {
        let issue = match reading.desk.issue(comment.number).await {
            Ok(issue) => issue,
            Err(GitHubError::Missing { .. }) => return Ok(Taken::Nothing("gone")),
            Err(error) => return Err(error.into()),
        };
        let comment = Comment {
            on: issue.on,
            // nobody has the id 0: who opened it and left can't be met again
            thread_author: issue.author.map_or(0, |author| author.id),
            ..comment.clone()
        };
        Ok(caught(self.commented(&comment, Came::Read)).await.map_err(Trouble::from)?)
    }
}

/// Why something is not read to its end now.
pub(super) enum ReadError {
    /// The installation may not ask now.
    Limited,
    Trouble(Trouble),
}

impl From<GitHubError> for ReadError {
    fn from(error: GitHubError) -> Self {
        match error {
            GitHubError::Limited { .. } => Self::Limited,
            error => Self::Trouble(error.into()),
        }
    }
}

impl From<Trouble> for ReadError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// A comment on a thread of which only the number is known yet.
fn somewhere(reading: &Reading<'_>, number: u64) -> Comment {
    let nobody = Account { id: 0, login: String::new(), kind: AccountKind::Other };
    Comment {
        installation: Some(reading.known.installation),
        repo: reading.desk.repo(),
        number,
        on: On::Issue,
        thread_author: 0,
        title: String::new(),
        thread_body: String::new(),
        id: 0,
        form: Form::Thread,
        author: nobody.clone(),
        sender: nobody,
        via_app: None,
        body: String::new(),
        created: Timestamp(0),
    }
}
