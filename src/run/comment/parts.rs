//! What several texts are made of.

use super::{Command, Facts};
use crate::{
    ids::Usd,
    intent::prose::code,
    limits::intent::{BODY_CHARS, LOGIN_CHARS},
    run::{Cause, Check, Outcome, Receipt, Run, Verdict, markdown, reply},
};
use std::time::Duration;

/// The text that `render` makes, which is told how long each text of others may be: as long as the whole still fits.
pub(super) fn fit(render: impl Fn(usize) -> String) -> String {
    let mut each = BODY_CHARS;
    loop {
        let text = render(each);
        if markdown::length(&text) <= BODY_CHARS {
            return text;
        }
        if each == 0 {
            // nothing of ours alone is this long; the end with the marker stays whatever happens
            return markdown::cut_middle(&text, BODY_CHARS - 100);
        }
        each = each * 3 / 4;
    }
}

/// Paragraphs, without the empty ones.
pub(super) fn join(parts: &[String]) -> String {
    let parts: Vec<_> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// A short text of others on a line of ours; never nothing.
pub(super) fn line(text: &str, each: usize, facts: &Facts) -> String {
    let made = markdown::defused(&markdown::cut_middle(text, each), &facts.repo_url);
    let made = made.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    if made.is_empty() { code(text) } else { made }
}

/// Begun like a sentence.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| format!("{}{}", first.to_uppercase(), chars.as_str()))
}

/// The one mention.
pub(super) fn mention(facts: &Facts) -> String {
    let login = &facts.requester.login;
    let is_login = (1..=LOGIN_CHARS).contains(&login.len())
        && login.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if is_login { format!("@{login}") } else { code(login) }
}

/// What somebody can say to a run that stopped.
pub(super) fn way_on(run: &Run) -> String {
    let (retry, cancel) = (Command::Retry.shown(), Command::Cancel.shown());
    if matches!(run.outcome(), Some(Outcome::Cancelled | Outcome::VerifyFailed)) {
        return format!("{retry} lets it go on.");
    }
    match run.cause() {
        None | Some(Cause::Question { .. } | Cause::Approval) => String::new(),
        Some(Cause::Budget) => {
            format!("{retry} lets it go on with the same budget once more; {cancel} ends it.")
        }
        Some(
            Cause::Conflict { .. }
            | Cause::Failed { .. }
            | Cause::Moved
            | Cause::Timeout { .. }
            | Cause::Refused,
        ) => format!("{retry} lets it go on; {cancel} ends it."),
    }
}

/// Time, money, and where to see more.
pub(super) fn spent_line(run: &Run, facts: &Facts) -> String {
    let mut parts = vec![span(facts.elapsed), spent(run, facts)];
    parts.extend(facts.run_url.as_ref().map(|url| format!("[details]({url})")));
    parts.join(" · ")
}

/// Money, and of how much.
pub(super) fn spent(run: &Run, facts: &Facts) -> String {
    match (facts.cost.usd, run.allowance().usd) {
        (Some(usd), Some(cap)) => format!("{} of {}", money(usd), money(cap)),
        (Some(usd), None) => money(usd),
        (None, _) => "cost not known: the model has no price".to_owned(),
    }
}

/// What else the thread should know.
pub(super) fn notes(facts: &Facts) -> String {
    facts.notes.join("\n\n")
}

/// Dollars and cents; more digits below a cent.
pub(super) fn money(usd: Usd) -> String {
    if usd.0 == 0 || usd.0 >= 10_000 { format!("${:.2}", usd.dollars()) } else { usd.to_string() }
}

/// A span as people say it.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A number with separators.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What is known about what was published, in one sentence.
pub(super) fn verdict(run: &Run, verdict: Verdict, facts: &Facts) -> String {
    match verdict {
        Verdict::Verified => "The repository's own checks pass.".to_owned(),
        Verdict::Unverified => {
            let why = run.state.unverified_why.as_deref().unwrap_or("no check was run");
            let why = markdown::defused(why, &facts.repo_url);
            format!("**Not verified**: {}", reply::sentence(&why))
        }
        Verdict::Failed => {
            let tried = match run.state.fixes {
                0 => String::new(),
                1 => " after 1 attempt to fix them".to_owned(),
                n => format!(" after {n} attempts to fix them"),
            };
            format!("**The repository's own checks fail{tried}.** This is a start, not a result.")
        }
    }
}

/// The commands that were run, with how they ended, and what the reader should know about them.
pub(super) fn receipt(receipt: &Receipt, facts: &Facts) -> String {
    let notes = receipt.notes.iter().map(|note| markdown::defused(note, &facts.repo_url));
    let notes: Vec<_> = notes.map(|note| format!("- {}", note.replace('\n', "\n  "))).collect();
    if receipt.commands.is_empty() {
        return join(&["No command was run.".to_owned(), notes.join("\n")]);
    }
    let mut lines = vec!["| Command | Exit code | Time | Tests |".to_owned(), "|---|---|---|---|".to_owned()];
    lines.extend(receipt.commands.iter().map(row));
    join(&[lines.join("\n"), notes.join("\n")])
}

fn row(check: &Check) -> String {
    let command = code(&check.command).replace('|', "\\|");
    let end = check.exit_code.map_or("did not finish".to_owned(), |code| code.to_string());
    let old = if check.failed_on_base { ", as without the changes" } else { "" };
    let tests = check.tests_run.map_or("–".to_owned(), |n| n.to_string());
    let tenths = check.millis.saturating_add(50) / 100;
    format!("| {command} | {end}{old} | {}.{} s | {tests} |", tenths / 10, tenths % 10)
}
