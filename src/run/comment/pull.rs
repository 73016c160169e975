//! The pull request: its title and its text.

use super::{
    Facts,
    marker::{Slot, marker},
    parts::{self, fit, grouped, join, mention, span},
};
use crate::{
    intent::cut,
    limits::intent::SUBJECT_BYTES,
    run::{
        Run, Stage, Verdict,
        markdown::{self, cut_middle, plain_line},
    },
};

/// The title. Where drafts are not available, it says that it is one.
pub fn pull_title(title: &str, is_draft_in_words: bool) -> String {
    let draft = if is_draft_in_words { "[draft] " } else { "" };
    cut::line(&format!("{draft}{}", plain_line(title)), SUBJECT_BYTES)
}

/// The text: what was done and why, the evidence, what it cost, and the one line that closes the issue.
pub fn pull_body(run: &Run, verdict: Verdict, facts: &Facts) -> String {
    let evidence = run.state.receipt.as_ref().map(|receipt| parts::receipt(receipt, facts));
    let evidence = evidence.unwrap_or_else(|| "No command was run.".to_owned());
    let link = facts.run_url.as_ref().map(|url| format!(" [Details]({url})")).unwrap_or_default();
    fit(|each| {
        let theirs = |text: &str| markdown::defused(&cut_middle(text, each), &facts.repo_url);
        let done = done(run);
        join(&[
            "## Summary".to_owned(),
            theirs(&summary(run, &done)),
            "## What changed".to_owned(),
            changes(&done, each, facts),
            "## Receipt".to_owned(),
            parts::verdict(run, verdict, facts),
            evidence.clone(),
            "## Cost".to_owned(),
            cost(run, facts),
            format!("Asked for by {} in #{}.{link}", mention(facts), facts.number),
            parts::notes(facts),
            format!("Closes #{}", facts.number),
            marker(&run.id, Slot::Pull),
        ])
    })
}

/// Title and summary of each task that was merged.
fn done(run: &Run) -> Vec<(&str, &str)> {
    let plan = run.state.plan.iter().flat_map(|plan| &plan.tasks);
    let both = plan.zip(&run.state.tasks).filter_map(|(task, attempts)| match &attempts.stage {
        Stage::Done { title, summary } => {
            Some((if title.is_empty() { task.title.as_str() } else { title }, summary.as_str()))
        }
        _ => None,
    });
    both.collect()
}

/// One task speaks for itself; of several, the plan says what they are together.
fn summary(run: &Run, done: &[(&str, &str)]) -> String {
    let plan = run.state.plan.as_ref().map(|plan| plan.summary.as_str()).unwrap_or_default();
    match done {
        [(_, only)] if !only.is_empty() => (*only).to_owned(),
        _ if plan.is_empty() => run.intent.title.clone(),
        _ => plan.to_owned(),
    }
}

fn changes(done: &[(&str, &str)], each: usize, facts: &Facts) -> String {
    let lines = done.iter().map(|(title, summary)| {
        let title = parts::line(title, each, facts);
        let summary = markdown::defused(&cut_middle(summary, each), &facts.repo_url);
        let summary = if done.len() > 1 { summary } else { String::new() };
        let text = if summary.is_empty() { title } else { format!("**{title}**\n\n{summary}") };
        let indented = text.lines().map(|line| format!("  {line}").trim_end().to_owned());
        format!("- {}", indented.collect::<Vec<_>>().join("\n").trim_start())
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn cost(run: &Run, facts: &Facts) -> String {
    let cost = &facts.cost;
    [
        parts::spent(run, facts),
        format!("{} model calls", grouped(cost.model_calls)),
        format!("{} tokens in, {} out", grouped(cost.input_tokens), grouped(cost.output_tokens)),
        span(facts.elapsed),
    ]
    .join(" · ")
}
