//! `quantum serve`: the App. The door opens at once, so that no delivery is lost; work begins when GitHub told who we are.

use super::{
    Exit,
    args::ServeArgs,
    notes, say,
    signal::Interrupts,
    wiring::{self, Refusal},
};
use crate::{
    clock::Clock,
    config::{self, ServerSettings, Settings, env::Env},
    engine::{
        Timing,
        app::{App, AppHands, AppParts, Bounds, Budget, Lines, Pulse, count_github, matters},
    },
    git::Wire,
    github::{GitHub, GitHubError, GitHubSettings},
    ids::Secret,
    intent::notice::Us,
    limits::{app as limits, engine as engines, github},
    metrics::Metrics,
    model::{Model, spec},
    report::{Class, Hint, Report},
    server::{self, Check, Door},
    store::Store,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Everything that serving needs, made of the settings.
pub(super) struct Wired {
    settings: Settings,
    server: ServerSettings,
    env: Env,
    secret: Secret,
    pub(super) store: Store,
    pub(super) github: GitHub,
    pub(super) clock: Clock,
    /// What is asked; without one, what to do about it: deliveries are kept and runs wait then.
    model: Result<Arc<dyn Model>, String>,
    /// Who we are, once GitHub said so.
    pub(super) us: Arc<OnceLock<Us>>,
    /// What to do about GitHub not saying so, by its last answer.
    unknown: Arc<Mutex<Option<String>>>,
    came: Arc<Notify>,
    metrics: Metrics,
    pulse: Pulse,
}

pub(super) async fn serve(args: ServeArgs) -> Exit {
    let mut interrupts = Interrupts::listen();
    let served = async {
        let wired = wire(args.config.as_deref()).await?;
        let listener = server::listen(&wired.server.listen).await.map_err(|error| wiring::failed(&error))?;
        let at = listener.local_addr().map_or_else(|_| wired.server.listen.clone(), |at| at.to_string());
        say(&format!("listening on http://{at}"));
        let stop = CancellationToken::new();
        let working = async {
            let worked = async {
                let worked = work(&wired, &stop).await;
                if worked.is_err() {
                    // an open door that nobody works behind would hide it
                    stop.cancel();
                }
                worked
            };
            let (opened, worked) = tokio::join!(server::serve(listener, door(&wired), &stop), worked);
            opened.map_err(|error| wiring::failed(&error)).and(worked)
        };
        tokio::pin!(working);
        tokio::select! {
            end = &mut working => return end,
            () = interrupts.next() => {}
        }
        say("stopping");
        stop.cancel();
        tokio::select! {
            end = &mut working => end,
            () = interrupts.next() => Ok(()),
        }
    };
    ended(served.await)
}

pub(super) fn ended(end: Result<(), Refusal>) -> Exit {
    match end {
        Ok(()) => Exit::Done,
        Err((report, exit)) => {
            say(&report.terminal());
            exit
        }
    }
}

pub(super) async fn wire(config: Option<&Path>) -> Result<Wired, Refusal> {
    let (mut settings, env) = wiring::server_settings(config)?;
    let server = config::load_server(config, &env, Path::new(".")).map_err(|error| wiring::failed(&error))?;
    for note in settings.notes.iter().chain(&server.notes) {
        say(&format!("note: {note}"));
    }
    if !settings.not_in_effect.is_empty() {
        say(&format!("note: not in effect yet: {}", settings.not_in_effect.join(", ")));
    }
    let app = server.app().map_err(|error| wiring::failed(&error))?;
    let (app_id, key, secret) = (app.id, app.private_key.clone(), app.webhook_secret.clone());
    wiring::data_folder(&mut settings)?;
    let clock = Clock::System;
    let wanted = GitHubSettings { api_url: server.api_url.clone(), app_id, key };
    let github = GitHub::new(wanted, clock.clone()).map_err(|error| wiring::failed(&error))?;
    let store = Store::open(&wiring::database(&settings)).await.map_err(|error| wiring::failed(&error))?;
    let model = model(&settings);
    notes::warn_of_no_walls(&settings);
    let (us, unknown, came) = (Arc::default(), Arc::default(), Arc::default());
    let (metrics, pulse) = (Metrics::new(), Pulse::default());
    metrics.model(model.as_ref().map_or("", |model| model.asked()));
    Ok(Wired {
        settings,
        server,
        env,
        secret,
        store,
        github,
        clock,
        model,
        us,
        unknown,
        came,
        metrics,
        pulse,
    })
}

/// Opens the model. Without one the App starts all the same: that is said now, and `/ready` says it too.
fn model(settings: &Settings) -> Result<Arc<dyn Model>, String> {
    let Some(name) = &settings.model else {
        say("note: no model: runs wait until QUANTUM_MODEL names one");
        return Err("name a model with QUANTUM_MODEL, then start again: runs wait until then".to_owned());
    };
    let model = spec::open(name, &wiring::model_settings(settings)).map_err(|error| {
        let hint = format!("{}; then start again: runs wait until then", error.hint());
        say(&format!("note: no model: {error}\n  hint: {hint}"));
        hint
    })?;
    if let Some(note) = notes::no_price(model.as_ref()) {
        say(&format!("note: {note}"));
    }
    Ok(model)
}

pub(super) fn door(wired: &Wired) -> Door {
    let (us, github) = (Arc::clone(&wired.us), wired.github.clone());
    Door {
        store: wired.store.clone(),
        clock: wired.clock.clone(),
        secret: wired.secret.clone(),
        may_matter: Arc::new(move |event, body| matters(event, body, us.get())),
        arrived: Arc::clone(&wired.came),
        checks: checks(wired),
        metrics: wired.metrics.clone(),
        // also while GitHub does not take us: that is when somebody looks
        recount: Arc::new(move |metrics| count_github(metrics, &github)),
    }
}

/// What `/ready` asks: nothing that costs.
fn checks(wired: &Wired) -> Vec<Check> {
    let (us, github) = (Arc::clone(&wired.us), wired.github.clone());
    let (unknown, lacking) = (Arc::clone(&wired.unknown), wired.model.as_ref().err().cloned());
    let sandbox = wiring::sandbox(&wired.settings);
    let (pulse, clock) = (wired.pulse.clone(), wired.clock.clone());
    let told = |ok: bool, hint: &str| if ok { Ok(()) } else { Err(hint.to_owned()) };
    vec![
        Check::new("github", move || {
            let shut_out = github.shut_out().map(|error| format!("{error}; {}", error.hint()));
            let trouble = shut_out.or_else(|| us.get().is_none().then(|| nameless(&unknown)));
            async move { trouble.map_or(Ok(()), Err) }
        }),
        Check::new("engine", move || {
            let is_gone = pulse.is_gone(clock.now());
            async move {
                told(
                    !is_gone,
                    "runs are not looked through, which begins when GitHub told who we are: look into the log",
                )
            }
        }),
        Check::new("model", move || {
            let lacking = lacking.clone();
            async move { lacking.map_or(Ok(()), Err) }
        }),
        Check::new("sandbox", move || {
            let sandbox = sandbox.clone();
            async move {
                let probes = sandbox.probe().await;
                let broken = probes.into_iter().find(|probe| !probe.ok);
                broken.map_or(Ok(()), |probe| Err(probe.hint.unwrap_or(probe.name)))
            }
        }),
    ]
}

/// What to do about GitHub not having told who we are.
fn nameless(unknown: &Mutex<Option<String>>) -> String {
    let hint = unknown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    format!("GitHub did not tell yet who we are: {}", hint.as_deref().unwrap_or("it is being asked"))
}

/// Keeps why GitHub does not tell who we are. The first time is for the person who started us, whatever is logged.
fn not_told(unknown: &Mutex<Option<String>>, error: &GitHubError) {
    let hint = error.hint();
    let before = unknown.lock().unwrap_or_else(PoisonError::into_inner).replace(hint.clone());
    if before.is_none() {
        say(&format!(
            "note: GitHub does not tell who we are: {error}\n  hint: {hint}; deliveries are kept, and it is asked again"
        ));
    } else {
        tracing::error!(%error, hint, "GitHub does not tell who we are; asked again");
    }
}

/// Works when it is known who we are; until then deliveries are only kept.
async fn work(wired: &Wired, stop: &CancellationToken) -> Result<(), Refusal> {
    let mut wait = engines::BACKOFF_FIRST;
    let known = async {
        loop {
            match wired.github.app().await {
                Ok(app) => return app,
                Err(error) => {
                    not_told(&wired.unknown, &error);
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(engines::BACKOFF_MOST);
                }
            }
        }
    };
    let Some(known) = stop.run_until_cancelled(known).await else { return Ok(()) };
    for lacking in &known.lacking {
        say(&format!("note: the App lacks {lacking}: set it on its settings page"));
    }
    say(&format!("working as @{}", known.slug));
    let _ = wired.us.set(Us { app_id: known.id, slug: known.slug });
    app(wired)?.serve(stop).await;
    Ok(())
}

pub(super) fn app(wired: &Wired) -> Result<App, Refusal> {
    let Some(us) = wired.us.get().cloned() else {
        let hint = "report this with the log";
        return Err((Report::new(Class::Broken, "nobody", "who we are is not known", hint), Exit::Failed));
    };
    let settings = &wired.settings;
    let parts = AppParts {
        github: wired.github.clone(),
        us,
        site: wired.server.github_url.clone(),
        data: settings.data.clone(),
        wire: Wire::new(tokio::runtime::Handle::current()).map_err(|error| wiring::failed(&error))?,
        sandbox: wiring::sandbox(settings),
        model: wired.model.as_ref().ok().cloned(),
        budget: Budget { usd: settings.usd, minutes: settings.minutes, steps: settings.steps },
        roots: wiring::roots_of(settings, &wired.env),
        host_env: host_env(wired),
        egress_allow: settings.egress_allow.clone(),
        metrics: wired.metrics.clone(),
        pulse: wired.pulse.clone(),
    };
    let lines = Lines::new(github::WRITE_GAP);
    let hands = AppHands::new(wired.store.clone(), parts, lines, wired.clock.clone());
    let bounds = Bounds {
        runs_at_once: limits::RUNS_AT_ONCE,
        sweep_every: wired.server.sweep,
        status_again: limits::STATUS_AGAIN,
    };
    Ok(App::new(hands, Timing::default(), bounds, Arc::clone(&wired.came)))
}

/// The same for what the App alone has.
fn host_env(wired: &Wired) -> BTreeMap<String, String> {
    let mut all = wiring::host_env(&wired.settings, &wired.env);
    all.insert("QUANTUM_GITHUB_WEBHOOK_SECRET".to_owned(), wired.secret.expose().to_owned());
    if let Some(key) = &wired.server.private_key {
        all.insert("QUANTUM_GITHUB_PRIVATE_KEY".to_owned(), key.expose().trim_end().to_owned());
    }
    all
}
