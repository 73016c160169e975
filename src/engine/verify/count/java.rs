//! Surefire (Maven), Gradle, sbt, and .NET's runner, which speaks alike.

use super::{Tally, after, before, leading};

/// Surefire's `Tests run: 3, Failures: 0, …, Time elapsed: …` (one a class; the sum without a time repeats them) and
/// `a.B.c -- Time elapsed: 0.1 s <<< FAILURE!`; Gradle's `> Task :test`, `ATest > adds() FAILED`.
pub(super) fn line(line: &str, tally: &mut Tally) -> bool {
    let levels = ["[INFO] ", "[ERROR] ", "[WARNING] ", "[info] ", "[error] "];
    let line = levels.iter().find_map(|level| line.strip_prefix(level)).unwrap_or(line).trim_start();
    if let Some(rest) = line.strip_prefix("Tests run: ") {
        let run = if rest.contains("Time elapsed") { leading(rest).unwrap_or(0) } else { 0 };
        let skipped = if run > 0 { after(rest, "Skipped: ").unwrap_or(0) } else { 0 };
        return tally.ran(run.saturating_sub(skipped));
    }
    if line.ends_with("<<< FAILURE!") || line.ends_with("<<< ERROR!") {
        let name = line.split("Time elapsed").next().unwrap_or(line);
        return tally.failed(name.trim_end_matches(['-', ' ']));
    }
    if line.trim_end_matches('.') == "No tests to run" {
        return tally.ran(0);
    }
    if line.starts_with("Passed!  - ") || line.starts_with("Failed!  - ") {
        let ends = ["Failed:", "Passed:"].iter().filter_map(|word| after(line, word));
        return tally.ran(ends.fold(0, u32::saturating_add));
    }
    if line.starts_with("Passed: Total ") || line.starts_with("Failed: Total ") {
        return tally.ran(after(line, "Total ").unwrap_or(0));
    }
    gradle(line, tally)
}

fn gradle(line: &str, tally: &mut Tally) -> bool {
    if let Some(task) = line.strip_prefix("> Task ") {
        let mut words = task.split_whitespace();
        let is_test = words.next().is_some_and(|task| task.ends_with(":test"));
        return match (is_test, words.next()) {
            (true, None | Some("UP-TO-DATE" | "FROM-CACHE" | "FAILED")) => tally.ran_some(),
            (true, _) => tally.ran(0),
            (false, _) => false,
        };
    }
    if line.contains(" tests completed, ") || line.contains(" test completed, ") {
        // the tasks were counted already; this says how many tests it were
        let completed = before(line, " tests completed").max(before(line, " test completed"));
        return tally.ran(completed.saturating_sub(1));
    }
    let failed = line.strip_suffix(" FAILED").filter(|name| name.contains(" > ") && !name.starts_with('>'));
    failed.is_some_and(|name| tally.failed(name))
}
