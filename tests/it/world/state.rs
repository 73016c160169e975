//! What the fake GitHub knows, as types. Nothing here speaks HTTP.

use super::{deliveries::Hooks, faults::Faults, limits::Limits, log::Entry};
use quantumlayer::clock::{Clock, Timestamp};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// A user, an organisation or a bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UserId(pub(crate) u64);

/// A repository; its name may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RepoId(pub(crate) u64);

/// GitHub's `type` of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Bot,
    Organization,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) login: String,
    pub(crate) kind: Kind,
}

/// What somebody may do in a repository, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The older scale of four, which `permission` still speaks.
    pub(crate) fn legacy(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }
}

/// How far a permission of an App or a token goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Read,
    Write,
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            _ => None,
        }
    }
}

pub(crate) type Permissions = BTreeMap<String, Level>;

/// The one App of this world.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) id: u64,
    pub(crate) client_id: String,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) owner: UserId,
    /// The account that its comments and commits are of.
    pub(crate) bot: UserId,
    pub(crate) permissions: Permissions,
    pub(crate) events: BTreeSet<String>,
    /// Public keys that a JWT may be signed for, PEM.
    pub(crate) keys: Vec<&'static str>,
    pub(crate) created: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) id: u64,
    pub(crate) account: UserId,
    /// The repositories it was given; `None`: all of the account, also new ones.
    pub(crate) selected: Option<BTreeSet<RepoId>>,
    pub(crate) suspended: Option<Timestamp>,
    pub(crate) permissions: Permissions,
    pub(crate) created: Timestamp,
}

/// An installation's token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) secret: String,
    pub(crate) installation: u64,
    /// `None`: every repository of the installation.
    pub(crate) repos: Option<BTreeSet<RepoId>>,
    pub(crate) permissions: Permissions,
    pub(crate) expires: Timestamp,
    pub(crate) is_revoked: bool,
}

#[derive(Debug)]
pub(crate) struct Repo {
    pub(crate) id: RepoId,
    pub(crate) owner: UserId,
    pub(crate) name: String,
    pub(crate) is_private: bool,
    pub(crate) is_archived: bool,
    pub(crate) has_drafts: bool,
    pub(crate) default_branch: String,
    pub(crate) roles: BTreeMap<UserId, Role>,
    /// Names of custom roles; `roles` holds what each inherits.
    pub(crate) custom_roles: BTreeMap<UserId, String>,
    /// The bare repository.
    pub(crate) git: PathBuf,
    pub(crate) threads: BTreeMap<u64, Thread>,
    /// Issues that went away: deleted, or where they are now.
    pub(crate) gone: BTreeMap<u64, Option<(RepoId, u64)>>,
    pub(crate) comments: BTreeMap<u64, Comment>,
    /// Texts of reviews, and comments on lines; each kind has ids of its own.
    pub(crate) reviews: BTreeMap<u64, Comment>,
    pub(crate) line_comments: BTreeMap<u64, Comment>,
    pub(crate) labels: BTreeMap<String, Label>,
    pub(crate) checks: BTreeMap<u64, Check>,
    /// Fresh refs and how many reads still miss them.
    pub(crate) hidden: BTreeMap<String, u32>,
    /// Commits that GitHub signed.
    pub(crate) signed: BTreeSet<String>,
    pub(crate) created: Timestamp,
}

/// An issue or a pull request.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) number: u64,
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) author: UserId,
    pub(crate) is_via_app: bool,
    pub(crate) is_open: bool,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    /// When its text was last edited, and its title last changed.
    pub(crate) edited: Option<Timestamp>,
    pub(crate) renamed: Option<Timestamp>,
    pub(crate) closed: Option<Timestamp>,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<UserId>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) pull: Option<Pull>,
}

#[derive(Debug)]
pub(crate) struct Pull {
    pub(crate) id: u64,
    pub(crate) head: String,
    /// The owner of the fork that the head is in; `None`: the same repository.
    pub(crate) fork: Option<UserId>,
    pub(crate) base: String,
    pub(crate) is_draft: bool,
    /// Who merged it, and the commit that did.
    pub(crate) merged: Option<(UserId, Timestamp, String)>,
    /// The last head and base: what is left when a branch is deleted.
    pub(crate) head_sha: String,
    pub(crate) base_sha: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) author: UserId,
    pub(crate) is_via_app: bool,
    pub(crate) body: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) edits: u32,
    pub(crate) reactions: Vec<Reaction>,
}

#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) id: u64,
    pub(crate) user: UserId,
    pub(crate) content: String,
    pub(crate) created: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) head_sha: String,
    pub(crate) external_id: String,
    pub(crate) details_url: Option<String>,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) started: Timestamp,
    pub(crate) completed: Option<Timestamp>,
    pub(crate) title: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) annotations: Vec<Value>,
    pub(crate) edits: u32,
}

/// Everything, behind one lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    /// `http://127.0.0.1:PORT`: the API and the web pages alike.
    pub(crate) base: String,
    /// The folder of all repositories.
    pub(crate) folder: PathBuf,
    pub(crate) app: App,
    pub(crate) users: BTreeMap<UserId, User>,
    pub(crate) repos: BTreeMap<RepoId, Repo>,
    /// Old full names in lower case, for redirects.
    pub(crate) moved: BTreeMap<String, RepoId>,
    pub(crate) installations: BTreeMap<u64, Installation>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) user_tokens: BTreeMap<String, UserId>,
    pub(crate) last_id: u64,
    pub(crate) log: Vec<Entry>,
    /// What the test must not have done; asserted on drop.
    pub(crate) trouble: Vec<String>,
    pub(crate) faults: Faults,
    pub(crate) hooks: Hooks,
    pub(crate) limits: Limits,
}

impl State {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh id, above 32 bits as many of GitHub's are.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn user(&self, id: UserId) -> &User {
        &self.users[&id]
    }

    pub(crate) fn user_named(&self, login: &str) -> Option<&User> {
        self.users.values().find(|user| user.login.eq_ignore_ascii_case(login))
    }

    pub(crate) fn repo(&self, id: RepoId) -> &Repo {
        &self.repos[&id]
    }

    pub(crate) fn repo_mut(&mut self, id: RepoId) -> &mut Repo {
        self.repos.get_mut(&id).unwrap()
    }

    pub(crate) fn full_name(&self, id: RepoId) -> String {
        let repo = self.repo(id);
        format!("{}/{}", self.user(repo.owner).login, repo.name)
    }

    pub(crate) fn repo_named(&self, owner: &str, name: &str) -> Option<RepoId> {
        let is_it = |repo: &&Repo| {
            self.user(repo.owner).login.eq_ignore_ascii_case(owner) && repo.name.eq_ignore_ascii_case(name)
        };
        self.repos.values().find(is_it).map(|repo| repo.id)
    }

    pub(crate) fn git(&self, id: RepoId) -> &Path {
        &self.repo(id).git
    }

    /// What somebody may do there, public reading included.
    pub(crate) fn role(&self, repo: RepoId, user: UserId) -> Role {
        let repo = self.repo(repo);
        let open = if repo.is_private { Role::None } else { Role::Read };
        let own = if repo.owner == user { Role::Admin } else { open };
        repo.roles.get(&user).copied().map_or(own, |role| role.max(own))
    }

    pub(crate) fn is_collaborator(&self, repo: RepoId, user: UserId) -> bool {
        let repo = self.repo(repo);
        repo.owner == user || repo.roles.get(&user).is_some_and(|role| *role > Role::None)
    }

    /// The installation that a repository is in, suspended or not.
    pub(crate) fn installation_of(&self, repo: RepoId) -> Option<&Installation> {
        self.installations.values().find(|installation| self.covers(installation, repo))
    }

    pub(crate) fn covers(&self, installation: &Installation, repo: RepoId) -> bool {
        self.repos.get(&repo).is_some_and(|found| found.owner == installation.account)
            && installation.selected.as_ref().is_none_or(|selected| selected.contains(&repo))
    }

    /// Notes what fails the test at its end.
    pub(crate) fn blame(&mut self, what: String) {
        self.trouble.push(what);
    }
}
