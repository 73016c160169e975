//! One story on a GitHub of its own, lived by a program that is killed and started again until all is said.

use super::program::Program;
use crate::{
    app::{FILES, shown},
    crash::{
        tracer::{self, At},
        wire::{Deadly, Wire, part, plan, submit, write},
    },
    process,
    world::{Entry, FakeGitHub, Fault, Settings, Usual, Victim},
};
use rustix::{
    net::{AddressFamily, SocketType, bind, getsockname, ipproto, socket, sockopt},
    process::{Signal, pidfd_send_signal},
};
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether all is said.
const LOOK: Duration = Duration::from_millis(50);
/// How often more, when all is said.
const LAST_LOOKS: u32 = 20;
/// Past this a life does not come to its end: a failure tells more than a hang. Many live beside one another.
const PATIENCE: Duration = Duration::from_secs(300);

/// When a life ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Death {
    /// When all is said.
    None,
    /// The same; its writes are counted.
    Counted,
    /// At this write.
    Write(At),
    /// At the nth (from 1) request to GitHub of this kind (`POST /repos/…`, `* *`), before it is applied or before it is answered.
    Request { kind: &'static str, nth: u32, is_applied: bool },
    /// At this question to the model.
    Question(Deadly),
    /// So long after its start.
    After(Duration),
}

/// What became of a life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) was_killed: bool,
    /// When they were counted.
    pub(super) writes: usize,
}

/// What must be the same, whatever happened in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) thread: String,
    pub(super) asked: BTreeSet<String>,
}

pub(super) struct Case {
    pub(super) hub: FakeGitHub,
    usual: Usual,
    pub(super) wire: Wire,
    folder: tempfile::TempDir,
    program: Program,
    issue: u64,
    is_asked: AtomicBool,
    listens: SocketAddr,
    /// Keeps the port ours while nobody listens.
    _port: OwnedFd,
}

/// One small task.
fn one_part(task: &str, step: usize) -> (&'static str, Value) {
    match (task, step) {
        ("plan", _) => plan(&[part("t1", "Make it good")]),
        (_, 0) => write("value", "good\n"),
        _ => submit("Make it good"),
    }
}

impl Case {
    pub(super) fn new(program: Program) -> Self {
        let hub =
            FakeGitHub::start_with(Settings { judge: Some(crate::judge::judge), ..Settings::default() });
        let usual = hub.usual();
        hub.push(usual.repo, usual.ada, "main", &FILES);
        let issue = hub.open_issue(usual.repo, usual.ada, "Make it good", "It should say good.");
        hub.take(usize::MAX);
        let (port, listens) = a_port();
        hub.send_hooks_to(&format!("http://{listens}/webhooks/github"));
        hub.deliver_by_itself();
        Self {
            hub,
            usual,
            wire: Wire::telling(one_part),
            folder: tempfile::tempdir().unwrap(),
            program,
            issue,
            is_asked: AtomicBool::new(false),
            listens,
            _port: port,
        }
    }

    /// One life of the program.
    pub(super) fn life(&self, death: Death) -> Life {
        process::wait_until("webhooks have ended", || self.hub.is_delivered());
        let (victim, before) = (Victim::default(), (self.sweeps(), self.tokens()));
        let deadly = match death {
            Death::Question(deadly) => Some(deadly),
            _ => None,
        };
        if let Death::Request { kind, nth, is_applied } = death {
            let fault = if is_applied { Fault::KillAfter } else { Fault::KillBefore };
            let (method, path) = kind.split_once(' ').unwrap();
            self.hub.fault(method, path, nth, fault(victim.clone()));
        }
        let mut command = self.command();
        let start = |begin: &mut dyn FnMut() -> u32| {
            self.wire.start(deadly, || {
                let pid = victim.start(begin);
                (pid, pid)
            })
        };
        let life = match death {
            Death::Counted | Death::Write(_) => {
                let pid = start(&mut || tracer::start(&mut command));
                let at = if let Death::Write(at) = death { Some(at) } else { None };
                let process = process::open(pid);
                let end = thread::scope(|scope| {
                    scope.spawn(|| self.watch((&process, pid), before, None));
                    tracer::to_its_end(pid, at)
                });
                Life { was_killed: end.exit != Some(0), writes: end.writes }
            }
            Death::None | Death::Request { .. } | Death::Question(_) | Death::After(_) => {
                let mut child = None;
                let pid = start(&mut || child.insert(command.spawn().unwrap()).id());
                let after = if let Death::After(time) = death { Some(time) } else { None };
                self.watch((&process::open(pid), pid), before, after);
                let end = child.unwrap().wait().unwrap();
                Life { was_killed: end.code() != Some(0), writes: 0 }
            }
        };
        self.hub.heal();
        life
    }

    /// Lets the last life come to its end, and says what it came to. `kills`: of the lives before.
    pub(super) fn end(&self, last: Option<Life>, kills: usize, why: &str) -> Ended {
        if last.is_none_or(|life| life.was_killed) {
            let life = self.life(Death::None);
            assert!(!life.was_killed, "{why}: it died by itself\n{}", self.told());
        }
        assert!(self.is_said(), "{why}\n{}\n{}", self.thread(), self.told());
        let asked = self.wire.asked();
        let distinct: BTreeSet<String> = asked.iter().cloned().collect();
        assert!(asked.len() <= distinct.len() + kills, "{why}: {asked:?}");
        let thread = self.thread();
        let booked = regex::Regex::new(r"[\d,]+ model calls · [\d,]+ tokens in, [\d,]+ out").unwrap();
        // a call that was in flight may have been billed: it is booked once more
        let most = distinct.len() + kills;
        for line in booked.find_iter(&thread) {
            let calls = line.as_str().split(' ').next().and_then(|calls| calls.parse().ok());
            assert!(calls.is_some_and(|calls: usize| calls <= most), "{why}: {} of {most}", line.as_str());
        }
        let thread = booked.replace_all(&thread, "N model calls").into_owned();
        assert_eq!(self.hub.branches(self.usual.repo).len(), 2, "{why}");
        let left: Vec<_> =
            fs::read_dir(self.data().join("work")).map_or(Vec::new(), |found| found.flatten().collect());
        assert!(left.is_empty(), "{why}: left lying about: {left:?}\n{}", self.told());
        // what a killed program had running dies with it; the kernel may take a moment
        let place = self.folder.path().file_name().unwrap().to_string_lossy();
        process::wait_until("what ran for this program is gone", || !process::holds(&place));
        Ended { thread, asked: distinct }
    }

    /// The requests to GitHub of this kind, by method and route.
    pub(super) fn requests(&self, are_wanted: impl Fn(&Entry) -> bool) -> Vec<String> {
        let log = self.hub.requests();
        let wanted = log.iter().filter(|entry| are_wanted(entry));
        wanted.map(|entry| format!("{} {}", entry.method, entry.template)).collect()
    }

    /// What a person sees, without what differs from run to run, and however often it was edited.
    fn thread(&self) -> String {
        let thread = shown(&self.hub.thread(self.usual.repo, self.issue));
        let forms = [(r" \(edited [a-z0-9 ]+\)", ""), (r"\b\d+ min N s", "N s")];
        forms.iter().fold(thread, |text, (form, other)| {
            regex::Regex::new(form).unwrap().replace_all(&text, *other).into_owned()
        })
    }

    /// The program's log, and GitHub's.
    fn told(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        format!("{log}\n{}", self.hub.log_text())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self) -> Command {
        let mut command = self.program.command();
        let log = OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
            .env("HOME", self.folder.path())
            .env("RUST_LOG", "info")
            .env("QUANTUM_DATA_DIR", self.data())
            .env("QUANTUM_LISTEN", self.listens.to_string())
            .env("QUANTUM_GITHUB_API_URL", self.hub.url())
            .env("QUANTUM_GITHUB_URL", self.hub.url())
            .env("QUANTUM_GITHUB_APP_ID", self.hub.app_id().to_string())
            .env("QUANTUM_GITHUB_PRIVATE_KEY", self.hub.key().expose())
            .env("QUANTUM_GITHUB_WEBHOOK_SECRET", self.hub.webhook_secret().expose())
            .env("QUANTUM_MODEL", "openai/wire")
            .env("OPENAI_BASE_URL", &self.wire.url)
            .env("OPENAI_API_KEY", "none");
        command
    }

    /// Lets Ada ask when the program is at work, stops it when all is said, and kills it past all patience. `before`: the
    /// sweeps and tokens of the lives before.
    fn watch(
        &self,
        (process, pid): (&OwnedFd, u32),
        (swept, tokens): (usize, usize),
        dies_after: Option<Duration>,
    ) {
        let (begun, mut looks) = (Instant::now(), 0);
        loop {
            let gone = begun.elapsed();
            let left = dies_after.map(|time| time.saturating_sub(gone));
            if left == Some(Duration::ZERO) || gone > PATIENCE {
                process::kill(pid);
                return;
            }
            if process::ends_within(process, left.map_or(LOOK, |left| left.min(LOOK))) {
                return;
            }
            if self.sweeps() == swept {
                continue;
            }
            if !self.is_asked.swap(true, Ordering::SeqCst) {
                self.hub.comment(self.usual.repo, self.issue, self.usual.ada, "/quantum build");
            }
            if !self.is_said() {
                continue;
            }
            // it gives its tokens back then, and may be killed at that too; what it looked something up with, it keeps
            looks += 1;
            if self.tokens() <= tokens || looks > LAST_LOOKS {
                // it may have ended meanwhile
                let _ = pidfd_send_signal(process, Signal::TERM);
                if !process::ends(process) {
                    process::kill(pid);
                }
                return;
            }
        }
    }

    /// Tokens that were made and not given back.
    fn tokens(&self) -> usize {
        let made = self.hub.count("POST", "/access_tokens");
        made.saturating_sub(self.hub.count("DELETE", "/installation/token"))
    }

    /// Each life sweeps when it begins to work, and not again within a story.
    fn sweeps(&self) -> usize {
        self.hub.count("GET", "/app/hook/deliveries")
    }

    /// Whether the run is at rest and nothing waits: no effect, no delivery, no status comment.
    fn is_said(&self) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let path = self.data().join("quantum.db");
        let look = async {
            let mut store =
                SqliteConnectOptions::new().filename(path).read_only(true).connect().await.ok()?;
            let said = sqlx::query_scalar::<_, i64>(SAID).fetch_one(&mut store).await.ok();
            store.close().await.ok()?;
            said
        };
        runtime.block_on(look) == Some(1)
    }
}

const SAID: &str = "SELECT (SELECT count(*) FROM runs) = 1
    AND (SELECT count(*) FROM runs WHERE phase IN ('watching', 'paused', 'closed') AND lease_owner IS NULL) = 1
    AND NOT EXISTS (SELECT 1 FROM effects WHERE state IN ('pending', 'claimed'))
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE state = 'stored')
    AND NOT EXISTS (SELECT 1 FROM threads WHERE status_written < status_wanted)";

/// A port that nobody else is given: bound, and not listened on.
fn a_port() -> (OwnedFd, SocketAddr) {
    let held = socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP)).unwrap();
    sockopt::set_socket_reuseaddr(&held, true).unwrap();
    bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = getsockname(&held).unwrap().try_into().unwrap();
    (held, address)
}
