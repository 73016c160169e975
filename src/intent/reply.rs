//! What a command is answered with when it starts nothing: Markdown, pure functions, one sentence of what and one of what
//! next. Where a run is, is told by `run::comment`.

use super::{
    command::{self, COMMANDS, Command},
    notice::On,
    policy::{OpenRun, Permission},
    prose::code,
};
use crate::limits::intent::COMMAND_AGE;

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Less than the least permission.
    NotAllowed {
        /// What it takes.
        needs: Permission,
    },
    /// Older than [`COMMAND_AGE`].
    TooOld,
    /// No command of ours.
    Unknown {
        /// What was said.
        word: String,
        /// What was probably meant.
        closest: Option<Command>,
    },
    /// A command of ours that does not work there.
    WrongKind {
        /// Which.
        command: Command,
        /// Where it was said.
        on: On,
    },
    /// Words to `@NAME` that are no command.
    NotUnderstood,
    /// A run is open here.
    AlreadyOpen(OpenRun),
    /// No run is open here.
    NothingToCancel,
    /// No run was here.
    NothingToRetry,
    /// The issue and the command say nothing.
    NothingAsked,
    /// What the issue says was changed after the command, which was found by reading.
    TextChanged,
    /// The bounds of [`crate::limits::intent`] on started runs are reached.
    TooMany,
}

/// How often a refusal is given to one person on one issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Often {
    /// Each time.
    EachTime,
    /// In words once a day; more of them are a reaction.
    WordsOnceADay,
    /// Once a day; more of them are silence.
    OnceADay,
}

impl Reply {
    /// A stable word for logs and counters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "deny.permission",
            Self::TooOld => "too_old",
            Self::Unknown { .. } => "unknown_command",
            Self::WrongKind { .. } => "wrong_kind",
            Self::NotUnderstood => "not_understood",
            Self::AlreadyOpen(_) => "already_open",
            Self::NothingToCancel => "nothing_to_cancel",
            Self::NothingToRetry => "nothing_to_retry",
            Self::NothingAsked => "empty_request",
            Self::TextChanged => "text_changed",
            Self::TooMany => "too_many",
        }
    }

    /// How often it is given to one person on one issue. Whoever may not write, as the author of an issue may not, could make
    /// us repeat any of them at no cost.
    pub fn often(&self, to: Permission) -> Often {
        match self {
            Self::NotAllowed { .. } => Often::OnceADay,
            _ if to < Permission::Write => Often::OnceADay,
            Self::TooMany => Often::WordsOnceADay,
            _ => Often::EachTime,
        }
    }

    /// The text, without [`second`].
    pub fn text(&self) -> String {
        match self {
            Self::NotAllowed { needs } => format!(
                "Commands take {} permission in this repository. Ask somebody who has it to say it.",
                needs.word()
            ),
            Self::TooOld => format!(
                "That command is too old (more than {} hours), so nothing was started. If it is still wanted, say it \
                 again in a new comment.",
                COMMAND_AGE.as_secs() / 3600
            ),
            Self::Unknown { word, closest: Some(closest) } => format!(
                "There is no command {}. Did you mean {}? For example: {}",
                code(word),
                closest.shown(),
                code(closest.row().example)
            ),
            Self::Unknown { word, closest: None } => {
                format!("There is no command {}. {}", code(word), help())
            }
            Self::WrongKind { command, on } => wrong_kind(*command, *on),
            Self::NotUnderstood => format!("Only commands are understood so far, not free text. {}", help()),
            Self::AlreadyOpen(run) => already_open(run),
            Self::NothingToCancel => "There is nothing to cancel: no run is open here.".to_owned(),
            Self::NothingToRetry => "There is nothing to retry: nothing was run here yet.".to_owned(),
            Self::NothingAsked => format!(
                "Neither the issue nor the command says what is wanted. Say it in a sentence, for example: {}",
                code(Command::Build.row().example)
            ),
            Self::TextChanged => {
                "This issue was changed after that command, so nothing was started. If the command still holds, say it \
                 again in a new comment."
                    .to_owned()
            }
            Self::TooMany => {
                "Too many runs were started in the last hour, so this one was not. Say it again later."
                    .to_owned()
            }
        }
    }
}

/// The answer to `help`.
pub fn help() -> String {
    format!(
        "A command is the first line of a new comment:\n\n{}\n\nEdits start nothing. For example: {}",
        command::table(),
        code(Command::Build.row().example)
    )
}

/// The answer to `status` where no run was.
pub fn no_run() -> String {
    format!("Nothing was run here yet. {} on an issue starts something.", Command::Build.shown())
}

/// What is said about a second command in the same comment, on a line of its own below the answer.
pub fn second(named: &str) -> String {
    format!("One command a comment: {} was not looked at. Say it in a new comment.", code(named))
}

/// The answer to `cancel` where nobody can react to it.
pub fn told_to_stop() -> String {
    "The run was told to stop. Its status comment says when it has.".to_owned()
}

/// The answer to `retry` where nobody can react to it.
pub fn goes_on() -> String {
    "The run goes on. Its status comment says where it is.".to_owned()
}

/// The answer to a command of somebody of whom it could not be found out whether they may.
pub fn not_known() -> String {
    "Who may do this could not be looked up, so nothing was started. Say it again later in a new comment."
        .to_owned()
}

/// The answer to `retry` of a run that is over, while another of its issue is open.
pub fn other_open(run: &OpenRun) -> String {
    format!(
        "Another run of the same issue is open ({}), so this one does not go on. Say {} on the issue, then {} here again.",
        place(run),
        Command::Cancel.shown(),
        Command::Retry.shown()
    )
}

fn wrong_kind(command: Command, on: On) -> String {
    let works = command.row().on.iter().map(|on| format!("{}s", command::kind(*on)));
    let works = works.collect::<Vec<_>>().join(" and ");
    let here = COMMANDS.iter().filter(|row| row.on.contains(&on)).map(|row| row.command.shown());
    format!(
        "{} works on {works}, and this is {} {}. Here you can say {}.",
        command.shown(),
        if on == On::Issue { "an" } else { "a" },
        command::kind(on),
        here.collect::<Vec<_>>().join(", ")
    )
}

/// Where a run is, as a link when there is somewhere to look.
fn place(run: &OpenRun) -> String {
    match &run.status_url {
        Some(url) => format!("[{}]({url})", run.whereabouts),
        None => run.whereabouts.clone(),
    }
}

fn already_open(run: &OpenRun) -> String {
    let retry = match run.is_stopped {
        true => format!("{} lets it go on. ", Command::Retry.shown()),
        false => String::new(),
    };
    format!(
        "A run is open here already: {}. So no other was started. {retry}To start anew, say {} and then {} again.",
        place(run),
        Command::Cancel.shown(),
        Command::Build.shown()
    )
}
