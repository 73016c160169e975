//! Commands: what follows from a comment that is heard (`hearing`). Who may is asked of GitHub first; a lookup that fails is no
//! permission, and is tried again.
//!
//! Safe to repeat: a run has a derived id, the answer to a command is a comment with that command's marker, a reaction twice
//! is one.

use super::{
    App, AppHands, Priority, Taken, branch,
    desk::Trouble,
    facts::status_url,
    hearing::{Came, Deed, Next},
    slots::Wall,
    status,
};
use crate::{
    config::{
        ConfigError,
        repo::{self, RepoRules},
    },
    github::{Desk, FileSeen, GitHubError, Reaction},
    ids::RunId,
    intent::{
        self, Intent,
        command::Command,
        mention::{Said, Spoken},
        notice::{Comment, Form},
        policy::{self, Decision, OpenRun, Permission, Situation, Standing, Starts},
        reply::{self, Often, Reply},
    },
    limits::{config as limits, intent::STARTS_SPAN},
    report::{Hint, Report},
    run::{ApprovePlan, Event, Rules, Run, comment},
    store::{Begun, Sender, Thread, Whose},
};
use futures_util::{FutureExt, TryFutureExt};

/// A command that somebody said, and where.
pub(super) struct Heard<'a> {
    pub(super) hands: &'a AppHands,
    pub(super) comment: &'a Comment,
    pub(super) came: Came,
    pub(super) installation: u64,
    pub(super) desk: &'a Desk,
    pub(super) said: Said,
}

impl App {
    /// What follows from a comment as things stand.
    pub(super) async fn decide(&self, heard: &Heard<'_>, standing: Standing) -> Result<Decision, Trouble> {
        let (store, comment) = (&heard.hands.store, heard.comment);
        let now = heard.hands.clock.now();
        let here = heard.hands.here(comment).await?;
        let (open, last) = (self.open_run(here.open.as_ref()).await?, here.last);
        let since = now.before(STARTS_SPAN);
        let starts = Starts {
            by_actor: store.runs_begun(Whose::Requester(comment.author.id), since).await?,
            in_repository: store.runs_begun(Whose::Repository(comment.repo.id), since).await?,
        };
        Ok(policy::decide(&Situation {
            comment,
            us: heard.hands.us(),
            standing,
            open: open.as_ref(),
            last: last.as_ref(),
            starts,
            // how old a command is goes by the clock that dated it
            now: heard.hands.parts.github.time(),
        }))
    }

    /// Does what was decided.
    pub(super) async fn follow(
        &self,
        heard: &Heard<'_>,
        decision: Decision,
        may: Permission,
    ) -> Result<Next, Trouble> {
        let deed = match decision {
            Decision::Ignore(why) => return Ok(Next::Over(Taken::Nothing(why.code()))),
            Decision::Say(refusal) => return heard.refuse(&refusal, may).await,
            Decision::Help => Deed::Say { text: reply::help(), is_refusal: false },
            Decision::Status(run) => self.status(heard, run.as_ref()).await?,
            Decision::Start(intent) => return self.start(heard, &heard.own_run(), intent).await,
            Decision::Cancel(run) => {
                let attempt = heard.hands.store.run(&run).await?.run.attempt;
                Deed::Cancel { run, attempt }
            }
            Decision::Retry(run) => {
                let now = heard.hands.store.run(&run).await?.run;
                Deed::Retry { run, attempt: now.attempt, round: now.round }
            }
        };
        heard.begin(&deed).await?;
        self.go_on(heard, &deed).await
    }

    /// Does what was decided and kept, or what is missing of it.
    pub(super) async fn go_on(&self, heard: &Heard<'_>, deed: &Deed) -> Result<Next, Trouble> {
        match deed {
            Deed::Cancel { run, attempt } => self.cancel(heard, run, *attempt).await,
            Deed::Retry { run, attempt, round } => self.retry(heard, run, (*attempt, *round)).await,
            Deed::Say { .. } | Deed::Deny { .. } | Deed::OnlyReact => Ok(Next::Answer),
        }
    }

    async fn open_run(&self, open: Option<&RunId>) -> Result<Option<OpenRun>, Trouble> {
        let (Some(id), store) = (open, self.engine().store()) else { return Ok(None) };
        let run = store.run(id).await?.run;
        let Some(thread) = store.thread(id).await? else { return Ok(None) };
        let status_url = status_url(self.hands(), &thread, id).await?;
        Ok(Some(OpenRun {
            whereabouts: crate::run::reply::whereabouts(&run).to_owned(),
            is_stopped: run.is_stopped(),
            id: run.id,
            author: thread.author,
            requester: thread.requester,
            status_url,
        }))
    }

    /// A new run: what it may do is read off the default branch now.
    async fn start(&self, heard: &Heard<'_>, id: &RunId, intent: Intent) -> Result<Next, Trouble> {
        let (hands, comment) = (heard.hands, heard.comment);
        let facts = heard.desk.repository().await?;
        if facts.is_archived {
            return heard.say_no("The repository is archived, so nothing can be written there.").await;
        }
        let refused = |report: &Report| {
            let repo_url = format!("{}/{}/{}", hands.parts.site, facts.owner, facts.name);
            comment::refusal(report, &repo_url)
        };
        let rules = match heard.rules(&facts.default_branch).await? {
            Ok(rules) => rules,
            Err(report) => return heard.say_no(&refused(&report)).await,
        };
        let branch = match branch::name(&rules.pull.branch, comment.number, &intent.title, id) {
            Ok(branch) => branch,
            Err(report) => return heard.say_no(&refused(&report)).await,
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
                heard.say_no(&text).await
            }
        }
    }

    /// The run of this comment is there: it is begun, if nobody did.
    pub(super) async fn started(&self, heard: &Heard<'_>, id: &RunId) -> Result<Next, Trouble> {
        // it begins when it is driven; until then, it waits for its turn
        heard.hands.store.want_status(id, status::QUEUED).await?;
        self.look_at(id);
        Ok(Next::Answer)
    }

    async fn cancel(&self, heard: &Heard<'_>, id: &RunId, attempt: u32) -> Result<Next, Trouble> {
        if heard.hands.store.run(id).await?.run.attempt == attempt {
            self.engine().tell(id, &Event::Cancelled).await?;
            self.look_at(id);
        }
        Ok(Next::Answer)
    }

    async fn retry(&self, heard: &Heard<'_>, id: &RunId, was: (u32, u32)) -> Result<Next, Trouble> {
        let store = &heard.hands.store;
        let mut now = store.run(id).await?.run;
        if (now.attempt, now.round) == was {
            if let Some(other) = self.open_run(store.open_run_beside(id).await?.as_ref()).await? {
                return heard.say_no(&reply::other_open(&other)).await;
            }
            // the App may have been installed anew since
            store.run_is_under(id, heard.installation).await?;
            self.engine().tell(id, &Event::Retried).await?;
            now = store.run(id).await?.run;
        }
        if (now.attempt, now.round) == was {
            return heard.say_no(&crate::run::reply::nothing_to_retry(&now)).await;
        }
        self.look_at(id);
        Ok(Next::Answer)
    }

    async fn status(&self, heard: &Heard<'_>, run: Option<&RunId>) -> Result<Deed, Trouble> {
        let (Some(id), hands) = (run, heard.hands) else {
            return Ok(Deed::Say { text: reply::no_run(), is_refusal: false });
        };
        let run = hands.store.run(id).await?.run;
        let thread = hands.thread(id).await?;
        let (mut facts, url) = (hands.facts(&run, &thread).await?, status_url(hands, &thread, id).await?);
        let run = hands.shown(&run, &mut facts)?;
        Ok(Deed::Say { text: comment::where_is(&run, url.as_deref(), &facts), is_refusal: false })
    }
}

impl Heard<'_> {
    /// The run that this comment starts: the same comment is the same run, however often it arrives.
    pub(super) fn own_run(&self) -> RunId {
        let (repo, comment) = (self.comment.repo.id.to_string(), self.comment.name());
        RunId::derive(&[&repo, &comment, Command::Build.row().word])
    }

    /// Where the author stands. Who may write is not asked whether it is a collaborator.
    pub(super) async fn looked_up(&self) -> Result<Standing, GitHubError> {
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
        let told = |error: ConfigError| Ok(Err(for_thread(error)));
        match self.desk.file(branch, repo::PATH, limits::REPO_FILE_BYTES).await? {
            FileSeen::None => Ok(Ok(RepoRules::default())),
            FileSeen::File(bytes) => Ok(repo::parse(&bytes).map_err(for_thread)),
            FileSeen::TooLarge => told(repo::too_large()),
            FileSeen::Other => told(repo::not_a_file()),
        }
    }

    pub(super) async fn refuse(&self, refusal: &Reply, to: Permission) -> Result<Next, Trouble> {
        let (often, text) = (refusal.often(to), refusal.text());
        match often {
            Often::EachTime => self.say_no(&text).await,
            Often::OnceADay if self.is_first_today("refused").await? => {
                self.begin(&Deed::Deny { text }).await?;
                Ok(Next::Answer)
            }
            Often::OnceADay => Ok(Next::Over(Taken::Nothing("refused_today"))),
            Often::WordsOnceADay if self.is_first_today("too-many").await? => self.say_no(&text).await,
            Often::WordsOnceADay => {
                self.begin(&Deed::OnlyReact).await?;
                Ok(Next::Answer)
            }
        }
    }

    /// Whether nobody but this comment has this word of the author's on this thread today; it has it from now on.
    async fn is_first_today(&self, word: &str) -> Result<bool, Trouble> {
        let (store, comment, now) = (&self.hands.store, self.comment, self.hands.clock.now());
        let day = now.0.div_euclid(24 * 60 * 60 * 1000);
        let about = format!("{}/{}/{}", comment.repo.id, comment.number, comment.author.id);
        let slot = format!("{word}-{day}");
        let known = store.remembered_of(&about, &slot).await?;
        if known.is_some_and(|known| known.remote_id != Some(comment.id)) {
            return Ok(false);
        }
        store.remember(Sender::Key(&about), &slot, Some(comment.id), None, now).await?;
        Ok(true)
    }

    /// It is refused with these words.
    async fn say_no(&self, text: &str) -> Result<Next, Trouble> {
        self.begin(&Deed::Say { text: text.to_owned(), is_refusal: true }).await?;
        Ok(Next::Answer)
    }

    /// Says what this was decided to be, and what is left to be said; a word for the audit.
    pub(super) async fn answer(&self, deed: &Deed) -> Result<&'static str, Trouble> {
        self.see().await?;
        let second = self.said.second.as_deref().map(reply::second);
        let (said, second, end) = match deed {
            Deed::Cancel { .. } => (self.if_mute(reply::told_to_stop), second, Reaction::Rocket),
            Deed::Retry { .. } => (self.if_mute(reply::goes_on), second, Reaction::Rocket),
            // the words were said today
            Deed::OnlyReact => (None, None, Reaction::Confused),
            Deed::Deny { text } => (Some(text.clone()), None, Reaction::Confused),
            Deed::Say { text, is_refusal: true } => (Some(text.clone()), second, Reaction::Confused),
            Deed::Say { text, is_refusal: false } => (Some(text.clone()), second, Reaction::Rocket),
        };
        let paragraphs = [said, second].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
        if !paragraphs.is_empty() {
            self.post(&paragraphs).await?;
        }
        self.react(end).await?;
        Ok("answered")
    }

    /// The same for a comment that started a run, which says the rest.
    pub(super) async fn answer_start(&self) -> Result<&'static str, Trouble> {
        self.see().await?;
        if let Some(second) = &self.said.second {
            self.post(&reply::second(second)).await?;
        }
        Ok("started")
    }

    /// In words what is a reaction elsewhere: GitHub lets nobody react to a review.
    fn if_mute(&self, words: impl Fn() -> String) -> Option<String> {
        (self.comment.form == Form::Review).then(words)
    }

    /// That it is seen is said once: a repeat would take another turn for it, and may be put off each time before it has said the
    /// rest.
    async fn see(&self) -> Result<(), Trouble> {
        let (store, key) = (&self.hands.store, answer_key(&self.comment.name()));
        if store.remembered_of(&key, EYES).await?.is_some() {
            return Ok(());
        }
        self.react(Reaction::Eyes).await?;
        Ok(store.remember(Sender::Key(&key), EYES, None, None, self.hands.clock.now()).await?)
    }

    async fn post(&self, text: &str) -> Result<(), Trouble> {
        let name = self.comment.name();
        let (key, marker) = (answer_key(&name), comment::answer_marker(&name));
        let wall = Wall {
            hands: self.hands,
            desk: self.desk,
            installation: self.installation,
            number: self.comment.number,
            sender: Sender::Key(&key),
        };
        wall.post(comment::ANSWER, Priority::Reply, &format!("{text}\n\n{marker}")).await.map(drop)
    }

    async fn react(&self, reaction: Reaction) -> Result<(), Trouble> {
        let (id, form) = (self.comment.id, self.comment.form);
        // GitHub lets nobody react to a review: the answer is a comment in the thread
        if form == Form::Review {
            return Ok(());
        }
        let call = || match form {
            Form::Line => self.desk.react_line(id, reaction).boxed(),
            Form::Thread | Form::Review => self.desk.react_comment(id, reaction).map_ok(drop).boxed(),
        };
        let priority = match self.said.verb {
            Spoken::Verb(Command::Cancel) => Priority::Stop,
            Spoken::Verb(_) | Spoken::Unknown(_) | Spoken::Free => Priority::Acknowledge,
        };
        match self.hands.send(self.installation, priority, call).await {
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

/// That a comment is seen is remembered beside its answer.
const EYES: &str = "eyes";

/// Under which key an answer to a comment of this name is remembered.
pub(super) fn answer_key(comment: &str) -> String {
    format!("comment/{comment}")
}

/// A mistake in the repository's own file, with what to do about it where there is a branch and a thread.
fn for_thread(error: ConfigError) -> Report {
    let hint = format!("mend it on the default branch, then say {} again", Command::Build.shown());
    Report { hint, ..error.report() }
}
