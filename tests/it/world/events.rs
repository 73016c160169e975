//! Webhooks as GitHub makes them from what changed: who gets them, and what every payload holds.

use super::{
    deliveries::Delivery,
    shapes::{merge, node_id},
    state::{Kind, RepoId, State, UserId},
};
use serde_json::{Value, json};

/// GitHub sends no payload above this; the event is lost without a trace.
const LARGEST: usize = 25 * 1024 * 1024;

impl State {
    /// A webhook about a repository, to the App if it is installed there, not suspended, and wants such events.
    pub(super) fn emit(&mut self, event: &str, action: &str, repo: RepoId, sender: UserId, more: Value) {
        let Some(installation) = self.installation_of(repo) else { return };
        if installation.suspended.is_some() || !self.app.events.contains(event) {
            return;
        }
        let id = installation.id;
        let mut payload = json!({});
        if !action.is_empty() {
            payload["action"] = action.into();
        }
        merge(&mut payload, more);
        payload["repository"] = self.repo_json(repo);
        let owner = self.repo(repo).owner;
        if self.user(owner).kind == Kind::Organization {
            payload["organization"] = self.organization_json(owner);
        }
        payload["sender"] = self.user_json(sender);
        payload["installation"] = json!({"id": id, "node_id": node_id("Installation", id)});
        self.send(event, action, Some(repo), id, &payload);
    }

    /// A webhook about an installation itself: every App gets these.
    pub(super) fn emit_installation(
        &mut self,
        event: &str,
        action: &str,
        id: u64,
        sender: UserId,
        more: Value,
    ) {
        let mut payload =
            json!({"action": action, "installation": self.installation_json(&self.installations[&id])});
        merge(&mut payload, more);
        payload["sender"] = self.user_json(sender);
        self.send(event, action, None, id, &payload);
    }

    fn organization_json(&self, id: UserId) -> Value {
        let login = &self.user(id).login;
        let url = format!("{}/orgs/{login}", self.base);
        json!({
            "login": login,
            "id": id.0,
            "node_id": node_id("Organization", id.0),
            "url": url,
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events"),
            "hooks_url": format!("{url}/hooks"),
            "issues_url": format!("{url}/issues"),
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": format!("{}/avatars/u/{}?v=4", self.base, id.0),
            "description": null,
        })
    }

    fn send(&mut self, event: &str, action: &str, repo: Option<RepoId>, installation: u64, payload: &Value) {
        let body = payload.to_string();
        if body.len() > LARGEST {
            return;
        }
        let id = self.next_id();
        let made = self.now();
        self.hooks.push(Delivery {
            id,
            guid: format!("{:08x}-8f3a-11f0-9c1d-{:012x}", id & 0xffff_ffff, id),
            event: event.to_owned(),
            action: Some(action.to_owned()).filter(|action| !action.is_empty()),
            repository: repo.map(|repo| repo.0),
            installation,
            body,
            made,
            throttled: None,
            is_redelivery: false,
            end: None,
        });
    }

    /// All repositories of an installation.
    pub(super) fn repos_of(&self, installation: u64) -> Vec<RepoId> {
        let found = &self.installations[&installation];
        self.repos.keys().copied().filter(|repo| self.covers(found, *repo)).collect()
    }

    pub(super) fn short_repos_json(&self, repos: &[RepoId]) -> Value {
        repos.iter().map(|repo| self.short_repo_json(*repo)).collect()
    }
}
