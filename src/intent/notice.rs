//! What a delivery means, in our words. GitHub's JSON stops in `github/`; everything behind it reads these.
//!
//! Numbers are identities; names are for display and URLs only. Every text is untrusted and as it came.

use crate::clock::Timestamp;

/// What kind of account somebody is, by GitHub's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// A person.
    User,
    /// A GitHub App or a bot account.
    Bot,
    /// An organization.
    Organization,
    /// Anything else: mannequins, ghosts, what GitHub invents next.
    Other,
}

/// Somebody on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The identity.
    pub id: u64,
    /// The name, for display and URLs only.
    pub login: String,
    /// What it is.
    pub kind: AccountKind,
}

/// A repository on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoRef {
    /// The identity; it survives renaming.
    pub id: u64,
    /// The owner's name, for display and URLs only.
    pub owner: String,
    /// The name, for display and URLs only.
    pub name: String,
    /// Whether only invited people can see it.
    pub is_private: bool,
}

/// What a comment is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// An issue.
    Issue,
    /// A pull request.
    Pull,
}

/// What a comment is to GitHub, which numbers each form by itself: the same id may be one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A comment of the thread.
    Thread,
    /// A comment on a line of a pull request's diff.
    Line,
    /// The text of a review of a pull request.
    Review,
}

/// A new comment on an issue or a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The installation it came through; None: it must be looked up.
    pub installation: Option<u64>,
    /// Where.
    pub repo: RepoRef,
    /// Number of the issue or pull request.
    pub number: u64,
    /// Which of the two.
    pub on: On,
    /// Who opened the issue or pull request, by id.
    pub thread_author: u64,
    /// Its title.
    pub title: String,
    /// Its text; empty when there is none.
    pub thread_body: String,
    /// The comment's id, among those of its form.
    pub id: u64,
    /// What it is to GitHub.
    pub form: Form,
    /// Who wrote the comment.
    pub author: Account,
    /// Who caused the event.
    pub sender: Account,
    /// The App that posted it in a person's name, by App id.
    pub via_app: Option<u64>,
    /// The comment's text.
    pub body: String,
    /// When it was written, by GitHub's clock.
    pub created: Timestamp,
}

impl Comment {
    /// What it is called in its repository, apart from those of other forms: what a run, an answer and a memory of it are
    /// named by. A comment of the thread is its bare id, so that what was kept before there were others is met again.
    pub fn name(&self) -> String {
        match self.form {
            Form::Thread => self.id.to_string(),
            Form::Line => format!("line-{}", self.id),
            Form::Review => format!("review-{}", self.id),
        }
    }
}

/// What a delivery means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody wrote a comment.
    Commented(Box<Comment>),
    /// A pull request was closed.
    PullClosed {
        /// The installation it came through.
        installation: Option<u64>,
        /// Where.
        repo: RepoRef,
        /// Its number.
        number: u64,
        /// Whether it was merged.
        merged: bool,
        /// The branch it came from, without `refs/heads/`.
        head_ref: String,
    },
    /// An issue was deleted or transferred.
    ThreadGone {
        /// Where it was.
        repo: RepoRef,
        /// Its number there.
        number: u64,
    },
    /// We lost repositories.
    RepoGone {
        /// Which, by id.
        repo_ids: Vec<u64>,
        /// How.
        why: GoneWhy,
    },
    /// We lost an installation.
    InstallationGone {
        /// Which.
        installation: u64,
        /// How.
        why: GoneWhy,
    },
    /// We may have repositories again.
    RepoBack {
        /// Which, by id.
        repo_ids: Vec<u64>,
    },
    /// We may have an installation again.
    InstallationBack {
        /// Which.
        installation: u64,
    },
    /// Nothing for us.
    Ignored(Ignore),
}

/// How a repository or an installation was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneWhy {
    /// It was deleted.
    Deleted,
    /// It was archived: nobody can write it any more.
    Archived,
    /// It was taken out of the installation.
    Removed,
    /// It went to another owner.
    Transferred,
    /// The installation was suspended.
    Suspended,
}

/// Why a delivery is nothing for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignore {
    /// GitHub tries whether somebody listens.
    Ping,
    /// An event that we do not know.
    UnknownEvent,
    /// An action of a known event that we do not know.
    UnknownAction,
    /// An edit: edits never start anything.
    Edited,
    /// A bot's doing, ours included.
    BotSender,
    /// Known, and no business of ours.
    NotOurBusiness,
    /// The event's name and the body do not fit: what is missing or wrong.
    Malformed(String),
}

impl GoneWhy {
    /// For people, after what it was.
    pub fn words(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Archived => "archived",
            Self::Removed => "no longer in the App's installation",
            Self::Transferred => "transferred",
            Self::Suspended => "suspended",
        }
    }
}

impl Ignore {
    /// A stable word for logs and counters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::UnknownEvent => "unknown_event",
            Self::UnknownAction => "unknown_action",
            Self::Edited => "edited",
            Self::BotSender => "bot_sender",
            Self::NotOurBusiness => "not_our_business",
            Self::Malformed(_) => "malformed",
        }
    }
}

/// Who we are on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Us {
    /// Our App.
    pub app_id: u64,
    /// Its name in mentions, without `@` and `[bot]`.
    pub slug: String,
}
