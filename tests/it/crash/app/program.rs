//! What is killed: the App as a process of its own, with its settings from the environment.

use crate::{app::app, child};
use quantumlayer::{
    clock::Clock,
    config::{self, env::Env},
    engine::app::matters,
    github::{GitHub, GitHubSettings},
    intent::notice::Us,
    metrics::Metrics,
    model::spec::{self, ModelSettings},
    server::{self, Door},
    store::Store,
};
use std::{fs, path::Path, process::Command, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// `quantum serve`.
    Whole,
    /// The same parts without the second between two changes on GitHub, so that a story takes a second or two.
    Hurried,
}

const HURRIED: &str = "crash::app::program::the_app_that_is_killed";

impl Program {
    pub(super) fn command(self) -> Command {
        match self {
            Self::Whole => {
                #[expect(clippy::disallowed_methods, reason = "the program is what this tests")]
                let mut command = Command::new(env!("CARGO_BIN_EXE_quantum"));
                #[expect(clippy::disallowed_methods, reason = "toolchains are found by it")]
                let path = std::env::var("PATH").unwrap_or_default();
                command.arg("serve").env_clear().env("PATH", path);
                command
            }
            Self::Hurried => child::command(HURRIED),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_that_is_killed() {
    if !child::is(HURRIED) {
        return;
    }
    let mut told_to_stop = signal(SignalKind::terminate()).unwrap();
    let (env, here) = (Env::of_process(), Path::new("."));
    let settings = config::load(None, &env, here).unwrap();
    let server = config::load_server(None, &env, here).unwrap();
    fs::create_dir_all(&settings.data).unwrap();
    let store = Store::open(&settings.data.join("quantum.db")).await.unwrap();
    let ours = server.app().unwrap();
    let wanted =
        GitHubSettings { api_url: server.api_url.clone(), app_id: ours.id, key: ours.private_key.clone() };
    let github = GitHub::with_gap(wanted, Clock::System, Duration::ZERO).unwrap();
    let known = github.app().await.unwrap();
    let us = Us { app_id: known.id, slug: known.slug };
    let models =
        ModelSettings { openai_key: None, openai_base_url: settings.openai_base_url.clone(), prices: None };
    let model = spec::open(settings.model.as_deref().unwrap(), &models).unwrap();
    let (came, metrics) = (Arc::default(), Metrics::new());
    let (site, data) = ((&github, server.github_url.clone()), settings.data.clone());
    let app = app(site, &us, &store, data, Some(model), (&came, &metrics, &Clock::System));
    let door = Door {
        store,
        clock: Clock::System,
        secret: ours.webhook_secret.clone(),
        may_matter: Arc::new(move |event, body| matters(event, body, Some(&us))),
        arrived: came,
        checks: Vec::new(),
        metrics,
        recount: Arc::new(|_| ()),
    };
    let (listener, stop) = (server::listen(&server.listen).await.unwrap(), CancellationToken::new());
    let stopping = async {
        told_to_stop.recv().await;
        stop.cancel();
    };
    let (served, (), ()) = tokio::join!(server::serve(listener, door, &stop), app.serve(&stop), stopping);
    served.unwrap();
}
