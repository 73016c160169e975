//! `quantum run`: a request, a local repository, no server. The result is a branch and a document.

use super::{
    Exit,
    args::RunArgs,
    document::{Asked, Document, Outcome},
    outcome, progress, put, say,
    signal::Interrupts,
    wiring::{self, Wiring},
};
use crate::{
    clock::Clock,
    intent::{Intent, IntentError},
    limits::config as limits,
    report::{Class, Hint, Report},
    run::{Event, Run},
};
use std::{
    io::{IsTerminal, Read},
    path::Path,
};

/// Which model answers.
pub(super) enum ModelChoice {
    /// By the settings.
    Settings,
    /// By name, over the settings.
    Named(String),
    /// A conversation that ships with the program.
    Recorded { name: &'static str, lines: &'static str },
}

/// A run that is over, or one that never began.
pub(super) struct Ended {
    pub(super) document: Document,
    pub(super) exit: Exit,
    /// For a person: the change as a diff.
    pub(super) diff: String,
    /// What it was worked with, and the lease that is given back when the end was told.
    pub(super) held: Option<Wiring>,
}

impl Ended {
    /// It never became a run: the command line is wrong (exit 2), or the machine lacks something (exit 1).
    pub(super) fn refused(report: &Report, exit: Exit) -> Self {
        Self { document: Document::failed(report), exit, diff: String::new(), held: None }
    }

    /// It was told. A process that dies before this is followed by whoever asks the same: they are told this end.
    pub(super) async fn told(&self) {
        if let Some(wiring) = &self.held {
            wiring.engine.leave(&wiring.lease).await;
        }
    }

    /// Left by a person: before there was a run, or at once in the middle of one.
    fn interrupted() -> Self {
        let hint = "run the same command again to go on where it stopped";
        let report = Report::new(Class::Refused, "interrupted", "interrupted", hint);
        let mut ended = Self::refused(&report, Exit::Failed);
        ended.document.outcome = Outcome::Cancelled;
        ended
    }
}

pub(super) async fn run(args: RunArgs) -> Exit {
    let request = match request(&args) {
        Ok(request) => request,
        Err(report) => {
            say(&report.terminal());
            return Exit::Usage;
        }
    };
    let model = args.model.clone().map_or(ModelChoice::Settings, ModelChoice::Named);
    let ended = perform(&args, &request, model).await;
    if args.json && ended.exit != Exit::Usage {
        let text = serde_json::to_string(&ended.document).unwrap_or_default();
        if !put(&format!("{text}\n")) {
            // it counts as not told: the next one is told this end, and nothing is paid again
            say(
                "error: the document could not be written to standard output; run the same command again to get it",
            );
            return Exit::Failed;
        }
        ended.told().await;
        return ended.exit;
    }
    let exit = show(&ended, false);
    ended.told().await;
    if let Some(branch) = &ended.document.branch {
        let is_bare = ended.held.as_ref().is_some_and(Wiring::is_bare);
        say(&next_steps(&args.repo, is_bare, branch, ended.document.outcome));
    }
    exit
}

/// What a person does with a branch: only what was verified is offered without a word, and what failed is not offered.
fn next_steps(repo: &Path, is_bare: bool, branch: &str, outcome: Outcome) -> String {
    let git = match repo.to_str() {
        Some(".") | None => "git".to_owned(),
        Some(folder) => format!("git -C {}", crate::tool::shell::quoted(folder)),
    };
    let look =
        if is_bare { format!("{git} log -p -1 {branch}") } else { format!("{git} diff HEAD...{branch}") };
    let mut steps = vec![("look at it", look)];
    // a repository without a work tree has nowhere to merge
    if let Some(take) = take(outcome).filter(|_| !is_bare) {
        steps.push((take, format!("{git} merge {branch}")));
    }
    steps.push(("drop it", format!("{git} branch -D {branch}")));
    let width = steps.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
    let lines: Vec<_> = steps.iter().map(|(what, command)| format!("{what:<width$}  {command}")).collect();
    lines.join("\n")
}

/// What taking a branch is called; None when it is not offered.
pub(super) fn take(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Proposed => Some("take it"),
        Outcome::Unverified => Some("take it unverified"),
        Outcome::Failed
        | Outcome::Cancelled
        | Outcome::OutOfBudget
        | Outcome::Question
        | Outcome::Answered
        | Outcome::NoChange => None,
    }
}

/// Everything between the command line and the document.
pub(super) async fn perform(args: &RunArgs, request: &str, model: ModelChoice) -> Ended {
    let clock = Clock::System;
    let intent = match Intent::build(request, args.role.as_deref()) {
        Ok(intent) => intent,
        Err(error) => return Ended::refused(&error.report(), Exit::Usage),
    };
    let mut interrupts = Interrupts::listen();
    let prepared = tokio::select! {
        prepared = wiring::prepare(args, request, intent, model, &clock) => prepared,
        () = interrupts.next() => return Ended::interrupted(),
    };
    let wiring = match prepared {
        Ok(wiring) => wiring,
        Err((report, exit)) => return Ended::refused(&report, exit),
    };
    let display = progress::Display::new(clock);
    let driven = tokio::select! {
        driven = drive(&wiring, args.yes, &display) => driven.map_err(|report| Ended::refused(&report, Exit::Failed)),
        () = interrupts.second(&wiring.cancel, &display) => Err(Ended::interrupted()),
    };
    display.finish();
    let ended = match driven {
        Ok(run) => outcome::ended(&wiring, &run).await,
        Err(why) => outcome::left(&wiring, &why).await,
    };
    Ended { held: Some(wiring), ..ended }
}

/// Drives the run until it rests; a plan that waits for approval goes on when `--yes` was given.
async fn drive(wiring: &Wiring, yes: bool, display: &progress::Display) -> Result<Run, Report> {
    let (engine, lease, watch) = (&wiring.engine, &wiring.lease, display.watch());
    let is_approved = |run: &Run| yes && outcome::waits_for_approval(run) && !wiring.cancel.is_cancelled();
    let mut run = wiring.run.clone();
    let mut tries_again = outcome::is_held_up(&run);
    display.begin(&run);
    loop {
        if std::mem::take(&mut tries_again) {
            engine.tell(&run.id, &Event::Retried).await?;
        } else if is_approved(&run) {
            engine.tell(&run.id, &Event::Approved).await?;
        }
        run = engine.drive_under(lease, &wiring.cancel, &watch).await?;
        if outcome::is_at_rest(&run) && !is_approved(&run) {
            return Ok(run);
        }
    }
}

/// The request from the command line, a file or standard input; an unreadable one is wrong usage.
fn request(args: &RunArgs) -> Result<String, Report> {
    let text = match (&args.request, &args.issue) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) if path.as_os_str() == "-" => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().take(limits::REQUEST_BYTES + 1).read_to_end(&mut bytes);
            lossy(read.map(|_| bytes), "standard input")?
        }
        (None, Some(path)) => {
            let file = std::fs::File::open(path).and_then(|file| {
                let mut bytes = Vec::new();
                file.take(limits::REQUEST_BYTES + 1).read_to_end(&mut bytes).map(|_| bytes)
            });
            lossy(file, &path.display().to_string())?
        }
        (None, None) => String::new(),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim().is_empty() {
        return Err(IntentError::Empty.report());
    }
    Ok(text.to_owned())
}

fn lossy(bytes: std::io::Result<Vec<u8>>, from: &str) -> Result<String, Report> {
    let bytes = bytes.map_err(|error| {
        Report::new(
            Class::Refused,
            "no_request",
            format!("{from} can't be read: {error}"),
            "name a readable file, or `-` for standard input",
        )
    })?;
    if bytes.len() as u64 > limits::REQUEST_BYTES {
        let hint = format!(
            "say it in at most {} KiB; name files in the repository for the rest",
            limits::REQUEST_BYTES / 1024
        );
        return Err(Report::new(
            Class::Refused,
            "long_request",
            format!("{from} is too long for a request"),
            hint,
        ));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The end for a person: what came of it, the diff when wanted, the receipt, the cost, what to do next.
pub(super) fn show(ended: &Ended, with_diff: bool) -> Exit {
    let document = &ended.document;
    let said = progress::clean_lines(&document.summary);
    if let Some(error) = &document.error {
        say(&format!("\nerror: {}", progress::clean_lines(&error.message)));
        if !error.hint.is_empty() {
            say(&format!("  hint: {}", progress::clean_lines(&error.hint)));
        }
    } else if !said.is_empty() && document.outcome != Outcome::Answered {
        say(&format!("\n{said}"));
    }
    if with_diff && !ended.diff.is_empty() {
        say(&format!("\n{}", progress::diff(&ended.diff)));
    }
    if ended.exit == Exit::Usage {
        return ended.exit;
    }
    for line in outcome::lines(document) {
        say(&line);
    }
    if document.outcome == Outcome::Answered || document.outcome == Outcome::Question {
        let text = document.question.as_ref().map_or(document.summary.clone(), asked);
        put(&format!("{}\n", progress::clean_lines(&text)));
    } else if let Some(branch) = document.branch.as_ref().filter(|_| !std::io::stdout().is_terminal()) {
        // for a program; a person reads it a line above
        put(&format!("{branch}\n"));
    }
    ended.exit
}

/// A question with what may be answered; a single choice is an approval, and its text says how.
fn asked(question: &Asked) -> String {
    let choices = question.choices.iter().filter(|_| question.choices.len() > 1);
    choices.fold(question.text.clone(), |text, choice| format!("{text}\n  - {choice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_interrupts_cancels() {
        let ended = Ended::interrupted();
        assert_eq!((ended.document.outcome, ended.exit), (Outcome::Cancelled, Exit::Failed));
        assert_eq!(ended.document.outcome.exit(), ended.exit);
    }
}
