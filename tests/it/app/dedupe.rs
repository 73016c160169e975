//! A delivery comes up to five times, at the same time and later, under its own id and under others, while the program is
//! killed and started again: what was said is done once.
//!
//! `QUANTUM_DELIVERIES=N` says N comments instead of a few.

use super::{
    Town,
    chance::{Script, Story, check, noon, writers},
};
use crate::{
    seeds::dice::Dice,
    size,
    world::{RepoId, UserId},
};
use std::time::Duration;

/// Issues of one batch: with two builds on some, they stay below what people may start in an hour.
const ISSUES: usize = 12;
/// Deliveries that are sent at the same time.
const TOGETHER: usize = 16;

/// What was sent.
#[derive(Debug, Default)]
struct Sent {
    comments: u64,
    deliveries: u64,
    restarts: u64,
}

/// Issues are opened and everything is said on them; the deliveries wait.
fn speak(town: &Town, people: &[UserId], repo: RepoId, dice: &mut Dice, most: u64) -> (Vec<Story>, u64) {
    let (mut stories, mut said) = (Vec::new(), 0);
    for by in people.iter().cycle().take(ISSUES) {
        let script = Script::ALL[dice.below(Script::ALL.len())];
        if said >= most {
            break;
        }
        let number = town.hub.open_issue(repo, *by, "Make it good", "It should say good.");
        stories.push(Story { repo, number, by: *by, script });
        for words in script.words() {
            town.later(Duration::from_secs(1));
            town.hub.comment(repo, number, *by, words);
            said += 1;
        }
    }
    (stories, said)
}

/// Takes in what is there, and is killed while GitHub's answer to a reaction is on its way.
async fn cut_off(town: Town, nth: u32) -> Town {
    let gate = town.hub.hold_answer("POST", "/reactions", nth);
    tokio::select! {
        () = gate.reached() => {}
        taken = town.app.take_all() => drop(taken),
    }
    let stopped = town.killed().await;
    stopped.hub().heal();
    gate.release();
    stopped.again(&[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_again_is_done_once() {
    let most = size::count("QUANTUM_DELIVERIES", 50);
    let mut town = Town::at(noon(), &[]).await;
    let (repo, mut dice) = (town.usual.repo, Dice(5));
    let people = writers(&town.hub, &[repo], 6);
    let (mut sent, mut stories) = (Sent::default(), Vec::new());
    while sent.comments < most {
        let (more, said) = speak(&town, &people, repo, &mut dice, most - sent.comments);
        stories.extend(more);
        sent.comments += said;
        town.hub.multiply(|| 1 + dice.below(5));
        // of those that were held back the last time, too
        town.hub.let_go();
        town.hub.reorder(dice.roll());
        let held = town.hub.waiting().len() / 8;
        town.hub.hold_back(held);
        while !town.hub.waiting().is_empty() {
            let (answers, ()) = tokio::join!(town.hub.deliver_together(TOGETHER), town.take_deliveries());
            assert!(answers.iter().all(|status| *status == 202), "{answers:?}");
            sent.deliveries += answers.len() as u64;
            if dice.percent(20) {
                let nth = 1 + u32::try_from(dice.below(4)).unwrap();
                town = cut_off(town, nth).await;
                sent.restarts += 1;
            }
            town.take_deliveries().await;
            town.later(Duration::from_secs(61));
        }
        town.later(Duration::from_secs(3_600));
    }
    town.hub.let_go();
    sent.deliveries += town.hub.waiting().len() as u64;
    town.hear().await;
    let wrong = check(&town, &stories).await;
    eprintln!("{sent:?}, {} issues, {} wrong", stories.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(sent.restarts > 0 && sent.deliveries > 2 * sent.comments, "{sent:?}");
}
