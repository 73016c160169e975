//! One answer to one question: reserve, book, ask, settle; again with our own waiting when that may help.
//!
//! A failed attempt that may have been billed is settled at its reserve, one that surely was not at nothing.

use super::{
    Hands, Stop, bounded,
    budget::{self, Need, Reserve},
    contract::{Booking, CallKey, Caps, Entry, Job, Progress, WorkEnd},
    fence, repair,
    role::Role,
    transcript::Transcript,
};
use crate::{
    ids::Usd,
    limits::agent as limits,
    model::{Asker, Message, ModelError, Price, Question, Reply, ToolSpec, Usage},
    report::{Hint, Report},
};
use std::time::Duration;

/// What all questions of a work have in common.
pub(super) struct Desk<'a> {
    /// What is to be done.
    pub job: &'a Job,
    /// By whom.
    pub role: &'static Role,
    /// What the model may call.
    pub specs: Vec<ToolSpec>,
    /// Tokens that showing it takes, roughly.
    pub specs_tokens: u64,
}

impl<'a> Desk<'a> {
    /// The desk for this job.
    pub(super) fn new(job: &'a Job, role: &'static Role, specs: Vec<ToolSpec>) -> Self {
        let size = |spec: &ToolSpec| spec.parameters.to_string().len() + spec.description.len() + 60;
        let specs_tokens = specs.iter().map(size).sum::<usize>() as u64 / limits::TOKEN_BYTES;
        Self { job, role, specs, specs_tokens }
    }
}

/// A question got an answer, or is too long.
pub(super) enum Asked {
    /// Settled with it; the line is stored.
    Done,
    /// The conversation does not fit the model.
    TooLong(Report),
}

/// What to make of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The next step.
    Step,
    /// Notes that replace the conversation.
    Summary,
}

/// Asks, and appends what came back.
pub(super) async fn ask(
    desk: &Desk<'_>,
    hands: &Hands<'_>,
    script: &mut Transcript,
    wanted: Wanted,
) -> Result<Asked, Stop> {
    let messages = question(script, wanted);
    let mut tries = 0;
    loop {
        tries += 1;
        let (reserve, booked, calls) = allow(desk, hands, script).await?;
        let key = CallKey {
            work: script.work.clone(),
            step: script.step(),
            attempt: script.attempt(hands.ledger).await?,
        };
        let (at, entries) = script.unsaved();
        hands.ledger.book(&key, at, entries, reserve.booking).await?;
        script.saved();
        let task = desk.job.assignment.work.task.clone();
        let role = desk.job.assignment.role.clone();
        desk.job.watch.show(Progress::Asking { role, task, step: key.step });
        let asker = Asker { role: &desk.job.assignment.role, task: &key.work.task, step: key.step };
        let question = Question {
            asker,
            messages: messages.as_deref().unwrap_or(&script.view.messages),
            tools: &desk.specs,
            max_output_tokens: reserve.output_tokens,
        };
        let left = desk.job.budget.deadline.since(hands.clock.now());
        match bounded(hands.cancel, left, hands.model.ask(&question, &|_| {})).await? {
            Ok(reply) => {
                let cost = priced(hands.model.price(), reply.usage);
                spent(desk.job, booked, calls + 1, cost);
                script.add(line(desk, script, wanted, reply));
                let (at, entries) = script.unsaved();
                hands.ledger.settle(&key, at, entries, cost).await?;
                script.saved();
                return Ok(Asked::Done);
            }
            Err(error) => {
                hands.ledger.settle(&key, script.unsaved().0, &[], bill(&error, reserve, hands)).await?;
                if let ModelError::TooLong { .. } = error {
                    return Ok(Asked::TooLong(error.report()));
                }
                wait(&error, tries, &key, desk, hands).await?;
            }
        }
    }
}

/// Checks the caps of the whole run for one more call.
async fn allow(
    desk: &Desk<'_>,
    hands: &Hands<'_>,
    script: &Transcript,
) -> Result<(Reserve, Booking, u32), Stop> {
    if hands.cancel.is_cancelled() {
        return Err(Stop::End(WorkEnd::Cancelled));
    }
    let caps: &Caps = &desk.job.budget;
    let (booked, calls) = hands.ledger.booked().await?;
    let need = Need {
        input_tokens: script.view.tokens() + desk.specs_tokens,
        output_tokens: desk.role.max_output_tokens,
        window: hands.model.window(),
        price: hands.model.price(),
    };
    match budget::reserve(caps, booked, calls, need, hands.clock.now()) {
        Ok(reserve) => Ok((reserve, booked, calls)),
        Err(cap) => Err(Stop::End(WorkEnd::OutOfBudget { cap })),
    }
}

fn question(script: &Transcript, wanted: Wanted) -> Option<Vec<Message>> {
    (wanted == Wanted::Summary).then(|| {
        let ours = Message::User { text: super::prompt::SUMMARISE.to_owned() };
        script.view.messages.iter().cloned().chain([ours]).collect()
    })
}

/// The answer as a line of the transcript.
fn line(desk: &Desk<'_>, script: &Transcript, wanted: Wanted, reply: Reply) -> Entry {
    let step = script.step();
    let reply = repair::tidy(reply, step, &desk.specs, &script.view.ids);
    match wanted {
        Wanted::Step => Entry::Replied { step, reply },
        Wanted::Summary => Entry::Compacted { summary: super::context::summary(script, &reply.text) },
    }
}

/// Waits before the next attempt, or ends the work when waiting won't help.
async fn wait(
    error: &ModelError,
    tries: u32,
    key: &CallKey,
    desk: &Desk<'_>,
    hands: &Hands<'_>,
) -> Result<(), Stop> {
    let (most, after) = match error {
        ModelError::Busy { after, .. } => (limits::BUSY_ATTEMPTS, *after),
        ModelError::Network { sent: false, .. } => (limits::UNSENT_ATTEMPTS, None),
        ModelError::Network { .. } | ModelError::Nonsense { .. } => (limits::BILLED_ATTEMPTS, None),
        ModelError::Refused { .. } | ModelError::TooLong { .. } | ModelError::ScriptOver { .. } => (1, None),
    };
    let delay = after.unwrap_or(Duration::ZERO).max(backoff(tries, key));
    let left = desk.job.budget.deadline.since(hands.clock.now());
    if tries >= most || delay >= left {
        return Err(Stop::End(WorkEnd::Failed { report: error.report() }));
    }
    let why = fence::line(&error.report().message, limits::LINE_BYTES);
    desk.job.watch.show(Progress::Note(format!("{why}; trying again in {:.0} s", delay.as_secs_f64())));
    match tokio::time::timeout(delay, hands.cancel.cancelled()).await {
        Ok(()) => Err(Stop::End(WorkEnd::Cancelled)),
        Err(_) => Ok(()),
    }
}

/// Doubles each time; a quarter either way by the call's own name, so that works do not knock together.
fn backoff(tries: u32, key: &CallKey) -> Duration {
    let base = limits::BACKOFF_FIRST.saturating_mul(1_u32 << (tries - 1).min(16)).min(limits::BACKOFF_MOST);
    let name = crate::ids::ContentHash::of(format!("{}/{}/{}", key.work, key.step, key.attempt).as_bytes());
    let spread = name.as_str().bytes().take(8).map(u32::from).sum::<u32>() % 51;
    base.saturating_mul(75 + spread) / 100
}

/// What a failed attempt costs.
fn bill(error: &ModelError, reserve: Reserve, hands: &Hands<'_>) -> Booking {
    let nothing = priced(hands.model.price(), Usage::default());
    match error {
        ModelError::Network { sent: true, .. } => reserve.booking,
        // Time-outs of a gateway: the model behind it may have worked all the same.
        ModelError::Busy { status: 408 | 504, .. } => reserve.booking,
        ModelError::Nonsense { usage, .. } if *usage == Usage::default() => reserve.booking,
        ModelError::Nonsense { usage, .. } => priced(hands.model.price(), *usage),
        ModelError::Network { .. }
        | ModelError::Busy { .. }
        | ModelError::Refused { .. }
        | ModelError::TooLong { .. }
        | ModelError::ScriptOver { .. } => nothing,
    }
}

fn priced(price: Option<Price>, usage: Usage) -> Booking {
    Booking { usd: price.map(|price| price.of(&usage)), usage }
}

fn spent(job: &Job, booked: Booking, calls: u32, cost: Booking) {
    let before = if calls == 1 { Some(Usd(0)) } else { booked.usd };
    job.watch.show(Progress::Spent {
        usd: before.zip(cost.usd).map(|(before, cost)| before.plus(cost)),
        calls,
        input_tokens: booked.usage.input_tokens.saturating_add(cost.usage.input_tokens),
        output_tokens: booked.usage.output_tokens.saturating_add(cost.usage.output_tokens),
    });
}
