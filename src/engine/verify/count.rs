//! How many tests ran, and which failed, read off the output of known runners. The output is hostile: every line is
//! looked at once, and what can't be read counts as not known, never as a pass.
//!
//! A line is offered to each family of runners in turn; the first that knows it has it. Several runners may speak in one
//! output (`make test`, workspaces): their sums add up.

mod go;
mod java;
mod node;
mod other;
mod python;
mod rust;

use crate::limits::verify as limits;
use std::collections::BTreeSet;

/// What runners said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that ran; skipped ones did not.
    pub run: u32,
    /// False when the runner only tells that some ran (`go test` names packages, gradle names nothing): at least `run`.
    pub exact: bool,
    /// Names of those that failed, as far as they were named.
    pub failing: BTreeSet<String>,
}

/// None when no known runner speaks in it.
pub fn count(output: &[u8]) -> Option<Counts> {
    let text = String::from_utf8_lossy(output);
    let mut tally = Tally::default();
    for line in text.lines() {
        let line = strip(line);
        let line = line.trim_end();
        let bare = line.trim_start();
        if bare.is_empty() {
            continue;
        }
        let _ = tally.goes_on(bare)
            || rust::line(bare, &mut tally)
            || python::line(bare, &mut tally)
            || go::line(bare, &mut tally)
            || java::line(bare, &mut tally)
            || node::line(bare, &mut tally)
            || other::line(line, bare, &mut tally);
    }
    tally.end()
}

/// What was read so far.
#[derive(Debug, Default)]
struct Tally {
    /// A sum was seen.
    summed: bool,
    /// Tests of sums.
    sum: u32,
    /// Things with at least one test each, where the runner gives no sum.
    some: u32,
    /// Results of single tests by their own lines (TAP), for runners that end without a sum.
    single: u32,
    failing: BTreeSet<String>,
    /// Numbered names (`1) adds`): failures only if a runner that writes them so speaks later.
    numbered: BTreeSet<String>,
    numbers_are_failures: bool,
    /// A numbered name that goes on in the next lines, and in how many more it may.
    title: Option<(String, u32)>,
}

impl Tally {
    /// A runner says that so many ran.
    fn ran(&mut self, tests: u32) -> bool {
        self.summed = true;
        self.sum = self.sum.saturating_add(tests);
        true
    }

    /// So many of those were skipped after all.
    fn skipped(&mut self, tests: u32) -> bool {
        self.sum = self.sum.saturating_sub(tests);
        true
    }

    /// Something with at least one test ran.
    fn ran_some(&mut self) -> bool {
        self.summed = true;
        self.some = self.some.saturating_add(1);
        true
    }

    /// One test ran, by a line of its own.
    fn ran_one(&mut self) -> bool {
        self.single = self.single.saturating_add(1);
        true
    }

    /// A test failed.
    fn failed(&mut self, name: &str) -> bool {
        keep(&mut self.failing, name)
    }

    /// A numbered name over several lines, up to one that ends in a colon.
    fn opens(&mut self, name: &str) -> bool {
        self.title = Some((name.to_owned(), limits::TITLE_LINES));
        true
    }

    /// Whether the line belongs to a name that was opened.
    fn goes_on(&mut self, line: &str) -> bool {
        let Some((title, left)) = self.title.take() else { return false };
        let title = format!("{title} {}", line.trim_end_matches(':'));
        if line.ends_with(':') {
            self.numbered(&title)
        } else {
            self.title = (left > 1 && title.len() < limits::NAME_CHARS).then(|| (title, left - 1));
            true
        }
    }

    /// Perhaps one failed.
    fn numbered(&mut self, name: &str) -> bool {
        keep(&mut self.numbered, name)
    }

    fn end(mut self) -> Option<Counts> {
        if self.numbers_are_failures {
            self.failing.append(&mut self.numbered);
            while self.failing.len() > limits::FAILING {
                self.failing.pop_last();
            }
        }
        let spoke = self.summed || self.single > 0 || !self.failing.is_empty();
        let exact = self.some == 0 && (self.summed || self.single > 0);
        let sum = if self.summed { self.sum } else { self.single };
        let failed = u32::try_from(self.failing.len()).unwrap_or(u32::MAX);
        // a run that broke off names failures and gives no sum
        let least = if exact { 0 } else { failed };
        let run = sum.saturating_add(self.some).max(least);
        spoke.then_some(Counts { run, exact, failing: self.failing })
    }
}

fn keep(names: &mut BTreeSet<String>, name: &str) -> bool {
    let name = name.trim();
    if names.len() < limits::FAILING && !name.is_empty() {
        names.insert(name.chars().take(limits::NAME_CHARS).collect());
    }
    true
}

/// The number that stands right before `word`; 0 when there is none.
fn before(text: &str, word: &str) -> u32 {
    let Some(at) = text.find(word) else { return 0 };
    let head = text.get(..at).unwrap_or_default();
    let start = head.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    head.get(start..).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The number right after `word` (blanks between are passed over); None when there is none.
fn after(text: &str, word: &str) -> Option<u32> {
    let rest = text.get(text.find(word)? + word.len()..)?;
    leading(rest.trim_start())
}

/// The number at the start.
fn leading(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// A name without the time that a runner writes after it: `adds (5 ms)`, `adds 5ms`, `adds [0.1ms]`.
fn timeless(name: &str) -> &str {
    let name = name.trim_end();
    let is_time = |word: &str| {
        let word = word.trim_matches(['(', ')', '[', ']']);
        let number = word.trim_end_matches("ms").trim_end_matches('s').trim_end();
        number.len() < word.len()
            && number.starts_with(|c: char| c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    let open = name.rfind([' ', '(', '[']);
    let last = name.rfind([' ']).unwrap_or(0);
    for at in [name.rfind(" ("), name.rfind(" ["), Some(last), open].into_iter().flatten() {
        if name.get(at..).is_some_and(|end| is_time(end.trim())) {
            return name.get(..at).unwrap_or(name).trim_end();
        }
    }
    name
}

/// A line without ANSI sequences; after a carriage return only what it overwrote with.
fn strip(line: &str) -> String {
    let last = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
    console::strip_ansi_codes(last).into_owned()
}

#[cfg(test)]
mod tests;
