//! What was heard, which repositories are known, and what was sent twice, by the store.

use quantumlayer::{
    clock::Timestamp,
    store::{CommentKey, Hearing, KnownRepo, Sender, Sent, Store},
};
use std::{collections::HashSet, path::Path};

const T: Timestamp = Timestamp(1_000_000);

async fn store_in(folder: &Path) -> Store {
    Store::open(&folder.join("quantum.db")).await.unwrap()
}

fn key(repo: u64, comment: &str) -> CommentKey {
    CommentKey { repo, comment: comment.to_owned() }
}

#[tokio::test]
async fn a_comment_ends_once_and_stays_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let one = key(u64::MAX, "7");
    assert_eq!(store.hearing(&one).await.unwrap(), None);
    for deed in ["first", "second"] {
        store.begin_hearing(&one, deed, T).await.unwrap();
        assert_eq!(store.hearing(&one).await.unwrap(), Some(Hearing::Begun(deed.to_owned())));
    }
    store.end_hearing(&one, "answered", T).await.unwrap();
    store.end_hearing(&one, "started", T).await.unwrap();
    store.begin_hearing(&one, "third", T).await.unwrap();
    // also when it was never begun, and under other names
    store.end_hearing(&key(u64::MAX, "review-7"), "deny.permission", T).await.unwrap();
    drop(store);
    let store = store_in(folder.path()).await;
    let ended = |word: &str| Some(Hearing::Ended(word.to_owned()));
    assert_eq!(store.hearing(&one).await.unwrap(), ended("answered"));
    assert_eq!(store.hearing(&key(u64::MAX, "review-7")).await.unwrap(), ended("deny.permission"));
    assert_eq!(store.hearing(&key(1, "7")).await.unwrap(), None, "another repository's");
    store.end_hearing(&key(1, "7"), "late", T.after(std::time::Duration::from_secs(1))).await.unwrap();
    assert_eq!(store.forget_hearings(Timestamp(T.0 + 1), 1).await.unwrap(), 1, "a little at a time");
    assert_eq!(store.forget_hearings(Timestamp(T.0 + 1), 9).await.unwrap(), 1);
    assert_eq!(store.hearing(&key(1, "7")).await.unwrap(), ended("late"));
}

#[tokio::test]
async fn a_repository_is_read_on_from_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let first = KnownRepo {
        installation: 1,
        repo_id: 7,
        owner: "octo".to_owned(),
        name: "repo".to_owned(),
        is_private: true,
        begun: T,
        since: T,
    };
    let nameless = KnownRepo {
        installation: 2,
        owner: String::new(),
        name: String::new(),
        is_private: false,
        begun: Timestamp(5),
        since: Timestamp(5),
        ..first.clone()
    };
    store.see_repo(&first).await.unwrap();
    store.see_repo(&nameless).await.unwrap();
    let kept = KnownRepo { installation: 2, ..first.clone() };
    assert_eq!(store.known_repo(7).await.unwrap(), Some(kept.clone()));
    store.see_repo(&KnownRepo { repo_id: 8, ..first.clone() }).await.unwrap();
    assert_eq!(
        store.repos_to_scan(Timestamp(0), &HashSet::new(), 1).await.unwrap(),
        std::slice::from_ref(&kept)
    );
    store.repo_scanned(7, Timestamp(T.0 + 9), Timestamp(50)).await.unwrap();
    store.repo_scanned(7, Timestamp(T.0 + 3), Timestamp(60)).await.unwrap();
    let ids = async |until| {
        let repos = store.repos_to_scan(Timestamp(until), &HashSet::new(), 9).await.unwrap();
        repos.into_iter().map(|repo| (repo.repo_id, repo.since.0 - T.0)).collect::<Vec<_>>()
    };
    assert_eq!(ids(59).await, [(8, 0)]);
    assert_eq!(ids(60).await, [(8, 0), (7, 9)], "the longest waiting first, and never back");
    store.forget_repo(7).await.unwrap();
    assert_eq!(store.known_repo(7).await.unwrap(), None);
    assert_eq!(store.looked("x").await.unwrap(), None);
    for at in [T, Timestamp(5)] {
        store.look_done("x", at).await.unwrap();
        assert_eq!(store.looked("x").await.unwrap(), Some(at));
    }
}

#[tokio::test]
async fn what_was_sent_points_elsewhere_only_from_where_it_was_thought_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let (sender, sent) = (Sender::Key("comment/1"), Sent::Key("comment/1"));
    store.remember(sender, "answer", Some(9), None, T).await.unwrap();
    let point = async |from, to| store.point_elsewhere(sent, "answer", from, to).await.unwrap();
    assert!(!point(8, 3).await);
    assert_eq!(store.sent(sent, "answer").await.unwrap().unwrap().remote_id, Some(9));
    assert!(point(9, 3).await && !point(9, 4).await);
    assert_eq!(store.sent(sent, "answer").await.unwrap().unwrap().remote_id, Some(3));
}
