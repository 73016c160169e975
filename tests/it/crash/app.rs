//! The App itself, killed: `quantum serve` with real store, real git, real sandbox, on a GitHub and with a model that are
//! not killed and write down what they are asked. Ada says `/quantum build`; whenever it dies it is started again, and in
//! the end her thread is what it would have been: one pull request, one commit, no comment twice.

mod case;
mod program;

use super::{Size, size, some, tracer::At, wire::Deadly};
use case::{Case, Death, Ended, Life};
use program::Program;
use similar::TextDiff;
use std::{
    collections::BTreeSet,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// The story without a crash.
struct Calm {
    ended: Ended,
    writes: usize,
    /// Requests to GitHub, each by its method and route.
    requests: Vec<String>,
    questions: usize,
}

/// The same for everybody: it is lived once.
fn calm(program: Program) -> &'static Calm {
    static WHOLE: OnceLock<Calm> = OnceLock::new();
    static HURRIED: OnceLock<Calm> = OnceLock::new();
    let known = if program == Program::Whole { &WHOLE } else { &HURRIED };
    known.get_or_init(|| {
        let case = Case::new(program);
        let life = case.life(Death::Counted);
        let ended = case.end(Some(life), 0, "calm");
        let questions = case.wire.asked().len();
        assert_eq!(questions, ended.asked.len(), "nothing is asked twice");
        let requests = case.requests(|_| true);
        insta::assert_snapshot!("app_that_is_killed", ended.thread);
        Calm { ended, writes: life.writes, requests, questions }
    })
}

/// What is killed, and how many at once: who waits between two changes leaves the machine to others.
fn program(size: Size) -> (Program, usize) {
    if size.is_asked { (Program::Whole, 12) } else { (Program::Hurried, 2) }
}

/// Does it for each, some at once; gives the sum. The first failure ends it.
fn each<T: Sync>(all: &[T], at_once: usize, deed: impl Fn(&T) -> usize + Sync) -> usize {
    struct Last<'a>(&'a AtomicUsize);
    impl Drop for Last<'_> {
        fn drop(&mut self) {
            if thread::panicking() {
                self.0.store(usize::MAX / 2, Ordering::SeqCst);
            }
        }
    }
    let (next, sum) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                let _last = Last(&next);
                while let Some(one) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    sum.fetch_add(deed(one), Ordering::SeqCst);
                }
            });
        }
    });
    sum.into_inner()
}

/// One story through these deaths; gives the kills, and the case as it ended.
fn through(program: Program, deaths: &[Death]) -> (usize, Case) {
    let (case, mut kills, mut last) = (Case::new(program), 0, None::<Life>);
    for death in deaths {
        let life = case.life(*death);
        kills += usize::from(life.was_killed);
        last = Some(life);
        if !life.was_killed {
            break;
        }
    }
    let why = format!("{deaths:?}");
    let (ended, expected) = (case.end(last, kills, &why), &calm(Program::Hurried).ended);
    let other = TextDiff::from_lines(&expected.thread, &ended.thread);
    assert!(ended == *expected, "{why}: {:?}\n{}", ended.asked, other.unified_diff());
    (kills, case)
}

#[test]
fn killed_at_any_write_its_thread_is_the_same() {
    let size = size();
    let (program, at_once) = program(size);
    let writes = calm(program).writes;
    let all: Vec<At> =
        (1..=writes).flat_map(|write| [false, true].map(|is_made| At { write, is_made })).collect();
    let wanted = some(&all, size.instants);
    let kills = each(&wanted, at_once, |(number, at)| {
        // deeper crashes come sooner: what is left to do is less
        let deeper = (1..size.deep).map(|deep| At { write: 1 + (number * 7 * deep) % (writes / 2), ..*at });
        let deaths: Vec<Death> = [*at].into_iter().chain(deeper).map(Death::Write).collect();
        through(program, &deaths).0
    });
    eprintln!("{kills} kills in {} stories at {writes} writes", wanted.len());
    assert!(kills >= wanted.len() / 2, "only {kills} of {} were killed", wanted.len());
}

/// Asked only of a command that was read before its delivery came: a slow machine's calm day may have it, and no other day.
const BY_CHANCE: &str = "POST /graphql";

#[test]
fn killed_at_any_request_it_makes_nothing_twice() {
    let size = size();
    let (program, at_once) = program(size);
    let calm = calm(program);
    // by its kind: works run side by side, so requests come in another order each time
    let requests: &'static [String] = Vec::leak(calm.requests.clone());
    let kinds = requests.iter().enumerate().map(|(at, kind)| {
        let nth = requests.iter().take(at + 1).filter(|other| *other == kind).count();
        (kind.as_str(), u32::try_from(nth).unwrap())
    });
    let all = kinds
        .flat_map(|(kind, nth)| [false, true].map(|is_applied| Death::Request { kind, nth, is_applied }));
    let questions = (1..=calm.questions)
        .flat_map(|at| [false, true].map(|is_answered| Death::Question(Deadly { at, is_answered })));
    let all: Vec<Death> = all.chain(questions).collect();
    let wanted = if size.is_asked {
        some(&all, size.instants)
    } else {
        all.iter().copied().enumerate().filter(|(_, death)| is_at_a_change(death)).collect()
    };
    let hit = Mutex::new(BTreeSet::new());
    let kills = each(&wanted, at_once, |(number, death)| {
        let nth = |deep| 1 + u32::try_from(number * 7 * deep % (calm.requests.len() / 2)).unwrap();
        let deeper = (1..size.deep).map(|deep| Death::Request {
            kind: "* *",
            nth: nth(deep),
            is_applied: deep % 2 == 1,
        });
        let deaths: Vec<Death> = [*death].into_iter().chain(deeper).collect();
        let (kills, case) = through(program, &deaths);
        for fault in FAULTS {
            let killed = case.requests(|entry| entry.fault == Some(fault));
            hit.lock().unwrap().extend(killed.into_iter().map(|request| format!("{fault} {request}")));
        }
        kills
    });
    let hit = hit.into_inner().unwrap();
    let (requests, questions) = (calm.requests.len(), calm.questions);
    eprintln!(
        "{kills} kills in {} stories at {requests} requests ({} kinds) and {questions} questions",
        wanted.len(),
        hit.len()
    );
    assert!(kills >= wanted.len() * 9 / 10, "only {kills} of {} were killed", wanted.len());
    if size.instants >= all.len() {
        let kinds = calm.requests.iter().flat_map(|request| FAULTS.map(|fault| format!("{fault} {request}")));
        let missed: Vec<_> = kinds.filter(|kind| !hit.contains(kind) && !kind.ends_with(BY_CHANCE)).collect();
        assert!(missed.is_empty(), "nothing was {missed:#?}");
    }
}

#[test]
fn killed_between_commit_and_branch_it_makes_no_second_commit() {
    for is_applied in [false, true] {
        let (kills, case) =
            through(Program::Hurried, &[Death::Request { kind: "POST /git/refs", nth: 1, is_applied }]);
        let sent = ["/git/trees", "/git/commits", "/git/refs"].map(|path| case.hub.count("POST", path));
        // killed before the branch was there, it is asked for once more
        assert_eq!((kills, sent), (1, [1, 1, 2 - usize::from(is_applied)]), "{is_applied}");
    }
}

/// Whether it is at a request that people see something of: a second one would be seen too.
fn is_at_a_change(death: &Death) -> bool {
    let Death::Request { kind: request, .. } = death else { return false };
    !request.starts_with("GET ") && !request.ends_with("token") && !request.ends_with("_tokens")
}

/// As GitHub's log calls them.
const FAULTS: [&str; 2] = ["killed before", "killed after"];

#[test]
fn killed_at_random_moments_quantum_serve_says_the_same() {
    let Size { moments, deep, .. } = size();
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        Death::After(Duration::from_millis(dice % STORY))
    };
    let wanted: Vec<Vec<Death>> = (0..moments).map(|_| (0..deep).map(|_| random()).collect()).collect();
    let kills = each(&wanted, 12, |deaths| through(Program::Whole, deaths).0);
    eprintln!("{kills} kills in {moments} stories at random moments");
    assert!(kills >= moments / 2, "only {kills} of {moments} were killed");
}

/// About what a story takes with a second between two changes, in milliseconds.
const STORY: u64 = 12_000;
