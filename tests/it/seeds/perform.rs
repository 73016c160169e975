//! The simulated hands: what a world answers to an effect.

use super::*;

impl World {
    /// What the world makes of an effect: the same for the same effect, in whatever order.
    pub(super) fn perform(&self, effect: &Effect) -> Option<Event> {
        let luck = |words: String| fate(self.seed, &words) % 100;
        match effect {
            Effect::Snapshot { .. } => Some(snapshotted()),
            Effect::Work(assignment) => Some(self.work(&assignment.work, &assignment.tree)),
            Effect::Merge { task, round, attempt, into, proposal } => {
                let (task, round, attempt) = (task.clone(), *round, *attempt);
                Some(if luck(format!("merge {task} {attempt}")) < 25 {
                    Event::Conflicted { task, round, attempt, files: vec!["a".into(), "b".into()] }
                } else {
                    let tree = format!("tree-{:016x}", fate(self.seed, &format!("{into} {}", proposal.tree)));
                    Event::Merged { task, round, attempt, tree: Sha::new(tree) }
                })
            }
            Effect::Verify { round, tree } => {
                let round = *round;
                Some(match luck(format!("verify {tree}")) {
                    0..45 => Event::VerifyFailed { round, receipt: receipt(1) },
                    45..60 => {
                        Event::Unverified { round, why: "who knows".into(), receipt: Receipt::default() }
                    }
                    _ => Event::Verified { round, receipt: receipt(0) },
                })
            }
            Effect::Publish { round, tree, .. } => Some(match luck(format!("publish {round} {tree}")) {
                0..10 if self.is_storm => Event::Moved { round: *round, branch: "quantum/run".into() },
                _ => Event::Published { round: *round, branch: "quantum/run".into(), head: tree.clone() },
            }),
            Effect::Acknowledge
            | Effect::Status { .. }
            | Effect::Ask { .. }
            | Effect::AskApproval { .. }
            | Effect::Reply { .. }
            | Effect::StopWorks { .. } => None,
        }
    }

    pub(super) fn work(&self, work: &WorkId, tree: &Sha) -> Event {
        let words = format!("{} {}", work.task, work.attempt);
        let luck = fate(self.seed, &words) % 100;
        let (work, is_plan) = (work.clone(), work.task.as_str() == "plan");
        let text = || format!("said by {words}");
        match luck {
            0..10 => Event::TaskFailed { work, report: report(Class::Transient) },
            10..13 => Event::TaskFailed { work, report: report(Class::Refused) },
            13..15 => Event::TaskFailed { work, report: report(Class::Broken) },
            15 => Event::ChangeRefused { work, report: report(Class::Broken) },
            16..24 => Event::Asked { work, question: question() },
            // Whether a work is stopped before or after it is done depends on the order.
            24..28 if self.is_storm => Event::OutOfBudget { work: Some(work), cap: Cap::Usd },
            28..30 => Event::Answered { work, text: text() },
            30..34 if !is_plan || luck == 30 => Event::NoChange { work, why: text() },
            _ if is_plan => {
                let plan = self.plan();
                let draft =
                    (plan.tasks.len() == 1 && luck.is_multiple_of(2)).then(|| self.proposal(&words, tree));
                Event::Planned { work, plan, draft }
            }
            _ => Event::TaskDone { proposal: self.proposal(&words, tree), work },
        }
    }

    pub(super) fn proposal(&self, words: &str, from: &Sha) -> Proposal {
        let tree = Sha::new(format!("made-{:016x}", fate(self.seed, words)));
        Proposal { title: format!("Did {words}"), summary: String::new(), from: from.clone(), tree }
    }

    /// Up to six tasks in any order, each needing some that were drawn before it; now and then not carried out.
    pub(super) fn plan(&self) -> Plan {
        let mut dice = Dice(fate(self.seed, "plan"));
        let mut graph: Vec<(String, Vec<String>)> = Vec::new();
        for number in 0..1 + dice.below(6) {
            let needs = graph.iter().filter(|_| dice.percent(30)).map(|(id, _)| id.clone()).collect();
            let at = dice.below(graph.len() + 1);
            graph.insert(at, (format!("t{number}"), needs));
        }
        let graph: Vec<(&str, Vec<&str>)> = graph
            .iter()
            .map(|(id, needs)| (id.as_str(), needs.iter().map(String::as_str).collect()))
            .collect();
        let graph: Vec<(&str, &[&str])> = graph.iter().map(|(id, needs)| (*id, needs.as_slice())).collect();
        Plan { confidence: 50 + dice.below(51) as u8, ..plan(&graph) }
    }
}
