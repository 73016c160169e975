//! THINK: the agent loop. Ask the model, run its tool calls, append, check the budget. It cannot reach GitHub.
//!
//! The transcript is the state: what to do next is read off its end, so that resuming is reloading. A step costs two
//! durable writes: the booking (with the tool answers of the step before) and the settled reply.
//! Deliberately absent: threads of thought, agents that talk to agents, anything that publishes.

mod ask;
mod budget;
mod calls;
mod context;
pub mod contract;
mod fence;
mod prompt;
mod repair;
pub mod role;
mod stuck;
mod transcript;
mod view;

use crate::{
    clock::Clock,
    limits::agent as limits,
    model::{Model, Reply},
    report::{Class, Report},
    run::Cap,
};
use ask::{Asked, Desk, Wanted, ask};
use contract::{Bench, Entry, Job, Ledger, WorkEnd};
use role::Role;
use std::{future::Future, time::Duration};
use stuck::Loops;
use tokio_util::sync::CancellationToken;
use transcript::{Next, Transcript};

/// What an agent works with.
pub struct Hands<'a> {
    /// Asked.
    pub model: &'a dyn Model,
    /// Its hands behind the walls (a [`crate::sandbox::toolbox::Toolbox`]).
    pub toolbox: &'a mut dyn Bench,
    /// Its memory.
    pub ledger: &'a dyn Ledger,
    /// The time.
    pub clock: &'a Clock,
    /// Stops it at the next await.
    pub cancel: &'a CancellationToken,
}

/// Works until the agent submits, gives up or is stopped. `Err` is our own trouble (store, sandbox), never the model's.
///
/// Results are stored and come back at once when asked again. `Cancelled`, `OutOfBudget` and transient failures are
/// not: the same work goes on from there when it is asked again with more budget.
pub async fn work(job: &Job, mut hands: Hands<'_>) -> Result<WorkEnd, Report> {
    let role = Role::named(&job.assignment.role);
    let desk = Desk::new(job, role, hands.toolbox.specs(role.tools));
    let mut script = Transcript::open(job, role, hands.ledger).await?;
    if let Some(end) = script.end().cloned() {
        return match end {
            // The workspace is part of these results: in a fresh one it is made again.
            WorkEnd::Proposal { .. } | WorkEnd::Answer { .. } => {
                redone(&desk, &mut hands, &script, end).await
            }
            _ => Ok(end),
        };
    }
    let end = match go(&desk, &mut hands, &mut script).await {
        Ok(end) | Err(Stop::End(end)) => end,
        Err(Stop::Trouble(report)) => return Err(report),
    };
    if is_result(&end) {
        script.add(Entry::Ended { end: end.clone() });
    }
    script.save(hands.ledger).await?;
    Ok(end)
}

/// A stored result with the files that belong to it.
async fn redone(
    desk: &Desk<'_>,
    hands: &mut Hands<'_>,
    script: &Transcript,
    end: WorkEnd,
) -> Result<WorkEnd, Report> {
    match calls::again(desk, hands, script).await {
        Ok(()) => Ok(end),
        Err(Stop::End(other)) => Ok(other),
        Err(Stop::Trouble(report)) => Err(report),
    }
}

/// The loop.
async fn go(desk: &Desk<'_>, hands: &mut Hands<'_>, script: &mut Transcript) -> Result<WorkEnd, Stop> {
    let mut loops = Loops::after(&script.answered(), desk.job.budget.steps);
    calls::again(desk, hands, script).await?;
    loop {
        match script.next() {
            Next::Run(calls) => {
                if let Some(end) = calls::run(desk, hands, script, &mut loops, &calls).await? {
                    return Ok(end);
                }
            }
            Next::Judge(reply) => match judge(&reply, script.unusable()) {
                Judged::End(end) => return Ok(end),
                Judged::Correct(text) => script.say(text),
            },
            Next::Ask => {
                context::fit(desk, hands, script).await?;
                if let Asked::TooLong(refusal) = ask(desk, hands, script, Wanted::Step).await? {
                    context::shrink(script, refusal)?;
                }
            }
        }
    }
}

/// Why the loop is left early.
enum Stop {
    /// The work ends like this.
    End(WorkEnd),
    /// Our own trouble.
    Trouble(Report),
}

impl From<Report> for Stop {
    fn from(report: Report) -> Self {
        Self::Trouble(report)
    }
}

/// Waits for `what`, but not past a cancellation or the deadline.
async fn bounded<T>(
    cancel: &CancellationToken,
    left: Duration,
    what: impl Future<Output = T> + Send,
) -> Result<T, Stop> {
    match cancel.run_until_cancelled(tokio::time::timeout(left, what)).await {
        Some(Ok(done)) => Ok(done),
        Some(Err(_)) => Err(Stop::End(WorkEnd::OutOfBudget { cap: Cap::Minutes })),
        None => Err(Stop::End(WorkEnd::Cancelled)),
    }
}

/// What a reply without calls is.
enum Judged {
    End(WorkEnd),
    Correct(&'static str),
}

/// Words end the work; what is empty, cut off or a call that can't be read is corrected a bounded number of times.
fn judge(reply: &Reply, unusable: u32) -> Judged {
    let text = reply.text.trim();
    let (code, what, correction) = if reply.cut {
        (
            "garbage",
            "answers too long to use",
            "Your answer was too long and was cut off. Be brief, and act by calling one tool.",
        )
    } else if text.is_empty() {
        (
            "no_answer",
            "nothing",
            "Your answer was empty. Go on with the task by calling a tool; call `submit` when it is done.",
        )
    } else if repair::looks_like_call(text) {
        (
            "garbage",
            "tool calls that can't be read",
            "That looks like a tool call but can't be read. Use the tool-calling interface, with complete JSON arguments.",
        )
    } else {
        let text = fence::cut(text, limits::ANSWER_BYTES, fence::Keep::Start);
        return Judged::End(WorkEnd::Answer { text });
    };
    if unusable <= limits::CORRECTIONS {
        return Judged::Correct(correction);
    }
    let message = format!("the model answered {what}, {unusable} times in a row");
    let hint = "use a model that can call tools (--model), or describe the task in more detail";
    Judged::End(WorkEnd::Failed { report: Report::new(Class::Refused, code, message, hint) })
}

/// Whether asking again must bring the same end.
fn is_result(end: &WorkEnd) -> bool {
    match end {
        WorkEnd::Cancelled | WorkEnd::OutOfBudget { .. } => false,
        WorkEnd::Failed { report } => report.class != Class::Transient,
        _ => true,
    }
}
