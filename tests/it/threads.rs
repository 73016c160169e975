//! What runs are about on GitHub, and what left for it.

use crate::store::a_run;
use quantumlayer::{
    clock::Timestamp,
    ids::{ContentHash, RunId},
    report::Hint,
    run::{Effect, Event, Outcome, Phase, Run, state::Hold, step},
    store::{Begun, Lease, Sender, StepCommit, Store, StoreError, Thread, Wanting, Whose},
};
use sqlx::{Connection, SqliteConnection};
use std::path::Path;

async fn store_in(folder: &Path) -> Store {
    Store::open(&folder.join("quantum.db")).await.unwrap()
}

fn thread(repo_id: u64, number: u64) -> Thread {
    Thread {
        installation: u64::MAX,
        repo_id,
        repo_owner: "octo".to_owned(),
        repo_name: "repo".to_owned(),
        is_private: true,
        default_branch: "main".to_owned(),
        number,
        comment: 77,
        author: 5,
        requester: 6,
        requester_login: "mona".to_owned(),
        branch: "quantum/issue-1-abcdef".to_owned(),
        labels: vec!["quantum".to_owned(), "help wanted".to_owned()],
        is_draft: true,
        request: ContentHash::of(b"request"),
    }
}

/// The run after it was told something, with what it wants.
async fn told(store: &Store, run: &Run, effects: &[Effect]) {
    let version = store.run(&run.id).await.unwrap().version;
    let step = StepCommit { version, event: &Event::Started, at: Timestamp(5), run, effects, cause: None };
    store.commit_step(step).await.unwrap();
}

fn closed(mut run: Run) -> Run {
    run.state.hold = Some(Hold::Closed { outcome: Outcome::Cancelled });
    run
}

#[tokio::test]
async fn one_run_of_an_issue_is_open_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let (one, two) = (a_run("one"), a_run("two"));
    let issue = thread(1, 7);
    let (first, second) = tokio::join!(store.begin_run(&one, &issue), store.begin_run(&two, &issue));
    let Begun::New(stored) = first.unwrap() else { panic!("the first is new") };
    assert_eq!((stored.run, stored.version), (one.clone(), 0));
    assert_eq!(second.unwrap(), Begun::Busy(one.id.clone()));
    assert_eq!(store.run(&two.id).await.unwrap_err().code(), "store_missing", "nothing was written");
    assert_eq!(store.thread(&two.id).await.unwrap(), None);
    assert!(matches!(store.begin_run(&one, &thread(1, 7)).await.unwrap(), Begun::Known(_)));
    assert_eq!(store.thread(&one.id).await.unwrap(), Some(thread(1, 7)));

    told(&store, &closed(one.clone()), &[]).await;
    assert_eq!(store.open_run_on(1, 7).await.unwrap(), None);
    assert!(matches!(store.begin_run(&one, &thread(1, 7)).await.unwrap(), Begun::Known(_)), "said again");
    let mut later = two.clone();
    later.created = Timestamp(one.created.0 + 1);
    assert!(matches!(store.begin_run(&later, &thread(1, 7)).await.unwrap(), Begun::New(_)));
    assert_eq!(store.open_run_on(1, 7).await.unwrap(), Some(two.id.clone()));
    // one that is over is not to be opened beside it
    assert_eq!(store.open_run_beside(&one.id).await.unwrap(), Some(two.id.clone()));
    assert_eq!(store.open_run_beside(&two.id).await.unwrap(), None);
    store.run_is_under(&two.id, 99).await.unwrap();
    for (run, installation) in [(&one.id, thread(1, 7).installation), (&two.id, 99)] {
        assert_eq!(store.thread(run).await.unwrap().unwrap().installation, installation);
    }
    assert_eq!(store.last_run_on(1, 7).await.unwrap(), Some(two.id.clone()));
    told(&store, &closed(later), &[]).await;
    assert_eq!(store.last_run_on(1, 7).await.unwrap(), Some(two.id), "for `retry`");
    assert_eq!(store.last_run_on(1, 8).await.unwrap(), None);
}

#[tokio::test]
async fn runs_are_found_by_what_they_are_about() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let names = ["a", "b", "c", "d"];
    let runs = names.map(a_run);
    for (run, (repo, number)) in runs.iter().zip([(1, 1), (1, 2), (2, 1), (2, 2)]) {
        store.begin_run(run, &thread(repo, number)).await.unwrap();
    }
    store.insert_or_find(&a_run("local"), "/some/folder").await.unwrap();
    told(&store, &closed(runs[1].clone()), &[]).await;
    let ids = |of: &[usize]| {
        let mut ids: Vec<RunId> = of.iter().map(|n| runs[*n].id.clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(store.open_runs_of_repo(1).await.unwrap(), ids(&[0]));
    assert_eq!(store.open_runs_of_repo(2).await.unwrap(), ids(&[2, 3]));
    assert_eq!(store.open_runs_of_installation(u64::MAX).await.unwrap(), ids(&[0, 2, 3]));
    assert_eq!(store.open_runs_of_installation(3).await.unwrap(), []);
    let open = store.open_threads().await.unwrap();
    assert_eq!(open.iter().map(|run| run.id.clone()).collect::<Vec<_>>(), ids(&[0, 2, 3]));
    assert_eq!(open[0].repository, format!("github:{}", open[0].thread.as_ref().unwrap().repo_id));
    assert!(open.iter().all(|run| run.phase == Phase::Queued));
    let all = store.list_runs(10).await.unwrap();
    assert_eq!(all.iter().filter(|run| run.thread.is_none()).count(), 1, "the command line's");
    assert_eq!((all.len(), store.list_runs(2).await.unwrap().len()), (5, 2));
    let phases = [("closed".to_owned(), 1), ("queued".to_owned(), 4)];
    assert_eq!(store.runs_by_phase().await.unwrap(), phases);
    let begun = async |whose, since| store.runs_begun(whose, Timestamp(since)).await.unwrap();
    assert_eq!(begun(Whose::Requester(6), 0).await, 4);
    assert_eq!(begun(Whose::Requester(6), 1_000_001).await, 0);
    assert_eq!(begun(Whose::Repository(1), 1_000_000).await, 2);
    store.repo_is_called(1, "octo", "renamed").await.unwrap();
    assert_eq!(store.thread(&runs[0].id).await.unwrap().unwrap().repo_name, "renamed");
    assert_eq!(store.thread(&runs[2].id).await.unwrap().unwrap().repo_name, "repo");
    // a word of another program's is no phase
    let mut side =
        SqliteConnection::connect(folder.path().join("quantum.db").to_str().unwrap()).await.unwrap();
    sqlx::query("UPDATE runs SET phase = 'resting'").execute(&mut side).await.unwrap();
    assert_eq!(store.list_runs(10).await.unwrap_err().code(), "store_damaged");
}

#[tokio::test]
async fn who_wants_to_be_driven_is_known_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let run = a_run("one");
    store.begin_run(&run, &thread(1, 1)).await.unwrap();
    let to_drive = async |now| runs(store.runs_to_drive(Timestamp(now)).await.unwrap());
    assert_eq!(to_drive(10).await, std::slice::from_ref(&run.id), "it is to begin");
    let begun = step(run.clone(), &Event::Started, Timestamp(5)).run;
    told(&store, &begun, &[]).await;
    assert_eq!(to_drive(10).await, [], "it wants nothing");
    told(&store, &begun, &[Effect::Acknowledge]).await;
    assert_eq!(to_drive(10).await, std::slice::from_ref(&run.id));
    let lease = Lease { run: run.id.clone(), owner: "a".to_owned() };
    store.take_lease(&lease, Timestamp(10), Timestamp(40)).await.unwrap();
    let hand = store.claim_effects(&lease, Timestamp(10), 1).await.unwrap();
    assert_eq!(to_drive(39).await, []);
    assert_eq!(to_drive(40).await, std::slice::from_ref(&run.id), "its process died with the effect in hand");
    store.postpone_effect(&lease, &hand[0].key, Timestamp(90)).await.unwrap();
    store.release_lease(&lease).await.unwrap();
    assert_eq!(to_drive(89).await, []);
    assert_eq!(to_drive(90).await, std::slice::from_ref(&run.id));
    let has_work = async || store.runs_to_drive(Timestamp(90)).await.unwrap()[0].has_work;
    assert!(has_work().await);
    told(&store, &closed(begun), &[Effect::StopWorks { seq: 1 }]).await;
    assert!(!has_work().await, "it has only something to say");
}

fn runs(wanting: Vec<Wanting>) -> Vec<RunId> {
    wanting.into_iter().map(|one| one.run).collect()
}

#[tokio::test]
async fn installations_take_turns_however_many_one_of_them_wants() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    for (number, name, installation) in [(1, "a", 1), (2, "b", 1), (3, "c", 1), (4, "d", 2)] {
        let run = Run { created: Timestamp(number), ..a_run(name) };
        let thread = Thread { installation, ..thread(1, number.unsigned_abs()) };
        store.begin_run(&run, &thread).await.unwrap();
        told(&store, &run, &[Effect::Acknowledge]).await;
    }
    let order = async |now| runs(store.runs_to_drive(Timestamp(now)).await.unwrap());
    let of = |names: &[&str]| names.iter().map(|name| a_run(name).id).collect::<Vec<_>>();
    assert_eq!(order(10).await, of(&["a", "d", "b", "c"]));
    let lease = Lease { run: a_run("a").id, owner: "one".to_owned() };
    store.take_lease(&lease, Timestamp(10), Timestamp(40)).await.unwrap();
    assert_eq!(order(39).await, of(&["d", "b", "c"]), "the first has one in hand");
    assert_eq!(order(40).await, of(&["a", "d", "b", "c"]));
}

#[tokio::test]
async fn statuses_go_by_turns_and_none_comes_before_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let of = |names: &[&str]| names.iter().map(|name| a_run(name).id).collect::<Vec<_>>();
    for (number, name, installation) in [(1, "a", 1), (2, "b", 1), (3, "c", 1), (4, "d", 2), (5, "e", 3)] {
        let run = a_run(name);
        store.begin_run(&run, &Thread { installation, ..thread(1, number) }).await.unwrap();
        if name != "e" {
            store.want_status(&run.id, 1).await.unwrap();
        }
        store.postpone_status(&run.id, Timestamp(i64::try_from(number).unwrap())).await.unwrap();
    }
    let due = async |hand: &[&str], now, share, most| {
        store.due_statuses(&of(hand), Timestamp(now), share, most).await.unwrap()
    };
    assert_eq!(due(&[], 9, 8, 9).await, of(&["a", "d", "b", "c"]));
    assert_eq!(due(&[], 9, 8, 1).await, of(&["a"]));
    assert_eq!(due(&[], 9, 2, 9).await, of(&["a", "d", "b"]));
    assert_eq!(due(&["a", "b"], 9, 2, 9).await, of(&["d"]), "its share is in hand");
    assert_eq!(due(&[], 2, 8, 9).await, of(&["a", "b"]), "the others were put off");
    let next = async |hand: &[&str], now| store.next_status_at(&of(hand), Timestamp(now)).await.unwrap();
    assert_eq!((next(&[], 2).await, next(&["c"], 2).await), (Some(Timestamp(3)), Some(Timestamp(4))));
    assert_eq!(next(&[], 4).await, None);
    // what goes on is told of every ten seconds, what ended at once
    let run = a_run("a");
    store.status_written(&run.id, 1, Timestamp(9)).await.unwrap();
    store.want_status(&run.id, 2).await.unwrap();
    assert_eq!(
        (due(&["b"], 10_008, 2, 9).await, next(&[], 9).await),
        (of(&["d", "c"]), Some(Timestamp(10_009)))
    );
    assert_eq!(due(&["b", "c", "d"], 10_009, 9, 9).await, of(&["a"]));
    told(&store, &closed(run), &[]).await;
    assert_eq!(due(&["b", "c", "d"], 10, 9, 9).await, of(&["a"]));
}

#[tokio::test]
async fn what_left_is_remembered_and_a_late_owner_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let run = a_run("one");
    store.begin_run(&run, &thread(1, 1)).await.unwrap();
    let lease = |owner: &str| Lease { run: run.id.clone(), owner: owner.to_owned() };
    let (old, new) = (lease("old"), lease("new"));
    store.take_lease(&old, Timestamp(0), Timestamp(30)).await.unwrap();
    assert_eq!(store.remembered(&run.id, "status").await.unwrap(), None);
    let first = store.try_first(Sender::Run(&old), "status", Timestamp(10)).await.unwrap();
    assert_eq!((first.first_try, first.remote_id), (Timestamp(10), None));
    let again = store.try_first(Sender::Run(&old), "status", Timestamp(20)).await.unwrap();
    assert_eq!(again.first_try, Timestamp(10), "it is looked for from then on");

    store.take_lease(&new, Timestamp(30), Timestamp(60)).await.unwrap();
    let lost = StoreError::LeaseLost(run.id.to_string());
    let late = store.remember(Sender::Run(&old), "status", Some(1), None, Timestamp(31)).await;
    assert_eq!(late, Err(lost.clone()));
    assert_eq!(store.try_first(Sender::Run(&old), "other", Timestamp(31)).await, Err(lost));
    let note = Some("https://github.com/octo/repo/pull/3");
    store.remember(Sender::Run(&new), "status", Some(u64::MAX), note, Timestamp(32)).await.unwrap();
    let known = store.remembered(&run.id, "status").await.unwrap().unwrap();
    assert_eq!((known.first_try, known.remote_id), (Timestamp(10), Some(u64::MAX)));
    assert_eq!(known.note.as_deref(), note);

    // a key of somebody's is no run's, whatever it is called
    let key = Sender::Key(run.id.as_str());
    assert_eq!(store.try_first(key, "status", Timestamp(50)).await.unwrap().first_try, Timestamp(50));
    store.remember(key, "status", Some(9), None, Timestamp(51)).await.unwrap();
    assert_eq!(store.try_first(key, "status", Timestamp(52)).await.unwrap().remote_id, Some(9));
    assert_eq!(store.remembered(&run.id, "status").await.unwrap(), Some(known));
    let long = "x".repeat(3_000);
    let error = store.remember(key, "status", None, Some(&long), Timestamp(0)).await.unwrap_err();
    assert_eq!(error.code(), "store_too_big");
}
