//! What the receipt and the agent are told about setup, in one line each.

use super::steps::Step;
use crate::sandbox::egress::{Line, Log, NOT_ALLOWED, NOT_PUBLIC};
use std::collections::BTreeSet;

/// What could not be set up: why, and the line of configuration that would help. Empty: nothing failed.
pub fn failed(failed: &[(Step, String)], log: &Log) -> String {
    if failed.is_empty() {
        return String::new();
    }
    let whys: BTreeSet<&str> = failed.iter().map(|(_, why)| why.as_str()).collect();
    let whys = whys.into_iter().collect::<Vec<_>>().join("; ");
    let commands: Vec<String> = failed.iter().map(|(step, _)| format!("{:?}", step.command)).collect();
    let commands = commands.join(", ");
    let wanted: BTreeSet<String> = log
        .lines()
        .into_iter()
        .filter(|line| matches!(line.refused, Some(NOT_ALLOWED | NOT_PUBLIC)))
        .map(|line| line.place)
        .take(PLACES)
        .collect();
    let list = wanted.into_iter().collect::<Vec<_>>().join(",");
    let hosts = if list.is_empty() {
        "set QUANTUM_EGRESS_ALLOW to the hosts they need".to_owned()
    } else {
        format!("allow the hosts with `QUANTUM_EGRESS_ALLOW={list}` (and those that it names already)")
    };
    format!(
        "dependencies could not be set up: {whys}; {hosts}, or name what does work with `setup: [{commands}]` in .github/quantum.yml"
    )
}

/// What was set up, and from where.
pub fn done(from_caches: &[Step], fetched: &[Step], log: &Log) -> String {
    let list = |steps: &[Step]| {
        steps.iter().map(|step| format!("`{}`", step.command)).collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    if !from_caches.is_empty() {
        parts.push(format!("{} without a network", list(from_caches)));
    }
    if !fetched.is_empty() {
        let lines = log.lines();
        let down: u64 = lines.iter().map(|line| line.down).sum();
        let places: BTreeSet<&str> =
            lines.iter().filter(|line| line.refused.is_none()).map(|line| line.place.as_str()).collect();
        let from = places.into_iter().take(PLACES).collect::<Vec<_>>().join(", ");
        let from = if from.is_empty() {
            "from no host".to_owned()
        } else {
            let size = if down < 1_000_000 {
                format!("{} kB", down.div_ceil(1_000))
            } else {
                format!("{:.1} MB", down as f64 / 1e6)
            };
            format!("({size} from {from})")
        };
        parts.push(format!("{} {from}", list(fetched)));
    }
    format!("dependencies were set up by {}", parts.join(" and "))
}

/// Places that a note names; the rest is left out.
const PLACES: usize = 8;

/// What the proxy refused.
pub fn refused(lines: &[Line]) -> String {
    let refused: BTreeSet<String> = lines
        .iter()
        .filter_map(|line| Some(format!("{} ({})", line.place, line.refused?)))
        .take(PLACES)
        .collect();
    if refused.is_empty() {
        String::new()
    } else {
        format!("; refused: {}", refused.into_iter().collect::<Vec<_>>().join(", "))
    }
}

/// The last line that a command said about itself, short and harmless; where npm's log is and where yarn's help is says
/// nothing of the cause.
pub fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let tells = |line: &&str| {
        !line.is_empty() && !line.starts_with("info ") && !line.contains("A complete log of this run")
    };
    let line = text.lines().rev().map(str::trim).find(tells).unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).take(200).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::setup::steps::Client;

    #[test]
    fn notes_name_the_commands() {
        let step = |command: &str| Step {
            command: command.to_owned(),
            enough: None,
            from_caches: true,
            after: None,
            client: Client::Any,
        };
        let (cached, fetched) = ([step("a")], [step("b"), step("c")]);
        let check = |seen: String, expected: &str| assert!(seen.contains(expected), "{seen}");
        let log = Log::default();
        let why = [(step("b"), "why".to_owned()), (step("c"), "why".to_owned())];
        assert_eq!(failed(&[], &log), "");
        check(failed(&why, &log), "set up: why; set QUANTUM_EGRESS_ALLOW to the hosts");
        check(failed(&why, &log), r#"`setup: ["b", "c"]`"#);
        check(done(&cached, &fetched, &Log::default()), "`a` without a network and `b`, `c` from no host");
        assert_eq!(done(&cached, &[], &Log::default()), "dependencies were set up by `a` without a network");
        assert_eq!((last_line(b"a\n\x1b[1mb\n\n"), last_line(b"\n")), (": [1mb".to_owned(), String::new()));
        assert_eq!(last_line(b"error no such host\ninfo Visit the help\n"), ": error no such host");
    }
}
