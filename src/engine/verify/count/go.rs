//! go test, plain, `-v` and `-json`.

use super::Tally;
use serde::Deserialize;

/// One line of `go test -json`.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Package", default)]
    package: String,
    #[serde(rename = "Test", default)]
    test: String,
}

/// `ok  pkg 0.1s`, `FAIL pkg 0.1s`, `FAIL pkg [build failed]`, `? pkg [no test files]`, `--- FAIL: TestX (0.00s)`.
pub(super) fn line(line: &str, tally: &mut Tally) -> bool {
    if line.starts_with('{') && line.contains("\"Action\":") {
        return json(line, tally);
    }
    if let Some(name) = line.strip_prefix("--- FAIL: ") {
        return tally.failed(name.split(" (").next().unwrap_or(name));
    }
    let mut words = line.split_whitespace();
    let (Some(mark), Some(package), Some(rest)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let is_time = rest == "(cached)" || rest.ends_with('s') && rest.starts_with(|c: char| c.is_ascii_digit());
    match mark {
        "ok" if is_time && line.contains("[no tests to run]") => tally.ran(0),
        "ok" if is_time => tally.ran_some(),
        // the tests that failed name themselves; those of a build that failed can't
        "FAIL" if is_time => tally.ran_some() && tally.failed(package),
        "FAIL" if line.ends_with(" failed]") => tally.failed(package),
        "?" if line.ends_with("[no test files]") => tally.ran(0),
        _ => false,
    }
}

fn json(line: &str, tally: &mut Tally) -> bool {
    let Ok(told) = serde_json::from_str::<Told>(line) else { return false };
    match (told.action.as_str(), told.test.is_empty()) {
        ("pass", false) => tally.ran(1),
        ("fail", false) => tally.ran(1) && tally.failed(&format!("{} {}", told.package, told.test)),
        ("fail", true) => tally.failed(&told.package),
        ("pass" | "skip", _) => tally.ran(0),
        _ => true,
    }
}
