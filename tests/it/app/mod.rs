//! The App as people on GitHub meet it: comments in, the thread out. The fake GitHub, git over HTTP, the store, the sandbox
//! and the repository's own checks are real; only the model's words are a script.

mod ambiguous;
mod bounds;
mod build;
mod chance;
mod clock;
mod commands;
mod crowd;
mod dedupe;
mod disorder;
mod edited;
mod ends;
mod examples;
mod fair;
mod gate;
mod gone;
mod missed;
mod odd;
mod outage;
mod process;
mod published;
mod receive;
mod reviews;
mod screen;
mod trouble;
mod twins;
mod waits;

use crate::world::{FakeGitHub, Settings, UserId, Usual};
use quantumlayer::{
    clock::Clock,
    engine::{
        Timing,
        app::{App, AppHands, AppParts, Bounds, Budget, Lines, Pulse, count_github, matters},
    },
    git::Wire,
    github::{GitHub, GitHubSettings},
    ids::Usd,
    intent::notice::Us,
    metrics::Metrics,
    model::{Model, scripted::Scripted},
    sandbox::{Kind, Sandbox, roots::Roots},
    server::{self, Door},
    store::{NewDelivery, Store},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A GitHub, and the App at work on it.
pub(crate) struct Town {
    pub(crate) hub: FakeGitHub,
    pub(crate) usual: Usual,
    pub(crate) app: App,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) github: GitHub,
    clock: Clock,
    stop: CancellationToken,
    folder: tempfile::TempDir,
}

/// What is left of one that was killed.
pub(crate) struct Stopped {
    hub: FakeGitHub,
    usual: Usual,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl Stopped {
    /// The program is started again.
    pub(crate) async fn again(self, lines: &[Value]) -> Town {
        Town::open((self.hub, self.usual), self.clock, self.folder, lines).await
    }
}

/// The files of `acme/widgets` besides a script that nobody runs: their check fails until `value` holds `good`.
pub(crate) const FILES: [(&str, Option<&str>); 3] =
    [("value", Some("bad\n")), ("Makefile", Some("test:\n\tsh ./check.sh\n")), ("check.sh", Some(CHECK))];

const CHECK: &str = "if grep -q good value; then echo 'test result: ok. 1 passed; 0 failed'; else\n\
    echo 'test value_is_good ... FAILED'; echo 'test result: FAILED. 0 passed; 1 failed'; exit 101; fi\n";

impl Town {
    /// `acme/widgets` with a check that fails until `value` holds `good`, and a model that says these lines.
    pub(crate) async fn new(lines: &[Value]) -> Self {
        Self::by(lines, Clock::System, Clock::System).await
    }

    /// The same by this clock.
    pub(crate) async fn at(clock: Clock, lines: &[Value]) -> Self {
        Self::by(lines, clock.clone(), clock).await
    }

    /// The same where time goes on only when the story says so.
    pub(crate) async fn by_hand(lines: &[Value]) -> Self {
        Self::at(Clock::manual(Clock::System.now()), lines).await
    }

    /// The same, where GitHub's clock is this and ours is that.
    pub(crate) async fn by(lines: &[Value], theirs: Clock, ours: Clock) -> Self {
        let settings = Settings { clock: theirs, ..Settings::default() };
        let hub = FakeGitHub::start_with(settings);
        let usual = hub.usual();
        hub.push(usual.repo, usual.ada, "main", &FILES);
        hub.take(usize::MAX);
        Self::open((hub, usual), ours, tempfile::tempdir().unwrap(), lines).await
    }

    async fn open(
        (hub, usual): (FakeGitHub, Usual),
        clock: Clock,
        folder: tempfile::TempDir,
        lines: &[Value],
    ) -> Self {
        let store = Store::open(&folder.path().join("quantum.db")).await.unwrap();
        let us = Us { app_id: hub.app_id(), slug: hub.slug() };
        let (came, metrics) = (Arc::new(Notify::new()), Metrics::new());
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        // none named is none there
        let model = (!lines.is_empty())
            .then(|| Arc::new(Scripted::parse("scripted/story", &text).unwrap()) as Arc<dyn Model>);
        let wanted = GitHubSettings { api_url: hub.url(), app_id: hub.app_id(), key: hub.key() };
        let github = GitHub::with_gap(wanted, clock.clone(), Duration::ZERO).unwrap();
        let data = folder.path().to_owned();
        let site = (&github, hub.url());
        let app = app(site, &us, &store, data, model, (&came, &metrics, &clock));
        let counted = github.clone();
        let door = Door {
            store: store.clone(),
            clock: clock.clone(),
            secret: hub.webhook_secret(),
            may_matter: Arc::new(move |event, body| matters(event, body, Some(&us))),
            arrived: came,
            checks: Vec::new(),
            metrics: metrics.clone(),
            recount: Arc::new(move |metrics| count_github(metrics, &counted)),
        };
        let (listener, stop) = (server::listen("127.0.0.1:0").await.unwrap(), CancellationToken::new());
        hub.send_hooks_to(&format!("http://{}/webhooks/github", listener.local_addr().unwrap()));
        serve(listener, door, stop.clone());
        Self { hub, usual, app, store, metrics, github, clock, stop, folder }
    }

    /// Works until then, and stops like a program that is killed: whatever is in hand is dropped.
    pub(crate) async fn stopped_when(self, then: impl Future<Output = ()>) -> Stopped {
        tokio::select! {
            () = then => {}
            () = async { self.work().await } => {}
        }
        self.killed().await
    }

    /// Stops like a program that is killed.
    pub(crate) async fn killed(self) -> Stopped {
        self.stop.cancel();
        let Self { hub, usual, store, clock, folder, .. } = self;
        for run in store.open_threads().await.unwrap() {
            // who held it is gone
            if let Some(lease) = store.last_holder(&run.id).await.unwrap() {
                store.release_lease(&lease).await.unwrap();
            }
        }
        Stopped { hub, usual, clock, folder }
    }

    /// Ada opens an issue.
    pub(crate) fn issue(&self) -> u64 {
        let number =
            self.hub.open_issue(self.usual.repo, self.usual.ada, "Make it good", "It should say good.");
        self.hub.take(usize::MAX);
        number
    }

    /// Somebody comments, and everything that follows from it happens.
    pub(crate) async fn say(&self, number: u64, user: UserId, text: &str) -> u64 {
        let id = self.hub.comment(self.usual.repo, number, user, text);
        self.settle().await;
        id
    }

    /// Everything that is due happens, until nothing is.
    pub(crate) async fn settle(&self) {
        let answers = self.hub.deliver_all().await;
        assert!(answers.iter().all(|status| *status == 202), "{answers:?}");
        self.work().await;
    }

    /// Takes in what was delivered, and no more.
    pub(crate) async fn take_in(&self) {
        let answers = self.hub.deliver_all().await;
        assert!(answers.iter().all(|status| *status == 202), "{answers:?}");
        self.app.take_all().await.unwrap();
    }

    /// A delivery that GitHub made some time ago, or that no GitHub makes.
    pub(crate) async fn knock(&self, id: &str, event: &str, body: &Value) {
        let new = NewDelivery::new(id, event, body.to_string().as_bytes(), true, self.clock.now()).unwrap();
        self.store.take_delivery(new).await.unwrap();
    }

    /// The newest run, as `closed: gone`.
    pub(crate) async fn run(&self) -> String {
        let runs = self.store.list_runs(1).await.unwrap();
        let Some(newest) = runs.first() else { return "none".to_owned() };
        quantumlayer::run::reply::label(&self.store.run(&newest.id).await.unwrap().run)
    }

    /// Its branch.
    pub(crate) async fn branch(&self) -> String {
        let runs = self.store.list_runs(1).await.unwrap();
        runs[0].thread.as_ref().unwrap().branch.clone()
    }

    /// Does what is due while something else happens in the middle of it: `then` is called when that request was done and
    /// its answer is on its way.
    pub(crate) async fn meanwhile(&self, method: &str, path: &str, then: impl FnOnce()) {
        let gate = self.hub.hold_answer(method, path, 1);
        let between = async {
            gate.reached().await;
            then();
            gate.release();
        };
        tokio::join!(self.work(), between);
    }

    pub(crate) async fn work(&self) {
        self.app.take_all().await.unwrap();
        self.app.drive_all().await.unwrap();
        self.app.write_statuses().await.unwrap();
    }

    /// What a person sees, without what differs from run to run.
    pub(crate) fn thread(&self, number: u64) -> String {
        shown(&self.hub.thread(self.usual.repo, number))
    }
}

/// Times and ids as letters.
pub(crate) fn shown(text: &str) -> String {
    let forms = [
        (r"\b[a-z2-7]{26}\b", "RUN"),
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"\b[0-9a-f]{40}\b", "SHA"),
        (r"\b[0-9a-f]{12}\b", "HASH"),
        (r"-[a-z2-7]{6}\b", "-ID"),
        (r"\b\d+(\.\d+)? s\b", "N s"),
        (r"http://127\.0\.0\.1:\d+", "https://github.test"),
        (r"issuecomment-\d+", "issuecomment-N"),
        (r"quantum:comment=(line-|review-)?\d+", "quantum:comment=${1}N"),
    ];
    forms.iter().fold(text.to_owned(), |text, (form, letter)| {
        regex::Regex::new(form).unwrap().replace_all(&text, *letter).into_owned()
    })
}

#[expect(clippy::disallowed_methods, reason = "the door is open while the story goes on")]
fn serve(listener: tokio::net::TcpListener, door: Door, stop: CancellationToken) {
    tokio::spawn(async move { server::serve(listener, door, &stop).await.unwrap() });
}

/// An App that does not pause between two changes, so that a story takes a second.
pub(crate) fn app(
    (github, site): (&GitHub, String),
    us: &Us,
    store: &Store,
    data: PathBuf,
    model: Option<Arc<dyn Model>>,
    (came, metrics, clock): (&Arc<Notify>, &Metrics, &Clock),
) -> App {
    let parts = AppParts {
        github: github.clone(),
        us: us.clone(),
        site,
        data,
        wire: Wire::new(tokio::runtime::Handle::current()).unwrap(),
        sandbox: Sandbox { kind: Kind::Linux, program: env!("CARGO_BIN_EXE_quantum").into() },
        model,
        // deliveries may be late by more than half an hour
        budget: Budget { usd: Usd(2_000_000), minutes: 60, steps: 60 },
        roots: Roots::default(),
        host_env: BTreeMap::new(),
        egress_allow: None,
        metrics: metrics.clone(),
        pulse: Pulse::default(),
    };
    let hands = AppHands::new(store.clone(), parts, Lines::new(Duration::ZERO), clock.clone());
    let soon = Duration::from_millis(1);
    let bounds = Bounds { runs_at_once: 2, sweep_every: Duration::from_secs(3600), status_again: soon };
    App::new(hands, Timing { backoff: soon, ..Timing::default() }, bounds, Arc::clone(came))
}

/// A conversation that makes it good.
pub(crate) fn good() -> Vec<Value> {
    let call = |role: &str, name: &str, arguments: Value| json!({"role": role, "tool_calls": [{"name": name, "arguments": arguments}]});
    vec![
        call(
            "planner",
            "submit",
            json!({"kind": "plan", "plan": {
                "summary": "Make it good.", "confidence": 90,
                "tasks": [{"id": "t1", "role": "coder", "title": "Make it good", "text": "Write good.", "needs": []}],
            }}),
        ),
        call("coder", "write", json!({"path": "value", "content": "good\n"})),
        call(
            "coder",
            "submit",
            json!({"kind": "proposal", "title": "Make it good", "summary": "It says good now."}),
        ),
    ]
}
