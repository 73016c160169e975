//! pytest and unittest.

use super::{Tally, after, before, leading};

/// pytest: `3 passed, 1 failed in 0.12s`, `FAILED tests/a.py::b - why`; unittest: `Ran 3 tests in 0.1s`,
/// `OK (skipped=3)`, `FAIL: name (module.Class.name)`.
pub(super) fn line(line: &str, tally: &mut Tally) -> bool {
    if let Some(rest) =
        line.strip_prefix("Ran ").filter(|rest| rest.contains(" test") && rest.contains(" in "))
    {
        return tally.ran(leading(rest).unwrap_or(0));
    }
    if (line.starts_with("OK (") || line.starts_with("FAILED (")) && line.ends_with(')') {
        return after(line, "skipped=").is_some_and(|skipped| tally.skipped(skipped));
    }
    let named = ["FAIL: ", "ERROR: "].iter().find_map(|start| line.strip_prefix(start));
    if let Some(name) = named.filter(|name| name.contains(" (") && name.ends_with(')')) {
        return tally.failed(name);
    }
    let named = ["FAILED ", "ERROR "].iter().find_map(|start| line.strip_prefix(start));
    if let Some(name) = named.filter(|name| name.contains(".py")) {
        return tally.failed(unreasoned(name));
    }
    sum(line.trim_matches(['=', ' ']), tally)
}

/// A name without the reason that follows it; a parameter in brackets may hold what divides them.
fn unreasoned(name: &str) -> &str {
    let mut depth = 0_u32;
    for (at, letter) in name.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && name.get(at..).is_some_and(|rest| rest.starts_with(" - ")) => {
                return name.get(..at).unwrap_or(name);
            }
            _ => {}
        }
    }
    name
}

fn sum(sum: &str, tally: &mut Tally) -> bool {
    let is_sum = sum.contains(" in ")
        && sum.ends_with(['s', ')'])
        && (sum.starts_with(|c: char| c.is_ascii_digit()) || sum.starts_with("no tests"));
    let words = [" passed", " failed", " error", " xfailed", " xpassed"];
    let known = words.iter().any(|word| sum.contains(word))
        || [" skipped", " deselected", "no tests ran", "no tests collected"]
            .iter()
            .any(|word| sum.contains(word));
    is_sum && known && tally.ran(words.iter().map(|word| before(sum, word)).fold(0, u32::saturating_add))
}
