//! The engine with hands that only write down what they are asked to do.

use crate::store::a_run;
use async_trait::async_trait;
use quantumlayer::{
    agent::contract::Watch,
    clock::{Clock, Timestamp},
    engine::{Engine, Errand, Perform, Timing, Told},
    ids::{RunId, Sha},
    report::{Class, Report},
    run::{Check, Effect, Event, Phase, Plan, Proposal, Receipt, Run, Snapshot, journal},
    store::{Lease, Store},
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Hands that write down every effect they performed, in a list that outlives every crash.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) done: Arc<Mutex<Vec<String>>>,
    /// How often what lies about was removed.
    tidied: Arc<Mutex<u32>>,
    mischief: Arc<Mutex<Mischief>>,
}

/// What goes wrong, once each time it comes up.
#[derive(Clone)]
pub(crate) enum Mischief {
    Nothing,
    Fails {
        kind: &'static str,
        times: u32,
        class: Class,
    },
    Panics(&'static str),
    /// Works wait for the stop; `deaf` ones don't hear it.
    Hangs {
        deaf: bool,
    },
    Huge,
}

impl Recorder {
    pub(crate) fn new(mischief: Mischief) -> Self {
        Self { done: Arc::default(), tidied: Arc::default(), mischief: Arc::new(Mutex::new(mischief)) }
    }

    /// What was performed, by the part of its key that tells the effect.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let done = self.done.lock().unwrap();
        done.iter().map(|key| key.split('/').nth(1).unwrap().to_owned()).collect()
    }

    fn times(&self, kind: &str) -> usize {
        self.kinds().iter().filter(|found| *found == kind).count()
    }

    async fn mischief(&self, kind: &str, cancel: &CancellationToken) -> Result<bool, Report> {
        let now = {
            let mut mischief = self.mischief.lock().unwrap();
            let now = mischief.clone();
            if let Mischief::Fails { kind: wanted, times, .. } = &mut *mischief
                && *wanted == kind
            {
                *times = times.saturating_sub(1);
            }
            now
        };
        match now {
            Mischief::Fails { kind: wanted, times, class } if wanted == kind && times > 0 => {
                Err(Report::new(class, "mischief", "it went wrong", "wait"))
            }
            Mischief::Panics(wanted) if wanted == kind => panic!("as asked"),
            Mischief::Hangs { deaf: false } if kind == "work" => {
                cancel.cancelled().await;
                Ok(true)
            }
            Mischief::Hangs { deaf: true } if kind == "work" => std::future::pending().await,
            _ => Ok(false),
        }
    }

    fn huge(&self) -> bool {
        matches!(*self.mischief.lock().unwrap(), Mischief::Huge)
    }
}

#[async_trait]
impl Perform for Recorder {
    async fn perform(&self, errand: &Errand<'_>) -> Result<Option<Event>, Report> {
        // A crash may fall before the deed, and between the deed and the news of it.
        tokio::task::yield_now().await;
        let key = errand.effect.key(&errand.run.id);
        self.done.lock().unwrap().push(key);
        tokio::task::yield_now().await;
        let kind = kind(errand.effect);
        if self.mischief(kind, errand.cancel).await? {
            return Ok(None);
        }
        Ok(outcome(errand.effect, self.huge()))
    }

    async fn tidy(&self, _run: &RunId) {
        *self.tidied.lock().unwrap() += 1;
    }
}

fn kind(effect: &Effect) -> &'static str {
    match effect {
        Effect::Snapshot { .. } => "snapshot",
        Effect::Work(_) => "work",
        Effect::Merge { .. } => "merge",
        Effect::Verify { .. } => "verify",
        Effect::Publish { .. } => "publish",
        _ => "said",
    }
}

fn sha(of: &str) -> Sha {
    Sha::new(format!("{of:0<40}"))
}

/// A world where everything goes well.
fn outcome(effect: &Effect, huge: bool) -> Option<Event> {
    let proposal = |from: &Sha| Proposal {
        title: "Add a greeting".to_owned(),
        summary: if huge { "x".repeat(40_000) } else { "It greets.".to_owned() },
        from: from.clone(),
        tree: sha("cafe"),
    };
    Some(match effect {
        Effect::Snapshot { .. } => {
            let none = None;
            Event::Snapshotted(Snapshot {
                base: sha("ba5e"),
                tree: sha("feed"),
                config: none,
                instructions: None,
            })
        }
        Effect::Work(assignment) if assignment.role == "planner" => {
            let plan = Plan::single("coder", "Greet", "Greet people.");
            Event::Planned { work: assignment.work.clone(), plan, draft: None }
        }
        Effect::Work(assignment) => {
            Event::TaskDone { work: assignment.work.clone(), proposal: proposal(&assignment.tree) }
        }
        Effect::Merge { task, round, attempt, proposal, .. } => {
            let (task, tree) = (task.clone(), proposal.tree.clone());
            Event::Merged { task, round: *round, attempt: *attempt, tree }
        }
        Effect::Verify { round, .. } => {
            let command = Check {
                command: "cargo test".to_owned(),
                exit_code: Some(0),
                millis: 5,
                output: quantumlayer::ids::ContentHash::of(b"ok"),
                tests_run: Some(3),
                failed_on_base: false,
            };
            Event::Verified { round: *round, receipt: Receipt { commands: vec![command], notes: vec![] } }
        }
        Effect::Publish { round, .. } => {
            Event::Published { round: *round, branch: "quantum/greet".to_owned(), head: sha("4ead") }
        }
        _ => return None,
    })
}

/// Short times: nothing here waits for a person.
pub(crate) fn quick() -> Timing {
    Timing {
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_millis(5),
        backoff: Duration::from_millis(0),
        stop: Duration::from_millis(20),
        linger: Duration::MAX,
    }
}

pub(crate) async fn engine(folder: &Path, hands: &Recorder, clock: &Clock) -> Engine<Recorder> {
    let store = Store::open(&folder.join("quantum.db")).await.unwrap();
    Engine::with(store, hands.clone(), clock.clone(), quick())
}

struct Story {
    engine: Engine<Recorder>,
    hands: Recorder,
    clock: Clock,
    run: RunId,
    folder: tempfile::TempDir,
}

impl Story {
    async fn new(mischief: Mischief) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (hands, clock) = (Recorder::new(mischief), Clock::manual(Timestamp(1_000_000)));
        let engine = engine(folder.path(), &hands, &clock).await;
        let run = engine.start(&a_run("story"), "repository").await.unwrap().id;
        Self { engine, hands, clock, run, folder }
    }

    async fn drive(&self) -> Result<Run, Report> {
        self.engine.drive(&self.run, &CancellationToken::new(), &Watch::silent()).await
    }

    async fn states(&self, wanted: &str) -> Vec<String> {
        let effects = self.engine.store().effects(&self.run).await.unwrap();
        effects.into_iter().filter(|(_, state)| state == wanted).map(|(key, _)| key).collect()
    }
}

#[tokio::test]
async fn a_run_goes_through_and_every_effect_is_performed_once() {
    let story = Story::new(Mischief::Nothing).await;
    let run = story.drive().await.unwrap();
    assert_eq!(run.phase(), Phase::Closed);
    let mut keys = story.hands.done.lock().unwrap().clone();
    keys.sort();
    let distinct = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), distinct);
    for kind in ["snapshot", "merge", "verify", "publish", "reply"] {
        assert_eq!(story.hands.times(kind), 1, "{kind}");
    }
    assert_eq!(story.engine.store().effects(&story.run).await.unwrap().len(), distinct);
    // Starting it again finds it; driving it again does nothing.
    assert_eq!(story.engine.start(&a_run("story"), "repository").await.unwrap(), run);
    assert_eq!(story.drive().await.unwrap(), run);
    assert_eq!(story.hands.done.lock().unwrap().len(), distinct);
    assert!(!story.engine.store().is_leased(&story.run, story.clock.now()).await.unwrap());
}

#[tokio::test]
async fn the_class_of_a_failure_decides() {
    // (what fails, how often, class) -> (times performed, phase)
    let table = [
        ("merge", 2, Class::Transient, 3, Phase::Closed),
        ("merge", 99, Class::Transient, 5, Phase::Paused),
        ("verify", 1, Class::Refused, 1, Phase::Paused),
    ];
    for (kind, times, class, performed, phase) in table {
        let story = Story::new(Mischief::Fails { kind, times, class }).await;
        let run = story.drive().await.unwrap();
        assert_eq!((story.hands.times(kind), run.phase()), (performed, phase), "{kind} {times} {class:?}");
    }
}

#[tokio::test]
async fn a_broken_effect_stops_the_drive_and_a_later_drive_goes_on() {
    let broken = Mischief::Fails { kind: "publish", times: 1, class: Class::Broken };
    for (mischief, code) in [(broken, "mischief"), (Mischief::Panics("publish"), "panic")] {
        let story = Story::new(mischief).await;
        assert_eq!(story.drive().await.unwrap_err().code, code);
        assert_eq!(story.states("pending").await.len(), 1, "nothing is lost");
        *story.hands.mischief.lock().unwrap() = Mischief::Nothing;
        assert_eq!(story.drive().await.unwrap().phase(), Phase::Closed);
        assert_eq!((story.hands.times("publish"), story.hands.times("verify")), (2, 1));
    }
}

#[tokio::test]
async fn what_is_refused_is_performed_again_when_a_person_says_retry() {
    let story = Story::new(Mischief::Fails { kind: "verify", times: 1, class: Class::Refused }).await;
    assert_eq!(story.drive().await.unwrap().phase(), Phase::Paused);
    assert!(matches!(story.engine.tell(&story.run, &Event::Retried).await.unwrap(), Told::Taken(_)));
    assert_eq!(story.drive().await.unwrap().phase(), Phase::Closed);
    assert_eq!((story.hands.times("verify"), story.hands.times("merge")), (2, 1));
}

#[tokio::test]
async fn what_is_told_is_stored_as_it_was_decided_on_and_replays_to_the_same_run() {
    let story = Story::new(Mischief::Huge).await;
    let run = story.drive().await.unwrap();
    let told = story.engine.store().journal(&story.run).await.unwrap();
    assert!(told.len() > 4);
    journal::check_replay(a_run("story"), &told, &run).unwrap();
}

#[tokio::test]
async fn a_cancel_ends_works_that_listen_and_drops_those_that_dont() {
    for deaf in [false, true] {
        let story = Story::new(Mischief::Hangs { deaf }).await;
        let cancel = CancellationToken::new();
        let silent = Watch::silent();
        let drive = story.engine.drive(&story.run, &cancel, &silent);
        let stop = async {
            until_at_work(&story.hands).await;
            assert!(story.hands.kinds().iter().any(|kind| kind == "snapshot"));
            cancel.cancel();
        };
        let (run, ()) = tokio::join!(drive, stop);
        assert_eq!(run.unwrap().phase(), Phase::Closed, "deaf: {deaf}");
        assert_eq!(story.hands.times("reply"), 1, "the terminal reply is said");
        assert_eq!(story.states("pending").await, [""; 0], "nothing is left to do");
    }
}

/// Until an agent is at work. A minute is long past any: a failure tells more than a hang.
async fn until_at_work(hands: &Recorder) {
    let begun = std::time::Instant::now();
    while !hands.done.lock().unwrap().iter().any(|key| key.ends_with("/work")) {
        assert!(begun.elapsed().as_secs() < 60, "nobody came to work");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn another_process_is_heard_at_the_next_heartbeat() {
    let story = Story::new(Mischief::Hangs { deaf: false }).await;
    let other = engine(story.folder.path(), &Recorder::new(Mischief::Nothing), &story.clock).await;
    let tell = async {
        until_at_work(&story.hands).await;
        let held = other.drive(&story.run, &CancellationToken::new(), &Watch::silent()).await;
        assert_eq!(held.unwrap_err().code, "run_leased");
        other.tell(&story.run, &Event::Cancelled).await.unwrap();
    };
    let (run, ()) = tokio::join!(story.drive(), tell);
    assert_eq!(run.unwrap().phase(), Phase::Closed);
    assert_eq!(other.performer().kinds(), [""; 0]);
}

#[tokio::test]
async fn a_drive_that_lost_its_lease_stops() {
    let story = Story::new(Mischief::Hangs { deaf: true }).await;
    let thief = async {
        until_at_work(&story.hands).await;
        let store = Store::open(&story.folder.path().join("quantum.db")).await.unwrap();
        let lease = Lease { run: story.run.clone(), owner: "thief".to_owned() };
        let later = story.clock.now().after(Duration::from_secs(60));
        store.take_lease(&lease, later, later.after(Duration::from_secs(60))).await.unwrap();
    };
    let (end, ()) = tokio::join!(story.drive(), thief);
    assert_eq!(end.unwrap_err().code, "lease_lost");
    let store = story.engine.store();
    assert!(store.is_leased(&story.run, story.clock.now()).await.unwrap(), "the thief keeps the lease");
    assert_eq!(*story.hands.tidied.lock().unwrap(), 1, "and what lies about is the thief's now");
}
