//! What the App counts for `/metrics`: questions to the model, effects, ends of runs, GitHub's answers.

use crate::{
    github::GitHub,
    metrics::{Direction, Metrics},
    model::{Model, ModelError, Price, Question, Reply},
    report::{Class, Hint, Report},
    run::{Effect, Event, Ground, Outcome, Run, Verdict, reply},
};
use async_trait::async_trait;
use std::sync::Arc;

/// A model whose answers are counted.
pub(super) struct Counted {
    pub(super) model: Arc<dyn Model>,
    pub(super) metrics: Metrics,
}

#[async_trait]
impl Model for Counted {
    fn name(&self) -> &str {
        self.model.name()
    }
    fn asked(&self) -> &str {
        self.model.asked()
    }
    fn price(&self) -> Option<Price> {
        self.model.price()
    }
    fn window(&self) -> u64 {
        self.model.window()
    }
    async fn ask(
        &self,
        question: &Question<'_>,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        // a chain may go on to its next one by the answer
        let (asked, price) = (self.asked().to_owned(), self.price());
        let answer = self.model.ask(question, watch).await;
        let (result, usage) = match &answer {
            Ok(reply) => ("ok", reply.usage),
            Err(error) => (error.code(), error.usage()),
        };
        self.metrics.model_call(&asked, result);
        self.metrics.tokens(Direction::Input, usage.input_tokens);
        self.metrics.tokens(Direction::Output, usage.output_tokens);
        if let Some(price) = price {
            self.metrics.usd(price.of(&usage));
        }
        answer
    }
}

/// How an effect ended, in one word.
pub(super) fn effect(metrics: &Metrics, effect: &Effect, end: &Result<Option<Event>, Report>) {
    let kind = match effect {
        Effect::Acknowledge => "acknowledge",
        Effect::Snapshot { .. } => "snapshot",
        Effect::Status { .. } => "status",
        Effect::Work(_) => "work",
        Effect::Merge { .. } => "merge",
        Effect::Verify { .. } => "verify",
        Effect::Publish { .. } => "publish",
        Effect::Ask { .. } => "ask",
        Effect::AskApproval { .. } => "ask_approval",
        Effect::Reply { .. } => "reply",
        Effect::StopWorks { .. } => "stop_works",
    };
    let result = match end {
        Ok(_) => "done",
        Err(report) if report.class == Class::Transient => "postponed",
        Err(_) => "refused",
    };
    metrics.effect(kind, result);
}

/// A run that has come to its end by what it was told, once: its pull request is published, or it closed without one. What
/// becomes of a pull request is no further end.
pub(super) fn ended(metrics: &Metrics, before: &Run, after: &Run) {
    if let (None, Some(outcome)) = (end(before), end(after)) {
        metrics.run_ended(after.intent.verb.word(), reply::outcome(outcome));
    }
}

fn end(run: &Run) -> Option<Outcome> {
    match &run.state.ground {
        Ground::Watching { verdict: Verdict::Verified, .. } => Some(Outcome::Proposed),
        Ground::Watching { verdict: Verdict::Unverified, .. } => Some(Outcome::Unverified),
        Ground::Watching { verdict: Verdict::Failed, .. } => Some(Outcome::VerifyFailed),
        Ground::Queued
        | Ground::Planning { .. }
        | Ground::Working
        | Ground::Verifying { .. }
        | Ground::Publishing { .. } => run.outcome(),
    }
}

/// Brings what GitHub answered, and what is left of its limits, up to date.
pub fn count_github(metrics: &Metrics, github: &GitHub) {
    for (status, count) in github.statuses() {
        metrics.github_requests(status, count);
    }
    if let Some(left) = github.limits().into_iter().filter_map(|left| left.remaining).min() {
        metrics.github_remaining(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::TaskId,
        model::{Asker, spec},
    };

    #[tokio::test]
    async fn of_a_chain_each_model_is_counted_under_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let script = |name: &str, line: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, line).unwrap();
            format!("scripted/{}", path.display())
        };
        let refused = script("first", r#"{"error":{"status":401,"message":"no"}}"#);
        let good = script("second", r#"{"text":"good","usage":{"input_tokens":7,"output_tokens":2}}"#);
        let model = spec::open(&format!("{refused},{good}"), &Default::default()).unwrap();
        let metrics = Metrics::new();
        let counted = Counted { model, metrics: metrics.clone() };
        let (task, messages) = (TaskId::new("t"), []);
        for _ in 0..2 {
            let asker = Asker { role: "coder", task: &task, step: 1 };
            let question = Question { asker, messages: &messages, tools: &[], max_output_tokens: 1 };
            let _ = counted.ask(&question, &|_| {}).await;
        }
        let text = metrics.text();
        let calls = text.lines().filter(|line| line.starts_with("quantum_model_calls_total{"));
        let mut calls: Vec<_> =
            calls.map(|line| line.replace(&*folder.path().to_string_lossy(), "")).collect();
        calls.sort();
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert!(calls[0].contains("first") && calls[0].ends_with("} 1"), "{calls:?}");
        assert!(calls[1].contains("second\",result=\"ok\"} 1"), "{calls:?}");
        assert!(text.contains("quantum_model_tokens_total{direction=\"input\"} 7"), "{text}");
    }
}
