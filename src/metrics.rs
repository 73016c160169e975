//! What is counted for `/metrics`: a value that the parts of the program share and add to. Counters begin at zero with the
//! process, as Prometheus expects; what the store and GitHub's client know is set when somebody looks.
//!
//! Every name is there from the start, with the labels that are known beforehand: what is absent can't be told from what was
//! never looked at, and no rate is seen of a counter whose first value is 1.
//!
//! Labels come from small closed sets or from the operator's settings, never from outside text: each new one is kept for good.

use crate::ids::Usd;
use prometheus_client::{
    encoding::prometheus_text,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What a webhook is answered.
const DELIVERIES: [&str; 4] = ["stored", "ignored", "duplicate", "refused"];
/// Where a run can be.
const PHASES: [&str; 8] =
    ["queued", "planning", "working", "verifying", "publishing", "watching", "paused", "closed"];
/// How a run can end.
const OUTCOMES: [&str; 10] = [
    "proposed",
    "unverified",
    "verify_failed",
    "answered",
    "no_change",
    "cancelled",
    "gone",
    "merged",
    "abandoned",
    "silent",
];
/// What a run can want done.
const EFFECTS: [&str; 11] = [
    "acknowledge",
    "snapshot",
    "status",
    "work",
    "merge",
    "verify",
    "publish",
    "ask",
    "ask_approval",
    "reply",
    "stop_works",
];
/// How an effect can end.
const ENDS: [&str; 3] = ["done", "postponed", "refused"];
/// Those of a sandbox's start that are known beforehand: any other is the code of an error.
const STARTS: [&str; 3] = ["ok", "sandbox_wall", "sandbox_host"];

/// Labels with names from the code.
type Labels<const N: usize> = [(&'static str, String); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;

/// The counters. Cloning shares them.
#[derive(Clone)]
pub struct Metrics(Arc<Counts>);

#[derive(Default)]
struct Counts {
    deliveries: Counters<1>,
    runs: Family<Labels<1>, Gauge>,
    runs_ended: Counters<2>,
    effects: Counters<2>,
    model_calls: Counters<3>,
    model_tokens: Counters<1>,
    model_usd: Counter<f64, AtomicU64>,
    queue_age: Gauge<f64, AtomicU64>,
    github_requests: Counters<1>,
    github_remaining: Gauge<f64, AtomicU64>,
    sandbox_starts: Counters<1>,
}

/// Which way tokens went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the model.
    Input,
    /// From it.
    Output,
}

impl Metrics {
    /// The content type of [`Metrics::text`].
    pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

    /// All at zero; what GitHub allows is not known yet.
    pub fn new() -> Self {
        let counts = Counts::default();
        for state in DELIVERIES {
            counts.deliveries.get_or_create(&[("state", state.to_owned())]).inc_by(0);
        }
        for phase in PHASES {
            counts.runs.get_or_create(&[("phase", phase.to_owned())]).set(0);
        }
        for outcome in OUTCOMES {
            counts
                .runs_ended
                .get_or_create(&[("verb", "build".to_owned()), ("outcome", outcome.to_owned())])
                .inc_by(0);
        }
        for (kind, result) in EFFECTS.iter().flat_map(|kind| ENDS.map(|result| (*kind, result))) {
            counts
                .effects
                .get_or_create(&[("kind", kind.to_owned()), ("result", result.to_owned())])
                .inc_by(0);
        }
        for result in STARTS {
            counts.sandbox_starts.get_or_create(&[("result", result.to_owned())]).inc_by(0);
        }
        counts.github_requests.get_or_create(&[("status", "200".to_owned())]).inc_by(0);
        // 0 would be an alarm
        counts.github_remaining.set(f64::NAN);
        let metrics = Self(Arc::new(counts));
        metrics.tokens(Direction::Input, 0);
        metrics.tokens(Direction::Output, 0);
        metrics
    }

    /// The model that will be asked, by its spec; empty: none is named.
    pub fn model(&self, spec: &str) {
        self.calls_of(spec, "ok", 0);
    }

    /// A webhook was answered: `stored`, `ignored`, `duplicate` or `refused`.
    pub fn delivery(&self, state: &str) {
        self.0.deliveries.get_or_create(&[("state", state.to_owned())]).inc();
    }

    /// A run came to an end: its verb and its outcome.
    pub fn run_ended(&self, verb: &str, outcome: &str) {
        let labels = [("verb", verb.to_owned()), ("outcome", outcome.to_owned())];
        self.0.runs_ended.get_or_create(&labels).inc();
    }

    /// An effect was performed: its kind, and `done`, `postponed` or `refused`.
    pub fn effect(&self, kind: &str, result: &str) {
        self.0.effects.get_or_create(&[("kind", kind.to_owned()), ("result", result.to_owned())]).inc();
    }

    /// A model was called: its spec, and `ok` or the code of its error.
    pub fn model_call(&self, spec: &str, result: &str) {
        self.calls_of(spec, result, 1);
    }

    fn calls_of(&self, spec: &str, result: &str, count: u64) {
        let (provider, model) = spec.split_once('/').unwrap_or((spec, ""));
        let labels =
            [("provider", provider.to_owned()), ("model", model.to_owned()), ("result", result.to_owned())];
        self.0.model_calls.get_or_create(&labels).inc_by(count);
    }

    /// Tokens that were sent or received.
    pub fn tokens(&self, direction: Direction, count: u64) {
        let direction = match direction {
            Direction::Input => "input",
            Direction::Output => "output",
        };
        self.0.model_tokens.get_or_create(&[("direction", direction.to_owned())]).inc_by(count);
    }

    /// Money that was spent.
    pub fn usd(&self, usd: Usd) {
        self.0.model_usd.inc_by(usd.dollars());
    }

    /// How often GitHub answered with that status since the process began; 0: it did not answer.
    pub fn github_requests(&self, status: u16, count: u64) {
        let counter = self.0.github_requests.get_or_create_owned(&[("status", status.to_string())]);
        // never backwards: two may look at the same time
        counter.inner().fetch_max(count, Ordering::Relaxed);
    }

    /// What GitHub said is left of the primary limit.
    pub fn github_remaining(&self, remaining: u32) {
        self.0.github_remaining.set(f64::from(remaining));
    }

    /// A sandbox was started: `ok`, or the code of its error.
    pub fn sandbox_start(&self, result: &str) {
        self.0.sandbox_starts.get_or_create(&[("result", result.to_owned())]).inc();
    }

    /// How many runs are in each phase now.
    pub fn runs(&self, by_phase: &[(String, u64)]) {
        // a phase that nothing is in is 0, not absent and not what it was
        for phase in PHASES {
            let count = by_phase.iter().find_map(|(word, count)| (word == phase).then_some(*count));
            let gauge = self.0.runs.get_or_create_owned(&[("phase", phase.to_owned())]);
            gauge.set(i64::try_from(count.unwrap_or_default()).unwrap_or(i64::MAX));
        }
    }

    /// The age of the oldest delivery that nobody has looked at to the end; zero when there is none.
    pub fn queue_age(&self, age: Duration) {
        self.0.queue_age.set(age.as_secs_f64());
    }

    /// Everything in the text form that Prometheus reads without being asked for another. (In OpenMetrics `quantum_runs` and
    /// `quantum_runs_total` would be one name of two kinds.)
    pub fn text(&self) -> String {
        let mut text = String::new();
        // writing to a String does not fail
        let _ = prometheus_text::encode(&mut text, &self.registry());
        text
    }

    fn registry(&self) -> Registry {
        let counts = &self.0;
        let mut all = Registry::with_prefix("quantum");
        all.register("deliveries", "Webhooks by what was answered", counts.deliveries.clone());
        all.register("runs", "Runs by phase", counts.runs.clone());
        all.register("runs", "Runs that came to an end", counts.runs_ended.clone());
        all.register("effects", "Effects performed", counts.effects.clone());
        all.register("model_calls", "Calls to models", counts.model_calls.clone());
        all.register("model_tokens", "Tokens sent to and received from models", counts.model_tokens.clone());
        all.register("model_usd", "Dollars spent on models", counts.model_usd.clone());
        all.register("queue_age_seconds", "Age of the oldest delivery that waits", counts.queue_age.clone());
        all.register("github_requests", "Requests to GitHub", counts.github_requests.clone());
        all.register(
            "github_rate_remaining",
            "Requests left of GitHub's primary limit",
            counts.github_remaining.clone(),
        );
        all.register("sandbox_starts", "Sandboxes started", counts.sandbox_starts.clone());
        all
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
