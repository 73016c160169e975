//! cargo test and nextest.

use super::{Tally, before};

/// `test result: ok. 3 passed; 1 failed; …`, `test a::b ... FAILED`; nextest's `Summary [ 1s] 3 tests run: …`,
/// `FAIL [ 0.1s] (1/3) crate a::b`.
pub(super) fn line(line: &str, tally: &mut Tally) -> bool {
    if let Some(rest) = line.strip_prefix("test result: ") {
        return tally.ran(before(rest, " passed") + before(rest, " failed"));
    }
    if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
        return tally.failed(name.trim_end_matches(" - should panic"));
    }
    if line.starts_with("Summary [") && (line.contains(" tests run:") || line.contains(" test run:")) {
        let ends = [" passed", " failed", " timed out"].iter().map(|word| before(line, word));
        return tally.ran(ends.fold(0, u32::saturating_add));
    }
    let failed =
        ["FAIL [", "TIMEOUT [", "SIGABRT [", "SIGSEGV ["].iter().find_map(|start| line.strip_prefix(start));
    match failed.and_then(|rest| rest.split_once("] ")) {
        Some((_, name)) => {
            let name = name.trim_start();
            let numbered = name.strip_prefix('(').and_then(|rest| rest.split_once(')'));
            tally.failed(numbered.map_or(name, |(_, name)| name))
        }
        None => false,
    }
}
