//! Who may start what: a pure function of what was said, by whom, where, and what is going on there.
//!
//! Order: is it a person, is it a command ([`heard`], before anything is asked of GitHub), then permission, then the rest.
//! Whoever may not gets the same for a typo as for a command: one fixed reply in a private repository and for
//! collaborators, silence for everybody else. Identities are numbers; `author_association` is never looked at.
//!
//! Deliberately absent: fetching any of it (`github`), and that a reply is given once a day (the engine's key).

pub use super::notice::Us;
use super::{
    Intent,
    command::Command,
    mention::{self, Said, Spoken},
    notice::{AccountKind, Comment},
    reply::Reply,
};
use crate::{
    clock::Timestamp,
    ids::RunId,
    limits::intent::{COMMAND_AGE, STARTS_PER_ACTOR, STARTS_PER_REPOSITORY},
};

/// What an account may do in a repository, by GitHub's effective permission. A custom role counts as what it inherits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing.
    None,
    /// Look.
    Read,
    /// Sort issues.
    Triage,
    /// Push.
    Write,
    /// Push and manage.
    Maintain,
    /// Everything.
    Admin,
}

impl Permission {
    /// In a person's words.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }
}

/// Where somebody stands in a repository, as GitHub says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The effective permission; on a public repository everybody reads.
    pub permission: Permission,
    /// Whether it is a collaborator (`GET …/collaborators/LOGIN` answers 204).
    pub is_collaborator: bool,
}

/// The run of this thread that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// Its name.
    pub id: RunId,
    /// Where it is, as people say it, e.g. `it waits for an answer`.
    pub whereabouts: String,
    /// Whether `retry` lets it go on.
    pub is_stopped: bool,
    /// Who opened the issue that it is about, by account id; 0: nobody knows.
    pub author: u64,
    /// Who asked for it, by account id.
    pub requester: u64,
    /// Its status comment's address, when there is one.
    pub status_url: Option<String>,
}

/// Runs started in the last [`crate::limits::intent::STARTS_SPAN`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// By whoever wrote the comment, in all repositories.
    pub by_actor: u32,
    /// In this repository, by anybody.
    pub in_repository: u32,
}

/// Everything that decides about a comment.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// What was written; `repo.is_private` as it is now.
    pub comment: &'a Comment,
    /// Who we are.
    pub us: &'a Us,
    /// Where the author stands now. A lookup that fails is no standing: the caller tries again later.
    pub standing: Standing,
    /// The run of this thread that is not over.
    pub open: Option<&'a OpenRun>,
    /// The newest run of this thread that is over.
    pub last: Option<&'a RunId>,
    /// What was started lately.
    pub starts: Starts,
    /// Now.
    pub now: Timestamp,
}

/// What follows from a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A new run.
    Start(Intent),
    /// Stop this run.
    Cancel(RunId),
    /// Let this run try again.
    Retry(RunId),
    /// Say where this run is; None: there is none.
    Status(Option<RunId>),
    /// Say what we understand.
    Help,
    /// Say this, and nothing else happens: a refusal.
    Say(Reply),
    /// Silence.
    Ignore(IgnoreWhy),
}

/// Why a comment gets silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoreWhy {
    /// No command in it.
    NoCommand,
    /// Not a person's account.
    NotAPerson,
    /// Posted by an App in somebody's name, ours included.
    ViaApp,
    /// Who caused the event is not who wrote the comment.
    OtherSender,
    /// On a public repository, by somebody who may not.
    Stranger,
}

impl IgnoreWhy {
    /// A stable word for logs and counters.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoCommand => "no_command",
            Self::NotAPerson => "not_a_person",
            Self::ViaApp => "via_app",
            Self::OtherSender => "other_sender",
            Self::Stranger => "deny.permission",
        }
    }
}

/// What a comment says to us, as far as the comment alone tells: nothing needs to be fetched for the silent ones.
pub fn heard(comment: &Comment, us: &Us) -> Result<Said, IgnoreWhy> {
    if comment.via_app.is_some() {
        return Err(IgnoreWhy::ViaApp);
    }
    if comment.author.kind != AccountKind::User || comment.sender.kind != AccountKind::User {
        return Err(IgnoreWhy::NotAPerson);
    }
    if comment.author.id != comment.sender.id {
        return Err(IgnoreWhy::OtherSender);
    }
    mention::find(&comment.body, &us.slug).ok_or(IgnoreWhy::NoCommand)
}

/// What follows from a comment. Total: the same situation always brings the same.
pub fn decide(at: &Situation<'_>) -> Decision {
    let said = match heard(at.comment, at.us) {
        Ok(said) => said,
        Err(why) => return Decision::Ignore(why),
    };
    if let Err(no) = permit(at, &said.verb) {
        return no;
    }
    if at.now.since(at.comment.created) > COMMAND_AGE {
        return Decision::Say(Reply::TooOld);
    }
    let command = match &said.verb {
        Spoken::Verb(command) => *command,
        Spoken::Unknown(word) => {
            return Decision::Say(Reply::Unknown { word: word.clone(), closest: Command::closest(word) });
        }
        Spoken::Free => return Decision::Say(Reply::NotUnderstood),
    };
    if !command.works_on(at.comment.on) {
        return Decision::Say(Reply::WrongKind { command, on: at.comment.on });
    }
    match command {
        Command::Build => build(at, &said.text),
        Command::Status => Decision::Status(newest(at)),
        Command::Cancel => match at.open {
            Some(run) => Decision::Cancel(run.id.clone()),
            None => Decision::Say(Reply::NothingToCancel),
        },
        Command::Retry => newest(at).map_or(Decision::Say(Reply::NothingToRetry), Decision::Retry),
        Command::Help => Decision::Help,
    }
}

/// Whether the author may, and if not, what that brings.
fn permit(at: &Situation<'_>, verb: &Spoken) -> Result<(), Decision> {
    let row = match verb {
        Spoken::Verb(command) => Some(command.row()),
        Spoken::Unknown(_) | Spoken::Free => None,
    };
    let needs = row.map_or(Permission::Write, |row| row.least);
    let author = at.comment.author.id;
    // on the pull request too, which is not theirs but ours
    let is_author = author == at.comment.thread_author || at.open.is_some_and(|open| open.author == author);
    if at.standing.permission >= needs || (is_author && row.is_some_and(|row| row.is_authors)) {
        return Ok(());
    }
    if at.comment.repo.is_private || at.standing.is_collaborator {
        return Err(Decision::Say(Reply::NotAllowed { needs }));
    }
    Err(Decision::Ignore(IgnoreWhy::Stranger))
}

fn build(at: &Situation<'_>, text: &str) -> Decision {
    if let Some(open) = at.open {
        return Decision::Say(Reply::AlreadyOpen(open.clone()));
    }
    if at.starts.by_actor >= STARTS_PER_ACTOR || at.starts.in_repository >= STARTS_PER_REPOSITORY {
        return Decision::Say(Reply::TooMany);
    }
    match Intent::of_issue(&at.comment.title, &at.comment.thread_body, text) {
        Ok(intent) => Decision::Start(intent),
        Err(_) => Decision::Say(Reply::NothingAsked),
    }
}

fn newest(at: &Situation<'_>) -> Option<RunId> {
    at.open.map(|run| &run.id).or(at.last).cloned()
}

#[cfg(test)]
mod tests;
