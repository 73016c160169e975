//! What the receipt and the agent are told about setup, in one line each.

use super::steps::Step;
use crate::sandbox::egress::Log;
use std::collections::BTreeSet;

/// Nothing was set up: why, and the line of configuration that would help.
pub fn failed(why: &str, steps: &[Step]) -> String {
    let commands: Vec<String> = steps.iter().map(|step| format!("{:?}", step.command)).collect();
    let commands = commands.join(", ");
    format!(
        "dependencies could not be set up: {why}; set QUANTUM_EGRESS_ALLOW to the hosts they need, or name what does work with `setup: [{commands}]` in .github/quantum.yml"
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
            format!("({:.1} MB from {from})", down as f64 / 1e6)
        };
        parts.push(format!("{} {from}", list(fetched)));
    }
    format!("dependencies were set up by {}", parts.join(" and "))
}

/// Places that a note names; the log file has all.
const PLACES: usize = 8;

/// What the proxy refused.
pub fn refused(log: &Log) -> String {
    let lines = log.lines();
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

/// The last line that a command said, short and harmless.
pub fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
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
        check(failed("why", &fetched), r#"why; "#);
        check(failed("why", &fetched), r#"`setup: ["b", "c"]`"#);
        check(done(&cached, &fetched, &Log::default()), "`a` without a network and `b`, `c` from no host");
        assert_eq!(done(&cached, &[], &Log::default()), "dependencies were set up by `a` without a network");
        assert_eq!((last_line(b"a\n\x1b[1mb\n\n"), last_line(b"\n")), (": [1mb".to_owned(), String::new()));
    }
}
