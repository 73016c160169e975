//! TAP (also bats, prove's inside), and what `make test` is used to run: ctest, googletest, automake, meson, prove, check,
//! phpunit, rspec, minitest, ExUnit, busted.

use super::{Tally, after, leading};

/// `line` with its indentation: in TAP an indented result belongs to the one that follows it.
pub(super) fn line(line: &str, bare: &str, tally: &mut Tally) -> bool {
    tap(line, bare, tally) || c(bare, tally) || scripts(bare, tally)
}

/// `ok 1 - adds`, `not ok 2 - adds # time=1ms`, `ok 3 # SKIP why`.
fn tap(line: &str, bare: &str, tally: &mut Tally) -> bool {
    let (is_ok, rest) = match (bare.strip_prefix("ok "), bare.strip_prefix("not ok ")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return false,
    };
    let Some(number) = leading(rest) else { return false };
    let (text, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
    let directive = directive.trim_start().to_ascii_uppercase();
    if directive.starts_with("SKIP") || directive.starts_with("TODO") {
        return true;
    }
    if line.len() == bare.len() {
        tally.ran_one();
    }
    let name = text.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches([' ', '-']);
    let unnamed = format!("test {number}");
    is_ok || tally.failed(if name.is_empty() { &unnamed } else { name })
}

fn c(line: &str, tally: &mut Tally) -> bool {
    // ctest: `100% tests passed, 0 tests failed out of 5`, `3 - name (Failed)`
    if line.contains("% tests passed, ") {
        return tally.ran(after(line, " out of ").unwrap_or(0));
    }
    if line == "No tests were found!!!" {
        return tally.ran(0);
    }
    if let Some(name) = line.strip_suffix(" (Failed)").and_then(|rest| rest.split_once(" - ")) {
        return tally.failed(name.1);
    }
    // googletest: `[==========] 3 tests from 1 test suite ran.`, `[  FAILED  ] Sum.Adds (0 ms)`
    if let Some(rest) = line.strip_prefix("[==========] ") {
        return line.contains(" ran.") && tally.ran(leading(rest).unwrap_or(0));
    }
    if let Some(name) = line.strip_prefix("[  FAILED  ] ") {
        return leading(name).is_some() || tally.failed(name.split([' ', ',']).next().unwrap_or(name));
    }
    // automake: `# TOTAL: 3`; check: `100%: Checks: 3, …`; meson: `Ok:  3`; prove: `Files=1, Tests=3, …`
    if let Some(total) = line.strip_prefix("# TOTAL:").and_then(|rest| leading(rest.trim_start())) {
        return tally.ran(total);
    }
    if line.contains("%: Checks: ") {
        return tally.ran(after(line, "Checks: ").unwrap_or(0));
    }
    if let Some(passed) = line.strip_prefix("Ok:").and_then(|rest| rest.trim().parse().ok()) {
        return tally.ran(passed);
    }
    line.starts_with("Files=") && tally.ran(after(line, " Tests=").unwrap_or(0))
}

/// `OK (3 tests, 5 assertions)`, `Tests: 3, Assertions: 5, …`; `3 examples, 0 failures`, `3 runs, 5 assertions, …`.
fn scripts(line: &str, tally: &mut Tally) -> bool {
    let is_phpunit = line.starts_with("OK (") && line.contains(" assertion");
    if is_phpunit || line.starts_with("Tests: ") && line.contains(", Assertions: ") {
        tally.numbers_are_failures = true;
        return tally.ran(after(line, "OK (").or_else(|| after(line, "Tests: ")).unwrap_or(0));
    }
    if line == "No tests executed!" {
        return tally.ran(0);
    }
    if let Some(name) = line.strip_prefix("rspec ./") {
        return tally.failed(name);
    }
    if !(line.contains(" failure") || line.contains(" assertion")) {
        return false;
    }
    let mut tests = None;
    for part in line.split([',', '/']) {
        let mut words = part.split_whitespace();
        let (Some(number), Some(unit)) = (words.next().and_then(|n| n.parse::<u32>().ok()), words.next())
        else {
            return false;
        };
        let unit = unit.trim_end_matches(['.', 's', ',']);
        if matches!(
            unit,
            "test" | "run" | "spec" | "example" | "doctest" | "successe" | "property" | "propertie"
        ) {
            tests = Some(tests.unwrap_or(0u32).saturating_add(number));
        }
    }
    tests.is_some_and(|tests| {
        tally.numbers_are_failures = true;
        tally.ran(tests)
    })
}
