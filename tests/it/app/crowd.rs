//! A crowd on one installation and a few beside it on another, in simulated time, while GitHub enforces its limits and
//! now and then says to come back later. Nothing is sent too soon, everything ends, and the few are not held up by the crowd.
//!
//! Time moves only when nothing is under way: a call, a sandbox and a write to the disk take none of it. So what is left is
//! the waiting that limits make, at the worst.
//!
//! `QUANTUM_CROWD=N` is the number of builds (a tenth in full, the others questions); more than fifty come in waves, a quarter
//! of an hour apart.

mod clerk;

use crate::{
    size,
    world::{Answer, FakeGitHub, Fault, RepoId, Role, Settings, UserId},
};
use clerk::Clerk;
use quantumlayer::{
    clock::{Clock, Timestamp},
    engine::{
        Timing,
        app::{App, AppHands, AppParts, Bounds, Budget, Lines, Pulse, matters},
    },
    git::Wire,
    github::{GitHub, GitHubSettings},
    ids::Usd,
    intent::notice::Us,
    limits::{app as limits, github},
    metrics::Metrics,
    sandbox::{Kind, Sandbox, roots::Roots},
    store::{Matter, NewDelivery, Store},
};
use sqlx::{Connection, SqliteConnection};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Builds when nobody says otherwise.
const BUILDS: usize = 8;
/// Builds on the other installation.
const BESIDE: usize = 3;
/// Builds of a wave.
const WAVE: usize = 100;
const BETWEEN_WAVES: Duration = Duration::from_secs(15 * 60);
/// A step of simulated time: a fifth of the pause between two changes.
const MOMENT: Duration = Duration::from_millis(210);
/// Looks at what is under way before time moves all the same: what waits for time must not wait for ever.
const LOOKS: usize = 1_000;
/// Looks in a row that find nothing under way before time moves: what comes of one write is the next.
const QUIET: usize = 5;
/// 2026-01-31 12:00:00 UTC.
const NOON: Timestamp = Timestamp(1_769_860_800_000);

/// A GitHub with limits, and the App at work on it.
struct Crowd {
    hub: FakeGitHub,
    clock: Clock,
    us: Us,
    github: GitHub,
    store: Store,
    came: Arc<Notify>,
    /// Looks at the store from outside.
    side: SqliteConnection,
    deliveries: usize,
    people: usize,
    _folder: tempfile::TempDir,
    /// While it is there, time does not move by itself.
    _still: std::sync::mpsc::Sender<()>,
}

/// In memory where this machine has such a place: what is played is the time, not the disk.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Who asked where: the issue's path, and what it was.
struct Asked {
    repo: RepoId,
    number: u64,
    is_full: bool,
}

impl Crowd {
    async fn new() -> (Self, App) {
        let (still, held) = std::sync::mpsc::channel();
        // an error: the story is over
        tokio::task::spawn_blocking(move || held.recv().is_err());
        let (clock, folder) = (Clock::manual(NOON), folder());
        let hub = FakeGitHub::start_with(Settings { clock: clock.clone(), ..Settings::default() });
        hub.enforce_limits();
        hub.insist_on_limits();
        let path = folder.path().join("quantum.db");
        let store = Store::open(&path).await.unwrap();
        let us = Us { app_id: hub.app_id(), slug: hub.slug() };
        let wanted = GitHubSettings { api_url: hub.url(), app_id: hub.app_id(), key: hub.key() };
        let github = GitHub::new(wanted, clock.clone()).unwrap();
        let came = Arc::new(Notify::new());
        let parts = parts(&hub, &us, &github, folder.path());
        let hands = AppHands::new(store.clone(), parts, Lines::new(github::WRITE_GAP), clock.clone());
        let bounds = Bounds {
            runs_at_once: limits::RUNS_AT_ONCE,
            sweep_every: Duration::from_secs(120),
            status_again: limits::STATUS_AGAIN,
        };
        let app = App::new(hands, Timing::default(), bounds, Arc::clone(&came));
        let side = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        let (deliveries, people) = (0, 0);
        let crowd = Self {
            hub,
            clock,
            us,
            github,
            store,
            came,
            side,
            deliveries,
            people,
            _folder: folder,
            _still: still,
        };
        (crowd, app)
    }

    /// An account with repositories that so many builds an hour may be asked for in.
    fn account(&self, name: &str, builds: usize) -> (u64, Vec<RepoId>) {
        let check = "if grep -q good value; then echo 'test result: ok. 1 passed; 0 failed'; else\n\
            echo 'test result: FAILED. 0 passed; 1 failed'; exit 101; fi\n";
        let files = [("value", "bad\n"), ("Makefile", "test:\n\tsh ./check.sh\n"), ("check.sh", check)];
        let repo = |n| self.hub.repo(&format!("{name}/widgets-{n}"), &files);
        let repos = (0..builds.div_ceil(20)).map(repo).collect();
        let installation = self.hub.install(name, None);
        self.hub.take(usize::MAX);
        (installation, repos)
    }

    /// Somebody who has not asked for much yet.
    fn somebody(&mut self, repo: RepoId) -> UserId {
        self.people += 1;
        let user = self.hub.user(&format!("person-{}", self.people / 5));
        self.hub.permit(repo, user, Role::Write);
        user
    }

    /// So many people ask at once.
    async fn ask(&mut self, repos: &[RepoId], count: usize) -> Vec<Asked> {
        let mut asked = Vec::new();
        for n in 0..count {
            let (repo, is_full) = (repos[n % repos.len()], n % 10 == 0);
            let user = self.somebody(repo);
            let number = self.hub.open_issue(repo, user, "Make it good", "It should say good.");
            self.hub.take(usize::MAX);
            let words = if is_full { clerk::IN_FULL } else { "what is it?" };
            self.hub.comment(repo, number, user, &format!("/quantum build {words}"));
            for sealed in self.hub.take(usize::MAX) {
                self.arrive(sealed.body.as_bytes()).await;
            }
            asked.push(Asked { repo, number, is_full });
        }
        asked
    }

    async fn arrive(&mut self, body: &[u8]) {
        self.deliveries += 1;
        let matter = matters("issue_comment", body, Some(&self.us));
        let Some(Matter::Something { installation }) = matter else { panic!("{matter:?}") };
        let id = format!("delivery-{}", self.deliveries);
        let new = NewDelivery::new(&id, "issue_comment", body, true, self.clock.now()).unwrap();
        self.store.take_delivery(new.through(installation)).await.unwrap();
        self.came.notify_one();
    }

    /// Time goes on a little, when nothing is under way.
    async fn moment(&mut self) {
        let hand = "SELECT count(*) FROM effects WHERE state = 'claimed'
             AND kind IN ('snapshot', 'work', 'merge', 'verify')";
        let mut quiet = 0;
        for _ in 0..LOOKS {
            // what waits for the disk is written by then
            self.store.is_ready().await.unwrap();
            let works: i64 = sqlx::query_scalar(hand).fetch_one(&mut self.side).await.unwrap();
            let is_quiet = self.github.under_way() == 0 && works == 0;
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet == QUIET {
                break;
            }
        }
        self.clock.advance(MOMENT);
        tokio::time::advance(MOMENT).await;
    }

    async fn pass(&mut self, span: Duration) {
        let until = self.clock.now().after(span);
        while self.clock.now() < until {
            self.moment().await;
        }
    }

    /// Time goes on until all that was asked for has its end.
    async fn until_all_is_said(&mut self, most: Duration) {
        let until = self.clock.now().after(most);
        loop {
            let open = "SELECT count(*) FROM runs WHERE phase NOT IN ('closed', 'watching')";
            let open: i64 = sqlx::query_scalar(open).fetch_one(&mut self.side).await.unwrap();
            let waiting = self.store.backlog().await.unwrap().count;
            let statuses = self.store.due_statuses(&[], Timestamp(i64::MAX), 1, 1).await.unwrap().len();
            let effects = "SELECT count(*) FROM effects WHERE state IN ('pending', 'claimed')";
            let effects: i64 = sqlx::query_scalar(effects).fetch_one(&mut self.side).await.unwrap();
            if (open, waiting, statuses, effects) == (0, 0, 0, 0) {
                return;
            }
            assert!(
                self.clock.now() < until,
                "{open} runs, {waiting} deliveries, {statuses} statuses, {effects} effects are left after {most:?}"
            );
            self.pass(Duration::from_secs(1)).await;
        }
    }

    /// When an installation was last written to.
    fn last_change(&self, installation: u64) -> Timestamp {
        let who = format!("installation {installation}");
        let changes = self.hub.requests().into_iter();
        let changes =
            changes.filter(|entry| entry.who == who && entry.method != "GET" && entry.method != "DELETE");
        changes.map(|entry| entry.at).max().unwrap()
    }

    /// Each has its one status, and its one result or pull request.
    fn all_have_their_end(&self, asked: &[Asked]) {
        for Asked { repo, number, is_full } in asked {
            let thread = self.hub.thread(*repo, *number);
            let count = |text: &str| thread.matches(text).count();
            assert_eq!((count("slot=status"), count("slot=result")), (1, usize::from(!is_full)), "{thread}");
            assert_eq!(count("\nPR #"), usize::from(*is_full), "{thread}");
            assert_eq!(count("rocket by"), 1, "{thread}");
        }
    }
}

fn parts(hub: &FakeGitHub, us: &Us, github: &GitHub, data: &Path) -> AppParts {
    AppParts {
        github: github.clone(),
        us: us.clone(),
        site: hub.url(),
        data: data.to_owned(),
        wire: Wire::new(tokio::runtime::Handle::current()).unwrap(),
        sandbox: Sandbox { kind: Kind::Linux, program: env!("CARGO_BIN_EXE_quantum").into() },
        model: Some(Arc::new(Clerk)),
        budget: Budget { usd: Usd(2_000_000), minutes: 30, steps: 60 },
        roots: Roots::default(),
        host_env: BTreeMap::new(),
        egress_allow: None,
        metrics: Metrics::new(),
        pulse: Pulse::default(),
    }
}

/// A few on an installation of their own, nobody else there: how long it takes until they have all.
async fn alone() -> Duration {
    let (mut crowd, app) = Crowd::new().await;
    let stop = CancellationToken::new();
    let story = async {
        let (installation, repos) = crowd.account("few", BESIDE);
        let begun = crowd.clock.now();
        let asked = crowd.ask(&repos, BESIDE).await;
        crowd.until_all_is_said(Duration::from_secs(3_600)).await;
        crowd.all_have_their_end(&asked);
        crowd.last_change(installation).since(begun)
    };
    tokio::select! {
        () = app.serve(&stop) => unreachable!("nobody stops it"),
        span = story => span,
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_served_within_the_limits_and_holds_nobody_up() {
    let alone = alone().await;
    let (mut crowd, app) = Crowd::new().await;
    let (all, stop) = (size::count("QUANTUM_CROWD", BUILDS), CancellationToken::new());
    let story = async {
        let (_, repos) = crowd.account("many", all);
        let (few, beside) = crowd.account("few", BESIDE);
        let (begun, mut asked, mut longest) = (crowd.clock.now(), Vec::new(), Duration::ZERO);
        for wave in 0..all.div_ceil(WAVE) {
            let now = crowd.ask(&repos, WAVE.min(all - asked.len())).await;
            trouble(&crowd, wave, now.last().unwrap());
            asked.extend(now);
            if wave == 0 {
                crowd.pass(Duration::from_secs(5)).await;
                let came = crowd.clock.now();
                let others = crowd.ask(&beside, BESIDE).await;
                // half of everything is theirs by right, and twice that time they may take
                crowd.pass(alone * 2 * 2).await;
                crowd.all_have_their_end(&others);
                longest = crowd.last_change(few).since(came);
            }
            if asked.len() < all {
                crowd.pass(BETWEEN_WAVES).await;
            }
        }
        crowd.until_all_is_said(Duration::from_secs(4 * 3_600)).await;
        crowd.all_have_their_end(&asked);
        (crowd.clock.now().since(begun), longest)
    };
    let (span, beside) = tokio::select! {
        () = app.serve(&stop) => unreachable!("nobody stops it"),
        told = story => told,
    };
    let hub = &crowd.hub;
    assert_eq!(hub.violations(), Vec::<String>::new());
    assert!(hub.most_at_once() <= 100);
    let limited = hub.requests().iter().filter(|entry| matches!(entry.status, Some(403 | 429))).count();
    eprintln!(
        "{all} builds in {} simulated minutes: {:?}, {limited} times told to wait, 0 limits passed, {} at once at most; \
         the few beside: {} s alone, {} s beside the crowd",
        span.as_secs() / 60,
        hub.tally(),
        hub.most_at_once(),
        alone.as_secs(),
        beside.as_secs(),
    );
}

/// What GitHub says now and then, to the next who writes on this issue.
fn trouble(crowd: &Crowd, wave: usize, asked: &Asked) {
    let name = crowd.hub.full_name(asked.repo);
    let path = format!("/repos/{name}/issues/{}/comments", asked.number);
    let reset = crowd.clock.now().after(BETWEEN_WAVES * 2).0 / 1_000;
    let fault = match wave % 3 {
        0 => Fault::limited(403, Some(90)),
        1 => Fault::Refuse(
            Answer::refuse(403, "API rate limit exceeded.")
                .with("x-ratelimit-remaining", "0")
                .with("x-ratelimit-reset", reset.to_string()),
        ),
        _ => Fault::limited(429, Some(20)),
    };
    crowd.hub.fault("POST", &path, 1, fault);
}
