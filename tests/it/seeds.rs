//! Random histories: a simulated world does what a run asks for, in any order, twice, late or never, while people
//! answer, cancel and retry. Whatever happens, the same things must be true, and the run must come to an end.
//!
//! A failure prints its seed. `QUANTUM_SEEDS=N` runs N seeds of each kind, `QUANTUM_SEEDS=N..M` those.

pub(crate) mod dice;
mod perform;

use crate::{runs::*, size};
use dice::{Dice, fate};
use quantumlayer::{
    ids::{Sha, TaskId, WorkId},
    report::Class,
    run::{
        About, ApprovePlan, Assignment, Cap, Cause, Effect, Event, Ground, Outcome, Phase, Plan, Proposal,
        Reason, Receipt, Rules, Run, TaskState, journal, reply,
    },
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Seeds of each kind when nobody says otherwise.
const SEEDS: u64 = 400;
/// Steps after which people only want it to end.
const PATIENCE: usize = 400;
/// Steps after which a run that is still open goes in circles.
const STEPS: usize = 3_000;

#[test]
fn storms_end_and_break_nothing() {
    for seed in seeds() {
        World::new(seed, seed, true).live();
    }
}

#[test]
fn order_and_repetition_change_nothing() {
    for seed in seeds() {
        let ends: Vec<_> = (0..4).map(|order| World::new(seed, seed ^ (order << 40), false).live()).collect();
        for end in &ends[1..] {
            assert_eq!(*end, ends[0], "seed {seed}: the same outcomes in another order end differently");
        }
    }
}

fn seeds() -> Range<u64> {
    size::range("QUANTUM_SEEDS", SEEDS)
}

struct World {
    seed: u64,
    dice: Dice,
    is_storm: bool,
    it: Teller,
    /// Asked for and not done yet.
    effects: Vec<Effect>,
    /// Done, and the run was not told yet.
    inbox: Vec<Event>,
    /// What was asked for under a key.
    keys: BTreeMap<String, Effect>,
    /// Works that were asked for.
    works: BTreeSet<WorkId>,
    /// Tasks of the plan that began.
    begun: BTreeSet<TaskId>,
    /// The merge that the run waits for.
    merging: Option<TaskId>,
}

/// How a history ended, as far as the order must not matter.
type End = (Option<Outcome>, Option<Sha>, Vec<(TaskId, TaskState)>);

impl World {
    fn new(seed: u64, order: u64, is_storm: bool) -> Self {
        let rules = Rules {
            approve_plan: [ApprovePlan::Never, ApprovePlan::Auto, ApprovePlan::Always][(seed % 3) as usize],
            fix_attempts: (fate(seed, "fixes") % 3) as u32,
            watch: fate(seed, "watch").is_multiple_of(2),
            tasks_at_once: 1 + (fate(seed, "tasks") % 3) as u32,
            ..RULES
        };
        let role = fate(seed, "role").is_multiple_of(8).then_some("coder");
        Self {
            seed,
            dice: Dice(order),
            is_storm,
            it: Teller::new(rules, role),
            effects: Vec::new(),
            inbox: vec![Event::Started],
            keys: BTreeMap::new(),
            works: BTreeSet::new(),
            begun: BTreeSet::new(),
            merging: None,
        }
    }

    fn live(mut self) -> End {
        for step in 0.. {
            assert!(step < STEPS, "seed {}: no end, {}", self.seed, reply::label(&self.it.run));
            if self.is_storm {
                self.weather(step > PATIENCE);
            }
            let is_over = matches!(self.it.run.phase(), Phase::Closed | Phase::Watching);
            if self.effects.is_empty() && self.inbox.is_empty() && is_over {
                break;
            }
            self.act(step);
        }
        let fresh = self.it.fresh.clone();
        assert_eq!(
            journal::check_replay(fresh, &self.it.journal, &self.it.run),
            Ok(()),
            "seed {}",
            self.seed
        );
        let tasks = self.it.run.tasks().into_iter().map(|(t, state)| (t.id.clone(), state)).collect();
        (self.it.run.outcome(), self.it.run.state.tree.clone(), tasks)
    }

    /// One thing happens: an effect is done, the run is told something, or a person does what it waits for.
    fn act(&mut self, step: usize) {
        let choices = self.effects.len() + self.inbox.len();
        if choices == 0 {
            return self.person(step);
        }
        let at = self.dice.below(choices);
        if at < self.effects.len() {
            let effect = self.effects.swap_remove(at);
            // Now and then a performer hangs for ever; a deadline must notice.
            let phase = self.it.run.phase();
            if self.is_storm && phase != Phase::Planning && self.dice.percent(2) {
                return;
            }
            let outcome = self.perform(&effect);
            self.inbox.extend(outcome);
        } else {
            let at = at - self.effects.len();
            // At least once: now and then the same outcome comes again later.
            let event =
                if self.dice.percent(25) { self.inbox[at].clone() } else { self.inbox.swap_remove(at) };
            self.tell(event);
        }
    }

    /// Nothing is going on: a person must act, or a deadline must pass.
    fn person(&mut self, step: usize) {
        let is_tired = self.is_storm && step > PATIENCE;
        let event = match self.it.run.cause() {
            _ if is_tired => Event::Cancelled,
            Some(Cause::Question { .. }) => Event::AnswerGiven { text: "all".into() },
            Some(Cause::Approval) => Event::Approved,
            Some(_) => Event::Retried,
            None => {
                let at = self.it.run.wake_at();
                let at = at.unwrap_or_else(|| {
                    panic!("seed {}: {} waits for nothing", self.seed, reply::label(&self.it.run))
                });
                assert!(self.is_storm, "seed {}: a deadline in calm weather", self.seed);
                self.it.now = at;
                Event::Woke
            }
        };
        self.tell(event);
    }

    /// People and the world interfere, with things that may or may not fit.
    fn weather(&mut self, is_tired: bool) {
        if !self.dice.percent(12) || (is_tired && self.it.run.phase() == Phase::Closed) {
            return;
        }
        let round = self.it.run.round;
        let key = self.keys.keys().nth(self.dice.below(self.keys.len())).cloned().unwrap_or_default();
        let work = self.works.iter().nth(self.dice.below(self.works.len())).cloned();
        let event = match self.dice.below(13) {
            0 => Event::Cancelled,
            1 | 2 if !is_tired => Event::Retried,
            3 => Event::Gone { what: "it".into() },
            4 => Event::EffectRefused { key, report: report(Class::Refused) },
            5 => Event::OutOfBudget { work, cap: Cap::Steps },
            6 => Event::Woke,
            7 => Event::AnswerGiven { text: "half".into() },
            8 => Event::Approved,
            9 => Event::Moved { round, branch: "quantum/run".into() },
            11 => Event::Idled { since: self.it.run.state.since },
            10 => Event::VerifyFailed { round, receipt: receipt(1) },
            _ => match work {
                Some(work) => Event::TaskFailed { work, report: report(Class::Transient) },
                None => Event::Started,
            },
        };
        // A world that is ended every hundredth step is no world.
        if matches!(event, Event::Cancelled | Event::Gone { .. }) && !is_tired && !self.dice.percent(20) {
            return;
        }
        // A refusal means that the effect was not done.
        if let Event::EffectRefused { key, .. } = &event {
            let id = self.it.run.id.clone();
            self.effects.retain(|e| e.key(&id) != *key);
        }
        self.tell(event);
    }

    /// Tells the run, and looks at what it made of it.
    fn tell(&mut self, event: Event) {
        let seed = self.seed;
        let before = self.it.run.clone();
        let told = self.it.step(event.clone());
        told.run.check().unwrap_or_else(|misfit| panic!("seed {seed}: {misfit} after {event:?}"));
        let is_stop = matches!(event, Event::Retried | Event::Cancelled | Event::EffectRefused { .. });
        if told.ignored.is_none()
            && (is_stop || matches!(event, Event::Merged { .. } | Event::Conflicted { .. }))
        {
            self.merging = told.run.state.merging.as_ref().map(|m| m.task.clone());
            // What was asked for just now is looked at below.
            if told.effects.iter().any(|e| matches!(e, Effect::Merge { .. })) {
                self.merging = None;
            }
        }
        if told.ignored.is_none() {
            self.check_going_on(&before, &event);
        }
        self.check_replies(&before, &event, &told.effects);
        for effect in told.effects {
            self.check_effect(&effect);
            self.effects.push(effect);
        }
    }

    /// A deadline counts when it has passed; a run that was stopped asks again for what it had asked for.
    fn check_going_on(&self, before: &Run, event: &Event) {
        let (seed, after) = (self.seed, &self.it.run);
        if *event == Event::Woke {
            let is_late = before.wake_at().is_some_and(|at| at <= self.it.now);
            assert!(is_late, "seed {seed}: woken too early");
        }
        let is_stopped = match before.cause() {
            Some(cause) => matches!(cause, Cause::Budget | Cause::Timeout { .. }),
            None => before.outcome().is_some(),
        };
        let is_waiting =
            matches!(after.phase(), Phase::Planning | Phase::Working | Phase::Verifying | Phase::Publishing);
        if *event == Event::Retried && is_stopped && is_waiting {
            let is_asked = |e: &Effect| {
                matches!(
                    e,
                    Effect::Snapshot { .. }
                        | Effect::Work(_)
                        | Effect::Merge { .. }
                        | Effect::Verify { .. }
                        | Effect::Publish { .. }
                )
            };
            assert!(self.it.effects.iter().any(is_asked), "seed {seed}: a retry waits for nothing");
        }
    }

    /// One terminal reply for an end; a closed run is silent; a status for every change of phase.
    fn check_replies(&self, before: &Run, event: &Event, effects: &[Effect]) {
        let (seed, after) = (self.seed, &self.it.run);
        let count = |about| {
            effects.iter().filter(|e| matches!(e, Effect::Reply { about: a, .. } if *a == about)).count()
        };
        let is_change = before.phase() != after.phase();
        let statuses = effects.iter().filter(|e| matches!(e, Effect::Status { .. })).count();
        assert!(statuses <= 1 && (!is_change || statuses == 1), "seed {seed}: {statuses} statuses");
        let is_told = matches!(before.state.ground, Ground::Watching { told: true, .. });
        let is_end = match after.phase() {
            Phase::Closed => after.outcome() != Some(Outcome::Silent) && after.outcome() != before.outcome(),
            Phase::Watching => is_change && !is_told,
            _ => false,
        };
        assert_eq!(count(About::End), usize::from(is_end), "seed {seed}: replies at the end after {event:?}");
        if before.phase() == Phase::Closed && *event != Event::Retried {
            assert!(effects.is_empty(), "seed {seed}: a closed run asks for {effects:?}");
        }
    }

    /// What must be true of everything that is asked for, seen from outside.
    fn check_effect(&mut self, effect: &Effect) {
        let seed = self.seed;
        let run = &self.it.run;
        let key = effect.key(&run.id);
        if let Some(other) = self.keys.insert(key.clone(), effect.clone()) {
            let is_ours = matches!(effect, Effect::Acknowledge);
            assert!(is_ours, "seed {seed}: {key} was asked for twice: {other:?}, {effect:?}");
        }
        let state: BTreeMap<TaskId, TaskState> =
            run.tasks().into_iter().map(|(t, s)| (t.id.clone(), s)).collect();
        let is_done = |task: &TaskId| state.get(task) == Some(&TaskState::Done);
        match effect {
            Effect::Work(Assignment { work, continues, tree, reason, .. }) => {
                assert!(self.works.insert(work.clone()), "seed {seed}: {work} twice");
                assert!(
                    continues.as_ref().is_none_or(|w| self.works.contains(w)),
                    "seed {seed}: {continues:?}"
                );
                assert!(!matches!(reason, Some(Reason::Answer { .. })) || continues.is_some(), "seed {seed}");
                assert!(
                    continues.is_some() || run.state.tree.as_ref() == Some(tree),
                    "seed {seed}: an old tree"
                );
                let Some(task) = run.task(&work.task) else { return };
                assert!(task.needs.iter().all(is_done), "seed {seed}: {} began too early", task.id);
                self.begun.insert(task.id.clone());
                let at_work = self.begun.iter().filter(|t| !is_done(t)).count();
                assert!(at_work <= run.rules.tasks_at_once as usize, "seed {seed}: {at_work} tasks at once");
            }
            Effect::Merge { task, into, .. } => {
                assert_eq!(self.merging.replace(task.clone()), None, "seed {seed}: two merges at once");
                assert_eq!(Some(into), run.state.tree.as_ref(), "seed {seed}: a merge into an old tree");
                let earlier = run.tasks().into_iter().map(|(t, _)| &t.id).take_while(|id| *id != task);
                let waiting =
                    earlier.filter(|id| run.task(task).is_some() && self.begun.contains(*id) && !is_done(id));
                assert_eq!(waiting.count(), 0, "seed {seed}: {task} is merged out of order");
            }
            Effect::Verify { tree, .. } | Effect::Publish { tree, .. } => {
                assert_eq!(Some(tree), run.state.tree.as_ref(), "seed {seed}: an old tree");
            }
            Effect::StopWorks { .. } => {
                // Some of what is being done is stopped in time and never answers.
                let dice = &mut self.dice;
                self.effects.retain(|e| {
                    !matches!(e, Effect::Work(_) | Effect::Verify { .. } | Effect::Merge { .. })
                        || dice.percent(40)
                });
            }
            Effect::Acknowledge
            | Effect::Snapshot { .. }
            | Effect::Status { .. }
            | Effect::Ask { .. }
            | Effect::AskApproval { .. }
            | Effect::Reply { .. } => {}
        }
    }
}

#[test]
fn the_dice_are_fair_enough() {
    // The storms must reach everything, or they show nothing.
    let mut seen = BTreeSet::new();
    for seed in 0..SEEDS {
        let mut world = World::new(seed, seed, true);
        for step in 0..PATIENCE {
            world.weather(false);
            world.act_if_open(step);
            seen.insert(reply::label(&world.it.run));
        }
    }
    let missing: Vec<_> = EVERYWHERE.iter().filter(|label| !seen.contains(**label)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

const EVERYWHERE: [&str; 21] = [
    "planning",
    "working",
    "verifying",
    "publishing",
    "watching",
    "paused: question",
    "paused: approval",
    "paused: conflict",
    "paused: failed",
    "paused: moved",
    "paused: budget",
    "paused: timeout",
    "paused: refused",
    "closed: proposed",
    "closed: unverified",
    "closed: verify_failed",
    "closed: answered",
    "closed: no_change",
    "closed: cancelled",
    "closed: gone",
    "queued",
];

impl World {
    fn act_if_open(&mut self, step: usize) {
        let is_idle = self.effects.is_empty() && self.inbox.is_empty();
        if !(is_idle && matches!(self.it.run.phase(), Phase::Closed | Phase::Watching)) {
            self.act(step);
        }
    }
}
