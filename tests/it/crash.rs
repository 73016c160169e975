//! `kill -9` at any instant: the drive is dropped at its k-th poll, for every k; another process takes over when the lease is
//! over. The end must be the same, and no more is done twice than there were crashes. `killed` does it to the program itself,
//! `app` to the App at work on a GitHub.
//!
//! `QUANTUM_CRASHES=N` tries N instants instead of a few (more than there are: all), `QUANTUM_CRASHES=N,2` each with a second
//! crash of what goes on, `QUANTUM_CRASHES=N,1,200` the App at 200 random moments.

mod app;
mod killed;
pub(crate) mod tracer;
mod wire;

use crate::{
    engine::{Mischief, Recorder, engine},
    size,
    store::a_run,
};
use quantumlayer::{
    agent::contract::Watch,
    clock::{Clock, Timestamp},
    report::Report,
    run::{Event, Run},
};
use std::{
    collections::BTreeSet,
    future::Future,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How much is tried.
#[derive(Clone, Copy)]
struct Size {
    /// Instants of a run.
    instants: usize,
    /// Crashes a run.
    deep: usize,
    /// Random moments.
    moments: usize,
    /// Somebody said so: there is time.
    is_asked: bool,
}

fn size() -> Size {
    let wanted = size::list("QUANTUM_CRASHES");
    assert!(wanted.len() <= 3, "QUANTUM_CRASHES: at most three numbers");
    let number = |place: usize, usual| wanted.get(place).copied().unwrap_or(usual);
    Size { instants: number(0, 12), deep: number(1, 1), moments: number(2, 6), is_asked: !wanted.is_empty() }
}

/// About so many of all, from everywhere, each with its number; when pairs follow one another, neither always the first nor
/// always the second.
fn some<T: Copy>(all: &[T], instants: usize) -> Vec<(usize, T)> {
    let step = (all.len() / instants.max(1)).max(1);
    let is_wanted = |number: &usize| number % step == number / step % step.min(2);
    all.iter().copied().enumerate().filter(|(number, _)| is_wanted(number)).collect()
}

/// A future that stops being polled: the process died.
pub(crate) struct Mortal<F> {
    pub(crate) life: Pin<Box<F>>,
    pub(crate) polls_left: usize,
}

impl<F: Future> Future for Mortal<F> {
    type Output = Option<F::Output>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        self.life.as_mut().poll(context).map(Some)
    }
}

/// A process that starts the run, drives it and dies after so many polls; None: it died.
async fn process(
    folder: &Path,
    hands: &Recorder,
    clock: &Clock,
    polls: usize,
) -> Option<Result<Run, Report>> {
    let engine = engine(folder, hands, clock).await;
    let life = async {
        let run = engine.start(&a_run("crash"), "repository").await?;
        engine.drive(&run.id, &CancellationToken::new(), &Watch::silent()).await
    };
    Mortal { life: Box::pin(life), polls_left: polls }.await
}

/// Crashes after each of `lives` polls, then drives to the end; gives the end, the journal and the crashes.
async fn through(lives: &[usize]) -> (Run, Vec<Event>, usize, Recorder) {
    let folder = tempfile::tempdir().unwrap();
    let (hands, clock) = (Recorder::new(Mischief::Nothing), Clock::manual(Timestamp(1_000_000)));
    let mut crashes = 0;
    for polls in lives.iter().copied().chain([usize::MAX]) {
        match process(folder.path(), &hands, &clock, polls).await {
            None => crashes += 1,
            Some(end) => {
                let run = end.unwrap();
                let store =
                    quantumlayer::store::Store::open(&folder.path().join("quantum.db")).await.unwrap();
                let journal = store.journal(&run.id).await.unwrap();
                let waiting =
                    store.effects(&run.id).await.unwrap().into_iter().filter(|(_, state)| state != "done");
                assert_eq!(waiting.collect::<Vec<_>>(), [], "after {lives:?}");
                return (run, journal.into_iter().map(|entry| entry.event).collect(), crashes, hands);
            }
        }
        clock.advance(Duration::from_secs(31));
    }
    unreachable!("the last life has no end")
}

fn performed(hands: &Recorder) -> (usize, usize) {
    let done = hands.done.lock().unwrap();
    (done.len(), done.iter().collect::<BTreeSet<_>>().len())
}

#[tokio::test]
async fn a_crash_at_every_poll_leads_to_the_same_end() {
    let (end, journal, _, hands) = through(&[]).await;
    let distinct = performed(&hands).1;
    let mut polls = 1;
    loop {
        let (again, told, crashes, hands) = through(&[polls]).await;
        if crashes == 0 {
            break;
        }
        let (all, different) = performed(&hands);
        assert_eq!((without_time(again), told), (without_time(end.clone()), journal.clone()), "poll {polls}");
        assert_eq!(different, distinct, "poll {polls}");
        assert!(all <= distinct + crashes, "poll {polls}: {all} performed, {distinct} wanted");
        polls += 1;
    }
    assert!(polls > 20, "only {polls} instants were tried");
}

#[tokio::test]
async fn many_crashes_in_one_run_lead_to_the_same_end() {
    let (end, journal, _, hands) = through(&[]).await;
    let distinct = performed(&hands).1;
    for seed in 0..8_usize {
        let lives: Vec<_> = (0..12).map(|life| 3 + (seed * 31 + life * 17) % 29).collect();
        let (again, told, crashes, hands) = through(&lives).await;
        let (all, different) = performed(&hands);
        assert_eq!((without_time(again), told), (without_time(end.clone()), journal.clone()), "{lives:?}");
        assert!(crashes > 2 && different == distinct && all <= distinct + crashes, "{lives:?}: {all}");
    }
}

/// What a crash may change: when things happened.
fn without_time(run: Run) -> String {
    format!("{:?} {:?} {:?}", run.outcome(), run.tasks(), run.state.branch)
}
