//! From a run at rest to the document and the lines a person reads.

use super::{
    document::{Asked, Cost, Document, File, Line, Outcome, PlanLine},
    run::Ended,
    wiring::Wiring,
};
use crate::{
    git::FileChange,
    limits::shown as limits,
    report::{Class, Report},
    run::{self, Cause, Hold, Run},
};

/// Whether a person's approval is all that is missing.
pub(super) fn waits_for_approval(run: &Run) -> bool {
    matches!(run.state.hold, Some(Hold::Paused { cause: Cause::Approval }))
}

/// Whether it stopped because of something that may be over by now: a full disk, a server that did not answer.
pub(super) fn is_held_up(run: &Run) -> bool {
    let is_about_the_world = matches!(run.cause(), Some(Cause::Failed { .. } | Cause::Refused));
    // a branch that holds a part may have been merged or deleted meanwhile
    is_about_the_world
        && run.state.branch.is_none()
        && run.error().is_some_and(|error| error.class == Class::Transient)
}

/// Whether nothing more will happen by itself.
pub(super) fn is_at_rest(run: &Run) -> bool {
    matches!(run.state.hold, Some(Hold::Paused { .. } | Hold::Closed { .. }))
}

/// The document of a run at rest, and its diff.
pub(super) async fn ended(wiring: &Wiring, run: &Run) -> Ended {
    let mut document = document(wiring, run).await;
    let mut diff = String::new();
    if let Some(branch) = &run.state.branch {
        document.branch = Some(branch.name.clone());
        document.head = Some(branch.head.to_string());
        let seen = wiring.changes(&branch.tree).await;
        document.files = seen.0.into_iter().map(file).collect();
        diff = seen.1;
    }
    let exit = document.outcome.exit();
    Ended { document, exit, diff, held: None }
}

async fn document(wiring: &Wiring, run: &Run) -> Document {
    let (outcome, error) = outcome(run);
    let receipt = run.state.receipt.clone().unwrap_or_default();
    let base = wiring.base.commit.to_string();
    let mut notes: Vec<String> = Vec::new();
    let why = run.state.unverified_why.clone().filter(|_| outcome == Outcome::Unverified);
    for note in receipt.notes.iter().chain(&why).chain(&wiring.notes) {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    if run.state.fixes > 0 {
        notes.push(format!("the checks failed at first; this is{}", run::reply::fixed(run)));
    }
    let mut checks = Vec::new();
    for check in &receipt.commands {
        checks.push(line(check, tail(wiring, check).await));
    }
    Document {
        run: Some(run.id.to_string()),
        outcome,
        branch: None,
        head: Some(base.clone()),
        base: Some(base),
        summary: summary(run),
        files: Vec::new(),
        receipt: checks,
        verified: outcome == Outcome::Proposed,
        plan: plan(run),
        cost: cost(wiring, run).await,
        question: question(run),
        error: error.as_ref().map(Into::into),
        notes,
    }
}

/// A run that was left in mid-work, as far as it got: what was spent and kept is told whatever went wrong.
pub(super) async fn left(wiring: &Wiring, why: &Ended) -> Ended {
    let run = match wiring.engine.store().run(&wiring.run.id).await {
        Ok(stored) => stored.run,
        // not even stored: nothing was spent
        Err(_) => wiring.run.clone(),
    };
    let mut ended = ended(wiring, &run).await;
    ended.document.outcome = why.document.outcome;
    ended.document.error = why.document.error.clone();
    ended.document.summary = why.document.summary.clone();
    ended.document.question = None;
    ended.document.verified = false;
    ended.exit = why.exit;
    ended
}

/// What it came to, and why when it is a failure.
fn outcome(run: &Run) -> (Outcome, Option<Report>) {
    use run::Outcome as Closed;
    if let Some(cause) = run.cause() {
        let outcome = match cause {
            Cause::Question { .. } | Cause::Approval => Outcome::Question,
            // the run's minutes are a cap like its money and its steps
            Cause::Budget | Cause::Timeout { .. } => Outcome::OutOfBudget,
            Cause::Failed { .. } | Cause::Conflict { .. } | Cause::Moved | Cause::Refused => Outcome::Failed,
        };
        return (outcome, run.error().map(|error| at_a_terminal(cause, error)));
    }
    let failed = |code: &str, message: &str, hint: &str| {
        (Outcome::Failed, Some(Report::new(Class::Refused, code, message, hint)))
    };
    match run.outcome() {
        Some(Closed::Proposed) => (Outcome::Proposed, None),
        Some(Closed::Unverified) => (Outcome::Unverified, None),
        Some(Closed::Answered) => (Outcome::Answered, None),
        Some(Closed::NoChange) => (Outcome::NoChange, None),
        Some(Closed::Cancelled) => (Outcome::Cancelled, None),
        Some(Closed::VerifyFailed) => failed(
            "verify_failed",
            "the repository's checks fail on the change",
            "look at the receipt and the branch; run again with what you learned, or mend it by hand",
        ),
        Some(Closed::Gone | Closed::Merged | Closed::Abandoned | Closed::Silent) => {
            failed("gone", "what the run was about is gone", "run again")
        }
        None => failed(
            "unfinished",
            "the run stopped in mid-work",
            "run the same command again: it goes on where it stopped",
        ),
    }
}

/// Nobody can say `retry` at a terminal: what to do instead.
fn at_a_terminal(cause: &Cause, mut error: Report) -> Report {
    let hint = match cause {
        Cause::Moved => "their commits are kept; run the same command again, or name another with --branch",
        Cause::Conflict { .. } => "run the same command again, or ask for less at once",
        Cause::Timeout { .. } => "allow more with QUANTUM_BUDGET_MINUTES, or ask for less at once",
        Cause::Question { .. } | Cause::Approval | Cause::Failed { .. } | Cause::Budget | Cause::Refused => {
            return error;
        }
    };
    hint.clone_into(&mut error.hint);
    error
}

fn question(run: &Run) -> Option<Asked> {
    if let Some(question) = run.question() {
        return Some(Asked { text: question.text.clone(), choices: question.choices.clone() });
    }
    let plan = run.state.plan.as_ref().filter(|_| waits_for_approval(run))?;
    let tasks: Vec<_> = plan.tasks.iter().map(|task| format!("{}: {}", task.id, task.title)).collect();
    let text = format!(
        "Approve this plan? {}\n{}\nRun the same command with --yes to go on.",
        plan.summary,
        tasks.join("\n")
    );
    Some(Asked { text, choices: vec!["approve".to_owned()] })
}

fn summary(run: &Run) -> String {
    let said = run.summary();
    match &run.state.plan {
        Some(plan) if said.is_empty() => plan.summary.clone(),
        _ => said,
    }
}

fn plan(run: &Run) -> Vec<PlanLine> {
    let line = |(task, state): (&run::Task, run::TaskState)| PlanLine {
        id: task.id.to_string(),
        role: task.role.clone(),
        title: task.title.clone(),
        needs: task.needs.iter().map(ToString::to_string).collect(),
        state,
    };
    run.tasks().into_iter().map(line).collect()
}

async fn cost(wiring: &Wiring, run: &Run) -> Cost {
    match wiring.engine.store().costs(&run.id).await {
        Ok(costs) => Cost {
            usd: costs.sum.usd.map(crate::ids::Usd::dollars),
            input_tokens: costs.sum.input_tokens,
            output_tokens: costs.sum.output_tokens,
            model_calls: costs.calls,
        },
        // the price of a run whose bookings can't be read is not known: never 0
        Err(_) => Cost::default(),
    }
}

/// The end of what a failing command said; None when it passed, or when the output can't be read any more.
async fn tail(wiring: &Wiring, check: &run::Check) -> Option<String> {
    if check.exit_code == Some(0) {
        return None;
    }
    wiring.engine.store().kept(&check.output).await.ok().map(|output| last_lines(&output))
}

/// The last lines, without colours and control characters.
fn last_lines(output: &[u8]) -> String {
    let cut = output.len().saturating_sub(limits::TAIL_BYTES);
    let text = String::from_utf8_lossy(output.get(cut..).unwrap_or_default());
    // a line whose beginning was cut off says less than none, unless it is the only one
    let whole = text.split_once('\n').filter(|(_, rest)| cut > 0 && !rest.trim().is_empty());
    let text = whole.map_or(text.as_ref(), |(_, rest)| rest);
    let clean = super::progress::clean_lines(&console::strip_ansi_codes(text));
    let lines: Vec<_> = clean.trim_end().lines().map(str::trim_end).collect();
    lines.get(lines.len().saturating_sub(limits::TAIL_LINES)..).unwrap_or_default().join("\n")
}

fn line(check: &run::Check, output_tail: Option<String>) -> Line {
    Line {
        command: check.command.clone(),
        exit_code: check.exit_code,
        seconds: check.millis as f64 / 1000.0,
        output_sha256: check.output.to_string(),
        tests_run: check.tests_run,
        output_tail,
    }
}

fn file(change: FileChange) -> File {
    File { path: change.path, added: change.added, removed: change.removed }
}

/// Files, receipt, cost and branch as lines that line up.
pub(super) fn lines(document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    if !document.files.is_empty() {
        lines.push("\nfiles".to_owned());
        let width = document
            .files
            .iter()
            .map(|file| file.path.chars().count())
            .max()
            .unwrap_or(0)
            .min(limits::PATH_COLUMNS);
        for file in document.files.iter().take(limits::FILES) {
            let count = match (file.added, file.removed) {
                (Some(added), Some(removed)) => format!("+{added} -{removed}"),
                _ => "binary".to_owned(),
            };
            lines.push(format!("  {:width$}  {count}", super::progress::clean(&file.path)));
        }
        if let Some(more) = document.files.len().checked_sub(limits::FILES).filter(|more| *more > 0) {
            lines.push(format!("  … and {more} more"));
        }
    }
    if !document.receipt.is_empty() {
        lines.push("\nreceipt".to_owned());
        for check in &document.receipt {
            let code = check.exit_code.map_or("did not finish".to_owned(), |code| format!("exit {code}"));
            let tests = check.tests_run.map_or(String::new(), |tests| {
                format!(", {}", super::progress::count(u64::from(tests), "test"))
            });
            let command = super::progress::clean(&check.command);
            let hash = check.output_sha256.get(..12).unwrap_or_default();
            lines.push(format!("  {command}: {code}{tests}, {:.1} s, output {hash}", check.seconds));
            let tail = check.output_tail.as_deref().unwrap_or_default();
            lines.extend(tail.lines().map(|line| format!("    | {line}")));
        }
    }
    lines.extend(document.notes.iter().map(|note| format!("  note: {}", super::progress::clean(note))));
    if document.cost.model_calls > 0 {
        let money = document.cost.usd.map_or("price not known".to_owned(), |usd| format!("${usd:.4}"));
        let tokens = document.cost.input_tokens + document.cost.output_tokens;
        let calls = super::progress::count(u64::from(document.cost.model_calls), "model call");
        lines.push(format!("\ncost      {money}, {calls}, {tokens} tokens"));
    }
    lines.push(format!("outcome   {}", words(document.outcome)));
    if let Some(branch) = &document.branch {
        lines.push(format!("branch    {branch}"));
    }
    lines
}

fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Proposed => "proposed: the repository's own checks pass on the branch",
        Outcome::Unverified => "unverified: nothing could tell whether the change works",
        Outcome::Answered => "answered",
        Outcome::NoChange => "no change was needed",
        Outcome::Question => {
            "waiting for a person: put the answer into the request and run again, or --yes for a plan"
        }
        Outcome::Cancelled => "cancelled",
        Outcome::OutOfBudget => {
            "out of budget: raise --budget, --max-steps or QUANTUM_BUDGET_MINUTES and run again"
        }
        Outcome::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_output_is_bounded_and_harmless() {
        let check = |output: &str, expected: &str| assert_eq!(last_lines(output.as_bytes()), expected);
        check("", "");
        check("\u{1b}[31mred\u{1b}[0m\u{7}\r\n\tat x\n\n", "red\n\tat x");
        let many: String = (1..=30).map(|number| format!("{number}\n")).collect();
        assert_eq!(
            last_lines(many.as_bytes()).lines().collect::<Vec<_>>()[..],
            many.lines().collect::<Vec<_>>()[10..]
        );
        let long = format!("{}\nlast", "ä".repeat(limits::TAIL_BYTES));
        check(&long, "last");
        assert!(last_lines("x".repeat(9_999).as_bytes()).len() <= limits::TAIL_BYTES);
    }
}
