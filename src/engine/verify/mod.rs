//! Verify: the repository's own checks on exactly the tree that is committed, and what their end means.
//!
//! A command that did not finish is never a pass. A detected command passes when it exits 0 and a runner we know says that
//! tests ran; one whose output nobody can read proves nothing. A command that a person named in the configuration passes
//! by its exit code, unless a runner we know says that no test ran. One that fails runs once on the base commit too: only
//! what did not fail there counts as a failure of the change. A change that touches the checks themselves is verified by
//! what is left of them, so the receipt says what it touched and how many tests the base commit runs; one that takes a
//! whole check away is not verified.

pub mod anew;
pub mod count;
pub mod detect;
pub mod weaker;

use crate::{
    ids::ContentHash,
    limits::verify as limits,
    report::Report,
    run::{Check, Receipt, Verdict},
};
use async_trait::async_trait;
use count::{Counts, count};
use detect::{CheckCommand, Runner};
use std::collections::BTreeSet;

/// Which tree a command runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The change.
    Change,
    /// The base commit.
    Base,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// None: it did not finish.
    pub exit_code: Option<i32>,
    /// Wall time.
    pub millis: u64,
    /// Standard output and error as captured.
    pub output: Vec<u8>,
}

/// Runs commands and keeps outputs. The real one has sandboxes; a test has a table.
#[async_trait]
pub trait Desk: Send {
    /// Runs a command to its end.
    async fn run(&mut self, command: &str, on: On) -> Result<Ended, Report>;
    /// Keeps an output whole.
    async fn keep(&mut self, output: &[u8]) -> Result<ContentHash, Report>;
}

/// What the checks say about the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// `Failed`: they fail where the base does not.
    pub verdict: Verdict,
    /// Why they can't tell and what to do next, where they can't.
    pub why: String,
    /// What ran and how it ended.
    pub receipt: Receipt,
}

/// What one command says.
enum One {
    /// It passes, and tests ran.
    Pass,
    /// It passes, and no test ran.
    NoTests,
    /// It passes, says nothing of tests, and the repository's configuration names it as its check.
    Trusted,
    /// It passes, and nobody knows whether tests ran.
    Unknown,
    /// It fails as it does on the base commit; the names that fail, none where nothing names them.
    Old(Vec<String>),
    /// It does not finish, here or on the base commit.
    Endless,
    /// It can't even start, here or on the base commit: a program is missing.
    Missing,
    /// It fails where the base does not: the names that are new, and those that are not.
    New(Vec<String>, Vec<String>),
}

/// What there is to check.
#[derive(Clone, Debug, Default)]
pub struct Checks<'a> {
    /// The commands, by the tree of the change.
    pub commands: &'a [CheckCommand],
    /// Commands of the base that the change no longer has.
    pub taken_away: Vec<String>,
    /// Those of the commands that the change defines anew.
    pub redefined: Vec<String>,
    /// What of the change could weaken the checks, in words.
    pub signs: Vec<String>,
}

/// How many tests an output tells about, when it tells exactly.
pub fn tests_run(output: &[u8]) -> Option<u32> {
    count(output).filter(|counts| counts.exact).map(|counts| counts.run)
}

/// Runs all commands and judges.
pub async fn check(checks: &Checks<'_>, desk: &mut dyn Desk) -> Result<Judged, Report> {
    let mut receipt = Receipt { notes: checks.signs.clone(), ..Receipt::default() };
    let mut said = Vec::new();
    for command in checks.commands {
        let ended = desk.run(&command.command, On::Change).await?;
        let counts = count(&ended.output);
        let one = judge(command, &ended, counts.as_ref(), desk).await?;
        if ended.exit_code == Some(0) && !checks.signs.is_empty() {
            receipt.notes.extend(fewer(command, counts.as_ref(), desk).await?);
        }
        receipt.commands.push(Check {
            command: command.command.clone(),
            exit_code: ended.exit_code,
            millis: ended.millis,
            output: desk.keep(&ended.output).await?,
            tests_run: counts.filter(|counts| counts.exact).map(|counts| counts.run),
            failed_on_base: matches!(one, One::Old(_) | One::Endless | One::Missing),
        });
        receipt.notes.extend(note(command, &one));
        said.push((command, one));
    }
    if said.iter().any(|(_, one)| matches!(one, One::New(..))) {
        return Ok(Judged { verdict: Verdict::Failed, why: String::new(), receipt });
    }
    if let Some(why) = doubt(&said, checks) {
        return Ok(Judged { verdict: Verdict::Unverified, why, receipt });
    }
    receipt.notes.extend(said.iter().filter_map(|(command, one)| silent(command, one)));
    Ok(Judged { verdict: Verdict::Verified, why: String::new(), receipt })
}

/// How many tests the base commit runs, when that is more.
async fn fewer(
    command: &CheckCommand,
    counts: Option<&Counts>,
    desk: &mut dyn Desk,
) -> Result<Option<String>, Report> {
    let base = desk.run(&command.command, On::Base).await?;
    let now = counts.map_or(0, |counts| counts.run);
    let before = count(&base.output).filter(|before| before.run > now);
    Ok(before.map(|before| {
        format!(
            "tests that `{}` ran: {now} on the change, {} on the base commit",
            command.command, before.run
        )
    }))
}

/// What a pass of the others does not cover.
fn silent(command: &CheckCommand, one: &One) -> Option<String> {
    match one {
        One::NoTests => Some(format!("`{}` ran no test", command.command)),
        One::Unknown => Some(format!("`{}` exited 0 without telling whether tests ran", command.command)),
        One::Pass | One::Trusted | One::Old(..) | One::Endless | One::Missing | One::New(..) => None,
    }
}

async fn judge(
    command: &CheckCommand,
    ended: &Ended,
    counts: Option<&Counts>,
    desk: &mut dyn Desk,
) -> Result<One, Report> {
    if ended.exit_code == Some(0) {
        return Ok(match (counts, command.runner) {
            (Some(counts), _) if counts.run == 0 => One::NoTests,
            (Some(_), _) => One::Pass,
            (None, Runner::Named) => One::Trusted,
            (None, Runner::Known) => One::Unknown,
        });
    }
    let base = desk.run(&command.command, On::Base).await?;
    Ok(against(&base, ended, counts))
}

/// What a failure means next to the base commit's end.
fn against(base: &Ended, ended: &Ended, counts: Option<&Counts>) -> One {
    let before = count(&base.output);
    let names = |counts: Option<&Counts>| counts.map(|counts| counts.failing.clone()).unwrap_or_default();
    let (now, old) = (names(counts), names(before.as_ref()));
    let passes = base.exit_code == Some(0);
    // one that does not finish any more hides what it did not come to
    let hangs = ended.exit_code.is_none() && base.exit_code.is_some();
    let is_old = match (now.is_empty(), old.is_empty()) {
        // both name what fails: only names that are new count
        (false, false) => now.is_subset(&old),
        // neither does: the same end, and no complaint that the base does not make
        (true, true) => ended.exit_code == base.exit_code && !complains_anew(&ended.output, &base.output),
        // one got as far as naming tests and the other did not: it is not the same failure
        (false, true) | (true, false) => false,
    };
    if passes || hangs || !is_old {
        let (again, new) = now.into_iter().partition(|name| old.contains(name));
        return One::New(new, again);
    }
    let ran_none = |counts: Option<&Counts>| counts.is_some_and(|counts| counts.run == 0);
    match ended.exit_code {
        // some runners call it a failure that there are no tests
        Some(_) if ran_none(counts) && ran_none(before.as_ref()) => One::NoTests,
        Some(CANNOT_RUN | NOT_FOUND) if now.is_empty() => One::Missing,
        None if now.is_empty() => One::Endless,
        _ => One::Old(now.into_iter().collect()),
    }
}

/// Whether there is a line that tells of trouble and is not in the base's output. Words with digits (times, places, ids) are
/// left out, as they differ from run to run.
fn complains_anew(now: &[u8], base: &[u8]) -> bool {
    const TROUBLE: &[&str] = &[
        "error",
        "fail",
        "cannot",
        "can't",
        "not found",
        "undefined",
        "unresolved",
        "panic",
        "exception",
        "assert",
        "expected",
        "not ok",
        "mismatch",
        "invalid",
        "missing",
        "wrong",
    ];
    let lines = |output: &[u8]| -> BTreeSet<String> {
        let text = String::from_utf8_lossy(output).to_lowercase();
        let steady = |line: &str| {
            let words = line.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
            words.collect::<Vec<_>>().join(" ")
        };
        text.lines().map(steady).filter(|line| TROUBLE.iter().any(|word| line.contains(word))).collect()
    };
    !lines(now).is_subset(&lines(base))
}

/// A shell's exit codes for a program that it can't run, and for one that it can't find (POSIX, 2.8.2).
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;

/// Which failures count, for the fixer and the reader.
fn note(command: &CheckCommand, one: &One) -> Option<String> {
    let One::New(new, again) = one else { return None };
    if again.is_empty() {
        return None;
    }
    let new = if new.is_empty() { String::new() } else { format!("; failing now: {}", listed(new)) };
    Some(format!("`{}`: failing on the base commit too: {}{new}", command.command, listed(again)))
}

/// Why a change that makes nothing fail is not verified, and what to do next; None: it is verified.
fn doubt(said: &[(&CheckCommand, One)], checks: &Checks<'_>) -> Option<String> {
    let any = |is: fn(&One) -> bool| said.iter().find(|(_, one)| is(one)).map(|(command, _)| *command);
    if any(|one| matches!(one, One::Old(_))).is_some() {
        return Some(old(said));
    }
    if let Some(command) = any(|one| matches!(one, One::Endless)) {
        return Some(format!(
            "`{}` did not finish, and on the base commit neither: a bound on time or memory ended it; name a smaller one with {HOW}",
            command.command
        ));
    }
    if let Some(command) = any(|one| matches!(one, One::Missing)) {
        return Some(format!(
            "`{}` needs a program that the sandbox does not have; install it on this machine, or name a command that works with {HOW}",
            command.command
        ));
    }
    let quoted = |commands: &[String]| {
        commands.iter().map(|command| format!("`{command}`")).collect::<Vec<_>>().join(", ")
    };
    if !checks.taken_away.is_empty() {
        return Some(format!(
            "the change takes away what checks the base commit: {}; if that is wanted, name what checks it now with {HOW}",
            quoted(&checks.taken_away)
        ));
    }
    // what says nothing of tests does not make up for a runner that says there were none
    let is_trusted =
        any(|one| matches!(one, One::Trusted)).is_some() && any(|one| matches!(one, One::NoTests)).is_none();
    if is_trusted || any(|one| matches!(one, One::Pass)).is_some() {
        let is_own = !checks.redefined.is_empty();
        return is_own.then(|| {
            format!(
                "the change itself says anew what {} runs: its pass proves nothing about the base commit's tests; read what it runs now before you merge",
                quoted(&checks.redefined)
            )
        });
    }
    Some(match any(|one| matches!(one, One::Unknown)) {
        Some(command) => format!(
            "`{0}` exited 0, but nothing in its output tells that tests ran; if it is the right check, say so with `verify: [{0:?}]` in .github/quantum.yml",
            command.command
        ),
        None if said.is_empty() => {
            format!("no command is known that checks this repository; name one with {HOW}")
        }
        None => format!("the checks ran no test; add one, or name a command that runs some with {HOW}"),
    })
}

/// What fails as it does on the base commit.
fn old(said: &[(&CheckCommand, One)]) -> String {
    let names =
        said.iter().flat_map(|(_, one)| if let One::Old(names) = one { names.as_slice() } else { &[] });
    let names: Vec<String> = names.cloned().collect();
    if names.is_empty() {
        return format!(
            "the checks fail on the base commit too, and their output names no test: whether the change adds to that can't be told; say what they need with `setup: [\"…\"]`, or name checks that pass with {HOW}"
        );
    }
    format!(
        "the checks fail in the same way on the base commit: {}; mend that first, or name checks that pass with {HOW}",
        listed(&names)
    )
}

const HOW: &str = "`verify: [\"…\"]` in .github/quantum.yml";

/// Some names, and how many more there are.
fn listed(names: &[impl AsRef<str>]) -> String {
    let more = names.len().saturating_sub(limits::NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named: Vec<&str> = names.iter().take(limits::NAMED).map(AsRef::as_ref).collect();
    format!("{}{rest}", named.join(", "))
}

#[cfg(test)]
mod tests;
