//! `quantum serve`: the App. The door opens at once, so that no delivery is lost; work begins when GitHub told who we are.
//! `quantum receive`: one saved delivery, taken in and worked on as by the server.

use super::{
    Exit,
    args::{ReceiveArgs, ServeArgs},
    put, say,
    signal::Interrupts,
    wiring::{self, Refusal},
};
use crate::{
    clock::Clock,
    config::{self, ServerSettings, Settings, env::Env},
    engine::{
        Timing,
        app::{App, AppHands, AppParts, Bounds, Budget, Lines, Pulse, matters},
    },
    git::Wire,
    github::{GitHub, GitHubSettings},
    ids::{ContentHash, Secret},
    intent::notice::Us,
    limits::{app as limits, engine as engines, github},
    metrics::Metrics,
    model::spec,
    report::{Class, Hint, Report},
    server::{self, Check, Door},
    store::{NewDelivery, Store, Taken},
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, OnceLock},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Everything that serving needs, made of the settings.
struct Wired {
    settings: Settings,
    server: ServerSettings,
    env: Env,
    secret: Secret,
    store: Store,
    github: GitHub,
    clock: Clock,
    /// Who we are, once GitHub said so.
    us: Arc<OnceLock<Us>>,
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
            let (opened, worked) =
                tokio::join!(server::serve(listener, door(&wired), &stop), work(&wired, &stop),);
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

pub(super) async fn receive(args: ReceiveArgs) -> Exit {
    let received = async {
        let wired = wire(args.config.as_deref()).await?;
        let body = std::fs::read(&args.file).map_err(|cause| {
            let message = format!("{} can't be read: {cause}", args.file.display());
            (
                Report::new(Class::Refused, "unreadable", message, "name the file of a saved delivery"),
                Exit::Usage,
            )
        })?;
        let id = args.id.unwrap_or_else(|| {
            let hash = ContentHash::of(&[args.event.as_bytes(), b"\n", &body].concat());
            format!("receive-{}", hash.as_str().get(..32).unwrap_or_default())
        });
        let us = wired.github.app().await.map_err(|error| wiring::failed(&error))?;
        let us = Us { app_id: us.id, slug: us.slug };
        let may_matter = matters(&args.event, &body, Some(&us)) == Some(true);
        let _ = wired.us.set(us);
        let new = NewDelivery::new(&id, &args.event, &body, may_matter, wired.clock.now())
            .map_err(|error| wiring::failed(&error))?;
        let taken = wired.store.take_delivery(new).await.map_err(|error| wiring::failed(&error))?;
        let state = match taken {
            Taken::Stored => "stored",
            Taken::Ignored => "ignored",
            Taken::Duplicate => "duplicate",
        };
        let told = serde_json::json!({"delivery": id, "state": state});
        put(&format!("{told}\n"));
        let app = app(&wired)?;
        app.take_all().await.map_err(|report| (report, Exit::Failed))?;
        app.drive_all().await.map_err(|report| (report, Exit::Failed))?;
        app.write_statuses().await.map_err(|report| (report, Exit::Failed))?;
        Ok(())
    };
    ended(received.await)
}

fn ended(end: Result<(), Refusal>) -> Exit {
    match end {
        Ok(()) => Exit::Done,
        Err((report, exit)) => {
            say(&report.terminal());
            exit
        }
    }
}

async fn wire(config: Option<&Path>) -> Result<Wired, Refusal> {
    let (mut settings, env) = wiring::settings(config, None)?;
    let server = config::load_server(config, &env, Path::new(".")).map_err(|error| wiring::failed(&error))?;
    for note in settings.notes.iter().chain(&server.notes) {
        say(&format!("note: {note}"));
    }
    let app = server.app().map_err(|error| wiring::failed(&error))?;
    let (app_id, key, secret) = (app.id, app.private_key.clone(), app.webhook_secret.clone());
    wiring::data_folder(&mut settings)?;
    let clock = Clock::System;
    let wanted = GitHubSettings { api_url: server.api_url.clone(), app_id, key };
    let github = GitHub::new(wanted, clock.clone()).map_err(|error| wiring::failed(&error))?;
    let store = Store::open(&wiring::database(&settings)).await.map_err(|error| wiring::failed(&error))?;
    let (us, came, metrics, pulse) = (Arc::default(), Arc::default(), Metrics::new(), Pulse::default());
    Ok(Wired { settings, server, env, secret, store, github, clock, us, came, metrics, pulse })
}

fn door(wired: &Wired) -> Door {
    let us = Arc::clone(&wired.us);
    Door {
        store: wired.store.clone(),
        clock: wired.clock.clone(),
        secret: wired.secret.clone(),
        may_matter: Arc::new(move |event, body| matters(event, body, us.get())),
        arrived: Arc::clone(&wired.came),
        checks: checks(wired),
        metrics: wired.metrics.clone(),
    }
}

/// What `/ready` asks: nothing that costs.
fn checks(wired: &Wired) -> Vec<Check> {
    let (us, github) = (Arc::clone(&wired.us), wired.github.clone());
    let has_model = wired.settings.model.is_some();
    let sandbox = wiring::sandbox(&wired.settings);
    let (pulse, clock) = (wired.pulse.clone(), wired.clock.clone());
    let told = |ok: bool, hint: &str| if ok { Ok(()) } else { Err(hint.to_owned()) };
    vec![
        Check::new("github", move || {
            let known = us.get().is_some();
            let trouble = github.shut_out().map(|error| format!("{error}; {}", error.hint()));
            async move {
                match trouble {
                    Some(trouble) => Err(trouble),
                    None => told(known, "GitHub did not tell yet who we are: look into the log"),
                }
            }
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
        Check::new("model", move || async move {
            told(has_model, "name a model with QUANTUM_MODEL; runs wait until then")
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

/// Works when it is known who we are; until then deliveries are only kept.
async fn work(wired: &Wired, stop: &CancellationToken) -> Result<(), Refusal> {
    let mut wait = engines::BACKOFF_FIRST;
    let known = async {
        loop {
            match wired.github.app().await {
                Ok(app) => return app,
                Err(error) => {
                    tracing::error!(%error, hint = %error.hint(), "GitHub does not tell who we are; asked again");
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

fn app(wired: &Wired) -> Result<App, Refusal> {
    let Some(us) = wired.us.get().cloned() else {
        let hint = "report this with the log";
        return Err((Report::new(Class::Broken, "nobody", "who we are is not known", hint), Exit::Failed));
    };
    let settings = &wired.settings;
    let model = match &settings.model {
        Some(name) => Some(
            spec::open(name, &wiring::model_settings(settings)).map_err(|error| wiring::failed(&error))?,
        ),
        None => None,
    };
    let parts = AppParts {
        github: wired.github.clone(),
        us,
        site: wired.server.github_url.clone(),
        public_url: wired.server.public_url.clone(),
        data: settings.data.clone(),
        wire: Wire::new(tokio::runtime::Handle::current()).map_err(|error| wiring::failed(&error))?,
        sandbox: wiring::sandbox(settings),
        model,
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
