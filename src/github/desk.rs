//! Work in one repository as one installation. The repository is its id: its names come from GitHub and are looked up
//! again when a call answers that they are wrong. Tokens are made when they are needed and taken back by [`Desk::done`].

pub mod checks;
pub mod files;
pub mod objects;
pub mod pulls;
pub mod talk;
mod tokens;
pub mod written;

use super::{
    GitHub, GitHubError, Load, Need,
    ask::{Answer, Ask},
    call::Bearer,
    error::Lost,
    token::Token,
    wire::{self, User},
};
use crate::{
    clock::Timestamp,
    ids::Secret,
    intent::{
        notice::{Account, RepoRef},
        policy::Permission,
    },
    limits::github as limits,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One repository, as one installation. A clone is the same: tokens are shared.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    github: GitHub,
    installation: u64,
    place: Mutex<Place>,
    /// One for each of [`Need::ALL`]; locked while it is made, so that it is made once.
    tokens: [tokio::sync::Mutex<Option<Token>>; Need::ALL.len()],
}

/// Where the repository is.
#[derive(Clone)]
struct Place {
    repo: RepoRef,
    /// When GitHub last said so.
    proven: Option<Timestamp>,
}

/// A repository, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its id.
    pub id: u64,
    /// Its owner's name.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// The branch that pull requests go to.
    pub default_branch: String,
    /// Whether only invited people can see it.
    pub is_private: bool,
    /// Whether nobody can write it any more (archived, or disabled by GitHub).
    pub is_archived: bool,
}

#[derive(Deserialize)]
struct Told {
    #[serde(flatten)]
    repo: wire::Repo,
    default_branch: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    disabled: bool,
}

#[derive(Deserialize)]
struct Listed {
    repositories: Vec<wire::Repo>,
}

#[derive(Deserialize)]
struct Role {
    permission: String,
    #[serde(default)]
    role_name: String,
    user: Option<User>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (installation, repo) = (self.0.installation, self.repo());
        f.debug_struct("Desk")
            .field("installation", &installation)
            .field("repo", &repo)
            .finish_non_exhaustive()
    }
}

impl Desk {
    pub(super) fn new(github: GitHub, installation: u64, repo: RepoRef) -> Self {
        let place = Mutex::new(Place { repo, proven: None });
        Self(Arc::new(Inner { github, installation, place, tokens: Default::default() }))
    }

    /// The repository, under the names it last had.
    pub fn repo(&self) -> RepoRef {
        self.place().repo.clone()
    }

    /// The same, when it was GitHub that said so; names that came with a delivery may be of long ago.
    pub fn told_repo(&self) -> Option<RepoRef> {
        let place = self.place();
        place.proven.map(|_| place.repo.clone())
    }

    /// The installation.
    pub fn installation(&self) -> u64 {
        self.0.installation
    }

    /// The earliest moment such a call may be sent: now, or later. One that comes sooner is [`GitHubError::Limited`].
    pub fn wait_until(&self, load: Load) -> Timestamp {
        self.0.github.wire().ready_at(Some(self.0.installation), load)
    }

    /// The repository, as it is now.
    pub async fn repository(&self) -> Result<Repository, GitHubError> {
        let ask = Ask::get("read the repository", &[]).kept();
        let mut told: Told = self.read(Need::Gate, &ask).await?;
        let used = self.repo();
        if told.repo.id != used.id {
            // somebody else's took the name
            self.find(&ask, &used).await?;
            told = self.read(Need::Gate, &ask).await?;
        }
        let Told { repo, default_branch, archived, disabled } = told;
        self.learn(&repo).then_some(()).ok_or_else(|| ask.odd("another repository under this one's name"))?;
        Ok(Repository {
            id: repo.id,
            owner: repo.owner.login,
            name: repo.name,
            default_branch,
            is_private: repo.private,
            is_archived: archived || disabled,
        })
    }

    /// What an account may do here, by GitHub's effective permission. On a public repository everybody reads.
    pub async fn permission(&self, account: &Account) -> Result<Permission, GitHubError> {
        let ask = Ask::get("read a permission", &["collaborators", &account.login, "permission"]);
        let role: Role = match self.read(Need::Gate, &ask).await {
            Err(GitHubError::Missing { .. }) => return Ok(Permission::None),
            role => role?,
        };
        let user = role.user.as_ref().ok_or_else(|| ask.odd("a permission of nobody"))?;
        if user.id != account.id {
            // the name belongs to somebody else by now
            tracing::debug!(
                github.account = account.id,
                github.other = user.id,
                "a permission of another account"
            );
            return Ok(Permission::None);
        }
        effective(&role.role_name, &role.permission)
            .ok_or_else(|| ask.odd("a permission that we do not know"))
    }

    /// Whether an account is a collaborator.
    pub async fn is_collaborator(&self, login: &str) -> Result<bool, GitHubError> {
        let ask = Ask::get("look for a collaborator", &["collaborators", login]);
        Ok(self.if_any(Need::Gate, ask).await?.is_some())
    }

    /// A token to fetch this repository with by git over HTTP (user `x-access-token`), good for five minutes at least.
    pub async fn fetch_token(&self) -> Result<Secret, GitHubError> {
        self.token(Need::Talk).await
    }

    /// Whether somebody else has a clone, and may be in the middle of something.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    fn now(&self) -> Timestamp {
        self.0.github.now()
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the names that GitHub says; false: they are another repository's.
    fn learn(&self, told: &wire::Repo) -> bool {
        let now = self.now();
        let mut place = self.place();
        if told.id != place.repo.id {
            return false;
        }
        let (owner, name, is_private) = (told.owner.login.clone(), told.name.clone(), told.private);
        *place = Place { repo: RepoRef { id: told.id, owner, name, is_private }, proven: Some(now) };
        true
    }

    /// Asks within the repository. What GitHub refused for a stale token or an old name was not done; only a read is asked
    /// again here.
    async fn ask(&self, need: Need, ask: &Ask) -> Result<Answer, GitHubError> {
        let (mut new_token, mut new_name) = (false, false);
        loop {
            let token = self.token(need).await?;
            let repo = self.repo();
            let bearer = Bearer { token: &token, installation: Some(self.0.installation) };
            let before = ["repos", &repo.owner, &repo.name];
            let answer = self.0.github.wire().send(ask, &before, &bearer).await?;
            match answer.status {
                200..=299 => return Ok(answer),
                401 if new_token => return Err(ask.refused(&answer)),
                401 => {
                    self.drop_token(need, &token).await;
                    new_token = true;
                    if !ask.is_read() {
                        return Err(GitHubError::Stale { what: ask.what });
                    }
                }
                404 if ask.is_optional && self.is_proven() => {
                    return Err(GitHubError::Missing { what: ask.what });
                }
                300..=399 | 404 | 410 => {
                    if new_name || !self.find(ask, &repo).await? {
                        return Err(GitHubError::Missing { what: ask.what });
                    }
                    new_name = true;
                    if !ask.is_read() {
                        return Err(GitHubError::Renamed { what: ask.what });
                    }
                }
                // what we may not do there, or a repository that is no longer ours
                403 if answer.said().is_out_of_reach() => {
                    self.find(ask, &repo).await?;
                    return Err(ask.refused(&answer));
                }
                _ => return Err(ask.refused(&answer)),
            }
        }
    }

    /// The one repository that our token reaches, as it is called now. True when that is another name than was used.
    async fn find(&self, asked: &Ask, used: &RepoRef) -> Result<bool, GitHubError> {
        let ask = Ask::get("find the repository", &["installation", "repositories"]).query("per_page", 2);
        let token = self.token(Need::Gate).await?;
        let answer = self.0.github.ask_with(&ask, self.0.installation, &token).await?;
        match answer.status {
            200 => {}
            401 => {
                self.drop_token(Need::Gate, &token).await;
                return Err(GitHubError::Stale { what: asked.what });
            }
            _ => return Err(ask.refused(&answer)),
        }
        let listed: Listed = ask.read(&answer)?;
        if !listed.repositories.iter().any(|repo| self.learn(repo)) {
            return Err(GitHubError::Gone(Lost::Repository));
        }
        let now = self.repo();
        Ok((&now.owner, &now.name) != (&used.owner, &used.name))
    }

    /// Asks for one thing.
    async fn read<T: DeserializeOwned>(&self, need: Need, ask: &Ask) -> Result<T, GitHubError> {
        ask.read(&self.ask(need, ask).await?)
    }

    /// Asks for something that need not be there.
    async fn if_any(&self, need: Need, ask: Ask) -> Result<Option<Answer>, GitHubError> {
        match self.ask(need, &ask.optional()).await {
            Ok(answer) => Ok(Some(answer)),
            Err(GitHubError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether GitHub told the names just now. Then "there is none" is believed without another look: what follows from it
    /// fails when it is the repository that is gone.
    fn is_proven(&self) -> bool {
        let (now, proven) = (self.now(), self.place().proven);
        proven.is_some_and(|at| now.since(at) < limits::NAMES_PROVEN)
    }

    /// All of a list, up to a bound of pages.
    async fn list<P: DeserializeOwned, T>(
        &self,
        need: Need,
        ask: Ask,
        items: impl Fn(P) -> Vec<T>,
    ) -> Result<Vec<T>, GitHubError> {
        match self.list_some(need, ask.clone(), items).await? {
            (found, true) => Ok(found),
            (_, false) => Err(ask.odd("a list that does not end")),
        }
    }

    /// A list up to that bound, and whether that is all of it.
    async fn list_some<P: DeserializeOwned, T>(
        &self,
        need: Need,
        ask: Ask,
        items: impl Fn(P) -> Vec<T>,
    ) -> Result<(Vec<T>, bool), GitHubError> {
        let mut found = Vec::new();
        let mut ask = ask.query("per_page", limits::PAGE);
        for _ in 0..limits::PAGES {
            let answer = self.ask(need, &ask).await?;
            found.extend(items(ask.read(&answer)?));
            match answer.next {
                Some(page) => ask = ask.page(page),
                None => return Ok((found, true)),
            }
        }
        Ok((found, false))
    }
}

/// GitHub's own roles by name; any other role counts as the base permission that it stands on.
fn effective(role: &str, base: &str) -> Option<Permission> {
    let base = match base {
        "admin" => Permission::Admin,
        "write" => Permission::Write,
        "read" => Permission::Read,
        "none" => Permission::None,
        _ => return None,
    };
    Some(match (role, base) {
        ("maintain", Permission::Write) => Permission::Maintain,
        ("triage", Permission::Read) => Permission::Triage,
        (_, base) => base,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_what_it_stands_on() {
        let check = |role, base, expected| assert_eq!(effective(role, base), expected, "{role} {base}");
        check("admin", "admin", Some(Permission::Admin));
        check("maintain", "write", Some(Permission::Maintain));
        check("write", "write", Some(Permission::Write));
        check("triage", "read", Some(Permission::Triage));
        check("read", "read", Some(Permission::Read));
        check("none", "none", Some(Permission::None));
        check("release captain", "write", Some(Permission::Write));
        check("", "read", Some(Permission::Read));
        // what contradicts itself counts as the less
        check("admin", "read", Some(Permission::Read));
        check("maintain", "read", Some(Permission::Read));
        check("triage", "none", Some(Permission::None));
        for odd in ["", "maintain", "owner", "Write"] {
            check("write", odd, None);
        }
    }
}
