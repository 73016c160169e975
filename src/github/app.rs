//! What the App does in its own name: who it is, where it is installed, which deliveries failed.

use super::{
    Desk, GitHubError, Left, Load,
    ask::{Answer, Ask},
    call::{Bearer, Wire},
    date,
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
    collections::{BTreeMap, BTreeSet},
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

/// A delivery that never arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDelivery {
    /// Its last attempt: what is delivered again.
    pub id: u64,
    /// The delivery's own id, the same in every attempt (`X-GitHub-Delivery`).
    pub guid: String,
    /// The event's name.
    pub event: String,
    /// When the last attempt was.
    pub at: Timestamp,
}

/// What GitHub's log of deliveries tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryLog {
    /// Those of which no attempt arrived, oldest first.
    pub failed: Vec<FailedDelivery>,
    /// When something was first delivered from each repository, by its installation and its id.
    pub repos: BTreeMap<(u64, u64), Timestamp>,
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

#[derive(Debug, Deserialize)]
struct Delivery {
    id: u64,
    guid: String,
    delivered_at: String,
    status_code: u16,
    #[serde(default)]
    event: String,
    installation_id: Option<u64>,
    repository_id: Option<u64>,
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

    /// What was delivered since then, or should have been. GitHub keeps it for three days. As long as nothing is delivered,
    /// asking again costs nothing.
    pub async fn deliveries(&self, since: Timestamp) -> Result<DeliveryLog, GitHubError> {
        let since = self.wire.theirs(since);
        let ask = Ask::get("list the deliveries", &["app", "hook", "deliveries"]).kept();
        let ask = ask.query("per_page", limits::PAGE);
        let (mut log, mut next) = (Vec::new(), Some(ask));
        for _ in 0..limits::DELIVERY_PAGES {
            let Some(ask) = next.take() else { break };
            let answer = self.good(&ask).await?;
            let page: Vec<Delivery> = ask.read(&answer)?;
            // newest first: older than this is all that follows
            let is_over = page.iter().any(|one| date::read(&one.delivered_at).is_some_and(|at| at < since));
            log.extend(page);
            next = answer.next.filter(|_| !is_over).map(|page| ask.page(page));
        }
        if next.is_some() {
            tracing::warn!(
                github.deliveries = log.len(),
                "the log of deliveries is longer than is looked through"
            );
        }
        Ok(DeliveryLog { repos: repos(&log, since), failed: failed(log, since) })
    }

    /// Has a delivery sent again.
    pub async fn redeliver(&self, id: u64) -> Result<(), GitHubError> {
        let path = ["app", "hook", "deliveries", &id.to_string(), "attempts"];
        let ask = Ask::order("send a delivery again", &path).plain();
        self.good(&ask).await.map(drop)
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
        self.wire.theirs(self.wire.now())
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

    async fn good(&self, ask: &Ask) -> Result<Answer, GitHubError> {
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

/// From where something was delivered since then, and when first.
fn repos(log: &[Delivery], since: Timestamp) -> BTreeMap<(u64, u64), Timestamp> {
    let mut repos = BTreeMap::new();
    for one in log {
        let at = date::read(&one.delivered_at).filter(|at| *at >= since);
        if let (Some(installation), Some(repo), Some(at)) = (one.installation_id, one.repository_id, at) {
            let first: &mut Timestamp = repos.entry((installation, repo)).or_insert(at);
            *first = at.min(*first);
        }
    }
    repos
}

/// The last attempt of each delivery of which none arrived.
fn failed(log: Vec<Delivery>, since: Timestamp) -> Vec<FailedDelivery> {
    let arrived: BTreeSet<String> =
        log.iter().filter(|one| (200..300).contains(&one.status_code)).map(|one| one.guid.clone()).collect();
    let mut last: BTreeMap<String, FailedDelivery> = BTreeMap::new();
    for Delivery { id, guid, delivered_at, event, .. } in log {
        let Some(at) = date::read(&delivered_at).filter(|at| *at >= since) else { continue };
        let is_later = last.get(&guid).is_none_or(|known| (known.at, known.id) < (at, id));
        if is_later && !arrived.contains(&guid) {
            last.insert(guid.clone(), FailedDelivery { id, guid, event, at });
        }
    }
    let mut failed: Vec<_> = last.into_values().collect();
    failed.sort_by_key(|one| (one.at, one.id));
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_failed_when_no_attempt_arrived() {
        let one = |id: u64, guid: &str, minute: u32, status_code: u16| Delivery {
            id,
            guid: guid.to_owned(),
            delivered_at: format!("2026-11-27T08:{minute:02}:00Z"),
            status_code,
            event: "issues".to_owned(),
            installation_id: Some(7),
            repository_id: (id > 3).then_some(id / 8),
        };
        let log = vec![
            one(9, "late", 50, 502),
            one(8, "saved", 40, 202),
            one(7, "twice", 30, 0),
            one(6, "twice", 20, 503),
            one(5, "saved", 10, 500),
            one(4, "fine", 5, 200),
            one(3, "old", 1, 500),
        ];
        let since = date::read("2026-11-27T08:02:00Z").unwrap();
        let at = |minute: i64| Timestamp(since.0 + (minute - 2) * 60_000);
        let repos: Vec<_> = super::repos(&log, since).into_iter().collect();
        assert_eq!(repos, [((7, 0), at(5)), ((7, 1), at(40))]);
        let failed: Vec<_> = failed(log, since).into_iter().map(|one| (one.id, one.guid)).collect();
        assert_eq!(failed, [(7, "twice".to_owned()), (9, "late".to_owned())]);
        assert!(super::failed(Vec::new(), since).is_empty());
    }
}
