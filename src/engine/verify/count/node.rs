//! node's own runner, jest, vitest, mocha, ava, uvu, bun, deno, playwright, node-tap.

use super::{Tally, after, before, leading, timeless};

pub(super) fn line(line: &str, tally: &mut Tally) -> bool {
    sum(line, tally) || name(line, tally)
}

fn sum(line: &str, tally: &mut Tally) -> bool {
    // node: `# tests 3` or `ℹ tests 3`; what was skipped follows
    for mark in ["# ", "ℹ "] {
        let Some(rest) = line.strip_prefix(mark) else { continue };
        if let Some(tests) = rest.strip_prefix("tests ").and_then(leading) {
            return tally.ran(tests);
        }
        if let Some(skipped) = rest.strip_prefix("skipped ").and_then(leading) {
            return tally.skipped(skipped);
        }
    }
    // jest: `Tests:  1 failed, 3 passed, 4 total`; vitest: `Tests  1 failed | 3 passed (4)`; deno: `ok | 3 passed | 0 failed (5ms)`
    let is_jest = line.starts_with("Tests:") && line.ends_with(" total");
    let is_deno = line.starts_with("ok | ") || line.starts_with("FAILED | ");
    if is_jest || line.starts_with("Tests  ") || is_deno {
        return tally.ran(before(line, " passed").saturating_add(before(line, " failed")));
    }
    if line.starts_with("No tests found") || line.starts_with("No test files found") {
        return tally.ran(0);
    }
    if let Some(asserts) = line.strip_prefix("Asserts:") {
        return tally.ran(before(asserts, " pass").saturating_add(before(asserts, " fail")));
    }
    if let Some(tests) = line.strip_prefix("Ran ").filter(|rest| rest.contains(" across ")).and_then(leading)
    {
        return tally.ran(tests);
    }
    if let Some(passed) = line.strip_prefix("Passed:").and_then(|rest| rest.trim().parse().ok()) {
        return tally.ran(passed);
    }
    words(line, tally)
}

/// mocha: `3 passing (5ms)`, `1 failing`; ava: `3 tests passed`; playwright: `3 passed (5.1s)`.
fn words(line: &str, tally: &mut Tally) -> bool {
    let mut words = line.split_whitespace();
    let Some(number) = words.next().and_then(|n| n.parse::<u32>().ok()) else { return false };
    let rest: Vec<&str> = words.take(3).collect();
    match rest.as_slice() {
        ["passing" | "failing"] | ["passing", _] => {
            tally.numbers_are_failures |= rest == ["failing"];
            tally.ran(number)
        }
        ["test" | "tests", "passed" | "failed"] => tally.ran(number),
        ["passed", time] if time.starts_with('(') && time.ends_with("s)") => tally.ran(number),
        _ => false,
    }
}

fn name(line: &str, tally: &mut Tally) -> bool {
    // jest and vitest name the file, and vitest the test: `FAIL  src/a.test.ts > adds`
    const ENDINGS: &[&str] = &[".js", ".ts", ".mjs", ".cjs", ".jsx", ".tsx", ".mts", ".cts", ".vue"];
    if let Some(name) = line.strip_prefix("FAIL ").map(str::trim_start) {
        let file = name.split(' ').next().unwrap_or(name);
        return ENDINGS.iter().any(|end| file.ends_with(end)) && tally.failed(timeless(name));
    }
    if let Some(name) = line.strip_prefix("● ") {
        let is_note =
            name.starts_with("Console") || name.ends_with(':') || name.contains("Test suite failed to run");
        return is_note || tally.failed(name);
    }
    if let Some(name) = line.strip_prefix("(fail) ") {
        return tally.failed(timeless(name));
    }
    let marked = ["✕ ", "× ", "✖ ", "✘ "].iter().find_map(|mark| line.strip_prefix(mark));
    if let Some(name) = marked {
        let is_note = name.starts_with("failing tests") || after(name, "[fail]:").is_some();
        return is_note || tally.failed(timeless(name.trim_start_matches("[fail]: ")));
    }
    let numbered = line.split_once(") ").filter(|(number, _)| number.parse::<u32>().is_ok());
    numbered.is_some_and(|(_, name)| match name.strip_suffix(':') {
        // mocha's list after its sums: the suites stand in lines of their own before the test
        None if tally.numbers_are_failures => tally.opens(name),
        whole => tally.numbered(whole.unwrap_or(name)),
    })
}
