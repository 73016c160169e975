//! Deliveries come in any order, several times, up to 40 minutes late, and again when their runs have ended: the threads end
//! as when each came in its turn.
//!
//! People do the same in two towns. In one their deliveries come in turn; in the other they are mixed up, and time passes
//! between them. `QUANTUM_DISORDER=N` does it N times instead of a few.

use super::{
    Town,
    chance::{NOON, noon},
};
use crate::{seeds::dice::Dice, size};
use serde_json::json;
use std::time::Duration;

/// Issues that people talk on.
const ISSUES: usize = 3;
/// What they do before the runs go on, and after.
const ACTS: usize = 6;
/// The longest that GitHub was seen to hold a delivery back.
const LATEST: Duration = Duration::from_secs(40 * 60);
/// How often runs are driven until they rest.
const TRIES: u32 = 5;
/// How often what is on its way is looked at.
const WAVES: u32 = 4;

/// Stories that are told in one pair of towns: making a town takes longer than a story.
const SEEDS_OF_A_TOWN: usize = 4;

const WORDS: &[&str] = &[
    "/quantum build",
    "/quantum build",
    "/quantum build the whole of it",
    "/quantum cancel",
    "/quantum cancel",
    "/quantum retry",
    "/quantum status",
    "/quantum help",
    "/quantum biuld",
    "/quantum cancel\n\n/quantum build",
    "@quantum-acme status",
    "@quantum-acme what do you think?",
    "I think so too.",
];

struct Story {
    town: Town,
    has_model: bool,
    issues: Vec<u64>,
    dice: Dice,
}

impl Story {
    /// A town, whose model gives so many answers.
    async fn begin(answers: u64) -> Self {
        let lines: Vec<_> =
            (0..answers).map(|_| json!({"role": "planner", "text": "It already says so."})).collect();
        Self {
            town: Town::at(noon(), &lines).await,
            has_model: answers > 0,
            issues: Vec::new(),
            dice: Dice(0),
        }
    }

    /// On another day, on issues of its own.
    async fn another(&mut self, seed: u64) {
        let (hub, usual) = (&self.town.hub, self.town.usual);
        // to noon of the next day
        let day = 24 * 3_600_000;
        let past = u64::try_from(hub.clock().now().0 - NOON.0).unwrap() % day;
        self.town.later(Duration::from_millis(day - past));
        // one issue is rita's: whoever opened it may cancel there
        let people = [usual.ada, usual.rita, usual.ada];
        let open = |n: usize| hub.open_issue(usual.repo, people[n], "Make it good", "It should say good.");
        self.issues = (0..ISSUES).map(open).collect();
        self.dice = Dice(seed);
        self.town.hear().await;
    }

    /// Everybody says something; the same in both towns.
    fn speak(&mut self) {
        let usual = self.town.usual;
        for _ in 0..ACTS {
            self.town.later(Duration::from_secs(7));
            let user = [usual.ada, usual.ada, usual.ada, usual.rita, usual.eve][self.dice.below(5)];
            let number = self.issues[self.dice.below(self.issues.len())];
            self.town.hub.comment(usual.repo, number, user, WORDS[self.dice.below(WORDS.len())]);
        }
    }

    /// Deliveries come when they come.
    async fn mixed_up(&self, dice: &mut Dice) {
        let hub = &self.town.hub;
        // copies of the last time come now, and some of these the next time
        hub.let_go();
        hub.echo_later();
        hub.multiply(|| 1 + dice.below(3));
        hub.reorder(dice.roll());
        for _ in 0..WAVES {
            let count = dice.below(hub.waiting().len() + 1);
            let answers = hub.deliver_together(count).await;
            assert!(answers.iter().all(|status| *status == 202), "{answers:?}");
            self.town.take_deliveries().await;
            self.town.later(LATEST / WAVES);
        }
        self.town.hear().await;
    }

    /// Each delivery comes in its turn.
    async fn in_turn(&self) {
        while !self.town.hub.waiting().is_empty() {
            self.town.hub.deliver(1).await;
            self.town.take_deliveries().await;
        }
        self.town.later(LATEST);
    }

    /// The runs go on until they rest.
    async fn drive(&self) {
        for _ in 0..TRIES {
            self.town.app.drive_all().await.unwrap();
            self.town.app.write_statuses().await.unwrap();
            let phases = self.town.store.runs_by_phase().await.unwrap();
            // without a model they wait for one
            if !self.has_model
                || phases.iter().all(|(phase, _)| matches!(phase.as_str(), "paused" | "closed"))
            {
                break;
            }
            // a drive that failed is tried again later
            self.town.later(Duration::from_secs(61));
        }
        // what our own comments are told about
        self.town.hear().await;
    }

    fn threads(&self) -> Vec<Vec<String>> {
        self.issues.iter().map(|number| self.town.blocks(*number)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_up_deliveries_end_as_those_in_turn() {
    let (mut deliveries, all) = (0, size::range("QUANTUM_DISORDER", 12));
    for first in all.clone().step_by(SEEDS_OF_A_TOWN) {
        let some = first..all.end.min(first + SEEDS_OF_A_TOWN as u64);
        // answers take a sandbox each; in most towns there is no model, and runs wait for one
        let answers = if some.start / SEEDS_OF_A_TOWN as u64 % 4 == 1 { 100 } else { 0 };
        let (mut calm, mut wild) = (Story::begin(answers).await, Story::begin(answers).await);
        for seed in some {
            told(&mut calm, &mut wild, seed).await;
        }
        let delivered = wild.town.hub.delivered();
        deliveries += delivered.iter().filter(|line| line.starts_with("issue_comment.created")).count();
        for story in [calm, wild] {
            drop(story.town.killed().await);
        }
    }
    let comments = (all.end - all.start) * 2 * ACTS as u64;
    eprintln!(
        "seeds {all:?}: {comments} comments, {deliveries} deliveries mixed up, the threads are the same"
    );
}

/// One story, told in both towns.
async fn told(calm: &mut Story, wild: &mut Story, seed: u64) {
    calm.another(seed).await;
    wild.another(seed).await;
    let mut dice = Dice(!seed);
    for _ in 0..2 {
        calm.speak();
        wild.speak();
        calm.in_turn().await;
        wild.mixed_up(&mut dice).await;
        calm.drive().await;
        wild.drive().await;
    }
    // the last copies come when all is over
    wild.town.hub.let_go();
    wild.town.hear().await;
    for (calm, wild) in calm.threads().iter().zip(&wild.threads()) {
        assert_eq!(calm.join("\n"), wild.join("\n"), "seed {seed}");
    }
}
