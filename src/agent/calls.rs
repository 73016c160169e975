//! The tool calls of one reply, in order, each with an answer; and the calls of a stored transcript once more, for
//! what they did to files.

use super::{
    Hands, Stop,
    ask::Desk,
    bounded, context,
    contract::{Entry, Progress, WorkEnd},
    fence::{self, Keep},
    repair,
    role::{CHANGES_FILES, Role},
    stuck::Loops,
    transcript::Transcript,
};
use crate::{
    limits::agent as limits,
    model::ToolCall,
    report::Class,
    tool::{self, Submission, ToolEnd, ToolError},
};

/// How answers to calls begin that had no effect on files: they are not done again.
const NOT_DONE: &str = "[quantum: not done:";

/// Runs the calls. Some: the work is over.
pub(super) async fn run(
    desk: &Desk<'_>,
    hands: &mut Hands<'_>,
    script: &mut Transcript,
    loops: &mut Loops,
    calls: &[ToolCall],
) -> Result<Option<WorkEnd>, Stop> {
    let mut end = None;
    for (n, call) in calls.iter().enumerate() {
        if end.is_some() {
            answer(script, call, format!("{NOT_DONE} you submitted before this call]"));
        } else if n >= limits::CALLS_PER_REPLY {
            let most = limits::CALLS_PER_REPLY;
            answer(script, call, format!("{NOT_DONE} at most {most} calls in one answer]"));
        } else if script.cut_off() && !repair::is_object(&call.arguments) {
            answer(
                script,
                call,
                format!("{NOT_DONE} your answer was too long and was cut off here: write less at once]"),
            );
        } else {
            end = one(desk, hands, script, loops, call).await?;
        }
    }
    Ok(end.or_else(|| loops.over().map(|report| WorkEnd::Failed { report })))
}

/// Does the stored calls again that can have changed files, in order; their stored answers stay as they are.
pub(super) async fn again(desk: &Desk<'_>, hands: &mut Hands<'_>, script: &Transcript) -> Result<(), Stop> {
    let done = script.answered().into_iter().filter(|(call, answer)| {
        CHANGES_FILES.contains(&call.name.as_str()) && !answer.starts_with(NOT_DONE)
    });
    let calls: Vec<ToolCall> = done.map(|(call, _)| call.clone()).collect();
    if !desk.job.fresh_workspace || calls.is_empty() {
        return Ok(());
    }
    let what = if calls.len() == 1 {
        "1 earlier call is".to_owned()
    } else {
        format!("{} earlier calls are", calls.len())
    };
    let note = format!("a fresh workspace: {what} done again in it");
    desk.job.watch.show(Progress::Note(note));
    for call in &calls {
        if let Err(ToolError::Stop(report)) = reach(desk, hands, call).await? {
            return Err(Stop::Trouble(report));
        }
    }
    Ok(())
}

async fn one(
    desk: &Desk<'_>,
    hands: &mut Hands<'_>,
    script: &mut Transcript,
    loops: &mut Loops,
    call: &ToolCall,
) -> Result<Option<WorkEnd>, Stop> {
    let task = || desk.job.assignment.work.task.clone();
    let tool = Progress::Tool {
        task: task(),
        name: fence::line(&call.name, limits::NAME_SHOWN_BYTES),
        brief: tool::brief(call),
    };
    desk.job.watch.show(tool);
    let (text, line, whole) = match reach(desk, hands, call).await? {
        Ok(ToolEnd::Submitted(submission)) => match end_of(submission, desk.role) {
            Ok(end) => {
                answer(script, call, "[quantum: submitted]".to_owned());
                return Ok(Some(end));
            }
            Err(why) => (why, String::new(), None),
        },
        Ok(ToolEnd::Text { text, whole, line }) => (text, line, whole),
        Err(ToolError::Tell(why)) => (why, String::new(), None),
        Err(ToolError::Stop(report)) => {
            // What ended the sandbox once would end it again: a resumed work tells the model instead.
            if report.class == Class::Transient {
                let why = fence::line(&report.message, limits::LINE_BYTES);
                answer(
                    script,
                    call,
                    format!("{NOT_DONE} {why}. The files are as they were before this call.]"),
                );
                script.save(hands.ledger).await?;
            }
            return Err(Stop::Trouble(report));
        }
    };
    let most = context::answer_bytes(hands.model.window());
    let whole = whole.or_else(|| (text.len() > most).then(|| text.clone().into_bytes()));
    let output = match whole {
        Some(bytes) => Some(hands.ledger.keep(&bytes).await?),
        None => None,
    };
    let line = if line.is_empty() {
        fence::line(&text, limits::FIRST_WORDS_BYTES)
    } else {
        fence::line(&line, limits::LINE_BYTES)
    };
    let text = loops.note(call, &fence::cut(&text, most, Keep::End));
    script.add(Entry::ToolAnswered { call: call.id.clone(), text, output });
    desk.job.watch.show(Progress::ToolDone { task: task(), line });
    Ok(None)
}

/// Through the bench, no longer than the run's deadline.
async fn reach(
    desk: &Desk<'_>,
    hands: &mut Hands<'_>,
    call: &ToolCall,
) -> Result<Result<ToolEnd, ToolError>, Stop> {
    let left = desk.job.budget.deadline.since(hands.clock.now());
    bounded(hands.cancel, left, hands.toolbox.call(call, desk.role.tools, left)).await
}

fn answer(script: &mut Transcript, call: &ToolCall, text: String) {
    script.add(Entry::ToolAnswered { call: call.id.clone(), text, output: None });
}

fn end_of(submission: Submission, role: &Role) -> Result<WorkEnd, String> {
    Ok(match submission {
        Submission::Plan(_) if !role.plans() => {
            return Err("only a planner submits a plan: do the task and submit a proposal".to_owned());
        }
        Submission::Plan(plan) => WorkEnd::Plan { plan },
        Submission::Proposal { title, summary } => WorkEnd::Proposal { title, summary },
        Submission::Question(question) => WorkEnd::Question { question },
        Submission::Answer(text) => {
            WorkEnd::Answer { text: fence::cut(&text, limits::ANSWER_BYTES, Keep::Start) }
        }
        Submission::NoChange(why) => WorkEnd::NoChange { why },
    })
}
