//! One line per installation for everything that changes something on GitHub: the urgent first, one at a time, with a pause
//! between two. GitHub asks for both ("Best practices for using the REST API": requests in series, a second between those
//! that change something).

use crate::limits::{app::LINGER, github as limits};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// What goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody wants it stopped.
    Stop,
    /// Somebody waits to be heard.
    Acknowledge,
    /// An answer to a person.
    Reply,
    /// Branch, pull request, check.
    Publish,
    /// Where a run is: the newest is enough.
    Status,
}

/// The lines of all installations.
#[derive(Debug)]
pub struct Lines {
    gap: Duration,
    lines: Mutex<HashMap<u64, Arc<Line>>>,
}

#[derive(Debug, Default)]
struct Line {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_busy: bool,
    free_at: Option<Instant>,
    /// GitHub said so.
    held_until: Option<Instant>,
    /// Nothing is made before: there are only so many comments and pull requests a minute.
    creates_at: Option<Instant>,
    /// Who waits, and whether it is to make something.
    waiting: BTreeMap<(Priority, u64), bool>,
    tickets: u64,
}

impl Lines {
    /// Lines with this pause between two turns.
    pub fn new(gap: Duration) -> Self {
        Self { gap, lines: Mutex::new(HashMap::new()) }
    }

    /// The pause between two turns.
    pub(super) fn gap(&self) -> Duration {
        self.gap
    }

    /// Waits for a turn. Dropping what it gives ends the turn; dropping the wait gives the place up. Nobody waits for the end
    /// of a long hold.
    pub async fn turn(&self, installation: u64, priority: Priority) -> Result<Turn, Held> {
        self.wait(installation, priority, false).await
    }

    /// The same to make something, not before that may be: whoever else waits goes first then.
    pub async fn turn_to_create(&self, installation: u64, priority: Priority) -> Result<Turn, Held> {
        self.wait(installation, priority, true).await
    }

    async fn wait(&self, installation: u64, priority: Priority, creates: bool) -> Result<Turn, Held> {
        let line = self.line(installation);
        let ticket = {
            let mut state = line.state();
            state.tickets += 1;
            let ticket = (priority, state.tickets);
            state.waiting.insert(ticket, creates);
            ticket
        };
        let place = Place { line: Arc::clone(&line), ticket };
        loop {
            let changed = line.changed.notified();
            match line.take(ticket, creates) {
                Taken::Mine => return Ok(Turn { place, gap: self.gap }),
                Taken::Held(held) => return Err(held),
                Taken::NotBefore(at) => tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = changed => {}
                },
                Taken::Others => changed.await,
            }
        }
    }

    /// Nothing goes out before that time is over: GitHub said so.
    pub fn hold(&self, installation: u64, span: Duration) {
        let line = self.line(installation);
        let until = Some(Instant::now() + span.min(limits::HOLD_MOST));
        let mut state = line.state();
        state.free_at = state.free_at.max(until);
        state.held_until = state.held_until.max(until);
        drop(state);
        line.changed.notify_waiters();
    }

    /// Nothing is made before that time is over; everything else goes on.
    pub fn hold_creating(&self, installation: u64, span: Duration) {
        let line = self.line(installation);
        let until = Some(Instant::now() + span.min(limits::HOLD_MOST));
        let mut state = line.state();
        state.creates_at = state.creates_at.max(until);
        drop(state);
        line.changed.notify_waiters();
    }

    fn line(&self, installation: u64) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lines.entry(installation).or_default())
    }
}

/// GitHub lets nothing of this installation in for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held(pub Duration);

enum Taken {
    Mine,
    Held(Held),
    NotBefore(Instant),
    Others,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, ticket: (Priority, u64), creates: bool) -> Taken {
        let mut state = self.state();
        let now = Instant::now();
        let creates_at = state.creates_at.filter(|at| *at > now);
        let own = creates_at.filter(|_| creates);
        let left = state.held_until.max(own).map(|until| until.saturating_duration_since(now));
        if let Some(left) = left.filter(|left| *left > LINGER) {
            return Taken::Held(Held(left));
        }
        if let Some(at) = own {
            return Taken::NotBefore(at);
        }
        let is_let_by = |creates: bool| creates && creates_at.is_some();
        let first = state.waiting.iter().find(|(_, creates)| !is_let_by(**creates));
        if state.is_busy || first.map(|(first, _)| *first) != Some(ticket) {
            return Taken::Others;
        }
        match state.free_at {
            Some(at) if at > now => Taken::NotBefore(at),
            Some(_) | None => {
                state.is_busy = true;
                Taken::Mine
            }
        }
    }
}

/// A place in a line, given up when dropped.
#[derive(Debug)]
struct Place {
    line: Arc<Line>,
    ticket: (Priority, u64),
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.state().waiting.remove(&self.ticket);
        self.line.changed.notify_waiters();
    }
}

/// The right to send one request that changes something.
#[derive(Debug)]
pub struct Turn {
    place: Place,
    gap: Duration,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.place.line.state();
        state.is_busy = false;
        let next = Instant::now() + self.gap;
        state.free_at = state.free_at.max(Some(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test(start_paused = true)]
    async fn the_urgent_goes_first_and_a_pause_lies_between() {
        let lines = Lines::new(Duration::from_secs(1));
        let begun = Instant::now();
        let first = lines.turn(7, Priority::Status).await;
        let mut status = Box::pin(lines.turn(7, Priority::Status));
        let mut cancel = Box::pin(lines.turn(7, Priority::Acknowledge));
        assert!(status.as_mut().now_or_never().is_none() && cancel.as_mut().now_or_never().is_none());
        // another installation waits for nobody
        assert!(lines.turn(8, Priority::Status).now_or_never().is_some());
        drop(first);
        assert!(status.as_mut().now_or_never().is_none());
        let turn = cancel.await;
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        drop(turn);
        drop(status.await);
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_is_not_waited_for_and_a_hold_holds() {
        let lines = Lines::new(Duration::ZERO);
        let first = lines.turn(7, Priority::Reply).await;
        let mut gone = Box::pin(lines.turn(7, Priority::Acknowledge));
        assert!(gone.as_mut().now_or_never().is_none());
        drop(gone);
        drop(first);
        let begun = Instant::now();
        lines.hold(7, Duration::from_secs(30));
        drop(lines.turn(7, Priority::Status).await);
        assert_eq!(begun.elapsed(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn what_makes_something_is_held_by_itself() {
        let (lines, half) = (Lines::new(Duration::ZERO), Duration::from_secs(30));
        let begun = Instant::now();
        lines.hold_creating(7, half);
        let mut comment = Box::pin(lines.turn_to_create(7, Priority::Acknowledge));
        assert!(comment.as_mut().now_or_never().is_none());
        // less urgent, and not of that kind
        drop(lines.turn(7, Priority::Status).now_or_never().expect("it waits for nobody").unwrap());
        drop(comment.await);
        assert_eq!(begun.elapsed(), half);
        lines.hold_creating(7, half * 2);
        assert_eq!(lines.turn_to_create(7, Priority::Reply).await.err(), Some(Held(half * 2)));
        assert!(lines.turn(7, Priority::Reply).now_or_never().is_some_and(|turn| turn.is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_the_end_of_a_long_hold() {
        let lines = Lines::new(Duration::ZERO);
        let first = lines.turn(7, Priority::Reply).await;
        let mut waiting = Box::pin(lines.turn(7, Priority::Reply));
        assert!(waiting.as_mut().now_or_never().is_none());
        let hour = Duration::from_secs(3_600);
        lines.hold(7, hour);
        assert_eq!(waiting.await.err(), Some(Held(hour)));
        drop(first);
        assert_eq!(lines.turn(7, Priority::Acknowledge).await.err(), Some(Held(hour)));
        assert!(lines.turn(8, Priority::Status).now_or_never().is_some_and(|turn| turn.is_ok()));
        tokio::time::advance(hour).await;
        assert!(lines.turn(7, Priority::Status).now_or_never().is_some_and(|turn| turn.is_ok()));
    }
}
