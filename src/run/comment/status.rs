//! The status comment, and the answer to `status`: where a run is.

use super::{
    Command, Facts,
    marker::{Slot, marker},
    parts::{self, fit, join},
};
use crate::run::{
    Branch, Cause, Ground, Outcome, Phase, Run, TaskState, Verdict,
    markdown::{self, cut_middle},
};

/// The status comment as it is now. Its last state is the end of the run.
pub fn status(run: &Run, facts: &Facts) -> String {
    fit(|each| {
        let stop = match run.phase() {
            Phase::Queued | Phase::Planning | Phase::Working | Phase::Verifying | Phase::Publishing => {
                format!("{} stops it.", Command::Cancel.shown())
            }
            Phase::Watching | Phase::Paused | Phase::Closed => parts::way_on(run),
        };
        join(&[
            headline(run, facts, each),
            tasks(run, facts, each),
            parts::spent_line(run, facts),
            stop,
            parts::notes(facts),
            marker(&run.id, Slot::Status),
        ])
    })
}

/// The answer to `status`: the same in one line, with a link to the status comment.
pub fn where_is(run: &Run, status_url: Option<&str>, facts: &Facts) -> String {
    fit(|each| {
        let link = status_url.map(|url| format!("[Status comment]({url})")).unwrap_or_default();
        let more = [link, parts::spent_line(run, facts)];
        let more: Vec<_> = more.into_iter().filter(|part| !part.is_empty()).collect();
        join(&[headline(run, facts, each), more.join(" · "), parts::way_on(run), parts::notes(facts)])
    })
}

/// Where it is, in one line.
fn headline(run: &Run, facts: &Facts, each: usize) -> String {
    match run.phase() {
        Phase::Queued => "**Queued**: it waits for its turn".to_owned(),
        Phase::Planning => "**Planning**".to_owned(),
        Phase::Working => working(run),
        Phase::Verifying => "**Running the repository's own checks**".to_owned(),
        Phase::Publishing => "**Publishing**".to_owned(),
        Phase::Watching => published(run, facts),
        Phase::Paused => paused(run, facts, each),
        Phase::Closed => closed(run, facts),
    }
}

fn working(run: &Run) -> String {
    if run.state.fixer.as_ref().is_some_and(|fixer| fixer.is_at_work()) {
        let (fixes, most) = (run.state.fixes, run.rules.fix_attempts.max(run.state.fixes));
        return format!("**Fixing what the checks found** (attempt {fixes} of {most})");
    }
    let all = run.state.tasks.len();
    let done = run.state.tasks.iter().filter(|task| task.is_done()).count();
    format!("**Working**: {done} of {all} tasks done")
}

fn published(run: &Run, facts: &Facts) -> String {
    let place = match (&facts.pull, &run.state.branch) {
        (Some(pull), _) => format!("Pull request [#{}]({}) is open", pull.number, pull.url),
        (None, Some(Branch { name, .. })) => {
            format!("The branch {} is written", crate::intent::prose::code(name))
        }
        (None, None) => "Published".to_owned(),
    };
    format!("**{place}**. {}", parts::verdict(run, verdict(run), facts))
}

fn paused(run: &Run, facts: &Facts, each: usize) -> String {
    match run.cause() {
        Some(Cause::Question { .. }) => return "**Waiting for an answer**".to_owned(),
        Some(Cause::Approval) => return "**Waiting for the plan to be approved**".to_owned(),
        Some(
            Cause::Conflict { .. }
            | Cause::Failed { .. }
            | Cause::Moved
            | Cause::Budget
            | Cause::Timeout { .. }
            | Cause::Refused,
        )
        | None => {}
    }
    let message = run.error().map(|error| error.message).unwrap_or_default();
    let message = markdown::defused(&cut_middle(&message, each), &facts.repo_url);
    if message.is_empty() { "**Stopped**".to_owned() } else { format!("**Stopped**: {message}") }
}

fn closed(run: &Run, facts: &Facts) -> String {
    let pull = |before: &str, after: &str| {
        let link = facts.pull.as_ref().map(|pull| format!("{before}[#{}]({}){after}", pull.number, pull.url));
        link.unwrap_or_default()
    };
    match run.outcome() {
        Some(Outcome::Proposed | Outcome::Unverified | Outcome::VerifyFailed) => published(run, facts),
        Some(Outcome::Answered) => "**Answered**.".to_owned(),
        Some(Outcome::NoChange) => "**Done**: nothing was changed.".to_owned(),
        Some(Outcome::Cancelled) => format!("**Cancelled**.{}", pull(" The pull request ", " stays open.")),
        Some(Outcome::Gone) => {
            let gone = "**Stopped**: what it was about is gone or can't be reached any more.";
            format!("{gone}{}", pull(" The pull request was ", "."))
        }
        Some(Outcome::Merged) => format!("**Merged**.{}", pull(" The pull request is ", ".")),
        Some(Outcome::Abandoned) => format!("**Closed by a person**.{}", pull(" The pull request is ", ".")),
        Some(Outcome::Silent) => "**Closed**: nobody answered for 30 days.".to_owned(),
        None => "**Closed**.".to_owned(),
    }
}

/// What is known about what was published.
fn verdict(run: &Run) -> Verdict {
    match &run.state.ground {
        Ground::Publishing { verdict, .. } | Ground::Watching { verdict, .. } => *verdict,
        Ground::Queued | Ground::Planning { .. } | Ground::Working | Ground::Verifying { .. } => {
            Verdict::Unverified
        }
    }
}

/// The plan as a list to tick off.
fn tasks(run: &Run, facts: &Facts, each: usize) -> String {
    let is_paused = run.phase() == Phase::Paused;
    let lines = run.tasks().into_iter().map(|(task, state)| {
        let title = parts::line(&task.title, each, facts);
        match state {
            TaskState::Done => format!("- [x] {title}"),
            TaskState::Pending => format!("- [ ] {title}"),
            TaskState::Running if is_paused => format!("- [ ] {title} (begun)"),
            TaskState::Running => format!("- [ ] {title} (at work)"),
            TaskState::Failed => format!("- [ ] {title} (**failed**)"),
            TaskState::Skipped => format!("- [ ] {title} (not done)"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
