//! Comments and issues that are odd: no text, far too much of it, from long ago.

use super::Town;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn talk() -> Vec<Value> {
    (0..5).map(|n| json!({"role": "planner", "text": format!("It says so already ({n}).")})).collect()
}

/// The last delivery that GitHub made, which reaches nobody.
fn taken(town: &Town) -> Value {
    let sealed = town.hub.take(usize::MAX).pop().unwrap();
    serde_json::from_str(&sealed.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_without_text_is_asked_for_words_and_a_title_is_enough() {
    let town = Town::new(&talk()).await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    let number = town.hub.open_issue(repo, ada, "Make it good", "");
    town.say(number, ada, "/quantum build").await;
    let thread = town.thread(number);
    assert!(thread.contains("It says so already (0)") && thread.contains("rocket by"), "{thread}");
    // nothing at all is said: GitHub has no such issue by hand, and an importer may have one
    let bare = town.hub.open_issue(repo, ada, " ", "");
    town.hub.comment(repo, bare, ada, "/quantum build");
    let mut payload = taken(&town);
    payload["issue"]["title"] = "".into();
    payload["issue"]["body"] = Value::Null;
    town.knock("bare", "issue_comment", &payload).await;
    town.settle().await;
    let thread = town.thread(bare);
    assert_eq!(
        thread.matches("Neither the issue nor the command says what is wanted").count(),
        1,
        "{thread}"
    );
    assert!(thread.contains("confused by") && !thread.contains("slot=status"), "{thread}");
    // with words of its own it is no empty request
    town.say(bare, ada, "/quantum build say good").await;
    assert!(town.thread(bare).contains("It says so already (1)"), "{}", town.thread(bare));
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_of_nothing_are_nothing_and_long_ones_are_read() {
    let town = Town::new(&talk()).await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    let number = town.issue();
    town.hub.comment(repo, number, ada, "no command");
    let payload = taken(&town);
    for (n, body) in [Value::Null, "".into(), " \r\n\t".into(), "\u{200b}\u{0}".into()].iter().enumerate() {
        let mut payload = payload.clone();
        payload["comment"]["body"] = body.clone();
        town.knock(&format!("nothing-{n}"), "issue_comment", &payload).await;
    }
    town.settle().await;
    assert!(!town.thread(number).contains("quantum-acme"), "{}", town.thread(number));
    town.say(number, ada, "\r\n\r\n   /quantum HELP\r\nplease\r\n").await;
    assert_eq!(town.thread(number).matches("A command is the first line").count(), 1);
    // as long as GitHub takes, none of it one byte a character
    let words = "gut🙂 ".repeat(65_536 / 5);
    let long = format!("/quantum build {}", words.chars().take(65_000).collect::<String>());
    town.say(number, ada, &long).await;
    let thread = town.thread(number);
    assert_eq!(thread.matches("slot=result").count(), 1, "{}", town.run().await);
    assert!(thread.contains("It says so already (0)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_from_long_ago_is_answered_once_and_starts_nothing() {
    let town = Town::by_hand(&talk()).await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    let number = town.issue();
    town.hub.comment(repo, number, ada, "/quantum build");
    let mut payload = taken(&town);
    town.clock.advance(Duration::from_secs(73 * 3600));
    for id in ["late", "again", "and-again"] {
        town.knock(id, "issue_comment", &payload).await;
        town.settle().await;
    }
    let thread = town.thread(number);
    assert_eq!(thread.matches("That command is too old (more than 72 hours)").count(), 1, "{thread}");
    assert_eq!(
        (thread.matches("confused by").count(), thread.contains("slot=status")),
        (1, false),
        "{thread}"
    );
    // a stranger's is silence, however old
    payload["comment"]["id"] = 77.into();
    payload["comment"]["created_at"] = "2019-05-15T15:20:21Z".into();
    for who in ["/comment/user", "/sender"] {
        *payload.pointer_mut(who).unwrap() = json!({"id": town.usual.eve.0, "login": "eve", "type": "User"});
    }
    town.knock("eves", "issue_comment", &payload).await;
    town.settle().await;
    assert_eq!(town.thread(number), thread);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_news_of_a_loss_ends_nothing_that_is_there() {
    let town = Town::new(&super::good()).await;
    let (repo, installation) = (town.usual.repo, town.usual.installation);
    let number = town.issue();
    // lost and found again, before anything was begun
    type Act = fn(&crate::world::Hub, crate::world::RepoId, u64, bool);
    let acts: [(&str, Act); 3] = [
        ("installation", |hub, _, id, is_lost| hub.suspend(id, is_lost)),
        ("installation_repositories", |hub, repo, id, is_lost| hub.select(id, repo, !is_lost)),
        ("repository", |hub, repo, _, is_lost| hub.archive(repo, is_lost)),
    ];
    let mut old = Vec::new();
    for (event, act) in acts {
        act(&town.hub, repo, installation, true);
        old.push((event, taken(&town)));
        act(&town.hub, repo, installation, false);
        town.hub.take(usize::MAX);
    }
    town.say(number, town.usual.ada, "/quantum build").await;
    assert_eq!(town.run().await, "watching");
    let thread = town.thread(number);
    for (event, payload) in old {
        town.knock(&format!("old-{event}"), event, &payload).await;
        town.settle().await;
        assert_eq!(town.run().await, "watching", "{event}");
    }
    assert_eq!(town.thread(number), thread);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_ends_the_program_each_time_is_given_up() {
    let town = Town::new(&talk()).await;
    let number = town.issue();
    town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum help");
    assert_eq!(town.hub.deliver_all().await, [202]);
    // begun, and never brought to an end
    for _ in 0..4 {
        assert_eq!(town.store.next_deliveries(&[], town.clock.now(), 9, 9).await.unwrap().len(), 1);
    }
    let id = town.store.next_deliveries(&[], town.clock.now(), 9, 9).await.unwrap().remove(0).id;
    town.work().await;
    let kept = town.store.delivery(&id).await.unwrap().unwrap();
    assert_eq!((kept.state.as_str(), kept.why.as_deref()), ("failed", Some("starts")));
    // nor does reading it begin it once more
    assert_eq!(town.app.sweep().await.unwrap().heard, 0);
    assert!(
        town.hub.count("GET", "/issues/comments") > 0 && !town.thread(number).contains("quantum-acme"),
        "{}",
        town.thread(number)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_no_start_of_what_was_in_hand() {
    let town = Town::new(&talk()).await;
    let number = town.issue();
    let comment = town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum help");
    let path = format!("/repos/acme/widgets/issues/comments/{comment}/reactions");
    let stop = CancellationToken::new();
    for nth in 1..3 {
        let (gate, once) = (town.hub.hold_answer("POST", &path, 1), stop.child_token());
        let story = async {
            if nth == 1 {
                town.hub.deliver_all().await;
            }
            gate.reached().await;
            once.cancel();
        };
        tokio::join!(town.app.serve(&once), story);
        gate.release();
        town.hub.heal();
    }
    let waiting = town.store.next_deliveries(&[], town.clock.now(), 9, 9).await.unwrap();
    assert_eq!(waiting.iter().map(|one| one.starts).collect::<Vec<_>>(), [1], "this one");
}
