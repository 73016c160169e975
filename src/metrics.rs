//! What is counted for `/metrics`: a value that the parts of the program share and add to. Counters begin at zero with the
//! process, as Prometheus expects; what the store knows is set when somebody looks.
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
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

/// Labels with names from the code.
type Labels<const N: usize> = [(&'static str, String); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;

/// The counters. Cloning shares them.
#[derive(Clone, Default)]
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
    github_remaining: Gauge,
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

    /// All at zero.
    pub fn new() -> Self {
        Self::default()
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

    /// A model was called: the two parts of its spec, and `ok` or the code of its error.
    pub fn model_call(&self, provider: &str, model: &str, result: &str) {
        let labels =
            [("provider", provider.to_owned()), ("model", model.to_owned()), ("result", result.to_owned())];
        self.0.model_calls.get_or_create(&labels).inc();
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

    /// GitHub answered with that status; 0: it did not answer.
    pub fn github_request(&self, status: u16) {
        self.0.github_requests.get_or_create(&[("status", status.to_string())]).inc();
    }

    /// What GitHub said is left of the primary limit.
    pub fn github_remaining(&self, remaining: u64) {
        self.0.github_remaining.set(i64::try_from(remaining).unwrap_or(i64::MAX));
    }

    /// A sandbox was started: `ok`, or the code of its error.
    pub fn sandbox_start(&self, result: &str) {
        self.0.sandbox_starts.get_or_create(&[("result", result.to_owned())]).inc();
    }

    /// How many runs are in each phase now.
    pub fn runs(&self, by_phase: &[(String, u64)]) {
        // a phase that nothing is in any more is 0, not what it was
        self.0.runs.clear();
        for (phase, count) in by_phase {
            let gauge = self.0.runs.get_or_create_owned(&[("phase", phase.clone())]);
            gauge.set(i64::try_from(*count).unwrap_or(i64::MAX));
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

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
