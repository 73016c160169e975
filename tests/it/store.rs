//! The store: what was acknowledged is there, what failed is not, and one failing takes no other along.

use crate::child;
use quantumlayer::{
    clock::Timestamp,
    ids::{ContentHash, RunId, TaskId, Usd, WorkId},
    intent::{Intent, Verb},
    report::{Class, Hint, Report},
    run::{
        ApprovePlan, Effect, Event, Rules, Run,
        journal::{Entry, encode_run},
    },
    store::{Call, Cost, EffectEnd, Lease, MIGRATIONS, StepCommit, Store, StoreError},
};
use sqlx::{ConnectOptions, Connection, migrate::Migrator, sqlite::SqliteConnectOptions};
use std::path::Path;

/// A run nobody has told anything yet.
pub(crate) fn a_run(name: &str) -> Run {
    let intent = Intent {
        verb: Verb::Build,
        title: "Add a greeting".to_owned(),
        text: "Add a greeting".to_owned(),
        role: None,
    };
    let rules = Rules {
        approve_plan: ApprovePlan::Never,
        fix_attempts: 3,
        watch: false,
        tasks_at_once: 1,
        usd: Some(Usd(2_000_000)),
        minutes: 30,
        steps: 60,
    };
    Run::new(RunId::derive(&[name]), intent, rules, Timestamp(1_000_000))
}

fn work(run: &Run) -> WorkId {
    WorkId { run: run.id.clone(), task: TaskId::new("t1"), round: 1, attempt: 1 }
}

fn lease(run: &Run, owner: &str) -> Lease {
    Lease { run: run.id.clone(), owner: owner.to_owned() }
}

async fn store_in(folder: &Path) -> Store {
    Store::open(&folder.join("deep/quantum.db")).await.unwrap()
}

/// A store with one run, leased to `owner`.
async fn leased(folder: &Path, owner: &str) -> (Store, Run, Lease) {
    let (store, run) = (store_in(folder).await, a_run("one"));
    store.insert_or_find(&run, "repository").await.unwrap();
    let lease = lease(&run, owner);
    store.take_lease(&lease, Timestamp(0), Timestamp(30)).await.unwrap();
    (store, run, lease)
}

async fn told(
    store: &Store,
    run: &Run,
    version: i64,
    event: &Event,
    effects: &[Effect],
) -> Result<(), StoreError> {
    store.commit_step(StepCommit { version, event, at: Timestamp(5), run, effects, cause: None }).await
}

#[tokio::test]
async fn a_decision_is_stored_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run, lease) = leased(folder.path(), "a").await;
    told(&store, &run, 0, &Event::Started, &[Effect::Acknowledge, Effect::Snapshot { round: 1 }])
        .await
        .unwrap();

    let hand = store.claim_effects(&lease, Timestamp(6), 1).await.unwrap();
    assert_eq!(
        hand.iter().map(|one| &one.effect).collect::<Vec<_>>(),
        [&Effect::Acknowledge, &Effect::Snapshot { round: 1 }]
    );
    let key = hand[1].key.clone();
    let outcome = |version| StepCommit {
        version,
        event: &Event::Woke,
        at: Timestamp(7),
        run: &run,
        effects: &[],
        cause: Some((&lease, key.as_str())),
    };
    // Decided on an old version: neither the event nor the effect's end may stick.
    assert_eq!(store.commit_step(outcome(0)).await, Err(StoreError::Moved(run.id.to_string())));
    let first = Entry { seq: 1, at: Timestamp(5), event: Event::Started };
    assert_eq!(store.journal(&run.id).await.unwrap(), [first]);
    store.commit_step(outcome(1)).await.unwrap();
    assert_eq!(store.journal(&run.id).await.unwrap().len(), 2);
    // The effect has ended: its outcome can't be told a second time.
    assert_eq!(store.commit_step(outcome(2)).await, Err(StoreError::LeaseLost(run.id.to_string())));
    assert_eq!(store.run(&run.id).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_key_is_performed_once_and_its_outcome_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run, lease) = leased(folder.path(), "a").await;
    let refused = |key: &str| Event::EffectRefused {
        key: key.to_owned(),
        report: Report::new(Class::Refused, "no", "no", "ask"),
    };
    told(
        &store,
        &run,
        0,
        &Event::Started,
        &[Effect::StopWorks { seq: 1 }, Effect::Snapshot { round: 1 }, Effect::Acknowledge],
    )
    .await
    .unwrap();
    let hand = store.claim_effects(&lease, Timestamp(6), 1).await.unwrap();
    assert_eq!(
        store.claim_effects(&lease, Timestamp(6), 1).await.unwrap(),
        [],
        "in hand is not offered twice"
    );
    let end = async |version, key: &str, event: &Event| {
        let cause = Some((&lease, key));
        store
            .commit_step(StepCommit { version, event, at: Timestamp(7), run: &run, effects: &[], cause })
            .await
            .unwrap();
    };
    store.finish_effect(&lease, &hand[0].key, EffectEnd::Done).await.unwrap();
    end(1, &hand[1].key, &Event::Woke).await;
    end(2, &hand[2].key, &refused(&hand[2].key)).await;

    told(
        &store,
        &run,
        3,
        &Event::Retried,
        &[Effect::StopWorks { seq: 1 }, Effect::Snapshot { round: 1 }, Effect::Acknowledge],
    )
    .await
    .unwrap();
    let again = store.claim_effects(&lease, Timestamp(8), 1).await.unwrap();
    let seen: Vec<_> = again.iter().map(|one| (&one.effect, one.outcome.clone())).collect();
    assert_eq!(seen, [(&Effect::Snapshot { round: 1 }, Some(Event::Woke)), (&Effect::Acknowledge, None)]);
}

#[tokio::test]
async fn a_slow_owner_is_fenced_off_after_a_takeover() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run, old) = leased(folder.path(), "old").await;
    told(&store, &run, 0, &Event::Started, &[Effect::Snapshot { round: 1 }]).await.unwrap();
    let hand = store.claim_effects(&old, Timestamp(6), 1).await.unwrap();
    let new = lease(&run, "new");
    let held = StoreError::Leased { run: run.id.to_string(), owner: "old".to_owned() };
    assert_eq!(store.take_lease(&new, Timestamp(29), Timestamp(60)).await, Err(held));
    store.renew_lease(&old, Timestamp(40)).await.unwrap();
    assert!(store.take_lease(&new, Timestamp(39), Timestamp(60)).await.is_err(), "the heartbeat counts");
    store.take_lease(&new, Timestamp(40), Timestamp(70)).await.unwrap();

    let lost = Err(StoreError::LeaseLost(run.id.to_string()));
    let key = hand[0].key.as_str();
    let late = StepCommit {
        version: 1,
        event: &Event::Woke,
        at: Timestamp(41),
        run: &run,
        effects: &[],
        cause: Some((&old, key)),
    };
    assert_eq!(store.commit_step(late).await, lost);
    assert_eq!(store.finish_effect(&old, key, EffectEnd::Done).await, lost);
    assert_eq!(store.renew_lease(&old, Timestamp(99)).await, lost);
    assert_eq!(store.append(&old, &work(&run), 0, vec!["late".to_owned()]).await, lost);
    assert_eq!(store.run(&run.id).await.unwrap().version, 1);
    let taken = store.claim_effects(&new, Timestamp(41), 1).await.unwrap();
    assert_eq!((taken[0].key.as_str(), taken[0].claims), (key, 2), "what was in hand is performed again");
    store.release_lease(&old).await.unwrap();
    assert!(
        store.is_leased(&run.id, Timestamp(69)).await.unwrap(),
        "a release of what is not ours does nothing"
    );
}

#[tokio::test]
async fn one_failing_request_takes_no_other_along() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run, lease) = leased(folder.path(), "a").await;
    let append = |task: String, at| {
        let (store, lease, run) = (store.clone(), lease.clone(), run.id.clone());
        let work = WorkId { run, task: TaskId::new(task), round: 1, attempt: 1 };
        async move { store.append(&lease, &work, at, vec!["line".to_owned()]).await }
    };
    // Sent together, so that they share transactions; every third asks for a position that leaves a gap.
    let many = (0..60).map(|n| append(format!("t{n}"), u32::from(n % 3 == 0)));
    let ends = futures_util::future::join_all(many).await;
    for (n, end) in ends.iter().enumerate() {
        assert_eq!(end.is_err(), n % 3 == 0, "request {n}: {end:?}");
        let work = WorkId { run: run.id.clone(), task: TaskId::new(format!("t{n}")), round: 1, attempt: 1 };
        assert_eq!(store.transcript(&work).await.unwrap().len(), usize::from(end.is_ok()));
    }
}

#[tokio::test]
async fn two_programs_write_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = tokio::join!(store_in(folder.path()), store_in(folder.path()));
    let bytes = |n: u32, who: u32| format!("{who}:{n}").into_bytes();
    let all = |store: Store, who| async move {
        for n in 0..50 {
            store.keep(&bytes(n, who)).await.unwrap();
        }
    };
    tokio::join!(all(one.clone(), 1), all(two.clone(), 2));
    for n in 0..50 {
        assert_eq!(one.kept(&ContentHash::of(&bytes(n, 2))).await.unwrap(), bytes(n, 2));
        assert_eq!(two.kept(&ContentHash::of(&bytes(n, 1))).await.unwrap(), bytes(n, 1));
    }
}

#[tokio::test]
async fn a_loop_reads_on_while_those_in_hand_hold_all_readers() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run, _) = leased(folder.path(), "a").await;
    let mut hand: Vec<_> = (0..16).map(|_| Box::pin(store.run(&run.id))).collect();
    for read in &mut hand {
        assert!(futures_util::poll!(read).is_pending());
    }
    assert_eq!(store.apart().run(&run.id).await.unwrap().run, run);
    futures_util::future::try_join_all(hand).await.unwrap();
}

#[tokio::test]
async fn costs_count_what_was_booked_and_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run, lease) = leased(folder.path(), "a").await;
    let call = |step, attempt| Call { work: work(&run), step, attempt };
    let cost = |usd: Option<u64>, tokens| Cost {
        usd: usd.map(Usd),
        input_tokens: tokens,
        cached_tokens: 0,
        output_tokens: 1,
    };
    let sum = async || {
        let costs = store.costs(&run.id).await.unwrap();
        (costs.sum.usd.map(|usd| usd.0), costs.sum.input_tokens, costs.calls)
    };
    assert_eq!(sum().await, (Some(0), 0, 0));
    store.book_call(&lease, &call(1, 1), cost(Some(100), 10), 0, vec!["task".to_owned()]).await.unwrap();
    assert_eq!(sum().await, (Some(100), 10, 1));
    // A crash here: the call may have been billed. The next attempt is booked, and both count.
    assert_eq!(store.attempts(&work(&run), 1).await.unwrap(), 1);
    let twice = store.book_call(&lease, &call(1, 1), cost(Some(100), 10), 1, vec!["x".to_owned()]).await;
    assert_eq!(twice.unwrap_err().code(), "call_booked");
    store.book_call(&lease, &call(1, 2), cost(Some(100), 10), 1, vec![]).await.unwrap();
    let settle = async |at, entries| {
        let pending = store.begin_settling(&lease, &call(1, 2), cost(Some(7), 5), at, entries).await?;
        pending.durable().await
    };
    settle(1, vec!["answer".to_owned()]).await.unwrap();
    assert_eq!(sum().await, (Some(107), 15, 2));
    // A position that is taken: neither the entry nor the money is written.
    let taken = store.book_call(&lease, &call(2, 1), cost(Some(900), 10), 1, vec!["twin".to_owned()]).await;
    assert_eq!(taken, Err(StoreError::Taken { work: work(&run).to_string(), at: 1 }));
    assert_eq!(sum().await, (Some(107), 15, 2));
    assert_eq!(store.transcript(&work(&run)).await.unwrap(), ["task", "answer"]);
    // Settled twice is refused; no price anywhere means no price for the run, never 0.
    assert!(settle(2, vec![]).await.is_err());
    store.book_call(&lease, &call(2, 1), cost(None, 1), 2, vec![]).await.unwrap();
    assert_eq!(sum().await, (None, 16, 3));
}

#[tokio::test]
async fn migrations_carry_older_stores_on() {
    let sample = "INSERT INTO runs (id, repository, version, phase, state, created, updated) VALUES (?, 'r', 1, 'queued', ?, 1, 2)";
    for known in 1..MIGRATIONS.migrations.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quantum.db");
        let older =
            Migrator { migrations: MIGRATIONS.migrations[..known].to_vec().into(), ..Migrator::DEFAULT };
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        older.run(&mut connection).await.unwrap();
        let run = a_run("old");
        let state = encode_run(&run).unwrap();
        sqlx::query(sample).bind(run.id.as_str()).bind(state).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let store = Store::open(&path).await.unwrap();
        assert_eq!(store.run(&run.id).await.unwrap().run, run, "after migration {known}");
        store.is_ready().await.unwrap();
    }
    for migration in MIGRATIONS.iter() {
        let why = migration.sql.lines().take_while(|line| line.starts_with("-- ")).count();
        assert!(why > 0, "migration {} does not open with why it exists", migration.version);
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("garbage.db"), vec![7; 8192]).unwrap();
    std::fs::write(at("file"), "x").unwrap();
    std::fs::create_dir(at("folder.db")).unwrap();
    Store::open(&at("newer.db")).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(at("newer.db")).connect().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations VALUES (9999, 'later', '2099-01-01', 1, x'00', 1)";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    let check = async |path: &Path, code: &str| {
        let error = Store::open(path).await.map(|_| ()).unwrap_err();
        assert_eq!((error.code(), error.hint().is_empty()), (code, false), "{}: {error}", path.display());
    };
    check(&at("garbage.db"), "store_damaged").await;
    check(&at("newer.db"), "store_newer").await;
    check(&at("file/below/quantum.db"), "store_read_only").await;
    check(&at("folder.db"), "store_read_only").await;
    check(Path::new("/proc/quantum.db"), "store_read_only").await;
}

#[tokio::test]
async fn what_is_too_big_or_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut run, lease) = leased(folder.path(), "a").await;
    let long = vec!["x".repeat(5 << 20)];
    assert_eq!(store.append(&lease, &work(&run), 0, long).await.unwrap_err().code(), "store_too_big");
    // Events are cut before they are told; one that is not is not stored.
    let event = Event::AnswerGiven { text: "x".repeat(40_000) };
    assert_eq!(told(&store, &run, 0, &event, &[]).await.unwrap_err().code(), "store_too_big");
    assert_eq!(store.kept(&ContentHash::of(b"never")).await.unwrap_err().code(), "store_missing");
    run.id = RunId::derive(&["another"]);
    assert_eq!(store.run(&run.id).await.unwrap_err().code(), "store_missing");
    let odd = store.keep(b"").await.unwrap();
    assert_eq!(store.kept(&odd).await.unwrap(), b"");
}

/// Runs the story below on a disk of 2 MB, where unprivileged mount namespaces (or root) allow one.
#[test]
fn a_full_disk_loses_nothing_and_needs_no_restart() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=2m none "$1" && cd "$1" || exit 77; shift; exec "$@""#;
    let story = child::command("store::on_a_disk_of_two_megabytes");
    let mut command = child::shell_that_mounts(script);
    command.arg(folder.path()).arg(story.get_program()).args(story.get_args());
    command.envs(story.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if child::is_refused(output.status.code(), &stderr) {
        return;
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}{stderr}");
}

#[tokio::test]
async fn on_a_disk_of_two_megabytes() {
    if !child::is("store::on_a_disk_of_two_megabytes") {
        return;
    }
    // more than half of the disk: what is in the log is there a second time while it is written back
    std::fs::write("filler", vec![0; 1_300_000]).unwrap();
    let store = Store::open(Path::new("quantum.db")).await.unwrap();
    let mut seed = 1_u64;
    let mut noise = || {
        let next = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 56) as u8
        });
        next.take(50_000).collect::<Vec<_>>()
    };
    let mut acknowledged = Vec::new();
    // Closing a spoiled connection may free its log: full is when nothing fits twice in a row.
    let mut refused = 0;
    while refused < 2 {
        match store.keep(&noise()).await {
            Ok(hash) => {
                acknowledged.push(hash);
                refused = 0;
            }
            Err(error) => {
                assert_eq!(error, StoreError::Full);
                refused += 1;
            }
        }
        assert!(acknowledged.len() < 100, "the disk never got full");
    }
    std::fs::remove_file("filler").unwrap();
    acknowledged.push(store.keep(&noise()).await.unwrap());
    store.is_ready().await.unwrap();
    drop(store);
    let store = Store::open(Path::new("quantum.db")).await.unwrap();
    for hash in &acknowledged {
        store.kept(hash).await.unwrap();
    }
    assert!(acknowledged.len() > 2);
}
