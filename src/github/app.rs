//! What the App does in its own name: who it is, where it is installed.

use super::{
    Desk, GitHubError, Left, Load,
    ask::{Answer, Ask},
    call::{Bearer, Wire},
    error::Lost,
    manifest,
    token::AppKey,
    wire::{Numbered, Owner},
};
use crate::{
    clock::{Clock, Timestamp},
    ids::Secret,
    intent::notice::RepoRef,
    limits::github as limits,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What is needed to be the App.
#[derive(Clone, Debug)]
pub struct GitHubSettings {
    /// The API's address, e.g. `https://api.github.com`, or `https://HOST/api/v3`.
    pub api_url: String,
    /// The App's id.
    pub app_id: u64,
    /// The App's private key, as PEM text.
    pub key: Secret,
}

/// One App on one GitHub. A clone is the same: limits are shared.
#[derive(Clone)]
pub struct GitHub {
    wire: Arc<Wire>,
    key: Arc<AppKey>,
    /// Why GitHub does not take us, by what it last said.
    shut_out: Arc<Mutex<Option<GitHubError>>>,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub").field("app_id", &self.key.id()).finish_non_exhaustive()
    }
}

/// The App, as GitHub knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppFacts {
    /// Its id.
    pub id: u64,
    /// Its name in addresses and mentions.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What of the manifest it lacks, e.g. `permission checks: write`, `event push`.
    pub lacking: Vec<String>,
}

/// One installation of the App.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Its id.
    pub id: u64,
    /// The account that installed it, by name.
    pub account: String,
    /// Whether the account suspended it.
    pub is_suspended: bool,
    /// What it granted: a permission's name, and `read`, `write` or `admin`.
    pub permissions: BTreeMap<String, String>,
    /// What of the manifest it lacks, as in [`AppFacts`].
    pub lacking: Vec<String>,
}

#[derive(Deserialize)]
struct App {
    id: u64,
    slug: String,
    name: String,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    #[serde(default)]
    events: Vec<String>,
}

#[derive(Deserialize)]
struct Installed {
    id: u64,
    account: Option<Account>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    #[serde(default)]
    events: Vec<String>,
    suspended_at: Option<String>,
}

/// An enterprise has a slug and no login.
#[derive(Deserialize)]
#[serde(untagged)]
enum Account {
    Owner(Owner),
    Enterprise { slug: String },
}

impl GitHub {
    /// The App with these settings; the key is tried. Asks nothing.
    pub fn new(settings: GitHubSettings, clock: Clock) -> Result<Self, GitHubError> {
        Self::with_gap(settings, clock, limits::WRITE_GAP)
    }

    /// The same with another pause between two changes of one installation than GitHub asks for.
    pub fn with_gap(settings: GitHubSettings, clock: Clock, gap: Duration) -> Result<Self, GitHubError> {
        let key = AppKey::new(settings.app_id, &settings.key, clock.now())?;
        let wire = Wire::new(&settings.api_url, clock, gap)?;
        Ok(Self { wire: Arc::new(wire), key: Arc::new(key), shut_out: Arc::default() })
    }

    /// Work in one repository, as one installation. Nothing is asked yet.
    pub fn desk(&self, installation: u64, repo: RepoRef) -> Desk {
        Desk::new(self.clone(), installation, repo)
    }

    /// Who the App is.
    pub async fn app(&self) -> Result<AppFacts, GitHubError> {
        let ask = Ask::get("read the App", &["app"]);
        let answer = self.good(&ask).await?;
        let App { id, slug, name, permissions, events } = ask.read(&answer)?;
        if id != self.key.id() {
            return Err(GitHubError::NotUs { message: format!("the key is of the App {id}") });
        }
        Ok(AppFacts { id, slug, name, lacking: manifest::lacking(&permissions, &events) })
    }

    /// The installation that has this repository.
    pub async fn installation_of(&self, owner: &str, name: &str) -> Result<u64, GitHubError> {
        let ask = Ask::get("find the installation", &["repos", owner, name, "installation"]);
        let answer = self.ask(&ask).await?;
        match answer.status {
            200 => Ok(ask.read::<Numbered>(&answer)?.id),
            301 | 307 | 308 | 404 => Err(GitHubError::Gone(Lost::Installation)),
            _ => Err(ask.refused(&answer)),
        }
    }

    /// One installation.
    pub async fn installation(&self, id: u64) -> Result<Installation, GitHubError> {
        let ask = Ask::get("read the installation", &["app", "installations", &id.to_string()]);
        let answer = self.ask(&ask).await?;
        match answer.status {
            200 => Ok(ask.read::<Installed>(&answer)?.into()),
            404 => Err(GitHubError::Gone(Lost::Installation)),
            _ => Err(ask.refused(&answer)),
        }
    }

    /// Where the App is installed.
    pub async fn installations(&self) -> Result<Vec<Installation>, GitHubError> {
        let ask =
            Ask::get("list the installations", &["app", "installations"]).query("per_page", limits::PAGE);
        let (mut found, mut next) = (Vec::new(), Some(ask));
        for _ in 0..limits::INSTALLATION_PAGES {
            let Some(ask) = next.take() else { return Ok(found) };
            let answer = self.good(&ask).await?;
            found.extend(ask.read::<Vec<Installed>>(&answer)?.into_iter().map(Installation::from));
            next = answer.next.map(|page| ask.page(page));
        }
        if next.is_some() {
            tracing::warn!(
                github.installations = found.len(),
                "the App has more installations than are listed"
            );
        }
        Ok(found)
    }

    /// Why GitHub does not take the App's own token, when that is what it last said: until it takes it again, nothing can be
    /// done for anybody.
    pub fn shut_out(&self) -> Option<GitHubError> {
        self.shut_out.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is left of the hourly limits, as GitHub last said; by installation.
    pub fn limits(&self) -> Vec<Left> {
        self.wire.left()
    }

    /// How many calls were answered with each status since the start; 0: no answer.
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        self.wire.statuses()
    }

    /// The earliest moment such a call of an installation may be sent: now, or later.
    pub fn wait_until(&self, installation: u64, load: Load) -> Timestamp {
        self.wire.ready_at(Some(installation), load)
    }

    /// How many calls are under way now.
    pub fn under_way(&self) -> usize {
        self.wire.under_way()
    }

    /// Now by GitHub's clock, as far as it is known to be another than ours: what GitHub dates is measured against it.
    pub fn time(&self) -> Timestamp {
        self.dated(self.wire.now())
    }

    /// A moment of our clock by GitHub's.
    pub fn dated(&self, ours: Timestamp) -> Timestamp {
        self.wire.theirs(ours)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.wire.now()
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Asks in the App's own name. A token that is not taken may be dated wrong: then it is dated by GitHub's clock and sent
    /// once more, for nothing was done.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Answer, GitHubError> {
        let mut answer = self.ask_once(ask).await?;
        if answer.status == 401 && self.wire.believe(answer.date) {
            answer = self.ask_once(ask).await?;
        }
        let error = (answer.status == 401).then(|| GitHubError::NotUs { message: answer.said().message });
        *self.shut_out.lock().unwrap_or_else(PoisonError::into_inner) = error.clone();
        error.map_or(Ok(answer), Err)
    }

    async fn ask_once(&self, ask: &Ask) -> Result<Answer, GitHubError> {
        let token = self.key.token(self.time()).ok_or(GitHubError::BadKey("it does not sign"))?;
        self.wire.send(ask, &[], &Bearer { token: &token, installation: None }).await
    }

    /// Asks in an installation's name.
    pub(super) async fn ask_with(
        &self,
        ask: &Ask,
        installation: u64,
        token: &Secret,
    ) -> Result<Answer, GitHubError> {
        self.wire.send(ask, &[], &Bearer { token, installation: Some(installation) }).await
    }

    pub(super) async fn good(&self, ask: &Ask) -> Result<Answer, GitHubError> {
        let answer = self.ask(ask).await?;
        match answer.status {
            _ if answer.is_good() => Ok(answer),
            404 | 410 => Err(GitHubError::Missing { what: ask.what }),
            _ => Err(ask.refused(&answer)),
        }
    }
}

impl From<Installed> for Installation {
    fn from(told: Installed) -> Self {
        let account = match told.account {
            Some(Account::Owner(owner)) => owner.login,
            Some(Account::Enterprise { slug }) => slug,
            None => String::new(),
        };
        let lacking = manifest::lacking(&told.permissions, &told.events);
        let is_suspended = told.suspended_at.is_some();
        Self { id: told.id, account, is_suspended, permissions: told.permissions, lacking }
    }
}
