//! The fake GitHub as a story holds it: started, reached at an address, and checked when it goes.

use super::{
    deliveries::Hooks,
    limits::Limits,
    serve,
    state::{App, Kind, Level, RepoId, State, User, UserId},
    wire::Door,
};
use quantumlayer::{clock::Clock, ids::Secret};
use std::{
    collections::BTreeMap,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, oneshot};

const APP_ID: u64 = 987_654;
const BOT: UserId = UserId(190_000_001);
const MAKER: UserId = UserId(190_000_002);
/// The key of the App; `other.pem` is good after `rotate_key`.
const KEY: &str = include_str!("../../data/world/app.pem");
const KEY_PUBLIC: &str = include_str!("../../data/world/app.pub.pem");
const OTHER_KEY: &str = include_str!("../../data/world/other.pem");
const OTHER_PUBLIC: &str = include_str!("../../data/world/other.pub.pem");
/// What webhooks are signed with.
const WEBHOOK_SECRET: &str = "a webhook secret of the tests";
const PERMISSIONS: &[(&str, Level)] = &[
    ("actions", Level::Read),
    ("checks", Level::Write),
    ("contents", Level::Write),
    ("issues", Level::Write),
    ("metadata", Level::Read),
    ("pull_requests", Level::Write),
];
const EVENTS: &[&str] = &[
    "check_run",
    "check_suite",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "repository",
    "workflow_run",
];

/// Judges a request (method, path with query, body) by GitHub's own description: the operation it is, or what is wrong.
pub(crate) type Judge = fn(&str, &str, Option<&[u8]>) -> Result<&'static str, Vec<String>>;

/// How a world starts.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The time of tokens, limits and everything that is dated.
    pub(crate) clock: Clock,
    /// A fixed port, for use by hand; 0 is any.
    pub(crate) port: u16,
    /// None: who plays wrong requests on purpose is not judged.
    pub(crate) judge: Option<Judge>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { clock: Clock::default(), port: 0, judge: default_judge() }
    }
}

/// A handle on the world; clones are the same world.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Inner>);

pub(super) struct Inner {
    state: Mutex<State>,
    client: reqwest::Client,
    pub(super) judge: Option<Judge>,
    knock: Notify,
}

/// A world that ends with the story: on drop it insists that nothing went wrong in it.
pub(crate) struct FakeGitHub {
    hub: Hub,
    stop: Option<oneshot::Sender<()>>,
    server: Option<std::thread::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl FakeGitHub {
    /// An empty GitHub with one App that is installed nowhere, by the system's clock.
    #[expect(clippy::unused_async, reason = "stories start it like everything else that serves")]
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::default())
    }

    /// The same, from anywhere: it serves on a thread of its own.
    pub(crate) fn start_with(settings: Settings) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", settings.port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let inner = Inner {
            state: Mutex::new(empty(settings.clock, base, folder.path().to_owned())),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            judge: settings.judge,
            knock: Notify::new(),
        };
        let hub = Hub(Arc::new(inner));
        let (stop, stopped) = oneshot::channel();
        let served = hub.clone();
        let server = std::thread::spawn(move || serve_until(listener, served, stopped));
        Self { hub, stop: Some(stop), server: Some(server), _folder: folder }
    }
}

/// GitHub's own description judges every world of the tests.
#[cfg(test)]
fn default_judge() -> Option<Judge> {
    Some(crate::judge::judge)
}

/// Used by hand there is no judge: he is of the tests.
#[cfg(not(test))]
fn default_judge() -> Option<Judge> {
    None
}

fn serve_until(listener: std::net::TcpListener, hub: Hub, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let door = Door(tokio::net::TcpListener::from_std(listener).unwrap());
        tokio::select! {
            _ = serve::forever(door, hub.clone()) => {}
            () = deliver_forever(hub) => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}

async fn deliver_forever(hub: Hub) {
    loop {
        hub.0.knock.notified().await;
        let is_wanted = hub.state().hooks.is_automatic;
        if is_wanted {
            hub.deliver_all().await;
        }
    }
}

impl Hub {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.0.client
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// There may be webhooks to deliver.
    pub(super) fn knock(&self) {
        self.0.knock.notify_one();
    }

    /// From now on webhooks leave by themselves.
    pub(crate) fn deliver_by_itself(&self) {
        self.state().hooks.is_automatic = true;
        self.knock();
    }

    /// The address of the API, and of the web pages and git over HTTP.
    pub(crate) fn url(&self) -> String {
        self.state().base.clone()
    }

    /// The address of the API as Enterprise Server has it.
    pub(crate) fn enterprise_url(&self) -> String {
        format!("{}/api/v3", self.state().base)
    }

    pub(crate) fn app_id(&self) -> u64 {
        self.state().app.id
    }

    pub(crate) fn slug(&self) -> String {
        self.state().app.slug.clone()
    }

    /// The private key that is good now, PEM.
    pub(crate) fn key(&self) -> Secret {
        let is_first = self.state().app.keys.contains(&KEY_PUBLIC);
        Secret::new(if is_first { KEY } else { OTHER_KEY })
    }

    /// From now on another key is good, and the first no longer.
    pub(crate) fn rotate_key(&self) -> Secret {
        self.state().app.keys = vec![OTHER_PUBLIC];
        self.key()
    }

    pub(crate) fn webhook_secret(&self) -> Secret {
        Secret::new(WEBHOOK_SECRET)
    }

    pub(crate) fn clock(&self) -> Clock {
        self.state().clock.clone()
    }

    /// The repository that may be fetched over HTTP with this token (which needs contents: read), or the status to
    /// answer.
    pub(crate) fn may_fetch(&self, token: Option<&str>, owner: &str, name: &str) -> Result<RepoId, u16> {
        self.state().may_fetch(token, owner, name)
    }

    /// What would fail the test by now, taken off the list.
    pub(crate) fn forgive(&self) -> Vec<String> {
        std::mem::take(&mut self.state().trouble)
    }
}

impl Deref for FakeGitHub {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.hub
    }
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // an error means that it stopped by itself
            let _ = stop.send(());
        }
        let ended = self.server.take().map(std::thread::JoinHandle::join);
        if std::thread::panicking() {
            return;
        }
        assert!(!matches!(ended, Some(Err(_))), "the fake GitHub itself panicked");
        let trouble = self.hub.state().all_trouble();
        assert!(trouble.is_empty(), "GitHub would not have had this:\n{}", trouble.join("\n"));
    }
}

fn empty(clock: Clock, base: String, folder: std::path::PathBuf) -> State {
    let created = clock.now();
    let slug = "quantum-acme";
    let app = App {
        id: APP_ID,
        client_id: "Iv23liTestsOfQuantum".to_owned(),
        slug: slug.to_owned(),
        name: "Quantum of Acme".to_owned(),
        owner: MAKER,
        bot: BOT,
        permissions: PERMISSIONS.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect(),
        events: EVENTS.iter().map(|event| (*event).to_owned()).collect(),
        keys: vec![KEY_PUBLIC],
        created,
    };
    let people = [(BOT, format!("{slug}[bot]"), Kind::Bot), (MAKER, "maker".to_owned(), Kind::User)];
    let users = people.map(|(id, login, kind)| (id, User { id, login, kind }));
    State {
        clock,
        base,
        folder,
        app,
        users: users.into(),
        repos: BTreeMap::new(),
        moved: BTreeMap::new(),
        installations: BTreeMap::new(),
        tokens: BTreeMap::new(),
        user_tokens: BTreeMap::new(),
        last_id: 5_000_000_000,
        log: Vec::new(),
        trouble: Vec::new(),
        faults: Default::default(),
        hooks: Hooks::new(WEBHOOK_SECRET),
        limits: Limits::default(),
    }
}
