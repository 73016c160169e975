//! How many tests ran, and which failed, read off the output of known runners. The output is hostile: every line is
//! looked at once, and what can't be read counts as not known, never as a pass.

use crate::limits::verify as limits;
use std::collections::BTreeSet;

/// What a runner said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that ran.
    pub run: u32,
    /// Names of those that failed, as far as they were named.
    pub failing: BTreeSet<String>,
}

/// None when no known runner speaks in it.
pub fn count(output: &[u8]) -> Option<Counts> {
    let text = String::from_utf8_lossy(output);
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.line(strip(line).trim_end());
    }
    reader.end()
}

#[derive(Default)]
struct Reader {
    counts: Counts,
    spoke: bool,
    /// The sums of one of node's runs: `# tests 3` counts only when it was not counted by suite.
    go_packages: u32,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let bare = line.trim_start();
        let _ = self.cargo(bare) || self.python(bare) || self.node(bare) || self.go(bare) || self.java(bare);
    }

    fn ran(&mut self, tests: u32) -> bool {
        self.spoke = true;
        self.counts.run = self.counts.run.saturating_add(tests);
        true
    }

    fn failed(&mut self, name: &str) -> bool {
        self.spoke = true;
        if self.counts.failing.len() < limits::FAILING && !name.is_empty() {
            self.counts.failing.insert(name.chars().take(200).collect());
        }
        true
    }

    /// `test result: ok. 3 passed; 1 failed; …`, `test a::b ... FAILED`; nextest's `Summary [ 1s] 3 tests run: …`, `FAIL [ 0.1s] crate a::b`.
    fn cargo(&mut self, line: &str) -> bool {
        if let Some(rest) = line.strip_prefix("test result: ") {
            return self.ran(before(rest, " passed") + before(rest, " failed"));
        }
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            return self.failed(name);
        }
        if line.starts_with("Summary [") && (line.contains(" tests run:") || line.contains(" test run:")) {
            return self.ran(before(line, " tests run:").max(before(line, " test run:")));
        }
        match line.strip_prefix("FAIL [").and_then(|rest| rest.split_once("] ")) {
            Some((_, name)) => self.failed(name.trim_start_matches(|c: char| {
                c == '(' || c == ')' || c == '/' || c.is_ascii_digit() || c == ' '
            })),
            None => false,
        }
    }

    /// pytest: `3 passed, 1 failed in 0.12s`, `FAILED tests/a.py::b - why`; unittest: `Ran 3 tests in`, `FAIL: name (…)`.
    fn python(&mut self, line: &str) -> bool {
        if let Some(rest) =
            line.strip_prefix("Ran ").filter(|rest| rest.contains(" test") && rest.contains(" in "))
        {
            return self.ran(number(rest));
        }
        if let Some(name) = ["FAIL: ", "ERROR: "].iter().find_map(|start| line.strip_prefix(start)) {
            return self.failed(name);
        }
        if let Some(name) = ["FAILED ", "ERROR "]
            .iter()
            .find_map(|start| line.strip_prefix(start))
            .filter(|name| name.contains(".py"))
        {
            return self.failed(name.split(" - ").next().unwrap_or(name));
        }
        let sum = line.trim_matches(|c| c == '=' || c == ' ');
        let is_sum = sum.contains(" in ")
            && sum.ends_with(['s', ')'])
            && sum.starts_with(|c: char| c.is_ascii_digit() || c == 'n');
        let known = [" passed", " failed", " error", "no tests ran"].iter().any(|word| sum.contains(word));
        is_sum
            && known
            && self.ran(
                before(sum, " passed")
                    + before(sum, " failed")
                    + before(sum, " error")
                    + before(sum, " xfailed")
                    + before(sum, " xpassed"),
            )
    }

    /// node's runner (`# tests 3` or `ℹ tests 3`, `not ok 1 - name`), jest and vitest (`Tests: 1 failed, 3 passed, 4 total`),
    /// mocha (`3 passing`, `1 failing`).
    fn node(&mut self, line: &str) -> bool {
        if let Some(rest) = line.strip_prefix("# tests ").or_else(|| line.strip_prefix("ℹ tests ")) {
            return self.ran(number(rest));
        }
        if let Some(rest) = line.strip_prefix("not ok ").and_then(|rest| rest.split_once(" - ")) {
            return self.failed(rest.1.split(" # ").next().unwrap_or(rest.1));
        }
        if let Some(rest) = line.strip_prefix("Tests:").or_else(|| line.strip_prefix("Tests  ")) {
            return self.ran(before(rest, " passed") + before(rest, " failed"));
        }
        if let Some(name) = ["✕ ", "× ", "✖ "]
            .iter()
            .find_map(|mark| line.strip_prefix(mark))
            .filter(|name| !name.starts_with("failing tests"))
        {
            return self.failed(name.split(" (").next().unwrap_or(name));
        }
        let mut words = line.split_whitespace();
        match (words.next().and_then(|n| n.parse::<u32>().ok()), words.next()) {
            (Some(n), Some("passing" | "failing")) => self.ran(n),
            _ => false,
        }
    }

    /// `--- FAIL: TestX (0.00s)`, `--- PASS: TestX`, `ok  pkg 0.1s`, `ok pkg 0.1s [no tests to run]`, `FAIL pkg 0.1s`.
    fn go(&mut self, line: &str) -> bool {
        if let Some(name) = line.strip_prefix("--- FAIL: ") {
            return self.failed(name.split(" (").next().unwrap_or(name));
        }
        let package = line
            .strip_prefix("ok")
            .or_else(|| line.strip_prefix("FAIL"))
            .filter(|rest| rest.starts_with(['\t', ' ']));
        let Some(rest) = package else {
            return line.starts_with("?") && line.ends_with("[no test files]") && {
                self.spoke = true;
                true
            };
        };
        let timed = rest.split_whitespace().nth(1).is_some_and(|time| {
            time == "(cached)" || time.ends_with('s') && time.starts_with(|c: char| c.is_ascii_digit())
        });
        if timed && !line.contains("[no tests to run]") {
            self.go_packages += 1;
        }
        timed && {
            self.spoke = true;
            true
        }
    }

    /// Surefire's `Tests run: 3, Failures: 0, …` (its sum comes after `Results:`; lines with `Time elapsed` are per class).
    fn java(&mut self, line: &str) -> bool {
        let line = ["[INFO] ", "[ERROR] ", "[WARNING] "]
            .iter()
            .find_map(|level| line.strip_prefix(level))
            .unwrap_or(line);
        match line.strip_prefix("Tests run: ") {
            Some(rest) if rest.contains("Time elapsed") => self.ran(number(rest)),
            Some(_) => {
                self.spoke = true;
                true
            }
            None => false,
        }
    }

    fn end(mut self) -> Option<Counts> {
        // go counts packages unless it is asked for more: a package with tests has at least one
        self.counts.run = self
            .counts
            .run
            .saturating_add(self.go_packages)
            .max(u32::try_from(self.counts.failing.len()).unwrap_or(u32::MAX));
        self.spoke.then_some(self.counts)
    }
}

/// The number that stands right before `word`; 0 when there is none.
fn before(text: &str, word: &str) -> u32 {
    let Some(at) = text.find(word) else { return 0 };
    let head = text.get(..at).unwrap_or_default();
    let digits = head.len() - head.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    head.get(head.len() - digits..).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The number at the start.
fn number(text: &str) -> u32 {
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// A line without ANSI sequences; after a carriage return only what it overwrote with.
fn strip(line: &str) -> String {
    console::strip_ansi_codes(line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_runners_are_counted() {
        let check = |output: &str, expected: Option<(u32, &[&str])>| {
            let found = count(output.as_bytes());
            let found =
                found.as_ref().map(|c| (c.run, c.failing.iter().map(String::as_str).collect::<Vec<_>>()));
            assert_eq!(found, expected.map(|(run, failing)| (run, failing.to_vec())), "{output}");
        };
        check("hello\n", None);
        check("", None);
        check(
            "running 2 tests\ntest a ... ok\ntest b::c ... FAILED\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored;",
            Some((2, &["b::c"])),
        );
        check("test result: ok. 0 passed; 0 failed;\ntest result: ok. 0 passed; 0 failed;", Some((0, &[])));
        check(
            "     Summary [   0.1s] 42 tests run: 41 passed, 1 failed, 0 skipped\n        FAIL [   0.004s] demo tests::bad",
            Some((42, &["demo tests::bad"])),
        );
        check("....\n4 passed in 0.12s", Some((4, &[])));
        check(
            "===== 1 failed, 3 passed, 2 skipped in 0.12s =====\nFAILED tests/test_a.py::test_b - assert 1 == 2",
            Some((4, &["tests/test_a.py::test_b"])),
        );
        check("no tests ran in 0.01s", Some((0, &[])));
        check(
            "FAIL: test_x (tests.A.test_x)\nRan 3 tests in 0.001s\n\nFAILED (failures=1)",
            Some((3, &["test_x (tests.A.test_x)"])),
        );
        check("Ran 0 tests in 0.000s\n\nOK", Some((0, &[])));
        check("not ok 2 - adds\n# tests 3\n# pass 2\n# fail 1", Some((3, &["adds"])));
        check("ℹ tests 7\nℹ pass 7", Some((7, &[])));
        check("Tests:       1 failed, 3 passed, 4 total", Some((4, &[])));
        check("\u{1b}[32m  3 passing\u{1b}[0m (5ms)\n  1 failing", Some((4, &[])));
        check("ok  \texample.com/a\t0.003s\n?   \texample.com/b\t[no test files]", Some((1, &[])));
        check("?   \texample.com/b\t[no test files]", Some((0, &[])));
        check("ok  \texample.com/a\t0.003s [no tests to run]", Some((0, &[])));
        check("--- FAIL: TestA (0.00s)\nFAIL\nFAIL\texample.com/a\t0.003s", Some((1, &["TestA"])));
        check(
            "[INFO] Tests run: 5, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s -- in A\n[INFO] Results:\n[INFO] Tests run: 5, Failures: 0, Errors: 0, Skipped: 0",
            Some((5, &[])),
        );
    }

    #[test]
    fn hostile_output_is_bounded() {
        let flood = "test x ... FAILED\n".repeat(1_000)
            + &(0..10_000).map(|n| format!("test t{n} ... FAILED\n")).collect::<String>();
        let found = count(flood.as_bytes()).unwrap();
        assert!(found.failing.len() <= limits::FAILING);
        assert_eq!(count(&vec![0xff; 1 << 20]), None);
        assert_eq!(count("a\r".repeat(1 << 18).as_bytes()), None);
        assert_eq!(count(b"test result: ok. 99999999999999999999 passed; 0 failed").unwrap().run, 0);
    }
}
