//! Everything a command needs, made once: settings, repository, model, sandbox, store, engine.

use super::{
    Exit,
    args::RunArgs,
    notes::{Notes, no_price},
    run::ModelChoice,
    wanted::{Meant, Names, Wanted},
};
use crate::{
    clock::Clock,
    config::{
        self, ConfigError, Settings,
        env::Env,
        repo::{self, RepoRules},
    },
    engine::{
        Engine, Timing,
        perform::{Parts, Performer, snapshot},
    },
    git::{self, Base, FileChange, GitError, Source},
    ids::Sha,
    intent::Intent,
    limits::{config as limits, shown},
    model::{
        Model,
        scripted::{Recorder, Scripted},
        spec::{self, ModelSettings, SpecError},
    },
    report::{Class, Hint, Report},
    run::{ApprovePlan, Rules, Run},
    sandbox::{
        Sandbox,
        roots::{self, HostFacts},
    },
    store::{Lease, Store},
};
use rustix::fs::Access;
use std::{
    collections::BTreeMap,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// A command's refusal: why, and which exit that is.
pub(super) type Refusal = (Report, Exit);

/// What `quantum run` works with.
pub(super) struct Wiring {
    pub(super) engine: Engine<Performer>,
    pub(super) run: Run,
    /// Ours from before the run is looked at until its end is told: who dies in between is followed by whoever asks again.
    pub(super) lease: Lease,
    pub(super) base: Base,
    pub(super) cancel: CancellationToken,
    pub(super) notes: Vec<String>,
    source: Arc<Source>,
}

pub(super) fn failed(error: &impl Hint) -> Refusal {
    (error.report(), Exit::Failed)
}

pub(super) fn usage(error: &impl Hint) -> Refusal {
    (error.report(), Exit::Usage)
}

/// The settings; the working folder is where `quantum.toml` is looked for. A `--config` that can't be read is wrong
/// usage. `data`: where the data go when nobody named a place.
pub(super) fn settings(config: Option<&Path>, data: Option<&Path>) -> Result<(Settings, Env), Refusal> {
    settings_and_log(config, data, None)
}

/// The same for a server. Nobody sits before it: what goes wrong is logged without being asked for.
pub(super) fn server_settings(config: Option<&Path>) -> Result<(Settings, Env), Refusal> {
    settings_and_log(config, None, Some("warn"))
}

fn settings_and_log(
    config: Option<&Path>,
    data: Option<&Path>,
    levels: Option<&str>,
) -> Result<(Settings, Env), Refusal> {
    let mut env = Env::of_process();
    if let Some(data) = data.and_then(Path::to_str) {
        env.suppose("QUANTUM_DATA_DIR", data);
    }
    let mut settings = config::load(config, &env, Path::new(".")).map_err(|error| match error {
        ConfigError::Unreadable { .. } if config.is_some() => usage(&error),
        error => failed(&error),
    })?;
    // before anything is done by it: what came with a clone is its author's, not the operator's
    if let Some(path) = settings.found.take_if(|path| git::is_tracked(path)) {
        return Err(failed(&ConfigError::NotOurs(path)));
    }
    log(env.var("RUST_LOG").or(levels), settings.log_json);
    Ok((settings, env))
}

/// Makes the data folder, and finds out now whether anything can be kept there.
pub(super) fn data_folder(settings: &mut Settings) -> Result<(), Refusal> {
    let mut maker = std::fs::DirBuilder::new();
    let made = maker
        .recursive(true)
        .mode(folder_mode())
        .create(&settings.data)
        .and_then(|()| settings.data.canonicalize());
    let folder = made.and_then(|folder| {
        rustix::fs::access(&folder, Access::WRITE_OK | Access::EXEC_OK)?;
        Ok(folder)
    });
    settings.data = folder.map_err(|cause| {
        let message = format!("the data folder {} can't be written: {cause}", settings.data.display());
        let hint = "make it writable, or name another with QUANTUM_DATA_DIR";
        (Report::new(Class::Refused, "data_folder", message, hint), Exit::Failed)
    })?;
    Ok(())
}

/// Transcripts and workspaces hold source: nobody else's business.
fn folder_mode() -> u32 {
    let may_mount = || {
        rustix::thread::capabilities(None)
            .is_ok_and(|sets| sets.effective.contains(rustix::thread::CapabilitySet::SYS_ADMIN))
    };
    // a container's root without the right to mount gives its sandboxes an ordinary user, who must get to the workspace
    if rustix::process::geteuid().is_root() && !may_mount() { 0o711 } else { 0o700 }
}

/// Log lines go to stderr, when any are wanted.
fn log(levels: Option<&str>, json: bool) {
    let Some(levels) = levels else { return };
    let filter = tracing_subscriber::EnvFilter::new(levels);
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // a second subscriber is only made by tests that run commands in one process
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}

/// Prepares a run: finds the one that a crash left behind, or makes a new one.
pub(super) async fn prepare(
    args: &RunArgs,
    request: &str,
    intent: Intent,
    model: ModelChoice,
    clock: &Clock,
) -> Result<Wiring, Refusal> {
    let (mut settings, env) = settings(args.config.as_deref(), args.data.as_deref())?;
    data_folder(&mut settings)?;
    let mut notes = Notes::default();
    settings.notes.iter().for_each(|note| notes.say(note));
    if !settings.not_in_effect.is_empty() {
        notes.say(&format!("not in effect yet: {}", settings.not_in_effect.join(", ")));
    }
    let (source, base) = repository(args, &settings.data).await?;
    writable(source.folder())?;
    let rules = repo_rules(&source, &base, &mut notes)?;
    let model = open_model(&settings, args, model)?;
    if let Some(note) = no_price(model.as_ref()) {
        notes.say(&note);
    }
    let store = Store::open(&database(&settings)).await.map_err(|error| failed(&error))?;
    let repository = source.folder().display().to_string();
    let rules = merged(&settings, &rules, args);
    let fresh = |id| Run::new(id, intent.clone(), rules.clone(), clock.now());
    let names = Names { args, request, title: &intent.title, base: &base, repository: &repository };
    let wanted = Wanted { names, source: &source, rules: &rules, fresh: &fresh };
    let Meant { run, lease, held_until, branch } = wanted.claim(&store, clock).await?;
    notes.about(&settings, request);
    let performer =
        performer(&settings, &env, &source, (model, store.clone(), clock), (&base, branch, request));
    let engine = Engine::with(store, performer, clock.clone(), Timing::default());
    engine.performer().sweep().await;
    engine.idled(&run.id, held_until).await.map_err(|report| (report, Exit::Failed))?;
    Ok(Wiring { engine, run, lease, base, cancel: CancellationToken::new(), notes: notes.all(), source })
}

/// The repository and what to start from. Reading it may take its time: an interrupt is heard meanwhile.
async fn repository(args: &RunArgs, data: &Path) -> Result<(Arc<Source>, Base), Refusal> {
    let (folder, data, wanted) = (args.repo.clone(), data.to_owned(), args.base.clone());
    let read = tokio::task::spawn_blocking(move || {
        let source = Source::open(&folder, &data)?;
        let base = source.base(wanted.as_deref())?;
        Ok((Arc::new(source), base))
    });
    let read = read.await.map_err(|cause| {
        let hint = "report this with the log";
        (Report::new(Class::Broken, "panic", cause.to_string(), hint), Exit::Failed)
    })?;
    read.map_err(|error| match error {
        GitError::NoSuchCommit(_) if args.base.is_some() => usage(&error),
        error => failed(&error),
    })
}

/// A branch is what a run is paid for: a repository that can't take one is refused before anything is spent.
fn writable(repository: &Path) -> Result<(), Refusal> {
    let places = ["objects", "refs", "refs/heads"].map(|name| repository.join(name));
    let there = places.iter().filter(|place| place.is_dir());
    for place in there {
        rustix::fs::access(place, Access::WRITE_OK | Access::EXEC_OK).map_err(|cause| {
            let message = format!("no branch can be made: {} is not writable: {cause}", place.display());
            let hint = "make it writable (`ls -ld` tells whose it is), or work on a clone of it with --repo";
            (Report::new(Class::Refused, "read_only_repository", message, hint), Exit::Failed)
        })?;
    }
    Ok(())
}

/// What the repository says about itself; what is odd about it is said when the run looks at it.
fn repo_rules(source: &Source, base: &Base, notes: &mut Notes) -> Result<RepoRules, Refusal> {
    if base.dirty {
        notes.keep(snapshot::UNCOMMITTED);
    }
    let tree = &base.tree;
    match source.file(tree, repo::PATH, limits::REPO_FILE_BYTES) {
        Ok(Some(bytes)) => {
            let rules = repo::parse(&bytes).map_err(|error| failed(&error))?;
            if !rules.not_in_effect.is_empty() {
                notes.keep(&snapshot::not_in_effect(&rules));
            }
            Ok(rules)
        }
        Ok(None) if source.holds(tree, repo::PATH) => Err(failed(&repo::not_a_file())),
        Ok(None) => {
            if source.holds(tree, repo::MISNAMED) {
                notes.say(&format!("{} is not read; the name is {}", repo::MISNAMED, repo::PATH));
            }
            Ok(RepoRules::default())
        }
        Err(GitError::TooBig { .. }) => Err(failed(&repo::too_large())),
        Err(error) => Err(failed(&error)),
    }
}

/// Budgets are the smaller of the repository's and the operator's; flags are the operator's.
fn merged(settings: &Settings, rules: &RepoRules, args: &RunArgs) -> Rules {
    let usd = args.budget.map_or(settings.usd, crate::ids::Usd::from_dollars);
    let steps = args.max_steps.unwrap_or(settings.steps);
    Rules {
        approve_plan: rules.approve_plan.unwrap_or(ApprovePlan::Never),
        fix_attempts: rules.fix_attempts.unwrap_or(limits::FIX_ATTEMPTS),
        watch: false,
        tasks_at_once: 1,
        usd: Some(rules.usd.map_or(usd, |own| own.min(usd))),
        minutes: rules.minutes.map_or(settings.minutes, |own| own.min(settings.minutes)),
        steps: rules.steps.map_or(steps, |own| own.min(steps)),
    }
}

pub(super) fn model_settings(settings: &Settings) -> ModelSettings {
    ModelSettings {
        openai_key: settings.openai_key.clone(),
        openai_base_url: settings.openai_base_url.clone(),
        prices: settings.prices.clone(),
    }
}

fn open_model(settings: &Settings, args: &RunArgs, choice: ModelChoice) -> Result<Arc<dyn Model>, Refusal> {
    let named = |error: SpecError| match error {
        SpecError::Form(_) | SpecError::Provider(_) | SpecError::Later(_) | SpecError::File(_) => {
            usage(&error)
        }
        SpecError::Prices(_)
        | SpecError::NoKey(_)
        | SpecError::BadKey
        | SpecError::BadUrl
        | SpecError::Client(_) => failed(&error),
    };
    let model = match choice {
        ModelChoice::Named(name) => spec::open(&name, &model_settings(settings)).map_err(named)?,
        ModelChoice::Recorded { name, lines } => {
            let script = Scripted::parse(name, lines).map_err(|why| failed(&SpecError::File(why)))?;
            Arc::new(script) as Arc<dyn Model>
        }
        ModelChoice::Settings => match &settings.model {
            Some(name) => spec::open(name, &model_settings(settings)).map_err(|error| failed(&error))?,
            None => {
                let hint = "name one with --model (e.g. openai/gpt-5-mini) or QUANTUM_MODEL; `quantum demo` needs none";
                return Err((
                    Report::new(Class::Refused, "no_model", "no model is named", hint),
                    Exit::Failed,
                ));
            }
        },
    };
    match &args.record {
        Some(path) => {
            let recorder = Recorder::new(model, path).map_err(|why| usage(&SpecError::File(why)))?;
            Ok(Arc::new(recorder))
        }
        None => Ok(model),
    }
}

pub(super) fn sandbox(settings: &Settings) -> Sandbox {
    // the file that runs, even when an update has put another in its place: the two speak one protocol
    Sandbox { kind: settings.sandbox, program: PathBuf::from("/proc/self/exe") }
}

pub(super) fn roots_of(settings: &Settings, env: &Env) -> roots::Roots {
    roots::discover(&HostFacts {
        env: env.all().clone(),
        data: settings.data.clone(),
        extra: settings.sandbox_read.clone(),
    })
}

fn performer(
    settings: &Settings,
    env: &Env,
    source: &Arc<Source>,
    (model, store, clock): (Arc<dyn Model>, Store, &Clock),
    (base, branch, request): (&Base, String, &str),
) -> Performer {
    let parts = Parts {
        source: Arc::clone(source),
        sandbox: sandbox(settings),
        model,
        data: settings.data.clone(),
        clock: clock.clone(),
        // the run is pinned to the commit, whatever its name means later
        base: Some(base.commit.to_string()),
        branch,
        request: Some(request.to_owned()),
        roots: roots_of(settings, env),
        host_env: host_env(settings, env),
        egress_allow: settings.egress_allow.clone(),
    };
    Performer::new(store, parts)
}

/// The database's file. A new one is its owner's alone: transcripts hold source, and the folder may be an open one.
pub(super) fn database(settings: &Settings) -> PathBuf {
    let path = settings.database.clone().unwrap_or_else(|| settings.data.join("quantum.db"));
    // what can't be made is told by the store
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    path
}

impl Wiring {
    /// Whether the repository has no work tree.
    pub(super) fn is_bare(&self) -> bool {
        self.source.is_bare()
    }

    /// What changed up to this tree, and the change as text.
    pub(super) async fn changes(&self, tree: &Sha) -> (Vec<FileChange>, String) {
        let (source, base, tree) = (Arc::clone(&self.source), self.base.tree.clone(), tree.clone());
        let seen = tokio::task::spawn_blocking(move || {
            let diff = source.diff_text(&base, &tree, shown::DIFF_BYTES)?;
            Ok::<_, GitError>((source.changes(&base, &tree)?, diff))
        });
        match seen.await {
            Ok(Ok(seen)) => seen,
            // the branch is there all the same; the person can look at it
            Ok(Err(_)) | Err(_) => (Vec::new(), String::new()),
        }
    }
}

/// The host's environment, with the secrets that came from files as if they stood in it: what must not leave is known by its
/// variable's name.
pub(super) fn host_env(settings: &Settings, env: &Env) -> BTreeMap<String, String> {
    let mut all = env.all().clone();
    all.extend(settings.openai_key.iter().map(|key| ("OPENAI_API_KEY".to_owned(), key.expose().to_owned())));
    all
}
