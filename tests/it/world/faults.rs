//! Scripted trouble: which request it hits, and what happens to it.

use super::{Answer, github::Hub, state::RepoId};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What happens to a request that a rule hits.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answered so; nothing is applied.
    Refuse(Answer),
    /// Applied, and answered so.
    AppliedBut(Answer),
    /// The connection is cut; nothing is applied.
    CutBefore,
    /// Applied, then the connection is cut.
    CutAfter,
    /// Applied; half of the JSON arrives.
    Truncate,
    /// Waits at the gate, then is applied.
    HoldBefore(Gate),
    /// Is applied, and its answer waits at the gate.
    HoldAfter(Gate),
    /// Who sent it is killed; nothing is applied.
    KillBefore(Victim),
    /// Applied; who sent it is killed and never told.
    KillAfter(Victim),
}

impl Fault {
    /// A server error before anything is applied.
    pub(crate) fn status(status: u16) -> Self {
        Self::Refuse(Answer::refuse(status, "Server Error"))
    }

    /// Applied, but answered 502.
    pub(crate) fn applied_but_502() -> Self {
        Self::AppliedBut(Answer::refuse(502, "Server Error"))
    }

    /// A secondary limit (403 or 429) with or without `Retry-After`.
    pub(crate) fn limited(status: u16, retry_after: Option<u64>) -> Self {
        Self::Refuse(Answer::secondary(status, retry_after))
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Refuse(_) => "refused",
            Self::AppliedBut(_) => "applied but",
            Self::CutBefore => "cut before",
            Self::CutAfter => "cut after",
            Self::Truncate => "truncated",
            Self::HoldBefore(_) => "held before",
            Self::HoldAfter(_) => "held after",
            Self::KillBefore(_) => "killed before",
            Self::KillAfter(_) => "killed after",
        }
    }

    /// Whether nobody is there for an answer any more.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self, Self::CutBefore | Self::CutAfter | Self::KillBefore(_) | Self::KillAfter(_))
    }
}

/// A process that a request kills.
#[derive(Clone, Debug, Default)]
pub(crate) struct Victim(Arc<Mutex<Option<u32>>>);

impl Victim {
    /// Starts it. No request of its is looked at before its id is known.
    pub(crate) fn start(&self, start: impl FnOnce() -> u32) -> u32 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = start();
        *known = Some(pid);
        pid
    }

    pub(super) fn dies(&self) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = known.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        // it may have ended by itself
        let _ = kill_process(pid.expect("it was started by `start`"), Signal::KILL);
    }
}

/// Where a request waits until the test lets it go: no sleeping.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<(watch::Sender<u32>, watch::Sender<bool>)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new((watch::Sender::new(0), watch::Sender::new(false))))
    }

    /// Returns once a request stands at the gate.
    pub(crate) async fn reached(&self) {
        let mut there = self.0.0.subscribe();
        there.wait_for(|there| *there > 0).await.unwrap();
    }

    /// Opens it for good.
    pub(crate) fn release(&self) {
        self.0.1.send_replace(true);
    }

    pub(super) async fn pass(&self) {
        self.0.0.send_modify(|there| *there += 1);
        let mut open = self.0.1.subscribe();
        open.wait_for(|open| *open).await.unwrap();
    }
}

#[derive(Debug)]
struct Rule {
    method: String,
    path: String,
    /// The first request of these that is hit, from 1; and how many in a row are.
    first: u32,
    times: u32,
    seen: u32,
    fault: Fault,
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    /// Reads that miss each new ref.
    pub(super) hidden_reads: u32,
    /// Reads of a list that miss each new comment, pull request or check run in it.
    hidden_rows: u32,
}

impl Faults {
    /// The fault of a request; every rule that names the request counts it.
    pub(super) fn hit(&mut self, method: &str, template: &str, path: &str) -> Option<Fault> {
        let mut hit = None;
        for rule in &mut self.rules {
            let is_path = rule.path == "*" || template.ends_with(&rule.path) || path == rule.path;
            if !is_path || (rule.method != "*" && rule.method != method) {
                continue;
            }
            rule.seen += 1;
            let past = rule.seen.saturating_sub(rule.first);
            if rule.seen >= rule.first && past < rule.times {
                hit = hit.or_else(|| Some(rule.fault.clone()));
            }
        }
        hit
    }
}

impl Hub {
    /// The `nth` (from 1, counted from now) request of this method and path meets a fault. The path is the end of a
    /// route's template (`/pulls`, `/git/refs/{ref}`), a whole path, or `*`; the method may be `*` too.
    pub(crate) fn fault(&self, method: &str, path: &str, nth: u32, fault: Fault) {
        self.fault_some(method, path, nth, 1, fault);
    }

    /// The same for `times` requests in a row.
    pub(crate) fn fault_some(&self, method: &str, path: &str, first: u32, times: u32, fault: Fault) {
        let rule = Rule { method: method.to_owned(), path: path.to_owned(), first, times, seen: 0, fault };
        self.state().faults.rules.push(rule);
    }

    /// Holds the answer of the `nth` such request, which is applied, until the gate is released.
    pub(crate) fn hold_answer(&self, method: &str, path: &str, nth: u32) -> Gate {
        let gate = Gate::new();
        self.fault(method, path, nth, Fault::HoldAfter(gate.clone()));
        gate
    }

    /// The end of all scripted faults.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.faults = Faults::default();
        for repo in state.repos.values_mut() {
            repo.hidden.clear();
        }
    }

    /// Each ref made from now on is missed by its first `reads` reads.
    pub(crate) fn hide_new_refs(&self, reads: u32) {
        self.state().faults.hidden_reads = reads;
    }

    /// Each comment, pull request and check run made from now on is left out of the first `reads` lists.
    pub(crate) fn hide_new_rows(&self, reads: u32) {
        self.state().faults.hidden_rows = reads;
    }
}

impl super::state::State {
    /// What was just made is not in lists at once, when the story wants it so.
    pub(super) fn hide_row(&mut self, repo: RepoId, kind: &str, id: u64) {
        let reads = self.faults.hidden_rows;
        if reads > 0 {
            self.repo_mut(repo).hidden.insert(format!("{kind} {id}"), reads);
        }
    }

    /// Those of these rows that a list shows by now; each list counts.
    pub(super) fn shown(&mut self, repo: RepoId, kind: &str, ids: Vec<u64>) -> Vec<u64> {
        ids.into_iter().filter(|id| !self.is_hidden(repo, &format!("{kind} {id}"))).collect()
    }

    /// Whether a read still misses this ref; each read counts.
    pub(super) fn is_hidden(&mut self, repo: RepoId, name: &str) -> bool {
        let Some(left) = self.repo_mut(repo).hidden.get_mut(name).filter(|left| **left > 0) else {
            return false;
        };
        *left -= 1;
        true
    }
}
