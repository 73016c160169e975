//! What was said while nobody listened, or what no delivery told of, is found by the first sweep after the start, and done
//! once.
//!
//! `QUANTUM_MISSED=N` lets it be down N times instead of a few.

use super::{
    Town,
    chance::{Script, Story, check, noon, writers},
    good,
};
use crate::{
    seeds::dice::Dice,
    size,
    world::{Answer, Fault, Hub, RepoId},
};
use sqlx::{Connection, SqliteConnection};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// Issues of one outage.
const ISSUES: usize = 10;

/// What became of the deliveries.
#[derive(Debug, Default)]
struct Lost {
    comments: u64,
    /// Without a trace.
    dropped: u64,
    failed: u64,
    late: u64,
    /// Commands that only reading found.
    read: u64,
}

impl Town {
    /// A town whose repositories are known: something was delivered from them, and it was looked for what was missed.
    pub(super) async fn known(repos: &[&str]) -> (Self, Vec<RepoId>) {
        let town = Self::at(noon(), &[]).await;
        let mut all = vec![town.usual.repo];
        all.extend(repos.iter().map(|name| town.hub.repo(name, &[])));
        for repo in &all {
            town.hub.open_issue(*repo, town.usual.ada, "Hello", "");
        }
        town.hear().await;
        town.app.sweep().await.unwrap();
        town.later(HOUR);
        (town, all)
    }

    /// What a server does at its start and now and then.
    pub(super) async fn reconcile(&self) -> quantumlayer::engine::app::Swept {
        let swept = self.app.sweep().await.unwrap();
        self.hear().await;
        swept
    }
}

/// From a second to sixty hours, and each length of it as likely.
fn outage(dice: &mut Dice) -> Duration {
    let part = dice.below(10_000) as f64 / 10_000.0;
    SECOND.mul_f64(216_000_f64.powf(part))
}

async fn down_for_a_while(seed: u64, lost: &mut Lost) {
    let mut dice = Dice(seed);
    let (town, repos) = Town::known(&["acme/gadgets"]).await;
    let people = writers(&town.hub, &repos, 5);
    let stopped = town.killed().await;
    let (hub, span) = (stopped.hub(), outage(&mut dice));
    let mut stories: Vec<Story> = Vec::new();
    for n in 0..ISSUES {
        let (repo, by) = (repos[dice.below(repos.len())], people[n % people.len()]);
        let script = Script::ALL[dice.below(Script::ALL.len())];
        let number = hub.open_issue(repo, by, "Make it good", "It should say good.");
        // what is told of a repository is not lost with it
        hub.fail(1);
        stories.push(Story { repo, number, by, script });
    }
    let said: usize = stories.iter().map(|story| story.script.words().len()).sum();
    let mut left: Vec<_> = stories.iter().map(|story| (story, story.script.words().iter())).collect();
    while !left.is_empty() {
        let at = dice.below(left.len());
        let (story, words) = &mut left[at];
        let Some(words) = words.next() else {
            drop(left.swap_remove(at));
            continue;
        };
        hub.clock().advance(span / u32::try_from(said).unwrap());
        hub.comment(story.repo, story.number, story.by, words);
        lost.comments += 1;
        let (count, end): (_, fn(&Hub)) = match dice.below(100) {
            0..20 => (&mut lost.dropped, |hub| hub.lose(1)),
            20..30 => (&mut lost.late, |hub| hub.hold_back(1)),
            _ => (&mut lost.failed, |hub| hub.fail(1)),
        };
        *count += 1;
        end(hub);
    }
    let town = stopped.again(&[]).await;
    lost.read += u64::from(town.reconcile().await.heard);
    let wrong = check(&town, &stories).await;
    assert!(wrong.is_empty(), "seed {seed}, down for {span:?}: {}", wrong.join("\n"));
    // what comes late all the same, and looking again, change nothing
    town.hub.let_go();
    town.hear().await;
    town.later(Duration::from_secs(300));
    assert_eq!(town.reconcile().await.heard, 0, "seed {seed}");
    let wrong = check(&town, &stories).await;
    assert!(wrong.is_empty(), "seed {seed}, later: {}", wrong.join("\n"));
    drop(town.killed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_while_nobody_listened_is_found_and_done_once() {
    let mut lost = Lost::default();
    for seed in size::range("QUANTUM_MISSED", 4) {
        down_for_a_while(seed, &mut lost).await;
    }
    eprintln!("{lost:?}");
    assert!(lost.dropped > 0 && lost.failed > 0 && lost.read > 0, "{lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_more_than_three_days_the_old_is_answered_once_and_the_new_is_done() {
    let (town, _) = Town::known(&[]).await;
    let (repo, ada) = (town.usual.repo, town.usual.ada);
    let numbers = [(); 3].map(|()| town.issue());
    let stopped = town.killed().await;
    for (number, wait) in numbers.into_iter().zip([1, 90, 5]) {
        stopped.hub().clock().advance(HOUR * wait);
        stopped.hub().comment(repo, number, ada, "/quantum build");
        // the log of deliveries tells neither of what was dropped nor of what is old
        if number == numbers[0] { stopped.hub().fail(1) } else { stopped.hub().lose(1) }
    }
    stopped.hub().clock().advance(HOUR * 2);
    let town = stopped.again(&[]).await;
    for heard in [3, 0] {
        assert_eq!(town.reconcile().await.heard, heard);
        let threads = numbers.map(|number| town.thread(number));
        let is_old = |thread: &String| thread.matches("too old (more than 72 hours)").count();
        assert_eq!(threads.iter().map(is_old).collect::<Vec<_>>(), [1, 0, 0], "{threads:?}");
        assert_eq!(town.store.list_runs(10).await.unwrap().len(), 2);
        town.later(HOUR);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_we_were_there_or_edited_later_starts_nothing() {
    let town = Town::at(noon(), &[]).await;
    let (hub, repo, ada) = (&town.hub, town.usual.repo, town.usual.ada);
    let number = town.issue();
    let say = |text: &str| {
        let id = hub.comment(repo, number, ada, text);
        hub.lose(1);
        town.later(HOUR);
        id
    };
    say("/quantum build what was wanted before we came");
    town.reconcile().await;
    let edited = say("/quantum help");
    let turned = say("Nice.");
    hub.edit_comment(repo, edited, ada, "/quantum build");
    hub.edit_comment(repo, turned, ada, "/quantum build");
    town.hear().await;
    town.later(HOUR);
    assert_eq!(town.reconcile().await.heard, 0);
    assert_eq!(town.store.list_runs(10).await.unwrap(), []);
    assert!(!town.thread(number).contains("quantum-acme"), "{}", town.thread(number));
    say("/quantum help");
    assert_eq!(town.reconcile().await.heard, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_met_with_the_same_silence() {
    let (town, _) = Town::known(&[]).await;
    let number = town.issue();
    for user in [town.usual.eve, town.usual.rita] {
        town.hub.comment(town.usual.repo, number, user, "/quantum build");
        town.hub.lose(1);
    }
    town.later(HOUR);
    assert_eq!(town.reconcile().await.heard, 1);
    let thread = town.thread(number);
    assert_eq!(
        (thread.matches("[eyes").count(), thread.matches("write permission").count()),
        (1, 1),
        "{thread}"
    );
    // who may now did not say it now
    town.hub.permit(town.usual.repo, town.usual.eve, crate::world::Role::Write);
    assert_eq!(town.reconcile().await.heard, 0);
    assert_eq!(town.store.list_runs(10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_installation_is_not_read() {
    let (town, _) = Town::known(&[]).await;
    let number = town.issue();
    town.hub.suspend(town.usual.installation, true);
    town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum build");
    for _ in 0..2 {
        town.later(HOUR);
        assert_eq!(town.reconcile().await.heard, 0);
    }
    town.hub.suspend(town.usual.installation, false);
    town.hear().await;
    town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum help");
    town.hear().await;
    town.later(HOUR);
    assert_eq!(town.reconcile().await.heard, 0, "said while nobody was to listen");
    assert_eq!(town.store.list_runs(10).await.unwrap(), []);
    assert_eq!(town.thread(number).matches("slot=answer").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_answers_and_refusals_are_given_back_by_the_next_sweep() {
    let (town, _) = Town::known(&[]).await;
    let number = town.issue();
    for (user, words) in [(town.usual.ada, "/quantum help"), (town.usual.rita, "/quantum build")] {
        town.hub.comment(town.usual.repo, number, user, words);
        town.hear().await;
    }
    town.reconcile().await;
    let count = |method: &str, path: &str| town.hub.count(method, path);
    let made = count("POST", "/access_tokens");
    // one is for reading
    assert_eq!(made, count("DELETE", "/installation/token") + 1, "{}", town.hub.log_text());
    town.reconcile().await;
    assert_eq!(made, count("POST", "/access_tokens"));
    assert_eq!(made, count("DELETE", "/installation/token") + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_happens_a_sweep_costs_nothing() {
    let (town, _) = Town::known(&["acme/gadgets"]).await;
    let number = town.issue();
    town.hub.comment(town.usual.repo, number, town.usual.ada, "/quantum help");
    town.hear().await;
    let sweep = async || {
        town.later(Duration::from_secs(120));
        town.reconcile().await;
    };
    for _ in 0..5 {
        sweep().await;
    }
    town.hub.forget_log();
    for _ in 0..30 {
        sweep().await;
    }
    let is_of_tokens =
        |template: &str| template.ends_with("/access_tokens") || template.ends_with("/installation/token");
    let asked = town.hub.requests();
    let asked: Vec<_> = asked.iter().filter(|entry| !is_of_tokens(entry.template)).collect();
    let costly = asked.iter().filter(|entry| entry.status != Some(304)).count();
    eprintln!("in an hour: {} questions, {costly} of them answered with more than 304", asked.len());
    assert!(asked.len() >= 40 && costly <= 6, "{}", town.hub.log_text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_failing_is_asked_for_ever_later_and_comes_in_the_end() {
    let (town, _) = Town::known(&[]).await;
    let number = town.issue();
    town.hub.comment(town.usual.repo, number, town.usual.ada, "Hello.");
    town.hub.fail(1);
    let mut asked = Vec::new();
    for minutes in (0..24 * 60).step_by(2) {
        // as with a wrong secret: what is asked for comes, and is refused
        if town.app.sweep().await.unwrap().redelivered > 0 {
            asked.push(minutes);
            town.hub.fail(1);
        }
        town.later(Duration::from_secs(120));
    }
    eprintln!("asked for after so many minutes: {asked:?}");
    assert_eq!(asked[..3], [0, 2, 4]);
    assert!((20..40).contains(&asked.len()), "{asked:?}");
    let most = asked.windows(2).map(|two| two[1] - two[0]).max();
    assert!(most <= Some(62), "{asked:?}");
    // what refused it is mended
    town.later(HOUR);
    assert_eq!(town.reconcile().await.redelivered, 1);
    town.later(HOUR);
    assert_eq!(town.reconcile().await.redelivered, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_comes_makes_nobody_read_the_log_of_three_days() {
    let (town, _) = Town::known(&[]).await;
    let number = town.issue();
    let say = || town.hub.comment(town.usual.repo, number, town.usual.ada, "Hello.");
    say();
    town.hub.fail(1);
    let pages = || town.hub.count("GET", "/app/hook/deliveries");
    for _ in 0..4 {
        // each is more than a page of the log
        for _ in 0..110 {
            say();
        }
        town.hear().await;
        town.later(HOUR);
        let before = pages();
        // asked for, and refused
        assert_eq!(town.app.sweep().await.unwrap().redelivered, 1);
        town.hub.fail(1);
        assert_eq!(pages() - before, 2, "an hour ago is read up to, and no further");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_one_from_being_asked_for_keeps_the_others_for_the_next_sweep() {
    let (town, _) = Town::known(&[]).await;
    let number = town.issue();
    for _ in 0..3 {
        town.hub.comment(town.usual.repo, number, town.usual.ada, "Hello.");
    }
    town.hub.fail(3);
    town.hub.fault("POST", "/attempts", 1, Fault::Refuse(Answer::refuse(502, "Bad Gateway")));
    town.later(HOUR);
    assert_eq!(town.app.sweep().await.unwrap().redelivered, 0);
    assert_eq!(town.hub.count("POST", "/attempts"), 1);
    assert_eq!(town.app.sweep().await.unwrap().redelivered, 2);
    town.later(HOUR);
    assert_eq!(town.reconcile().await.redelivered, 3, "none of them came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_read_is_passed_over_and_nobody_else_waits() {
    let town = Town::new(&[good(), good()].concat()).await;
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let number = town.issue();
        town.say(number, town.usual.ada, "/quantum build").await;
        assert_eq!(town.run().await, "watching");
        numbers.push(number);
    }
    let oldest = town.store.open_threads().await.unwrap().remove(0).id;
    let path = town.folder.path().join("quantum.db");
    let mut side = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query("UPDATE runs SET state = 'no state' WHERE id = ?")
        .bind(oldest.as_str())
        .execute(&mut side)
        .await
        .unwrap();
    for pull in [numbers[0] + 1, numbers[1] + 1] {
        town.hub.close(town.usual.repo, pull, town.usual.ada);
    }
    town.hub.lose(usize::MAX);
    let swept = town.app.sweep().await.unwrap();
    assert_eq!((swept.ended, town.run().await.as_str()), (1, "closed: abandoned"));
    // nor do other statuses wait for what is wanted of it
    town.store.want_status(&oldest, 99).await.unwrap();
    town.work().await;
    assert_eq!(town.thread(numbers[1]).matches("**Closed by a person**").count(), 1);
}
