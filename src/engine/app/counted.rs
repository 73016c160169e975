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
        let answer = self.model.ask(question, watch).await;
        match &answer {
            Ok(reply) => {
                self.metrics.model_call(self.name(), "ok");
                self.metrics.tokens(Direction::Input, reply.usage.input_tokens);
                self.metrics.tokens(Direction::Output, reply.usage.output_tokens);
                if let Some(price) = self.price() {
                    self.metrics.usd(price.of(&reply.usage));
                }
            }
            Err(error) => self.metrics.model_call(self.name(), error.code()),
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
