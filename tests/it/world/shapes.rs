//! Accounts, the App and its installations as GitHub's JSON.

use super::{
    answer::{maybe_stamp, stamp},
    state::{Installation, Kind, Permissions, State, UserId},
};
use serde_json::{Value, json};

/// An opaque id, as GitHub makes them up beside the number.
pub(super) fn node_id(kind: &str, id: u64) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{kind}{id}"))
}

impl State {
    pub(super) fn user_json(&self, id: UserId) -> Value {
        let user = self.user(id);
        let (base, login) = (&self.base, &user.login);
        let url = format!("{base}/users/{}", login.replace('[', "%5B").replace(']', "%5D"));
        json!({
            "login": login,
            "id": id.0,
            "node_id": node_id("User", id.0),
            "avatar_url": format!("{base}/avatars/u/{}?v=4", id.0),
            "gravatar_id": "",
            "url": url,
            "html_url": match user.kind {
                Kind::Bot => format!("{base}/apps/{}", login.trim_end_matches("[bot]")),
                _ => format!("{base}/{login}"),
            },
            "followers_url": format!("{url}/followers"),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"),
            "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"),
            "type": format!("{:?}", user.kind),
            "site_admin": false,
        })
    }

    /// A user as `GET /users/…` shows them.
    pub(super) fn profile_json(&self, id: UserId) -> Value {
        let mut user = self.user_json(id);
        let more = json!({
            "name": null, "company": null, "blog": "", "location": null, "email": null, "hireable": null,
            "bio": null, "twitter_username": null, "public_repos": 0, "public_gists": 0, "followers": 0,
            "following": 0, "created_at": stamp(self.app.created), "updated_at": stamp(self.app.created),
        });
        merge(&mut user, more);
        user
    }

    /// The App, as `GET /app` and `performed_via_github_app` show it.
    pub(super) fn app_json(&self) -> Value {
        let app = &self.app;
        json!({
            "id": app.id,
            "client_id": app.client_id,
            "slug": app.slug,
            "node_id": node_id("App", app.id),
            "owner": self.user_json(app.owner),
            "name": app.name,
            "description": "",
            "external_url": format!("{}/apps/{}", self.base, app.slug),
            "html_url": format!("{}/apps/{}", self.base, app.slug),
            "created_at": stamp(app.created),
            "updated_at": stamp(app.created),
            "permissions": permissions_json(&app.permissions),
            "events": app.events,
        })
    }

    pub(super) fn installation_json(&self, it: &Installation) -> Value {
        let account = self.user(it.account);
        let is_organization = account.kind == Kind::Organization;
        let page = if is_organization {
            format!("{}/organizations/{}/settings/installations/{}", self.base, account.login, it.id)
        } else {
            format!("{}/settings/installations/{}", self.base, it.id)
        };
        json!({
            "id": it.id,
            "client_id": self.app.client_id,
            "account": self.user_json(it.account),
            "repository_selection": if it.selected.is_some() { "selected" } else { "all" },
            "access_tokens_url": format!("{}/app/installations/{}/access_tokens", self.base, it.id),
            "repositories_url": format!("{}/installation/repositories", self.base),
            "html_url": page,
            "app_id": self.app.id,
            "app_slug": self.app.slug,
            "target_id": it.account.0,
            "target_type": if is_organization { "Organization" } else { "User" },
            "permissions": permissions_json(&it.permissions),
            "events": self.app.events,
            "created_at": stamp(it.created),
            "updated_at": stamp(it.created),
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": it.suspended.map(|_| self.user_json(it.account)),
            "suspended_at": maybe_stamp(it.suspended),
        })
    }
}

pub(super) fn permissions_json(permissions: &Permissions) -> Value {
    permissions.iter().map(|(name, level)| (name.clone(), Value::from(level.name()))).collect()
}

/// Adds the keys of one object to another.
pub(super) fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
