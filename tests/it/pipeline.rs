//! The real hands: real git, a real sandbox, a real agent; only the model's words are ours.

use crate::{crash::Mortal, store::a_run};
use async_trait::async_trait;
use quantumlayer::{
    agent::contract::Watch,
    clock::{Clock, Timestamp},
    engine::{Engine, Parts, Performer},
    git::{FileChange, Person, Source, fresh::fresh},
    ids::Sha,
    model::{Model, ModelError, Price, Question, Reply, ToolCall, Usage},
    report::Report,
    run::{Outcome, Run, journal},
    sandbox::{Kind, Sandbox},
    store::Store,
};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// A model that says the same at the same step, and writes down that it was asked.
#[derive(Clone, Default)]
struct Parrot {
    lines: Vec<(&'static str, String)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Parrot {
    fn saying(lines: &[(&'static str, serde_json::Value)]) -> Self {
        let lines = lines.iter().map(|(tool, arguments)| (*tool, arguments.to_string())).collect();
        Self { lines, ..Self::default() }
    }
}

#[async_trait]
impl Model for Parrot {
    fn name(&self) -> &str {
        "scripted/parrot"
    }
    fn price(&self) -> Option<Price> {
        Some(Price { input: 1.0, cached_input: 1.0, output: 1.0 })
    }
    fn window(&self) -> u64 {
        100_000
    }
    async fn ask(
        &self,
        question: &Question<'_>,
        _watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        let asker = question.asker;
        self.asked.lock().unwrap().push(format!("{} {}", asker.task, asker.step));
        tokio::task::yield_now().await;
        let at = usize::try_from(asker.step).unwrap() - 1;
        let Some((name, arguments)) = self.lines.get(at) else {
            panic!("step {} was not foreseen: {:?}", asker.step, question.messages.last());
        };
        let (id, name) = (format!("call-{at}"), (*name).to_owned());
        let calls = vec![ToolCall { id, name, arguments: arguments.clone() }];
        let usage = Usage { input_tokens: 100, cached_input_tokens: 0, output_tokens: 10 };
        Ok(Reply { text: String::new(), calls, usage, cut: false })
    }
}

fn greeting() -> Parrot {
    use serde_json::json;
    Parrot::saying(&[
        ("read", json!({"path": "README.md"})),
        ("write", json!({"path": "hello.txt", "content": "hello\n"})),
        ("shell", json!({"command": "printf 'more\\n' >> README.md; ls"})),
        ("submit", json!({"kind": "proposal", "title": "Add a greeting", "summary": "It greets."})),
    ])
}

/// A repository and a data folder; what is in them outlives every process.
struct Place {
    folder: tempfile::TempDir,
    base: Sha,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let person = Person { name: "A".to_owned(), email: "a@example.com".to_owned() };
        let base = fresh(&folder.path().join("repository"), files, &person, 1_000).unwrap();
        Self { folder, base }
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn engine(&self, model: &Parrot, clock: &Clock) -> Engine<Performer> {
        let store = Store::open(&self.data().join("quantum.db")).await.unwrap();
        let parts = Parts {
            source: Arc::new(Source::open(&self.repository(), &self.data()).unwrap()),
            sandbox: Sandbox {
                kind: Kind::Linux,
                program: Path::new(env!("CARGO_BIN_EXE_quantum")).to_owned(),
            },
            model: Arc::new(model.clone()),
            data: self.data(),
            clock: clock.clone(),
            base: None,
            branch: "quantum/greeting".to_owned(),
            roots: Default::default(),
            host_env: Default::default(),
            egress_allow: None,
            request: None,
        };
        Engine::new(store, parts).await
    }

    /// Starts and drives the run in a process that dies after so many polls.
    async fn process(&self, model: &Parrot, clock: &Clock, polls: usize) -> Option<Result<Run, Report>> {
        let engine = self.engine(model, clock).await;
        let life = async {
            let run = engine.start(&a_run("pipeline"), "repository").await?;
            engine.drive(&run.id, &CancellationToken::new(), &Watch::silent()).await
        };
        Mortal { life: Box::pin(life), polls_left: polls }.await
    }

    /// What the branch changed.
    fn published(&self) -> Vec<FileChange> {
        let source = Source::open(&self.repository(), &self.data()).unwrap();
        let tree = |name: &str| source.base(Some(name)).unwrap().tree;
        source.changes(&tree("main"), &tree("quantum/greeting")).unwrap()
    }

    fn workspaces(&self) -> usize {
        fs::read_dir(self.data().join("work")).map_or(0, Iterator::count)
    }
}

#[tokio::test]
async fn a_request_becomes_a_branch() {
    let place = Place::new(&[("README.md", "# Sample\n")]);
    let (model, clock) = (greeting(), Clock::manual(Timestamp(1_000_000)));
    let run = place.process(&model, &clock, usize::MAX).await.unwrap().unwrap();
    assert_eq!(run.outcome(), Some(Outcome::Unverified), "{:?}", run.error());
    let branch = run.state.branch.clone().unwrap();
    assert_eq!(branch.name, "quantum/greeting");
    let changed: Vec<_> = place.published().into_iter().map(|change| change.path).collect();
    assert_eq!(changed, ["README.md", "hello.txt"]);
    assert_eq!(place.workspaces(), 0, "nothing is left lying about");
    assert_eq!(fs::read_to_string(place.repository().join("README.md")).unwrap(), "# Sample\n");
    let store = Store::open(&place.data().join("quantum.db")).await.unwrap();
    let told = store.journal(&run.id).await.unwrap();
    journal::check_replay(a_run("pipeline"), &told, &run).unwrap();
    let costs = store.costs(&run.id).await.unwrap();
    assert_eq!((costs.calls, costs.sum.usd.unwrap().0), (4, 440), "settled, not reserved");
    assert_ne!(branch.head, place.base);
}

#[tokio::test]
async fn a_protected_path_is_never_published() {
    use serde_json::json;
    let place = Place::new(&[("README.md", "# Sample\n"), (".github/quantum.yml", "protect: ['*.lock']\n")]);
    let model = Parrot::saying(&[
        ("write", json!({"path": "a.lock", "content": "x\n"})),
        ("submit", json!({"kind": "proposal", "title": "Lock", "summary": "It locks."})),
    ]);
    let clock = Clock::manual(Timestamp(1_000_000));
    let run = place.process(&model, &clock, usize::MAX).await.unwrap().unwrap();
    let error = run.error().unwrap();
    assert_eq!((error.code.as_str(), run.state.branch), ("protected_path", None));
    assert!(error.message.contains("a.lock"), "{error}");
    assert_eq!(model.asked.lock().unwrap().len(), 6, "three attempts, each told why");
}

#[tokio::test]
async fn a_wrong_configuration_refuses_the_run_with_the_line() {
    let place = Place::new(&[("README.md", "x"), (".github/quantum.yml", "verify: [a]\nverfy: [b]\n")]);
    let (model, clock) = (greeting(), Clock::manual(Timestamp(1_000_000)));
    let run = place.process(&model, &clock, usize::MAX).await.unwrap().unwrap();
    let error = run.error().unwrap();
    assert_eq!(error.code, "config_wrong");
    assert!(error.message.contains("line 2"), "{error}");
    assert_eq!(model.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_crash_anywhere_leads_to_the_same_commit() {
    let files = [("README.md", "# Sample\n")];
    let clock = || Clock::manual(Timestamp(1_000_000));
    let whole = Place::new(&files);
    let end = whole.process(&greeting(), &clock(), usize::MAX).await.unwrap().unwrap();
    let head = end.state.branch.unwrap().head;
    let mut polls = 5;
    let mut tried = 0;
    loop {
        let (place, model, clock) = (Place::new(&files), greeting(), clock());
        assert_eq!(place.base, whole.base);
        let crashed = place.process(&model, &clock, polls).await.is_none();
        if !crashed {
            break;
        }
        clock.advance(Duration::from_secs(31));
        let run = place.process(&model, &clock, usize::MAX).await.unwrap().unwrap();
        assert_eq!(run.state.branch.map(|branch| branch.head), Some(head.clone()), "poll {polls}");
        let asked = model.asked.lock().unwrap().clone();
        let distinct: BTreeSet<_> = asked.iter().collect();
        assert!(distinct.len() == 4 && asked.len() <= 5, "poll {polls}: {asked:?}");
        assert_eq!(place.workspaces(), 0, "poll {polls}");
        (polls, tried) = (polls + 7, tried + 1);
    }
    assert!(tried > 8, "only {tried} instants were tried");
}
