//! Commands: from a comment to what follows from it. Who may is asked of GitHub first; a lookup that fails is no permission,
//! and is tried again.
//!
//! Safe to repeat: a run has a derived id, the answer to a command is a comment with that command's marker, a reaction twice
//! is one.

use super::{App, AppHands, Priority, Taken, branch, desk::Trouble, facts::status_url, slots::Wall};
use crate::{
    clock::Timestamp,
    config::{
        ConfigError,
        repo::{self, RepoRules},
    },
    github::{Desk, FileSeen, GitHubError, Reaction},
    ids::RunId,
    intent::{
        self, Intent,
        command::Command,
        mention::Said,
        notice::{Comment, Form},
        policy::{self, Decision, OpenRun, Permission, Situation, Standing, Starts},
        reply::{self, Reply},
    },
    limits::{config as limits, intent::STARTS_SPAN},
    report::{Hint, Report},
    run::{ApprovePlan, Event, Rules, Run, comment},
    store::{Begun, Sender, Thread, Whose},
};
use futures_util::FutureExt;

/// A command that somebody said, and where.
pub(super) struct Heard<'a> {
    pub(super) hands: &'a AppHands,
    pub(super) comment: &'a Comment,
    pub(super) installation: u64,
    pub(super) desk: &'a Desk,
    pub(super) said: Said,
}

impl App {
    /// Somebody wrote a comment.
    pub(super) async fn commented(&self, comment: &Comment) -> Result<Taken, Report> {
        let hands = self.hands();
        let said = match policy::heard(comment, hands.us()) {
            Ok(said) => said,
            Err(why) => return Ok(Taken::Nothing(why.code())),
        };
        let lock = self.repo_lock(comment.repo.id);
        let _one_at_a_time = lock.lock().await;
        let installation = match comment.installation {
            Some(known) => Ok(known),
            None => hands.parts.github.installation_of(&comment.repo.owner, &comment.repo.name).await,
        };
        let taken = match installation {
            Ok(installation) => {
                let desk = hands.desk_of(installation, comment.repo.clone());
                let heard = Heard { hands, comment, installation, desk: &desk, said };
                self.answer(&heard).await
            }
            Err(error) => Err(error.into()),
        };
        match taken {
            Ok(taken) => Ok(taken),
            Err(Trouble::Gone(_)) => Ok(Taken::Nothing("gone")),
            Err(Trouble::Told(report)) => Err(report),
        }
    }

    async fn answer(&self, heard: &Heard<'_>) -> Result<Taken, Trouble> {
        let (store, comment) = (&heard.hands.store, heard.comment);
        let now = heard.hands.clock.now();
        let standing = heard.standing().await?;
        // what this very comment started is no other run: the delivery came twice, or we stopped in between
        let own = run_of(comment);
        if store.thread(&own).await?.is_some() {
            heard.react(Reaction::Eyes).await?;
            return self.started(heard, &own).await;
        }
        let here = heard.hands.here(comment).await?;
        let (open, last) = (self.open_run(here.open.as_ref()).await?, here.last);
        let since =
            Timestamp(now.0.saturating_sub(i64::try_from(STARTS_SPAN.as_millis()).unwrap_or(i64::MAX)));
        let starts = Starts {
            by_actor: store.runs_begun(Whose::Requester(comment.author.id), since).await?,
            in_repository: store.runs_begun(Whose::Repository(comment.repo.id), since).await?,
        };
        let decision = policy::decide(&Situation {
            comment,
            us: heard.hands.us(),
            standing,
            open: open.as_ref(),
            last: last.as_ref(),
            starts,
            // how old a command is goes by the clock that dated it
            now: heard.hands.parts.github.time(),
        });
        match decision {
            Decision::Ignore(why) => Ok(Taken::Nothing(why.code())),
            Decision::Say(refusal) => heard.refuse(&refusal).await,
            Decision::Help => heard.say(&reply::help(), Reaction::Rocket).await,
            Decision::Status(run) => self.status(heard, run.as_ref()).await,
            Decision::Start(intent) => self.start(heard, &own, intent).await,
            Decision::Cancel(run) => self.cancel(heard, &run).await,
            Decision::Retry(run) => self.retry(heard, &run).await,
        }
    }

    async fn open_run(&self, open: Option<&RunId>) -> Result<Option<OpenRun>, Trouble> {
        let (Some(id), store) = (open, self.engine().store()) else { return Ok(None) };
        let run = store.run(id).await?.run;
        let Some(thread) = store.thread(id).await? else { return Ok(None) };
        let status_url = status_url(self.hands(), &thread, id).await?;
        let phase_label = crate::run::reply::label(&run);
        Ok(Some(OpenRun { id: run.id, phase_label, requester: thread.requester, status_url }))
    }

    /// A new run: what it may do is read off the default branch now.
    async fn start(&self, heard: &Heard<'_>, id: &RunId, intent: Intent) -> Result<Taken, Trouble> {
        heard.react(Reaction::Eyes).await?;
        let (hands, comment) = (heard.hands, heard.comment);
        let facts = heard.desk.repository().await?;
        if facts.is_archived {
            return heard
                .say("The repository is archived, so nothing can be written there.", Reaction::Confused)
                .await;
        }
        let rules = match heard.rules(&facts.default_branch).await? {
            Ok(rules) => rules,
            Err(report) => return heard.say(&told(&report), Reaction::Confused).await,
        };
        let branch = match branch::name(&rules.pull.branch, comment.number, &intent.title, id) {
            Ok(branch) => branch,
            Err(report) => return heard.say(&told(&report), Reaction::Confused).await,
        };
        let request = intent::whole(&comment.title, &comment.thread_body, &heard.said.text);
        let request = hands.store.keep(request.as_bytes()).await?;
        let run = Run::new(id.clone(), intent, hands.rules(&rules), hands.clock.now());
        let thread = Thread {
            installation: heard.installation,
            repo_id: facts.id,
            repo_owner: facts.owner,
            repo_name: facts.name,
            is_private: facts.is_private,
            default_branch: facts.default_branch,
            number: comment.number,
            is_pull: false,
            comment: comment.id,
            author: comment.thread_author,
            requester: comment.author.id,
            requester_login: comment.author.login.clone(),
            branch,
            labels: rules.pull.labels,
            is_draft: rules.pull.draft,
            request,
        };
        match hands.store.begin_run(&run, &thread).await? {
            Begun::New(_) | Begun::Known(_) => self.started(heard, id).await,
            // somebody was faster, in another process
            Begun::Busy(other) => {
                let open = self.open_run(Some(&other)).await?;
                let text = open.map_or_else(reply::no_run, |open| Reply::AlreadyOpen(open).text());
                heard.say(&text, Reaction::Confused).await
            }
        }
    }

    /// The run of this comment is there: it is begun, if nobody did, and the comment is answered as far as it is not.
    async fn started(&self, heard: &Heard<'_>, id: &RunId) -> Result<Taken, Trouble> {
        self.engine().tell(id, &Event::Started).await?;
        if let Some(second) = &heard.said.second {
            heard.post(&reply::second(second)).await?;
        }
        self.look_at(id);
        heard.hands.told.notify_one();
        Ok(Taken::Done("started"))
    }

    async fn cancel(&self, heard: &Heard<'_>, run: &RunId) -> Result<Taken, Trouble> {
        // first of all it stops
        self.engine().tell(run, &Event::Cancelled).await?;
        self.look_at(run);
        heard.react(Reaction::Eyes).await?;
        heard.end(Reaction::Rocket).await
    }

    async fn retry(&self, heard: &Heard<'_>, id: &RunId) -> Result<Taken, Trouble> {
        heard.react(Reaction::Eyes).await?;
        let before = heard.hands.store.run(id).await?.run;
        self.engine().tell(id, &Event::Retried).await?;
        let after = heard.hands.store.run(id).await?.run;
        if (before.round, before.attempt) == (after.round, after.attempt) {
            return heard.say(&crate::run::reply::nothing_to_retry(&after), Reaction::Confused).await;
        }
        self.look_at(id);
        heard.end(Reaction::Rocket).await
    }

    async fn status(&self, heard: &Heard<'_>, run: Option<&RunId>) -> Result<Taken, Trouble> {
        let (Some(id), hands) = (run, heard.hands) else {
            return heard.say(&reply::no_run(), Reaction::Rocket).await;
        };
        let run = hands.store.run(id).await?.run;
        let thread = hands.thread(id).await?;
        let (mut facts, url) = (hands.facts(&run, &thread).await?, status_url(hands, &thread, id).await?);
        let run = hands.shown(&run, &mut facts)?;
        heard.say(&comment::where_is(&run, url.as_deref(), &facts), Reaction::Rocket).await
    }
}

impl Heard<'_> {
    /// Where the author stands. Who may write is not asked whether it is a collaborator.
    async fn standing(&self) -> Result<Standing, GitHubError> {
        let permission = self.desk.permission(&self.comment.author).await?;
        let is_asked = permission < Permission::Write && !self.comment.repo.is_private;
        let is_collaborator = match is_asked {
            true => self.desk.is_collaborator(&self.comment.author.login).await?,
            false => permission >= Permission::Write,
        };
        Ok(Standing { permission, is_collaborator })
    }

    /// What the default branch says about runs; the inner error is the repository's own mistake.
    async fn rules(&self, branch: &str) -> Result<Result<RepoRules, Report>, GitHubError> {
        let told = |error: ConfigError| Ok(Err(error.report()));
        match self.desk.file(branch, repo::PATH, limits::REPO_FILE_BYTES).await? {
            FileSeen::None => Ok(Ok(RepoRules::default())),
            FileSeen::File(bytes) => Ok(repo::parse(&bytes).map_err(|error| error.report())),
            FileSeen::TooLarge => told(repo::too_large()),
            FileSeen::Other => told(repo::not_a_file()),
        }
    }

    async fn refuse(&self, refusal: &Reply) -> Result<Taken, Trouble> {
        let store = &self.hands.store;
        if refusal.is_once_a_day() {
            let (comment, now) = (self.comment, self.hands.clock.now());
            let day = now.0.div_euclid(24 * 60 * 60 * 1000);
            let about = format!("{}/{}/{}", comment.repo.id, comment.number, comment.author.id);
            let slot = format!("refused-{day}");
            let known = store.remembered_of(&about, &slot).await?;
            if known.is_some_and(|known| known.remote_id != Some(comment.id)) {
                return Ok(Taken::Nothing("refused_today"));
            }
            store.remember(Sender::Key(&about), &slot, Some(comment.id), None, now).await?;
        }
        self.say(&refusal.text(), Reaction::Confused).await
    }

    /// Answers with a comment, and ends.
    async fn say(&self, text: &str, end: Reaction) -> Result<Taken, Trouble> {
        self.react(Reaction::Eyes).await?;
        let text = match &self.said.second {
            Some(second) => format!("{text}\n\n{}", reply::second(second)),
            None => text.to_owned(),
        };
        self.post(&text).await?;
        self.end(end).await
    }

    async fn post(&self, text: &str) -> Result<(), Trouble> {
        let name = self.comment.name();
        let (key, marker) =
            (format!("comment/{name}"), format!("<!-- quantum:comment={name} slot=answer -->"));
        let wall = Wall {
            hands: self.hands,
            desk: self.desk,
            installation: self.installation,
            number: self.comment.number,
            sender: Sender::Key(&key),
        };
        wall.post("answer", Priority::Reply, &format!("{text}\n\n{marker}")).await.map(drop)
    }

    async fn end(&self, reaction: Reaction) -> Result<Taken, Trouble> {
        self.react(reaction).await?;
        Ok(Taken::Done("answered"))
    }

    async fn react(&self, reaction: Reaction) -> Result<(), Trouble> {
        let (id, form) = (self.comment.id, self.comment.form);
        // GitHub lets nobody react to a review: the answer is a comment in the thread
        if form == Form::Review {
            return Ok(());
        }
        let call = || match form {
            Form::Line => self.desk.react_line(id, reaction).boxed(),
            Form::Thread | Form::Review => self.desk.react_comment(id, reaction).boxed(),
        };
        match self.hands.send(self.installation, Priority::Acknowledge, call).await {
            Ok(()) | Err(GitHubError::Missing { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AppHands {
    /// Budgets are the smaller of the repository's and the operator's.
    fn rules(&self, own: &RepoRules) -> Rules {
        let ours = &self.parts.budget;
        Rules {
            approve_plan: own.approve_plan.unwrap_or(ApprovePlan::Never),
            fix_attempts: own.fix_attempts.unwrap_or(limits::FIX_ATTEMPTS),
            watch: true,
            tasks_at_once: 1,
            usd: Some(own.usd.map_or(ours.usd, |own| own.min(ours.usd))),
            minutes: own.minutes.map_or(ours.minutes, |own| own.min(ours.minutes)),
            steps: own.steps.map_or(ours.steps, |own| own.min(ours.steps)),
        }
    }
}

/// The run of a comment: the same comment is the same run, however often it arrives.
fn run_of(comment: &Comment) -> RunId {
    RunId::derive(&[&comment.repo.id.to_string(), &comment.name(), Command::Build.row().word])
}

/// A refusal for the thread: what, and what next.
fn told(report: &Report) -> String {
    format!("{}.\n\n{}.", report.message.trim_end_matches('.'), report.hint.trim_end_matches('.'))
}
