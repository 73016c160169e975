//! Notices a loop: the same calls bringing the same answers, also in turns (A, B, A, B).

use crate::{
    limits::agent as limits,
    model::ToolCall,
    report::{Class, Report},
};
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

/// Follows what we add to an answer; what stands behind it is not the tool's.
const NUDGE: &str = "\n\n[quantum: the same call with the same answer";

/// Counts repetitions since the last new change to a file.
#[derive(Debug)]
pub(super) struct Loops {
    seen: HashMap<u64, u32>,
    changes: HashSet<u64>,
    repeats: u32,
    most: u32,
}

impl Loops {
    /// As it stands after these calls and their stored answers.
    pub(super) fn after(answered: &[(&ToolCall, &str)], steps: u32) -> Self {
        let most = (steps / limits::REPEATS_SHARE).max(limits::REPEATS_LEAST);
        let mut loops = Self { seen: HashMap::new(), changes: HashSet::new(), repeats: 0, most };
        for (call, answer) in answered {
            loops.note(call, answer.split(NUDGE).next().unwrap_or(""));
        }
        loops
    }

    /// One more answer, as the model shall see it: with a word about the loop when there is one.
    pub(super) fn note(&mut self, call: &ToolCall, answer: &str) -> String {
        // A change that was not tried before is progress, whatever the checks say to it.
        if matches!(call.name.as_str(), "edit" | "write")
            && self.changes.insert(hash(&call.name, &call.arguments, ""))
        {
            self.seen.clear();
            self.repeats = 0;
        }
        let count = self.seen.entry(hash(&call.name, &call.arguments, answer)).or_insert(0);
        *count += 1;
        self.repeats += u32::from(*count > 1);
        if count.is_multiple_of(limits::NUDGE_EVERY) {
            return format!(
                "{answer}{NUDGE}, {count} times now. Change your approach, or submit what you have.]"
            );
        }
        answer.to_owned()
    }

    /// The end of a work that goes in circles.
    pub(super) fn over(&self) -> Option<Report> {
        (self.repeats > self.most).then(|| {
            let message = format!("the model repeated calls {} times without any progress", self.repeats);
            Report::new(
                Class::Refused,
                "stuck",
                message,
                "describe the task in more detail, or use a stronger model (--model)",
            )
        })
    }
}

/// Digits count as equal, so that a time or a counter in an answer hides no loop.
fn hash(name: &str, arguments: &str, answer: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, arguments).hash(&mut hasher);
    for part in answer.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()) {
        part.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: "c".into(), name: name.into(), arguments: arguments.into() }
    }

    /// Plays the calls round and round; gives after how many the work is over.
    fn check(round: &[(&str, &str, &str)], steps: u32, expected: Option<usize>) {
        let mut loops = Loops::after(&[], steps);
        let played = round.iter().cycle().take(200).position(|(name, arguments, answer)| {
            loops.note(&call(name, arguments), answer);
            loops.over().is_some()
        });
        assert_eq!(played.map(|at| at + 1), expected, "{round:?}");
    }

    #[test]
    fn loops_end() {
        let (a, b) = (("shell", "ls", "took 1 s"), ("read", "x", "no such file"));
        check(&[a], 60, Some(22));
        check(&[a], 6, Some(14));
        check(&[a, ("shell", "ls", "took 12 s")], 6, Some(14));
        check(&[a, b], 6, Some(15));
        check(&[a, b, ("write", "{1}", "ok"), ("edit", "{2}", "miss")], 6, Some(20));
    }

    #[test]
    fn new_changes_are_progress_and_nudges_come_every_third_time() {
        let mut loops = Loops::after(&[], 6);
        for n in 0..100 {
            loops.note(&call("edit", &n.to_string()), "ok");
            assert_eq!(loops.note(&call("shell", "test"), "2 failed"), "2 failed");
        }
        let nudged: Vec<_> = (1..=7).map(|_| loops.note(&call("shell", "x"), "y").len() > 1).collect();
        assert_eq!(nudged, [false, false, true, false, false, true, false]);
    }

    #[test]
    fn stored_answers_count_as_they_were() {
        let mut first = Loops::after(&[], 6);
        let ls = call("shell", "ls");
        let answers: Vec<String> = (0..13).map(|_| first.note(&ls, "same")).collect();
        let stored: Vec<_> = answers.iter().map(|answer| (&ls, answer.as_str())).collect();
        let mut resumed = Loops::after(&stored, 6);
        assert_eq!((first.note(&ls, "same"), first.over()), (resumed.note(&ls, "same"), resumed.over()));
        assert!(resumed.over().is_some());
    }
}
