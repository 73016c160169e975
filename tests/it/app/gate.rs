//! Who somebody is can't be looked up: nothing starts, and what may pass is tried again.

use super::Town;
use crate::world::{Answer, Fault};
use serde_json::{Value, json};
use std::time::Duration;

const LOOKUP: &str = "/collaborators/{username}/permission";
const MINUTE: Duration = Duration::from_secs(60);

fn talk() -> Vec<Value> {
    (0..20).map(|n| json!({"role": "planner", "text": format!("It says so already ({n}).")})).collect()
}

/// What follows in the end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// Nothing that anybody sees.
    Silence,
    /// One sentence: ada is a collaborator, and for all that is known may not write.
    No,
    /// It is tried again until it is known.
    Again,
}

/// What the lookup of ada's permission may be answered with.
fn answers(ada: u64) -> Vec<(&'static str, Fault, End)> {
    use End::{Again, No, Silence};
    let ok = |body: Value| Fault::Refuse(Answer::new(200, body));
    let ada = json!({"id": ada, "login": "ada", "type": "User"});
    vec![
        ("403", Fault::status(403), Silence),
        ("404", Fault::status(404), No),
        ("422", Fault::status(422), Silence),
        ("500", Fault::status(500), Again),
        ("502", Fault::status(502), Again),
        ("a limit", Fault::limited(429, Some(1)), Again),
        ("cut before", Fault::CutBefore, Again),
        ("cut after", Fault::CutAfter, Again),
        ("half an answer", Fault::Truncate, Again),
        ("no JSON", ok(json!("<html>busy</html>")), Again),
        ("a list", ok(json!([])), Again),
        ("an empty object", ok(json!({})), Again),
        ("nobody", ok(json!({"permission": "admin", "role_name": "admin"})), Again),
        ("nobody, said so", ok(json!({"permission": "admin", "role_name": "admin", "user": null})), Again),
        ("no permission", ok(json!({"role_name": "admin", "user": ada})), Again),
        (
            "an unknown permission",
            ok(json!({"permission": "owner", "role_name": "owner", "user": ada})),
            Again,
        ),
        ("a number", ok(json!({"permission": 4, "role_name": "admin", "user": ada})), Again),
        (
            "somebody else",
            ok(
                json!({"permission": "admin", "role_name": "admin", "user": {"id": 7, "login": "ada", "type": "User"}}),
            ),
            No,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_that_fails_starts_nothing_and_is_tried_again_when_it_may_pass() {
    let town = Town::by_hand(&talk()).await;
    for (what, fault, end) in answers(town.usual.ada.0) {
        let number = town.issue();
        town.hub.fault_some("GET", LOOKUP, 1, 1_000, fault);
        town.say(number, town.usual.ada, "/quantum build").await;
        for _ in 0..3 {
            town.clock.advance(MINUTE);
            town.settle().await;
        }
        let thread = town.thread(number);
        assert!(!thread.contains("slot=status") && !thread.contains("rocket"), "{what}: {thread}");
        assert_eq!(thread.contains("quantum-acme"), end == End::No, "{what}: {thread}");
        assert!(town.store.open_threads().await.unwrap().is_empty(), "{what}");
        town.hub.heal();
        for _ in 0..2 {
            town.clock.advance(MINUTE);
            town.settle().await;
        }
        let thread = town.thread(number);
        let answers = thread.matches("It says so already").count();
        assert_eq!(answers, usize::from(end == End::Again), "{what}: {thread}\n{}", town.hub.log_text());
        assert_eq!(thread.matches("rocket by").count(), usize::from(end == End::Again), "{what}: {thread}");
        assert_eq!(
            thread.matches("Commands take write").count(),
            usize::from(end == End::No),
            "{what}: {thread}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_that_fails_for_ever_ends_in_silence_and_holds_nobody_up() {
    let town = Town::by_hand(&talk()).await;
    let number = town.issue();
    town.hub.fault_some("GET", LOOKUP, 1, 10_000, Fault::status(502));
    town.say(number, town.usual.ada, "/quantum build").await;
    let mut tries = 0;
    while town.store.next_delivery_at().await.unwrap().is_some() {
        town.clock.advance(MINUTE);
        town.settle().await;
        tries += 1;
        assert!(tries < 100, "it is tried for ever");
    }
    assert!((30..60).contains(&tries), "{tries} minutes");
    town.hub.heal();
    town.clock.advance(MINUTE);
    town.settle().await;
    let thread = town.thread(number);
    assert!(!thread.contains("quantum-acme"), "{thread}");
    // who says it again is heard
    town.say(number, town.usual.ada, "/quantum build").await;
    assert_eq!(town.thread(number).matches("rocket by").count(), 1, "{}", town.thread(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_nobody_knows_counts_as_what_it_stands_on() {
    use crate::world::Role;
    let town = Town::by_hand(&talk()).await;
    let (repo, rita) = (town.usual.repo, town.usual.rita);
    for (inherits, is_heard) in [(Role::Write, true), (Role::Triage, false)] {
        let number = town.issue();
        town.hub.permit_custom(repo, rita, "release captain", inherits);
        town.say(number, rita, "/quantum build").await;
        let thread = town.thread(number);
        assert_eq!(thread.contains("It says so already"), is_heard, "{thread}");
        assert_eq!(thread.contains("Commands take write permission"), !is_heard, "{thread}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_private_repository_it_is_said_once_that_nobody_can_be_looked_up() {
    for status in [403, 502] {
        let town = Town::by_hand(&talk()).await;
        let (repo, ada) = (town.usual.repo, town.usual.ada);
        town.hub.settings(repo, |repo| repo.is_private = true);
        let number = town.issue();
        town.hub.fault_some("GET", LOOKUP, 1, 10_000, Fault::status(status));
        town.say(number, ada, "/quantum build").await;
        while town.store.next_delivery_at().await.unwrap().is_some() {
            town.clock.advance(MINUTE);
            town.settle().await;
        }
        town.hub.heal();
        // nor does whoever reads what was missed start it now
        town.clock.advance(10 * MINUTE);
        town.app.sweep().await.unwrap();
        town.settle().await;
        let thread = town.thread(number);
        let count = |what: &str| thread.matches(what).count();
        let said = (count("could not be looked up"), count("confused by"), count("slot="));
        assert_eq!(said, (1, 1, 1), "{status}: {thread}");
        assert_eq!(town.store.list_runs(1).await.unwrap(), []);
        town.say(number, ada, "/quantum build").await;
        assert_eq!(town.thread(number).matches("rocket by").count(), 1, "{}", town.thread(number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_repository_that_can_not_be_written_either_hears_it_later() {
    let town = Town::by_hand(&talk()).await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    town.hub.settings(repo, |repo| repo.is_private = true);
    // from now on it is looked through for what was missed
    town.say(town.issue(), ada, "/quantum help").await;
    let number = town.issue();
    town.hub.fault_some("GET", LOOKUP, 1, 10_000, Fault::status(403));
    town.hub.fault_some("POST", "/issues/{issue_number}/comments", 1, 10_000, Fault::status(403));
    town.say(number, ada, "/quantum build").await;
    assert!(!town.thread(number).contains("slot="), "{}", town.thread(number));
    town.hub.heal();
    town.clock.advance(10 * MINUTE);
    town.app.sweep().await.unwrap();
    town.settle().await;
    let thread = town.thread(number);
    assert_eq!(thread.matches("could not be looked up").count(), 1, "{thread}");
    assert_eq!(town.store.list_runs(1).await.unwrap(), []);
}
