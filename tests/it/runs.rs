//! Runs for tests: short ways to make one, to tell it things, and to read what it made of them.

use quantumlayer::{
    clock::Timestamp,
    ids::{ContentHash, RunId, Sha, TaskId, Usd, WorkId},
    intent::Intent,
    report::{Class, Report},
    run::{
        ApprovePlan, Assignment, Check, Effect, Event, Plan, Proposal, Question, Receipt, Rules, Run,
        Snapshot, Step, Task, journal, reply, step,
    },
};
use std::time::Duration;

pub(crate) const RULES: Rules = Rules {
    approve_plan: ApprovePlan::Never,
    fix_attempts: 1,
    watch: false,
    tasks_at_once: 2,
    usd: Some(Usd(2_000_000)),
    minutes: 30,
    steps: 60,
};

/// A run that is told things, with its journal.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    pub(crate) fresh: Run,
    pub(crate) run: Run,
    pub(crate) now: Timestamp,
    pub(crate) journal: Vec<journal::Entry>,
    /// The effects of the last step.
    pub(crate) effects: Vec<Effect>,
}

impl Teller {
    pub(crate) fn new(rules: Rules, role: Option<&str>) -> Self {
        let intent = Intent::build("# Fix the sum\n\nIt is off by one.", role).unwrap();
        let run = Run::new(RunId::derive(&["a run"]), intent, rules, Timestamp(0));
        Self { fresh: run.clone(), run, now: Timestamp(0), journal: Vec::new(), effects: Vec::new() }
    }

    /// Tells the run, a second later; the wire form goes along.
    pub(crate) fn step(&mut self, event: Event) -> Step {
        self.now = self.now.after(Duration::from_secs(1));
        let entry =
            journal::Entry { seq: self.journal.len() as u64 + 1, at: self.now, event: event.bounded() };
        let line = journal::encode_entry(&entry).unwrap();
        assert_eq!(journal::decode_entry(entry.seq, &line).unwrap(), entry);
        let told = step(self.run.clone(), &entry.event, self.now);
        assert_eq!(journal::decode_run(&journal::encode_run(&told.run).unwrap()).unwrap(), told.run);
        for effect in &told.effects {
            assert_eq!(journal::decode_effect(&journal::encode_effect(effect).unwrap()).unwrap(), *effect);
        }
        self.journal.push(entry);
        self.run = told.run.clone();
        self.effects = told.effects.clone();
        told
    }

    /// Tells the run; the answer in one line: where it is now and what it wants done.
    pub(crate) fn tell(&mut self, event: Event) -> String {
        let told = self.step(event);
        match told.ignored {
            Some(why) => format!("ignored: {why:?}"),
            None => {
                let effects: Vec<_> = told.effects.iter().map(short).collect();
                format!("{} | {}", reply::label(&told.run), effects.join(", "))
            }
        }
    }

    /// Tells the run; compares the answer.
    #[track_caller]
    pub(crate) fn row(&mut self, event: Event, expected: &str) {
        assert_eq!(self.tell(event), expected);
    }

    /// The newest work at this task.
    pub(crate) fn work(&self, task: &str) -> WorkId {
        let state = serde_json::to_value(&self.run).unwrap();
        let find = |value: &serde_json::Value| {
            (value["task"] == task)
                .then(|| (value["round"].as_u64().unwrap(), value["attempt"].as_u64().unwrap()))
        };
        let state = &state["state"];
        let tasks = state["tasks"].as_array().unwrap().iter();
        let all = tasks.chain([&state["ground"]["planner"], &state["fixer"]]);
        let (round, attempt) = all.into_iter().find_map(find).unwrap_or((1, 1));
        WorkId {
            run: self.run.id.clone(),
            task: TaskId::new(task),
            round: round as u32,
            attempt: attempt as u32,
        }
    }

    pub(crate) fn done(&self, task: &str) -> Event {
        Event::TaskDone { work: self.work(task), proposal: proposal(task) }
    }
    pub(crate) fn failed(&self, task: &str, class: Class) -> Event {
        Event::TaskFailed { work: self.work(task), report: report(class) }
    }
    pub(crate) fn asked(&self, task: &str) -> Event {
        Event::Asked { work: self.work(task), question: question() }
    }
    pub(crate) fn merged(&self, task: &str, tree: &str) -> Event {
        let merging = self.run.state.merging.clone();
        let (round, attempt) = merging.map_or((self.run.round, 1), |m| (m.round, m.attempt));
        Event::Merged { task: TaskId::new(task), round, attempt, tree: Sha::new(tree) }
    }
    pub(crate) fn conflicted(&self, task: &str) -> Event {
        let merging = self.run.state.merging.clone();
        let (round, attempt) = merging.map_or((self.run.round, 1), |m| (m.round, m.attempt));
        let files = vec!["src/sum.rs".to_owned()];
        Event::Conflicted { task: TaskId::new(task), round, attempt, files }
    }
    pub(crate) fn published(&self) -> Event {
        Event::Published { round: self.run.round, branch: "quantum/run".into(), head: Sha::new("head") }
    }

    /// Past the deadline that the run asked for.
    pub(crate) fn late(&mut self) -> &mut Self {
        self.now = self.run.wake_at().expect("a deadline");
        self
    }

    // Where a run can be.

    pub(crate) fn planning(rules: Rules) -> Self {
        let mut it = Self::new(rules, None);
        it.tell(Event::Started);
        it.tell(snapshotted());
        it
    }
    pub(crate) fn working(rules: Rules, graph: &[(&str, &[&str])]) -> Self {
        let mut it = Self::planning(rules);
        it.tell(Event::Planned { work: it.work("plan"), plan: plan(graph), draft: None });
        it
    }
    /// One task done and merged, two more at work.
    pub(crate) fn halfway(rules: Rules) -> Self {
        let mut it = Self::working(rules, &[("t1", &[]), ("t2", &["t1"]), ("t3", &["t1"])]);
        it.tell(it.done("t1"));
        it.tell(it.merged("t1", "tree-1"));
        it
    }
    pub(crate) fn verifying(rules: Rules) -> Self {
        let mut it = Self::working(rules, &[("t1", &[])]);
        it.tell(it.done("t1"));
        it.tell(it.merged("t1", "tree-1"));
        it
    }
    pub(crate) fn publishing(rules: Rules) -> Self {
        let mut it = Self::verifying(rules);
        it.tell(Event::Verified { round: 1, receipt: receipt(0) });
        it
    }
}

pub(crate) fn watched() -> Rules {
    Rules { watch: true, ..RULES }
}

pub(crate) fn snapshotted() -> Event {
    Event::Snapshotted(Snapshot {
        base: Sha::new("base"),
        tree: Sha::new("tree-0"),
        config: None,
        instructions: None,
    })
}

pub(crate) fn plan(graph: &[(&str, &[&str])]) -> Plan {
    let task = |(id, needs): &(&str, &[&str])| Task {
        id: TaskId::new(*id),
        role: "coder".into(),
        title: format!("Do {id}"),
        text: format!("Do {id} well."),
        needs: needs.iter().map(|n| TaskId::new(*n)).collect(),
        estimate_steps: Some(5),
    };
    Plan { summary: "Some tasks.".into(), tasks: graph.iter().map(task).collect(), confidence: 90 }
}

pub(crate) fn proposal(task: &str) -> Proposal {
    Proposal {
        title: format!("Did {task}"),
        summary: format!("What {task} changed."),
        from: Sha::new("tree-0"),
        tree: Sha::new(format!("tree-{task}")),
    }
}

pub(crate) fn question() -> Question {
    Question { text: "Which sum?".into(), choices: vec!["all".into(), "half".into()] }
}

pub(crate) fn report(class: Class) -> Report {
    Report::new(class, "trouble", "it did not work", "look at it")
}

pub(crate) fn receipt(exit_code: i32) -> Receipt {
    let check = Check {
        command: "cargo test".into(),
        exit_code: Some(exit_code),
        millis: 1234,
        output: ContentHash::of(b"output"),
        tests_run: Some(12),
        failed_on_base: false,
    };
    Receipt { commands: vec![check], notes: vec![] }
}

/// An effect in a few words.
pub(crate) fn short(effect: &Effect) -> String {
    match effect {
        Effect::Acknowledge => "acknowledge".into(),
        Effect::Snapshot { .. } => "snapshot".into(),
        Effect::Status { .. } => "status".into(),
        Effect::Work(Assignment { work, tree, continues, reason, .. }) => {
            let continues =
                continues.as_ref().map(|w| format!(" after {}/{}", w.task, w.attempt)).unwrap_or_default();
            let reason = reason.as_ref().map(|r| format!(" because {}", kind(r))).unwrap_or_default();
            format!("work {}/{}/{} on {tree}{continues}{reason}", work.task, work.round, work.attempt)
        }
        Effect::Merge { task, into, .. } => format!("merge {task} into {into}"),
        Effect::Verify { round, tree } => format!("verify {round} {tree}"),
        Effect::Publish { round, tree, parent, verdict, .. } => {
            format!(
                "publish {round} {tree} on {parent} {}",
                serde_json::to_value(verdict).unwrap().as_str().unwrap()
            )
        }
        Effect::Ask { slot, .. } => format!("ask {slot}"),
        Effect::AskApproval { slot } => format!("ask approval {slot}"),
        Effect::Reply { about, .. } => {
            format!("reply {}", serde_json::to_value(about).unwrap().as_str().unwrap())
        }
        Effect::StopWorks { .. } => "stop".into(),
    }
}

/// The name of a tagged value's variant.
pub(crate) fn kind(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap()["kind"].as_str().unwrap().to_owned()
}
