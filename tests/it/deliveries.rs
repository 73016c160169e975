//! Deliveries in the store: each once, in order, and there when it was said to be.

use futures_util::future::join_all;
use quantumlayer::{
    clock::Timestamp,
    ids::ContentHash,
    store::{DeliveryEnd, NewDelivery, Store, Taken},
};
use std::path::Path;

async fn store_in(folder: &Path) -> Store {
    Store::open(&folder.join("quantum.db")).await.unwrap()
}

fn delivery(id: &str, body: &str, may_matter: bool) -> NewDelivery {
    NewDelivery::new(id, "issue_comment", body.as_bytes(), may_matter, Timestamp(1_000)).unwrap()
}

async fn take(store: &Store, id: &str, body: &str, may_matter: bool) -> Taken {
    store.take_delivery(delivery(id, body, may_matter)).await.unwrap()
}

/// The ids that may be looked at now.
async fn next(store: &Store, now: i64) -> Vec<String> {
    let next = store.next_deliveries(&[], Timestamp(now), 10, 10).await.unwrap();
    next.into_iter().map(|one| one.id).collect()
}

#[tokio::test]
async fn a_delivery_is_kept_once_and_looked_at_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    assert_eq!(take(&store, "b", "{\"n\":1}", true).await, Taken::Stored);
    assert_eq!(take(&store, "a", "{\"n\":2}", true).await, Taken::Stored);
    assert_eq!(take(&store, "c", "{}", false).await, Taken::Ignored);
    assert_eq!(take(&store, "b", "{\"n\":1}", true).await, Taken::Duplicate);
    assert_eq!(take(&store, "c", "{}", true).await, Taken::Duplicate, "the first word counts");
    assert_eq!(next(&store, 2_000).await, ["b", "a"]);
    let again = store.next_deliveries(&[], Timestamp(2_000), 1, 1).await.unwrap();
    assert_eq!((again[0].starts, again[0].failures, again[0].event.as_str()), (2, 0, "issue_comment"));
    assert_eq!(again[0].body().await.unwrap(), b"{\"n\":1}");

    store.postpone_delivery("b", Timestamp(5_000)).await.unwrap();
    assert_eq!(next(&store, 4_999).await, ["a"]);
    store.finish_delivery("a", DeliveryEnd::Done, "started").await.unwrap();
    assert_eq!(store.next_delivery_at().await.unwrap(), Some(Timestamp(5_000)));
    assert_eq!(next(&store, 4_999).await, [""; 0]);
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.count, backlog.oldest), (1, Some(Timestamp(1_000))));
    let again = store.next_deliveries(&[], Timestamp(5_000), 10, 10).await.unwrap();
    assert_eq!((again[0].id.as_str(), again[0].starts, again[0].failures), ("b", 1, 1));
    store.finish_delivery("b", DeliveryEnd::Failed, &"long ".repeat(200)).await.unwrap();
    store.finish_delivery("b", DeliveryEnd::Done, "late").await.unwrap();
    let kept = store.delivery("b").await.unwrap().unwrap();
    assert_eq!((kept.state.as_str(), kept.failures, kept.why.unwrap().len()), ("failed", 1, 256));
    assert_eq!(store.next_delivery_at().await.unwrap(), None);
    assert_eq!(store.backlog().await.unwrap().oldest, None);
    assert_eq!(store.delivery("nobody's").await.unwrap(), None);
}

#[tokio::test]
async fn another_body_under_a_known_id_is_audited_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    take(&store, "a", "{\"first\":1}", true).await;
    for n in [1, 2, 2] {
        assert_eq!(take(&store, "a", &format!("{{\"other\":{n}}}"), true).await, Taken::Duplicate);
    }
    take(&store, "a", "{\"first\":1}", true).await;
    let mut twins = store.delivery_twins("a").await.unwrap();
    twins.sort();
    let mut expected = [b"{\"other\":1}", b"{\"other\":2}"].map(|body| ContentHash::of(body));
    expected.sort();
    assert_eq!(twins, expected);
    assert_eq!(store.delivery("a").await.unwrap().unwrap().body().await.unwrap(), b"{\"first\":1}");
    for n in 0..50 {
        take(&store, "a", &format!("{{\"flood\":{n}}}"), true).await;
    }
    assert_eq!(store.delivery_twins("a").await.unwrap().len(), 8, "a flood is bounded");
}

/// Many deliveries, 1 to 5 copies each, in parallel with each other and with other writes, before and after the
/// program is started again.
#[tokio::test]
async fn copies_in_parallel_and_across_a_start_are_one_each() {
    const DELIVERIES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let mut stored = vec![0; DELIVERIES];
    for life in 0..2 {
        let store = store_in(folder.path()).await;
        let copies = (0..DELIVERIES).flat_map(|n| std::iter::repeat_n(n, 1 + (n * 7 + life) % 5));
        let mut copies: Vec<_> = copies.collect();
        // spread: copies of one must meet in a batch and across batches
        copies.sort_by_key(|n| (n * 31) % 17);
        let copies = copies.into_iter().map(|n| {
            let store = store.clone();
            async move {
                let body = format!("{{\"n\":{n}}}");
                if n % 9 == 0 {
                    store.keep(body.as_bytes()).await.unwrap();
                }
                (n, take(&store, &format!("d{n}"), &body, n % 3 > 0).await)
            }
        });
        for (n, taken) in join_all(copies).await {
            match taken {
                Taken::Duplicate => {}
                first => {
                    assert_eq!(first, if n % 3 > 0 { Taken::Stored } else { Taken::Ignored }, "{n}");
                    stored[n] += 1;
                }
            }
        }
    }
    assert!(stored.iter().all(|times| *times == 1), "{stored:?}");
    let store = store_in(folder.path()).await;
    let waiting = store.next_deliveries(&[], Timestamp(9_999), 10_000, 10_000).await.unwrap();
    assert_eq!(waiting.len(), (0..DELIVERIES).filter(|n| n % 3 > 0).count());
}

#[tokio::test]
async fn a_large_body_comes_back_and_one_over_the_bound_does_not_get_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let body = format!("{{\"text\":\"{}\"}}", "words and words ".repeat(400_000));
    assert_eq!(take(&store, "large", &body, true).await, Taken::Stored);
    let kept = store.delivery("large").await.unwrap().unwrap();
    assert!(kept.body().await.unwrap() == body.as_bytes());
    assert_eq!(kept.digest, ContentHash::of(body.as_bytes()));
    let huge = vec![b' '; 25 * 1024 * 1024 + 1];
    assert!(NewDelivery::new("huge", "push", &huge, true, Timestamp(0)).is_err());
}

#[tokio::test]
async fn old_ones_are_forgotten_but_not_before_they_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    for n in 0..10 {
        let id = format!("d{n}");
        let one = NewDelivery::new(&id, "push", b"{}", n % 2 == 0, Timestamp(n)).unwrap();
        store.take_delivery(one).await.unwrap();
    }
    take(&store, "d1", "{\"twin\":1}", true).await;
    let forget = async |before| store.forget_deliveries(Timestamp(before), 6).await.unwrap();
    // d1 and d3 have ended and are older; d5 is too young, and what lies behind the first six is not looked at
    assert_eq!(forget(4).await, 2);
    assert_eq!(store.delivery("d1").await.unwrap(), None);
    assert_eq!(store.delivery_twins("d1").await.unwrap(), []);
    assert!(store.delivery("d0").await.unwrap().is_some(), "it waits");
    assert_eq!(forget(100).await, 2);
    assert_eq!(next(&store, 0).await, ["d0", "d2", "d4", "d6", "d8"]);
}

#[tokio::test]
async fn one_that_is_held_is_given_to_nobody_else_until_then() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    take(&store, "a", "{}", true).await;
    take(&store, "b", "{}", true).await;
    take(&store, "nothing", "{}", false).await;
    let hold = async |id, now| store.hold_delivery(id, Timestamp(now), Timestamp(5_000)).await.unwrap();
    let held = hold("a", 2_000).await.unwrap();
    assert_eq!((held.id.as_str(), held.starts), ("a", 1));
    assert_eq!(hold("a", 4_999).await, None, "somebody has it");
    assert_eq!((hold("nothing", 2_000).await, hold("nobody's", 2_000).await), (None, None));
    assert_eq!(next(&store, 4_999).await, ["b"]);
    // who held it is gone
    assert_eq!(next(&store, 5_000).await, ["a", "b"]);
    // who held it did not come to look at it
    store.delay_delivery("a", Timestamp(2_000)).await.unwrap();
    assert_eq!(hold("a", 2_000).await.unwrap().starts, 1);
}

/// Takes these for their installations, in this order.
async fn come(store: &Store, all: &[(&str, u64)]) {
    for (id, installation) in all {
        store.take_delivery(delivery(id, "{}", true).through(Some(*installation))).await.unwrap();
    }
}

#[tokio::test]
async fn installations_take_turns_however_many_deliveries_one_sends() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    take(&store, "nobody's", "{}", true).await;
    come(&store, &[("a1", 7), ("a2", 7), ("a3", 7), ("a4", 7), ("b1", u64::MAX), ("b2", u64::MAX)]).await;
    let next = async |hand: &[&str], share, most| {
        let hand: Vec<String> = hand.iter().map(|id| (*id).to_owned()).collect();
        let next = store.next_deliveries(&hand, Timestamp(9), share, most).await.unwrap();
        let ids: Vec<String> = next.into_iter().map(|one| one.id).collect();
        store.give_starts_back(&ids).await.unwrap();
        ids
    };
    assert_eq!(next(&[], 9, 9).await, ["nobody's", "a1", "a2", "a3", "a4", "b1", "b2"]);
    assert_eq!(next(&[], 9, 3).await, ["nobody's", "a1", "b1"]);
    assert_eq!(next(&[], 2, 9).await, ["nobody's", "a1", "a2", "b1", "b2"]);
    assert_eq!(next(&["a1", "a2", "b1"], 2, 9).await, ["nobody's", "b2"], "its share is in hand");
    assert_eq!(next(&["a1"], 9, 3).await, ["nobody's", "a2", "b1"]);
    store.postpone_delivery("a1", Timestamp(10)).await.unwrap();
    assert_eq!(next(&[], 1, 9).await, ["nobody's", "a2", "b1"]);
}

#[tokio::test]
async fn what_may_have_ended_the_program_is_begun_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    come(&store, &[("a", 7), ("b", 7), ("c", 8)]).await;
    for _ in 0..2 {
        assert_eq!(next(&store, 9).await, ["a", "b", "c"], "the program ended in the middle of them");
    }
    come(&store, &[("d", 8)]).await;
    assert_eq!(next(&store, 9).await, ["a", "d"]);
    let hand = ["a", "d"].map(str::to_owned);
    let more = store.next_deliveries(&hand, Timestamp(9), 9, 9).await.unwrap();
    assert!(more.is_empty(), "one at a time: {more:?}");
    store.finish_delivery("a", DeliveryEnd::Done, "fine").await.unwrap();
    store.give_starts_back(&["d".to_owned(), "b".to_owned()]).await.unwrap();
    let starts = store.next_deliveries(&[], Timestamp(9), 9, 9).await.unwrap();
    let starts: Vec<_> = starts.iter().map(|one| (one.id.as_str(), one.starts)).collect();
    assert_eq!(starts, [("b", 2), ("c", 3), ("d", 1)], "b and d were stopped, not ended");
}

#[tokio::test]
async fn what_may_have_ended_the_program_keeps_no_place_of_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path()).await;
    let crowd: Vec<String> = (0..4).map(|n| format!("a{n}")).collect();
    come(&store, &crowd.iter().map(|id| (id.as_str(), 7)).collect::<Vec<_>>()).await;
    for _ in 0..2 {
        assert_eq!(next(&store, 9).await.len(), 4, "the program ended in the middle of them");
    }
    come(&store, &[("cancel", 7)]).await;
    let share = store.next_deliveries(&[], Timestamp(9), 2, 9).await.unwrap();
    let ids: Vec<&str> = share.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["a0", "cancel"]);
}
