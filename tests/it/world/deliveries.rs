//! Webhooks on their way: a queue that can be delivered, lost, failed, held back, doubled and reordered, and the log of
//! deliveries that GitHub shows to an App.

use super::{
    github::Hub,
    seals::{self, Sealed},
    state::State,
};
use quantumlayer::clock::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// One webhook POST that GitHub made or will make.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: u64,
    pub(crate) guid: String,
    pub(crate) event: String,
    pub(crate) action: Option<String>,
    pub(crate) repository: Option<u64>,
    pub(crate) installation: u64,
    pub(crate) body: String,
    pub(crate) made: Timestamp,
    pub(crate) throttled: Option<Timestamp>,
    pub(crate) is_redelivery: bool,
    /// What became of it; `None`: still on its way.
    pub(crate) end: Option<End>,
}

/// How a delivery ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) at: Timestamp,
    pub(crate) status_code: u16,
    /// GitHub's word for it: `OK`, `Invalid HTTP Response: 503`, `failed to connect to host` …
    pub(crate) status: String,
    pub(crate) answer: String,
}

/// The App's webhook and what waits for it.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    pub(crate) url: Option<String>,
    pub(crate) secret: String,
    /// They leave as they come.
    pub(crate) is_automatic: bool,
    pub(super) waiting: VecDeque<Delivery>,
    pub(super) held: Vec<Delivery>,
    /// Those that are being posted.
    posting: usize,
    /// Everything that GitHub tried, by id.
    pub(crate) done: BTreeMap<u64, Delivery>,
}

impl Hooks {
    pub(super) fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..Self::default() }
    }

    pub(super) fn push(&mut self, delivery: Delivery) {
        self.waiting.push_back(delivery);
    }

    fn next(&mut self, n: usize) -> Vec<Delivery> {
        let n = n.min(self.waiting.len());
        self.waiting.drain(..n).collect()
    }
}

impl State {
    /// The same once more, with the same GUID or another one.
    fn copy(&mut self, delivery: &Delivery, is_other: bool) -> Delivery {
        let id = self.next_id();
        let guid = if is_other { format!("{id:08x}-{}", delivery.guid) } else { delivery.guid.clone() };
        Delivery { id, guid, ..delivery.clone() }
    }

    fn end(&mut self, mut delivery: Delivery, status_code: u16, status: &str, answer: &str) {
        let at = self.now();
        delivery.end = Some(End { at, status_code, status: status.to_owned(), answer: answer.to_owned() });
        self.hooks.done.insert(delivery.id, delivery);
    }

    fn end_by(&mut self, delivery: Delivery, outcome: &seals::Outcome) {
        match outcome {
            Ok((code, answer)) if (200..300).contains(code) => self.end(delivery, *code, "OK", answer),
            Ok((code, answer)) => {
                self.end(delivery, *code, &format!("Invalid HTTP Response: {code}"), answer)
            }
            Err(why) => self.end(delivery, 502, why, ""),
        }
    }
}

/// What a test does with the webhooks on their way. None of these waits for anything but the receiver's answer.
impl Hub {
    /// Where webhooks go; until then they wait.
    pub(crate) fn send_hooks_to(&self, url: &str) {
        self.state().hooks.url = Some(url.to_owned());
        self.knock();
    }

    /// Where webhooks go.
    pub(crate) fn hooks_url(&self) -> Option<String> {
        self.state().hooks.url.clone()
    }

    /// The events on their way, oldest first: `issue_comment.created` …
    pub(crate) fn waiting(&self) -> Vec<String> {
        self.state().hooks.waiting.iter().map(name).collect()
    }

    /// Whether every webhook has ended, well or not.
    pub(crate) fn is_delivered(&self) -> bool {
        let hooks = &self.state().hooks;
        hooks.waiting.is_empty() && hooks.posting == 0
    }

    /// Posts the first `n`, one after the other, each signed. The statuses; 0 for no answer.
    pub(crate) async fn deliver(&self, n: usize) -> Vec<u16> {
        let mut statuses = Vec::new();
        for delivery in self.taken_to_post(n) {
            statuses.push(self.post(delivery).await);
        }
        statuses
    }

    /// Posts all, also those that come up meanwhile.
    pub(crate) async fn deliver_all(&self) -> Vec<u16> {
        let mut statuses = Vec::new();
        while !self.state().hooks.waiting.is_empty() {
            statuses.extend(self.deliver(1).await);
        }
        statuses
    }

    /// Posts the first `n` all at the same time.
    pub(crate) async fn deliver_together(&self, n: usize) -> Vec<u16> {
        futures_util::future::join_all(self.taken_to_post(n).into_iter().map(|delivery| self.post(delivery)))
            .await
    }

    /// The first `n` as requests, for a receiver that isn't reached over HTTP; they count as delivered.
    pub(crate) fn take(&self, n: usize) -> Vec<Sealed> {
        let taken = self.taken(n);
        let mut state = self.state();
        let sealed = taken.iter().map(|delivery| seals::seal(&state, delivery)).collect();
        for delivery in taken {
            state.end(delivery, 202, "OK", "");
        }
        sealed
    }

    /// The first `n` are lost without a trace.
    pub(crate) fn lose(&self, n: usize) {
        self.taken(n);
    }

    /// The first `n` reach nobody; GitHub's log says so.
    pub(crate) fn fail(&self, n: usize) {
        for delivery in self.taken(n) {
            self.state().end(delivery, 502, "failed to connect to host", "");
        }
    }

    /// The first `n` wait (as when GitHub throttles) until `let_go`.
    pub(crate) fn hold_back(&self, n: usize) {
        let mut taken = self.taken(n);
        let mut state = self.state();
        let now = state.now();
        for delivery in &mut taken {
            delivery.throttled = Some(now);
        }
        state.hooks.held.append(&mut taken);
    }

    /// What was held back is on its way again, behind the others.
    pub(crate) fn let_go(&self) {
        let mut state = self.state();
        let held = std::mem::take(&mut state.hooks.held);
        state.hooks.waiting.extend(held);
        drop(state);
        self.knock();
    }

    /// Each of the first `n` is sent twice, with the same GUID.
    pub(crate) fn double(&self, n: usize) {
        let taken = self.taken(n);
        let mut state = self.state();
        for delivery in taken.into_iter().rev() {
            let copy = Delivery { id: state.next_id(), ..delivery.clone() };
            state.hooks.waiting.push_front(copy);
            state.hooks.waiting.push_front(delivery);
        }
    }

    /// Each of those that wait is sent so often; every second copy under a GUID of its own, as by a second webhook.
    pub(crate) fn multiply(&self, mut times: impl FnMut() -> usize) {
        let mut state = self.state();
        for delivery in std::mem::take(&mut state.hooks.waiting) {
            for n in 1..times().max(1) {
                let copy = state.copy(&delivery, n % 2 == 1);
                state.hooks.waiting.push_back(copy);
            }
            state.hooks.waiting.push_back(delivery);
        }
    }

    /// Each of those that wait is sent once more under another GUID, and that copy is held back until `let_go`.
    pub(crate) fn echo_later(&self) {
        let mut state = self.state();
        let waiting: Vec<_> = state.hooks.waiting.iter().cloned().collect();
        for delivery in waiting {
            let copy = state.copy(&delivery, true);
            state.hooks.held.push(copy);
        }
    }

    /// Another order; the same for the same seed.
    pub(crate) fn reorder(&self, seed: u64) {
        let mut state = self.state();
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for at in (1..state.hooks.waiting.len()).rev() {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            state.hooks.waiting.swap(at, (dice % (at as u64 + 1)) as usize);
        }
    }

    /// What GitHub's log of deliveries holds, oldest first: `issue_comment.created 202 OK`.
    pub(crate) fn delivered(&self) -> Vec<String> {
        let state = self.state();
        let line = |delivery: &Delivery| {
            let end = delivery.end.as_ref().unwrap();
            let again = if delivery.is_redelivery { " (again)" } else { "" };
            format!("{} {} {}{again}", name(delivery), end.status_code, end.status)
        };
        state.hooks.done.values().map(line).collect()
    }

    fn taken(&self, n: usize) -> Vec<Delivery> {
        self.state().hooks.next(n)
    }

    fn taken_to_post(&self, n: usize) -> Vec<Delivery> {
        let hooks = &mut self.state().hooks;
        let taken = hooks.next(n);
        hooks.posting += taken.len();
        taken
    }

    async fn post(&self, delivery: Delivery) -> u16 {
        let (url, sealed) = {
            let state = self.state();
            (state.hooks.url.clone(), seals::seal(&state, &delivery))
        };
        let url = url.expect("the story says where webhooks go: hub.send_hooks_to(url)");
        let outcome = seals::post(self.client(), &url, sealed).await;
        let mut state = self.state();
        state.end_by(delivery, &outcome);
        state.hooks.posting -= 1;
        outcome.map_or(0, |(code, _)| code)
    }
}

fn name(delivery: &Delivery) -> String {
    match &delivery.action {
        Some(action) => format!("{}.{action}", delivery.event),
        None => delivery.event.clone(),
    }
}
