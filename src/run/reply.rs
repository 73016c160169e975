//! Every text a run says: pure functions of the run, for a terminal and for a thread alike. Plain: what was done,
//! what is next. The agents' own words are in it as they gave them, cut to their bounds.

use super::{Branch, Cause, Check, Ground, Outcome, Phase, Receipt, Run, Stage, Verdict};
use crate::{
    intent::{command::Command, cut},
    limits::run::REPLY_BYTES,
};

/// The phase as one word.
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued => "queued",
        Phase::Planning => "planning",
        Phase::Working => "working",
        Phase::Verifying => "verifying",
        Phase::Publishing => "publishing",
        Phase::Watching => "watching",
        Phase::Paused => "paused",
        Phase::Closed => "closed",
    }
}

/// Where the run is, in one line, e.g. `paused: question`.
pub fn label(run: &Run) -> String {
    let phase = phase(run.phase());
    match (run.cause().map(cause), run.outcome().map(outcome)) {
        (Some(why), _) | (None, Some(why)) => format!("{phase}: {why}"),
        (None, None) => phase.to_owned(),
    }
}

/// Where the run is, as people say it: a clause without a full stop.
pub fn whereabouts(run: &Run) -> &'static str {
    match (run.phase(), run.cause(), run.outcome()) {
        (_, Some(cause), _) => match cause {
            Cause::Question { .. } => "it waits for an answer",
            Cause::Approval => "it waits for its plan to be approved",
            Cause::Conflict { .. } => "it stopped, because its changes conflict",
            Cause::Failed { .. } => "it stopped, because a task failed",
            Cause::Moved => "it stopped, because somebody else changed its branch",
            Cause::Budget => "it stopped at its budget",
            Cause::Timeout { .. } => "it stopped, because it took too long",
            Cause::Refused => "it stopped, because something was refused",
        },
        (_, None, Some(outcome)) => match outcome {
            Outcome::Proposed | Outcome::Unverified | Outcome::VerifyFailed => {
                "it is over, and its branch is written"
            }
            Outcome::Answered => "it is over, and answered",
            Outcome::NoChange => "it is over, and nothing was to change",
            Outcome::Cancelled => "it was cancelled",
            Outcome::Gone => "what it was about is gone",
            Outcome::Merged => "its pull request is merged",
            Outcome::Abandoned => "its pull request was closed by a person",
            Outcome::Silent => "it is over, because nobody answered",
        },
        (Phase::Queued, None, None) => "it waits for its turn",
        (Phase::Planning, None, None) => "its plan is being made",
        (Phase::Working, None, None) => "it is at work",
        (Phase::Verifying, None, None) => "the repository's own checks are running",
        (Phase::Publishing, None, None) => "it is being published",
        (Phase::Watching, None, None) => "its pull request is open",
        // neither is without its reason
        (Phase::Paused, None, None) => "it stopped",
        (Phase::Closed, None, None) => "it is over",
    }
}

/// The cause of a pause as one word.
pub fn cause(cause: &Cause) -> &'static str {
    match cause {
        Cause::Question { .. } => "question",
        Cause::Approval => "approval",
        Cause::Conflict { .. } => "conflict",
        Cause::Failed { .. } => "failed",
        Cause::Moved => "moved",
        Cause::Budget => "budget",
        Cause::Timeout { .. } => "timeout",
        Cause::Refused => "refused",
    }
}

/// How it ended, as one word.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Proposed => "proposed",
        Outcome::Unverified => "unverified",
        Outcome::VerifyFailed => "verify_failed",
        Outcome::Answered => "answered",
        Outcome::NoChange => "no_change",
        Outcome::Cancelled => "cancelled",
        Outcome::Gone => "gone",
        Outcome::Merged => "merged",
        Outcome::Abandoned => "abandoned",
        Outcome::Silent => "silent",
    }
}

/// The end of a run.
pub fn end(run: &Run) -> String {
    let answer = || run.state.answer.as_ref().map(|a| a.text.clone()).unwrap_or_default();
    match run.outcome() {
        Some(Outcome::Proposed | Outcome::Unverified | Outcome::VerifyFailed) => published(run),
        Some(Outcome::Answered) => cut::text(&answer(), REPLY_BYTES),
        Some(Outcome::NoChange) => text(&["Nothing was changed.".to_owned(), summary(run)]),
        Some(Outcome::Cancelled) => text(&["Cancelled.".to_owned(), unpublished(run), kept(run)]),
        Some(Outcome::Gone) => gone(run, "what it was about"),
        Some(Outcome::Merged) => text(&["Merged by a person.".to_owned()]),
        Some(Outcome::Abandoned) => text(&["Closed by a person.".to_owned(), kept(run)]),
        Some(Outcome::Silent) | None => String::new(),
    }
}

/// Published: what was done, what is known about it, where it is.
pub fn published(run: &Run) -> String {
    let state = &run.state;
    let verdict = match &state.ground {
        Ground::Publishing { verdict, .. } | Ground::Watching { verdict, .. } => *verdict,
        Ground::Queued | Ground::Planning { .. } | Ground::Working | Ground::Verifying { .. } => {
            Verdict::Unverified
        }
    };
    let said = match verdict {
        Verdict::Verified => format!("The checks pass{}:", fixed(run)),
        Verdict::Unverified => {
            format!(
                "Not verified: {}",
                sentence(state.unverified_why.as_deref().unwrap_or("no check was run"))
            )
        }
        Verdict::Failed if state.fixes == 0 => "The checks fail:".to_owned(),
        Verdict::Failed => format!("The checks still fail{}:", fixed(run)),
    };
    let next = match verdict {
        Verdict::Verified => "Next: look at the changes and merge the branch.",
        Verdict::Unverified => "Next: look at the changes and try them before you merge the branch.",
        Verdict::Failed => "Next: look at what fails; the branch is a start, not a result.",
    };
    let checks = state.receipt.as_ref().map(receipt).unwrap_or_default();
    text(&[title(run), summary(run), format!("{said}\n{checks}"), kept(run), next.to_owned()])
}

/// A pause that nobody was asked about.
pub fn pause(run: &Run) -> String {
    let error = run.error();
    let (message, hint) = error.map(|e| (e.message, e.hint)).unwrap_or_default();
    let first = match run.cause() {
        Some(Cause::Failed { task }) => format!("Stopped: the task {task} failed: {}", sentence(&message)),
        Some(Cause::Budget) => format!("Stopped before it costs more: {}", sentence(&message)),
        _ => format!("Stopped: {}", sentence(&message)),
    };
    let next = if hint.is_empty() { hint } else { format!("Next: {}", sentence(&hint)) };
    text(&[first, progress(run), kept(run), next])
}

/// What the run was about, or our access to it, is gone.
pub fn gone(run: &Run, what: &str) -> String {
    text(&[format!("Stopped: {what} is gone or can't be reached any more."), unpublished(run), kept(run)])
}

/// Somebody said `retry` where there is nothing to.
pub fn nothing_to_retry(run: &Run) -> String {
    let first = format!("There is nothing to retry in this run: {}.", whereabouts(run));
    if !run.rules.watch {
        return first;
    }
    let (build, cancel) = (Command::Build.shown(), Command::Cancel.shown());
    match run.phase() {
        Phase::Watching => {
            format!("{first} When it is merged or closed, {build} on an issue starts another.")
        }
        Phase::Closed => format!("{first} {build} on an issue starts another."),
        Phase::Queued
        | Phase::Planning
        | Phase::Working
        | Phase::Verifying
        | Phase::Publishing
        | Phase::Paused => {
            format!("{first} {cancel} ends it.")
        }
    }
}

/// The plan, for the person who is to approve it.
pub fn plan(run: &Run) -> String {
    let Some(plan) = &run.state.plan else { return String::new() };
    let tasks = plan.tasks.iter().zip(1..).map(|(task, number)| {
        let needs = task.needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let needs = if needs.is_empty() { needs } else { format!(", after {needs}") };
        format!("{number}. {} ({}: {}{needs})", task.title, task.id, task.role)
    });
    let sure = format!("The planner is {} % sure.", plan.confidence);
    text(&[plan.summary.clone(), tasks.collect::<Vec<_>>().join("\n"), sure])
}

/// The subject and the text of the commit, with the run's trailer as its last line.
pub fn commit(run: &Run, verdict: Verdict) -> (String, String) {
    let verdict = match verdict {
        Verdict::Verified => format!("Verified by the repository's own checks{}.", fixed(run)),
        Verdict::Unverified => "Not verified.".to_owned(),
        Verdict::Failed => format!("The repository's own checks fail{}.", fixed(run)),
    };
    let body = text(&[summary(run), verdict]);
    (title(run), format!("{body}\n\nQuantum-Run: {}/{}", run.id, run.round))
}

/// That a change was refused and why, where nothing else says it.
pub fn withheld(run: &Run) -> Option<String> {
    let why = run.state.withheld.as_ref()?;
    let is_said = run.error().is_some_and(|error| error.message == *why);
    (!is_said).then(|| format!("A change was refused, and nothing of it was kept: {}", sentence(why)))
}

/// What was done, or what was said instead of it.
pub fn summary(run: &Run) -> String {
    let done = run.state.tasks.iter().filter_map(|a| match &a.stage {
        Stage::Done { title, summary } if !title.is_empty() => Some((title, summary)),
        _ => None,
    });
    let done: Vec<_> = done.collect();
    match done.as_slice() {
        [] => run.state.answer.as_ref().map(|a| a.text.clone()).unwrap_or_default(),
        [(_, summary)] => (*summary).clone(),
        many => {
            let parts: Vec<_> = many
                .iter()
                .map(|(title, summary)| format!("{title}\n{summary}").trim_end().to_owned())
                .collect();
            text(&parts)
        }
    }
}

/// How often what failed was worked on, for the end of a sentence; empty when it never was.
pub fn fixed(run: &Run) -> String {
    match run.state.fixes {
        0 => String::new(),
        1 => " after 1 attempt to fix them".to_owned(),
        n => format!(" after {n} attempts to fix them"),
    }
}

/// The commands of a receipt, one a line, then its notes.
pub fn receipt(receipt: &Receipt) -> String {
    let commands = receipt.commands.iter().map(check);
    let notes = receipt.notes.iter().map(|note| format!("- {note}"));
    commands.chain(notes).collect::<Vec<_>>().join("\n")
}

fn check(check: &Check) -> String {
    let end = match check.exit_code {
        Some(code) => format!("exited {code}"),
        None => "did not finish".to_owned(),
    };
    let tests = check.tests_run.map(|n| format!(", {n} tests")).unwrap_or_default();
    let old = if check.failed_on_base { ", as it does without the changes" } else { "" };
    let tenths = check.millis.saturating_add(50) / 100;
    format!("- `{}` {end} after {}.{} s{tests}{old}", check.command, tenths / 10, tenths % 10)
}

/// The proposal's own subject when there is one, else what was asked for.
fn title(run: &Run) -> String {
    let mut done = run.state.tasks.iter().filter_map(|a| match &a.stage {
        Stage::Done { title, .. } if !title.is_empty() => Some(title),
        _ => None,
    });
    match (done.next(), done.next()) {
        (Some(only), None) => only.clone(),
        (None, _) | (Some(_), Some(_)) => run.intent.title.clone(),
    }
}

/// How much of the plan is done.
fn progress(run: &Run) -> String {
    let all = run.state.tasks.len();
    let done = run.state.tasks.iter().filter(|a| a.is_done()).count();
    if all == 0 { String::new() } else { format!("Tasks done: {done} of {all}.") }
}

/// How much of the plan is done, where that is all there is to see of it.
fn unpublished(run: &Run) -> String {
    let is_here = run.rules.watch && run.state.branch.is_none() && run.state.has_changes();
    if is_here { progress(run) } else { String::new() }
}

/// Where the changes are.
fn kept(run: &Run) -> String {
    let is_kept = |b: &&Branch| Some(&b.tree) == run.state.tree.as_ref();
    match &run.state.branch {
        Some(Branch { name, head, .. }) => {
            let short = head.as_str().get(..12).unwrap_or(head.as_str());
            let older =
                if run.state.branch.iter().any(|b| is_kept(&b)) { "" } else { " (not the newest ones)" };
            format!("The changes{older} are on the branch {name} ({short}).")
        }
        None if !run.state.has_changes() => "Nothing was written.".to_owned(),
        // a publishing may have begun: whoever says this looks how far it came
        None if run.rules.watch && matches!(run.state.ground, Ground::Publishing { .. }) => {
            "What is done is kept on the server for a retry.".to_owned()
        }
        None if run.rules.watch => {
            "What is done is kept on the server for a retry; nothing is on GitHub yet.".to_owned()
        }
        None => "The changes could not be written to a branch.".to_owned(),
    }
}

/// With a full stop, unless it ends by itself; the end of a code block stays alone on its line.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim_end();
    let is_ended = text.is_empty() || text.ends_with(['.', '!', '?', ':']) || text.ends_with("```");
    if is_ended { text.to_owned() } else { format!("{text}.") }
}

/// Paragraphs, without the empty ones.
fn text(parts: &[String]) -> String {
    let parts: Vec<_> = parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty()).collect();
    cut::text(&parts.join("\n\n"), REPLY_BYTES)
}
