//! GitHub's limits: who passed them, and (when they are enforced) the refusal.

use super::{answer::Answer, github::Hub, state::State};
use quantumlayer::clock::Timestamp;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Requests at the same time.
const CONCURRENT: usize = 100;
/// Points in a minute.
const POINTS: u32 = 900;
/// Content-creating requests in a minute and in an hour.
const CONTENT_MINUTE: usize = 80;
const CONTENT_HOUR: usize = 500;
/// Requests in an hour.
const PRIMARY: u32 = 5000;
/// Between mutations of one installation.
const SPACING: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// What a refusal tells to wait, in seconds.
const RETRY_AFTER: u64 = 60;

/// One request, as far as limits are concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) at: Timestamp,
    pub(super) points: u32,
    pub(super) is_content: bool,
    pub(super) is_mutation: bool,
}

/// What one installation (or the App, or a person) has used.
#[derive(Debug, Default)]
struct Bucket {
    /// The last hour's.
    sent: VecDeque<Cost>,
    used: u32,
    resets: Timestamp,
    /// Told not to come back before.
    until: Timestamp,
    last_mutation: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Answers 403 past a limit, instead of only noting it.
    pub(super) are_enforced: bool,
    /// Passing a limit fails the test.
    pub(super) are_strict: bool,
    pub(super) in_flight: usize,
    pub(super) most_in_flight: usize,
    buckets: BTreeMap<String, Bucket>,
    violations: Vec<String>,
}

impl Bucket {
    /// Notes a request; what limits it passes, in words.
    fn add(&mut self, cost: Cost) -> Vec<String> {
        let now = cost.at;
        if now >= self.resets {
            self.used = 0;
            self.resets = now.after(HOUR);
        }
        self.used += 1;
        self.sent.push_back(cost);
        while self.sent.front().is_some_and(|old| now.since(old.at) >= HOUR) {
            self.sent.pop_front();
        }
        let last_minute = || self.sent.iter().filter(|old| now.since(old.at) < MINUTE);
        let points: u32 = last_minute().map(|old| old.points).sum();
        let minute = last_minute().filter(|old| old.is_content).count();
        let hour = self.sent.iter().filter(|old| old.is_content).count();
        let mut passed = Vec::new();
        if points > POINTS {
            passed.push(format!("points: {points} in a minute"));
        }
        if minute > CONTENT_MINUTE && cost.is_content {
            passed.push(format!("content: {minute} in a minute"));
        }
        if hour > CONTENT_HOUR && cost.is_content {
            passed.push(format!("content: {hour} in an hour"));
        }
        if self.used > PRIMARY {
            passed.push(format!("primary: {} in an hour", self.used));
        }
        passed
    }

    fn too_soon(&mut self, cost: Cost) -> Vec<String> {
        let mut wrong = Vec::new();
        if cost.at < self.until {
            wrong.push(format!("waiting: sent {} ms before it may", self.until.since(cost.at).as_millis()));
        }
        if cost.is_mutation {
            let gap = self.last_mutation.replace(cost.at).map(|last| cost.at.since(last));
            if let Some(gap) = gap.filter(|gap| *gap < SPACING) {
                wrong.push(format!("spacing: {} ms after the last mutation", gap.as_millis()));
            }
        }
        wrong
    }
}

impl Limits {
    /// Notes a request of this bucket; the refusal, when limits are enforced and it passes one.
    pub(super) fn begin(&mut self, bucket: &str, cost: Cost, what: &str) -> Option<Answer> {
        let held = self.buckets.entry(bucket.to_owned()).or_default();
        let soon = held.too_soon(cost);
        let mut passed = held.add(cost);
        if self.in_flight > CONCURRENT {
            passed.push(format!("concurrency: {} at once", self.in_flight));
        }
        let is_primary = held.used > PRIMARY;
        for wrong in soon.iter().chain(&passed) {
            self.violations.push(format!("{wrong}: {what} ({bucket})"));
        }
        if passed.is_empty() || !self.are_enforced {
            return None;
        }
        if is_primary {
            return Some(Answer::refuse(403, &format!("API rate limit exceeded for {bucket}.")));
        }
        Some(Answer::secondary(403, Some(RETRY_AFTER)))
    }

    /// What the answer tells about the limit; it is also remembered.
    pub(super) fn end(&mut self, bucket: &str, now: Timestamp, mut answer: Answer) -> Answer {
        let held = self.buckets.entry(bucket.to_owned()).or_default();
        if answer.status == 304 {
            // free, and as if it had not been
            held.used = held.used.saturating_sub(1);
        }
        if answer.status == 403 || answer.status == 429 || answer.status >= 500 {
            let told = |name: &str| {
                let told = answer.headers.iter().find(|(told, _)| told == name);
                told.and_then(|(_, value)| value.parse::<i64>().ok())
            };
            let reset = told("x-ratelimit-reset").filter(|_| told("x-ratelimit-remaining") == Some(0));
            if let Some(seconds) = told("retry-after") {
                held.until = held.until.max(Timestamp(now.0 + seconds * 1000));
            } else if let Some(reset) = reset {
                held.until = held.until.max(Timestamp(reset * 1000));
            } else if held.used > PRIMARY {
                held.until = held.until.max(held.resets);
            }
        }
        let reset = held.resets.0.div_euclid(1000).to_string();
        let own = [
            ("x-ratelimit-limit", PRIMARY.to_string()),
            ("x-ratelimit-remaining", PRIMARY.saturating_sub(held.used).to_string()),
            ("x-ratelimit-used", held.used.to_string()),
            ("x-ratelimit-reset", reset),
            ("x-ratelimit-resource", "core".to_owned()),
        ];
        for (name, value) in own {
            // a scripted answer may say its own
            if answer.headers.iter().all(|(held, _)| held != name) {
                answer = answer.with(name, value);
            }
        }
        answer
    }

    pub(super) fn of(&self, bucket: &str) -> (u32, u32, i64) {
        let (used, resets) =
            self.buckets.get(bucket).map_or((0, 0), |held| (held.used, held.resets.0 / 1000));
        (PRIMARY, PRIMARY.saturating_sub(used), resets)
    }
}

impl Hub {
    /// Past a limit the answer is a 403, as GitHub's.
    pub(crate) fn enforce_limits(&self) {
        self.state().limits.are_enforced = true;
    }

    /// A limit passed (spacing between mutations too) fails the test at its end.
    pub(crate) fn insist_on_limits(&self) {
        self.state().limits.are_strict = true;
    }

    /// Limits that were passed: `points: …`, `content: …`, `primary: …`, `concurrency: …`, `spacing: …`, `waiting: …`.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.state().limits.violations.clone()
    }

    /// The most requests there ever were at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state().limits.most_in_flight
    }
}

impl State {
    /// What fails the test at its end.
    pub(super) fn all_trouble(&self) -> Vec<String> {
        let passed = self.limits.violations.iter().filter(|_| self.limits.are_strict);
        self.trouble.iter().chain(passed).cloned().collect()
    }
}
