//! The program itself, killed: real store, real git, real sandbox, a model that counts what comes over the wire. The same
//! command again comes to the same branch, asks nothing twice that was stored, and leaves nothing lying about.

use super::{
    Size, size, some,
    tracer::{self, At, End},
    wire::{Deadly, Wire, part, plan, submit, write},
};
use crate::{process, story::Desk};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, fs::File};

/// One request in one repository, and its model.
struct Case {
    desk: Desk,
    wire: Wire,
}

/// Two parts; the check is not content with the first, and a fixer mends it.
fn two_parts(task: &str, step: usize) -> (&'static str, Value) {
    match (task, step) {
        ("plan", _) => plan(&[part("t1", "Alpha"), part("t2", "Beta")]),
        ("Alpha", 0) => write("value", "bad\n"),
        ("Alpha", 1) => {
            ("shell", json!({"command": "setsid sleep 86399.5 & echo more >> alpha; sleep 0.05; cat alpha"}))
        }
        ("Beta", 0) => write("deep/beta", "b\n"),
        ("Alpha" | "Beta", _) => submit(task),
        (_, 0) => write("value", "good\n"),
        _ => submit("Mend it"),
    }
}

/// What must be the same, whatever happened in between.
#[derive(Debug, PartialEq)]
struct Ended {
    document: Value,
    tree: String,
    /// The branch's commits: parents and messages.
    commits: String,
    asked: BTreeSet<String>,
}

impl Case {
    fn new() -> Self {
        let case = Self { desk: Desk::new(), wire: Wire::telling(two_parts) };
        case.desk.commit("value", "good\n");
        case
    }

    /// `quantum run`, which dies as told.
    fn life(&self, at: Option<At>, deadly: Option<Deadly>) -> End {
        let args = ["run", "Make it good", "--json", "--model", "openai/wire"];
        let mut command = self.desk.quantum(&args);
        command.env("OPENAI_BASE_URL", &self.wire.url).env("OPENAI_API_KEY", "none");
        command.stdout(File::create(self.told()).unwrap());
        command.stderr(File::create(self.desk.path().join("stderr")).unwrap());
        let pid = self.wire.start(deadly, || {
            let pid = tracer::start(&mut command);
            (pid, pid)
        });
        tracer::to_its_end(pid, at)
    }

    fn told(&self) -> std::path::PathBuf {
        self.desk.path().join("stdout")
    }

    /// Whether a person read how it ended: then the same command is a new run.
    fn is_told(&self) -> bool {
        fs::metadata(self.told()).unwrap().len() > 0
    }

    /// The last life, which goes on to the end, and what it came to. `crashes`: the lives before it.
    fn end(&self, crashes: usize, why: &str) -> Ended {
        if !self.is_told() {
            assert_eq!(self.life(None, None).exit, Some(0), "{why}: {}", self.stderr());
        }
        let document: Value = serde_json::from_slice(&fs::read(self.told()).unwrap()).unwrap();
        let desk = &self.desk;
        let branch = document["branch"].as_str().unwrap_or_else(|| panic!("{why}: {document:#}")).to_owned();
        let refs = desk.git(&["for-each-ref", "--format=%(refname)"]);
        assert_eq!(refs, format!("refs/heads/main\nrefs/heads/{branch}"), "{why}");
        assert_eq!(desk.git(&["status", "--porcelain"]) + &desk.git(&["fsck", "--strict"]), "", "{why}");
        assert_eq!(document["head"], desk.git(&["rev-parse", &branch]), "{why}");
        let asked = self.wire.asked();
        let distinct: BTreeSet<String> = asked.iter().cloned().collect();
        assert!(asked.len() <= distinct.len() + crashes, "{why}: {asked:?}");
        let run = document["run"].as_str().unwrap();
        let left = fs::read_dir(desk.path().join("data/work")).unwrap().count();
        assert_eq!(left, 0, "{why}: workspaces");
        // what a killed program had running dies with it; the kernel may take a moment. The last part of the path: what a
        // mount shows may begin elsewhere
        let place = desk.path().file_name().unwrap().to_string_lossy();
        process::wait_until("what ran at this desk is gone", || !process::holds(&place));
        let commits = desk.git(&["log", "--format=%T %P %B", &format!("main..{branch}")]).replace(run, "RUN");
        let tree = desk.git(&["rev-parse", &format!("{branch}^{{tree}}")]);
        Ended { document: same(&document), tree, commits: without_shas(&commits), asked: distinct }
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.desk.path().join("stderr")).unwrap_or_default()
    }
}

/// Repositories differ in the date of their first commit: the ids of commits, not those of trees.
fn without_shas(log: &str) -> String {
    log.lines().filter(|line| !line.contains(' ') || line.len() < 82).collect::<Vec<_>>().join("\n")
}

/// The document without what no two runs have in common. A call that was in flight is booked once more.
fn same(document: &Value) -> Value {
    let mut document = document.clone();
    for key in ["run", "branch", "base", "head", "cost", "notes"] {
        document[key] = Value::Null;
    }
    for line in document["receipt"].as_array_mut().unwrap() {
        line["seconds"] = Value::Null;
    }
    document
}

#[test]
fn killed_at_any_write_it_comes_to_the_same_branch() {
    let calm = Case::new();
    let writes = calm.life(None, None).writes;
    let expected = calm.end(0, "calm");
    assert_eq!(calm.wire.asked().len(), expected.asked.len(), "nothing is asked twice");
    let all = (1..=writes).flat_map(|write| [false, true].map(|is_made| At { write, is_made }));
    let all: Vec<At> = all.collect();
    let Size { instants, deep, .. } = size();
    let mut killed = 0;
    for (number, at) in some(&all, instants) {
        let case = Case::new();
        let mut crashes = 0;
        for depth in 0..deep {
            // deeper crashes come sooner: what is left to do is less
            let write = if depth == 0 { at.write } else { 1 + (number * 7) % (writes / 2) };
            crashes += usize::from(case.life(Some(At { write, ..at }), None).exit.is_none());
            if case.is_told() {
                break;
            }
        }
        assert_eq!(case.end(crashes, &format!("{at:?}")), expected, "{at:?}");
        killed += crashes;
    }
    eprintln!("{killed} kills at {writes} writes");
    assert!(killed >= instants.min(all.len()) / 2, "only {killed} were killed");
}

#[test]
fn killed_at_any_question_it_asks_that_one_again_and_no_other() {
    let calm = Case::new();
    calm.life(None, None);
    let expected = calm.end(0, "calm");
    let questions = calm.wire.asked().len();
    assert_eq!(
        (questions, &expected.document["outcome"]),
        (8, &"proposed".into()),
        "{:?}",
        calm.wire.asked()
    );
    for deadly in (1..=questions).flat_map(|at| [false, true].map(|is_answered| Deadly { at, is_answered })) {
        let case = Case::new();
        assert_eq!(case.life(None, Some(deadly)).exit, None, "{deadly:?}");
        assert_eq!(case.end(1, &format!("{deadly:?}")), expected, "{deadly:?}");
    }
}
