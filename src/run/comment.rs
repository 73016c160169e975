//! What people see of a run on GitHub: Markdown, pure functions of the run and some facts about its thread.
//!
//! One status comment a run, edited in place; a new comment for whatever somebody must notice, with the one mention of the
//! requester in it. Every comment ends with a hidden marker line that says whose it is. The agents' and the repository's
//! words go through [`super::markdown::defused`]; only what is written here mentions, links and closes.
//!
//! Everything is at most [`crate::limits::intent::BODY_CHARS`] long: what agents wrote is cut in the middle, the receipt is not.

mod check;
mod commit;
mod marker;
mod parts;
mod pull;
mod status;

use super::{Question, Run, markdown, reply};
use crate::{
    ids::Usd,
    intent::command::{self, Command},
    report::Report,
};
pub use check::{CheckOutput, Output, check_output};
pub use commit::commit_message;
pub use marker::{ANSWER, Slot, answer_marker, answered, marker, read_marker};
use parts::{fit, join, mention};
pub use pull::{pull_body, pull_title};
pub use status::{status, where_is};
use std::time::Duration;

/// What the texts say about a run that the run does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The repository's address, e.g. `https://github.com/o/r`: the one place that links may lead into.
    pub repo_url: String,
    /// The number.
    pub number: u64,
    /// Whoever asked for the run: the only one who is mentioned.
    pub requester: Requester,
    /// What was spent so far.
    pub cost: Cost,
    /// How long it was at work ([`Run::time_at_work`]).
    pub elapsed: Duration,
    /// The run's own page, when there is one.
    pub run_url: Option<String>,
    /// The run's pull request, once it is open.
    pub pull: Option<PullLink>,
    /// Sentences of ours that the thread should know, e.g. about a second command in the same comment.
    pub notes: Vec<String>,
}

/// Whoever asked for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The account's id.
    pub id: u64,
    /// Its name.
    pub login: String,
}

/// What a run spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Money; None: the model has no price.
    pub usd: Option<Usd>,
    /// Model calls.
    pub model_calls: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
}

/// A pull request, to link to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullLink {
    /// Its number.
    pub number: u64,
    /// Its address.
    pub url: String,
}

/// A question to the requester: a comment of its own.
pub fn question(run: &Run, slot: u32, question: &Question, facts: &Facts) -> String {
    let next = match command::shown_if_there("answer") {
        Some(answer) => format!("Answer with {answer} and your words."),
        None => format!(
            "An answer in a comment is not understood yet: {} ends this run, then {} with the answer in its text starts \
             over.",
            Command::Cancel.shown(),
            Command::Build.shown()
        ),
    };
    fit(|each| {
        let choices = question.choices.iter().zip(1..);
        let choices = choices.map(|(choice, n)| format!("{n}. {}", parts::line(choice, each, facts)));
        let asked = markdown::cut_middle(&question.text, each);
        join(&[
            format!("{}, there is a question before the work goes on:", mention(facts)),
            markdown::quoted(&markdown::defused(&asked, &facts.repo_url)),
            choices.collect::<Vec<_>>().join("\n"),
            parts::notes(facts),
            next.clone(),
            marker(&run.id, Slot::Question(slot)),
        ])
    })
}

/// The plan, and the wish for approval: a comment of its own.
pub fn approval(run: &Run, slot: u32, facts: &Facts) -> String {
    let next = match command::shown_if_there("approve") {
        Some(approve) => format!("{approve} lets it go on; {} ends it.", Command::Cancel.shown()),
        None => format!(
            "Approval in a comment is not understood yet: {} ends this run. With `approve_plan: false` in \
             `.github/quantum.yml` a plan does not wait.",
            Command::Cancel.shown()
        ),
    };
    fit(|each| {
        let plan = markdown::cut_middle(&reply::plan(run), each);
        join(&[
            format!("{}, this is the plan. Nothing is changed before it is approved:", mention(facts)),
            markdown::quoted(&markdown::defused(&plan, &facts.repo_url)),
            parts::notes(facts),
            next.clone(),
            marker(&run.id, Slot::Approval(slot)),
        ])
    })
}

/// The end of a run without a pull request, or a pause that nobody was asked about, as [`super::Effect::Reply`] says it:
/// the one comment of its own.
pub fn result(run: &Run, text: &str, facts: &Facts) -> String {
    fit(|each| {
        let text = markdown::cut_middle(text, each);
        join(&[
            mention(facts),
            markdown::defused(&text, &facts.repo_url),
            parts::way_on(run),
            parts::spent_line(run, facts),
            parts::notes(facts),
            marker(&run.id, Slot::Result),
        ])
    })
}

/// The same comment once the run went on and opened its pull request: that it stopped is no longer so.
pub fn went_on(run: &Run, pull: &PullLink, facts: &Facts) -> String {
    let link = format!("[#{}]({})", pull.number, pull.url);
    join(&[
        mention(facts),
        format!("This run had stopped. It was tried again, went on, and opened pull request {link}."),
        marker(&run.id, Slot::Result),
    ])
}

/// What is on GitHub of a publishing that did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun<'a> {
    /// A pull request.
    Pull { link: PullLink, is_open: bool },
    /// The branch of this name, and no pull request.
    Branch(&'a str),
    /// Neither.
    Nothing,
}

/// What the thread is told about that.
pub fn begun(begun: &Begun<'_>) -> String {
    match begun {
        Begun::Pull { link, is_open } => {
            let state = if *is_open { "open" } else { "closed" };
            format!(
                "On GitHub is what was published before it stopped: pull request [#{}]({}), which is {state}.",
                link.number, link.url
            )
        }
        Begun::Branch(name) => {
            let name = crate::intent::prose::code(name);
            format!(
                "On GitHub is what was published before it stopped: the branch {name}; no pull request of it was seen."
            )
        }
        Begun::Nothing => "Nothing of it was seen on GitHub.".to_owned(),
    }
}

/// What the thread is told when what an agent said is not shown; `what` it looks like, e.g. `a GitHub token`.
pub fn not_shown(what: &str) -> String {
    format!(
        "What an agent said holds what looks like {what}, so it is not shown here. If it is a real one, replace it where it \
         is used, and take it out of what agents read: the repository and the issue. Then say {} again.",
        Command::Build.shown()
    )
}

/// What the thread is told when GitHub refuses the check run of a pull request that is there; `why` and what to do.
pub fn no_check(why: &str, hint: &str) -> String {
    let (why, hint) = (why.trim_end_matches('.'), hint.trim_end_matches('.'));
    format!("The check run could not be made: {why}. To have one next time: {hint}.")
}

/// What the thread is told while the server has nobody to ask.
pub fn no_model() -> String {
    "No work can be done yet: this server has no model to ask. Whoever runs it has to name one with `QUANTUM_MODEL` and \
     start it again; the run goes on by itself then."
        .to_owned()
}

/// What the thread is told while the server can't build a sandbox.
pub fn no_sandbox() -> String {
    "No work can be done yet: this server can't build a sandbox. Whoever runs it sees what is missing with `quantum doctor` \
     there; the run goes on by itself when that is mended."
        .to_owned()
}

/// The answer to a command that is refused for a mistake of the repository's: what, and what next. It quotes what anybody
/// who writes there wrote, so it is as harmless as the agents' words.
pub fn refusal(report: &Report, repo_url: &str) -> String {
    fit(|each| {
        let theirs =
            |text: &str| reply::sentence(&markdown::defused(&markdown::cut_middle(text, each), repo_url));
        join(&[theirs(&report.message), theirs(&parts::capital(&report.hint))])
    })
}
