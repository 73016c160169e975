//! The App's hands: the effects of its runs, done on GitHub, and on a mirror of the repository as on a laptop.

use super::{
    Lines, Priority, Pulse,
    able::Able,
    aside,
    counted::{self, Counted},
    desk::{Place, Trouble, is_away},
    publish::Change,
    status,
};
use crate::{
    clock::{Clock, Timestamp},
    engine::perform::{Errand, Parts, Perform, Performer, protect, remove_run},
    git::{self, GitError, Mirror, Remote, Source, Want},
    github::{Desk, GitHub, GitHubError, Load},
    ids::{RunId, Secret, Sha, Usd},
    intent::notice::{RepoRef, Us},
    limits::{app as limits, engine as engines},
    metrics::Metrics,
    model::Model,
    report::{Class, Hint, Report},
    run::{About, Effect, Event, Run, comment},
    sandbox::{Sandbox, roots::Roots},
    store::{Store, Thread},
};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;

/// What a run may cost at most, as the operator says.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Money.
    pub usd: Usd,
    /// Minutes.
    pub minutes: u32,
    /// Model calls.
    pub steps: u32,
}

/// What the App's hands work with.
pub struct AppParts {
    /// The App on its GitHub.
    pub github: GitHub,
    /// Who we are there.
    pub us: Us,
    /// `https://github.com`, or an Enterprise Server: where git and pages are. No `/` at its end.
    pub site: String,
    /// Our folder: mirrors, workspaces, dependency results.
    pub data: PathBuf,
    /// How git is fetched.
    pub wire: git::Wire,
    /// Which sandbox works and checks get.
    pub sandbox: Sandbox,
    /// Who is asked; None: deliveries are kept, runs wait.
    pub model: Option<Arc<dyn Model>>,
    /// What runs may cost.
    pub budget: Budget,
    /// What of the host sandboxes are shown.
    pub roots: Roots,
    /// The host's environment, as far as package clients are asked about their hosts.
    pub host_env: BTreeMap<String, String>,
    /// The operator's list of hosts for setup; None: what the package clients say.
    pub egress_allow: Option<String>,
    /// What is counted.
    pub metrics: Metrics,
    /// That runs are looked through.
    pub pulse: Pulse,
}

/// The App's hands.
pub struct AppHands {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) parts: AppParts,
    pub(super) lines: Lines,
    /// Wakes who writes status comments.
    pub(super) told: Notify,
    /// The status comments that are being written.
    pub(super) writing: status::Writing,
    /// The hands of runs in this process: works of one run set the same dependencies up once.
    locals: Mutex<HashMap<RunId, Arc<Performer>>>,
    /// Repositories that are worked in: their tokens are made once.
    pub(super) desks: Mutex<HashMap<(u64, u64), Desk>>,
    pub(super) able: Able,
}

impl AppHands {
    /// Hands that keep what they learn in this store.
    pub fn new(store: Store, parts: AppParts, lines: Lines, clock: Clock) -> Self {
        let (locals, desks, told) = (Mutex::default(), Mutex::default(), Notify::new());
        let (writing, able) = (status::Writing::default(), Able::default());
        Self { store, clock, parts, lines, told, writing, locals, desks, able }
    }

    /// Who we are.
    pub(super) fn us(&self) -> &Us {
        &self.parts.us
    }

    /// What a run is about; a run without is none of the App's.
    pub(super) async fn thread(&self, run: &RunId) -> Result<Thread, Report> {
        let found = self.store.thread(run).await.map_err(|error| error.report())?;
        found.ok_or_else(|| {
            let message = format!("nothing is known about where run {run} came from");
            let hint = "the store is from another version, or damaged: report this with the log";
            Report::new(Class::Broken, "no_thread", message, hint)
        })
    }

    /// Sends one request that changes something, when it is its turn; a limit that is over soon is waited out.
    pub(super) async fn send<'f, T>(
        &self,
        installation: u64,
        priority: Priority,
        call: impl Fn() -> BoxFuture<'f, Result<T, GitHubError>>,
    ) -> Result<T, GitHubError> {
        let (mut waits, mut creates) = (0, false);
        loop {
            let turn = match creates {
                true => self.lines.turn_to_create(installation, priority).await,
                false => self.lines.turn(installation, priority).await,
            };
            let turn = turn.map_err(|held| GitHubError::Limited { until: self.clock.now().after(held.0) })?;
            match call().await {
                Err(GitHubError::Limited { until }) if waits < limits::LIMIT_WAITS => {
                    waits += 1;
                    creates = self.hold(installation, until);
                    drop(turn);
                }
                // a token that ran out, or a new name: nothing was done, and the next call knows better
                Err(GitHubError::Stale { .. } | GitHubError::Renamed { .. })
                    if waits < limits::LIMIT_WAITS =>
                {
                    waits += 1;
                }
                end => return end,
            }
        }
    }

    /// Holds the line of an installation until then; when only our own pace for what makes something says so, nothing but that:
    /// whoever makes us comment as often as we may must not stop reactions, branches and statuses. Tells whether it was that.
    fn hold(&self, installation: u64, until: Timestamp) -> bool {
        let at = |load| self.parts.github.wait_until(installation, load);
        let span = until.since(self.clock.now());
        let is_creating = at(Load::Change) < until && until <= at(Load::Create);
        match is_creating {
            true => self.lines.hold_creating(installation, span),
            false => self.lines.hold(installation, span),
        }
        is_creating
    }

    /// The repository's objects, as far as they were fetched.
    pub(super) async fn source(&self, thread: &Thread) -> Result<Arc<Source>, Report> {
        let (folder, data) = (self.mirror(thread.repo_id), self.parts.data.clone());
        Ok(Arc::new(aside(move || Source::open(&folder, &data)).await?))
    }

    fn mirror(&self, repo: u64) -> PathBuf {
        self.parts.data.join("mirrors").join(repo.to_string())
    }

    /// The hands that do what is the same on a laptop.
    async fn local(&self, run: &Run, thread: &Thread) -> Result<Arc<Performer>, Report> {
        let known = self.locals.lock().unwrap_or_else(PoisonError::into_inner).get(&run.id).cloned();
        match known {
            Some(local) => Ok(local),
            None => self.begin_local(run, thread, None).await,
        }
    }

    /// The same, made anew; `base` is the commit to start from, as long as the run has no snapshot.
    async fn begin_local(
        &self,
        run: &Run,
        thread: &Thread,
        base: Option<Sha>,
    ) -> Result<Arc<Performer>, Report> {
        let model = self.parts.model.clone().ok_or_else(|| {
            let hint = "name a model with QUANTUM_MODEL and start again; the run goes on then";
            Report::new(Class::Broken, "no_model", "no model is named", hint)
        })?;
        let metrics = self.parts.metrics.clone();
        let model = Arc::new(Counted { model, metrics }) as Arc<dyn Model>;
        let request = self.store.kept(&thread.request).await.map_err(|error| error.report())?;
        let parts = Parts {
            source: self.source(thread).await?,
            sandbox: self.parts.sandbox.clone(),
            model,
            data: self.parts.data.clone(),
            clock: self.clock.clone(),
            base: base.map(|base| base.to_string()),
            branch: thread.branch.clone(),
            request: Some(String::from_utf8_lossy(&request).into_owned()),
            roots: self.parts.roots.clone(),
            host_env: self.parts.host_env.clone(),
            egress_allow: self.parts.egress_allow.clone(),
        };
        let local = Performer::new(self.store.clone(), parts).counted(self.parts.metrics.clone());
        let local = Arc::new(local);
        let mut locals = self.locals.lock().unwrap_or_else(PoisonError::into_inner);
        locals.insert(run.id.clone(), Arc::clone(&local));
        Ok(local)
    }

    /// Forgets what is only kept while a run is driven.
    pub(super) fn forget(&self, run: &RunId) {
        self.locals.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
    }

    /// Fetches the default branch into the mirror. A remote that is not there or refuses us may be called otherwise by now, or
    /// be ours no longer: GitHub is asked before that is believed.
    async fn fetch(&self, place: &Place<'_>, errand: &Errand<'_>) -> Result<Sha, Trouble> {
        // with a fresh token GitHub says what the repository is called
        let token = place.desk.fetch_token().await?;
        let used = place.desk.repo();
        let error = match self.fetch_as(place, errand, &used, token.clone()).await? {
            Ok(head) => return Ok(head),
            Err(error) => error,
        };
        place.desk.repository().await?;
        let now = place.desk.repo();
        if (&now.owner, &now.name) == (&used.owner, &used.name) {
            return Err(error.report().into());
        }
        let again = self.fetch_as(place, errand, &now, token).await?;
        Ok(again.map_err(|error| error.report())?)
    }

    /// The same under these names; the inner error may be theirs.
    async fn fetch_as(
        &self,
        place: &Place<'_>,
        errand: &Errand<'_>,
        repo: &RepoRef,
        token: Secret,
    ) -> Result<Result<Sha, GitError>, Report> {
        let remote = Remote {
            url: format!("{}/{}/{}.git", self.parts.site, repo.owner, repo.name),
            token: Some(token),
            want: Want::Branch(place.thread.default_branch.clone()),
        };
        let (folder, wire, cancel) = (self.mirror(repo.id), self.parts.wire.clone(), errand.cancel.clone());
        let fetched = aside(move || {
            match Mirror::open(&folder, wire)?.fetch(&remote, &git::Caps::default(), &cancel) {
                Err(
                    error @ (GitError::RemoteNotFound
                    | GitError::TokenRefused { .. }
                    | GitError::Elsewhere(_)),
                ) => Ok(Err(error)),
                end => end.map(Ok),
            }
        });
        fetched.await
    }

    async fn perform_here(&self, errand: &Errand<'_>, thread: &Thread) -> Result<Option<Event>, Trouble> {
        let (run, lease) = (errand.run, errand.lease);
        let desk = self.desk(thread);
        let place = Place { hands: self, thread, desk: &desk };
        match errand.effect {
            // what was said to us was answered with a reaction when it was taken in
            Effect::Acknowledge | Effect::StopWorks { .. } | Effect::Reply { about: About::Command, .. } => {}
            Effect::Status { seq, .. } => {
                self.store.want_status(&run.id, seq + status::QUEUED).await?;
                self.told.notify_one();
            }
            Effect::Snapshot { .. } => {
                let base = self.fetch(&place, errand).await?;
                return Ok(self.begin_local(run, thread, Some(base)).await?.perform(errand).await?);
            }
            Effect::Work(_) | Effect::Merge { .. } | Effect::Verify { .. } => {
                return Ok(self.local(run, thread).await?.perform(errand).await?);
            }
            Effect::Publish { .. } => return self.publish(&place, errand).await,
            Effect::Ask { slot, question } => {
                let mut facts = self.facts(run, thread).await?;
                let question = self.shown(question, &mut facts)?;
                let body = comment::question(run, *slot, &question, &facts);
                place.wall(lease).post(&format!("question-{slot}"), Priority::Reply, &body).await?;
            }
            Effect::AskApproval { slot } => {
                let mut facts = self.facts(run, thread).await?;
                let body = comment::approval(&self.shown(run, &mut facts)?, *slot, &facts);
                place.wall(lease).post(&format!("approval-{slot}"), Priority::Reply, &body).await?;
            }
            Effect::Reply { about: about @ (About::End | About::Pause), text, .. } => {
                // it may have waited for GitHub so long that the run has gone on since
                if status::is_so(run, *about) {
                    place.end(lease, run, text).await?;
                }
            }
        }
        Ok(None)
    }

    async fn publish(&self, place: &Place<'_>, errand: &Errand<'_>) -> Result<Option<Event>, Trouble> {
        let (run, thread) = (errand.run, place.thread);
        let Effect::Publish { round, tree, parent, title, message, verdict } = errand.effect else {
            return Ok(None);
        };
        let Some(snapshot) = &run.state.snapshot else { return Ok(None) };
        let local = self.local(run, thread).await?;
        let message = comment::commit_message(title, message, &self.facts(run, thread).await?);
        protect::check(&local, errand, &snapshot.tree, tree).await??;
        protect::message(&local, &message)?;
        let change = Change {
            lease: errand.lease,
            round: *round,
            base_tree: &snapshot.tree,
            is_first: *parent == snapshot.base,
            tree,
            parent,
            title,
            message,
            verdict: *verdict,
        };
        place.publish(run, &change).await.map(Some)
    }
}

#[async_trait]
impl Perform for AppHands {
    async fn perform(&self, errand: &Errand<'_>) -> Result<Option<Event>, Report> {
        let thread = self.thread(&errand.run.id).await?;
        let end = match self.perform_here(errand, &thread).await {
            Ok(event) => Ok(event),
            Err(trouble) => trouble.told(errand.run),
        };
        counted::effect(&self.parts.metrics, errand.effect, &end);
        self.keep_names(&thread).await;
        end
    }

    async fn tidy(&self, run: &RunId) {
        remove_run(&self.parts.data, run).await;
    }

    fn patience(&self, effect: &Effect, why: &Report) -> Option<u32> {
        match effect {
            Effect::Snapshot { .. } | Effect::Publish { .. } if is_away(why) => Some(limits::GITHUB_FAILURES),
            Effect::Work(_)
            | Effect::Merge { .. }
            | Effect::Verify { .. }
            | Effect::Snapshot { .. }
            | Effect::Publish { .. } => Some(engines::EFFECT_FAILURES),
            // a run that is over, or has its pull request, has nobody else to say so
            Effect::Acknowledge
            | Effect::Status { .. }
            | Effect::Ask { .. }
            | Effect::AskApproval { .. }
            | Effect::Reply { .. }
            | Effect::StopWorks { .. } => None,
        }
    }

    fn decided(&self, before: &Run, after: &Run) {
        counted::ended(&self.parts.metrics, before, after);
    }
}

impl std::fmt::Debug for AppHands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppHands").field("us", self.us()).finish_non_exhaustive()
    }
}
