//! The App's manifest, `deploy/github-app.json`: the one list of permissions and events.

use super::token;
use reqwest::Url;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

/// What the App asks of an account that installs it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// A name to begin with; names are taken all over GitHub, so it is a person's to change.
    pub name: String,
    /// The project's page.
    pub url: String,
    /// One line for people.
    pub description: String,
    /// Whether other accounts may install it.
    pub public: bool,
    /// A permission's name in GitHub's API, and `read` or `write`.
    #[serde(rename = "default_permissions")]
    pub permissions: BTreeMap<String, String>,
    /// Events that are delivered. Those about installations come without being asked for.
    #[serde(rename = "default_events")]
    pub events: Vec<String>,
}

static MANIFEST: LazyLock<Option<Manifest>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../deploy/github-app.json")).ok());

/// The manifest of this version of the program; None when the file that it was built with is broken (a test sees to it).
pub fn manifest() -> Option<&'static Manifest> {
    MANIFEST.as_ref()
}

/// The address of GitHub's form for a new App, filled in. `site` is GitHub's, e.g. `https://github.com`; `webhook` is
/// where deliveries go. A private App can only be installed on the account that owns it: `organization`, or else the
/// person who opens the form.
pub fn form(site: &str, organization: Option<&str>, webhook: &str) -> Option<String> {
    let Manifest { name, url, description, public, permissions, events } = manifest()?;
    let mut form = Url::parse(site).ok()?;
    let owner = organization.into_iter().flat_map(|name| ["organizations", name]);
    form.path_segments_mut().ok()?.pop_if_empty().extend(owner).extend(["settings", "apps", "new"]);
    form.query_pairs_mut()
        .append_pair("name", name)
        .append_pair("description", description)
        .append_pair("url", url)
        .append_pair("public", if *public { "true" } else { "false" })
        .append_pair("webhook_active", "true")
        .append_pair("webhook_url", webhook)
        .extend_pairs(permissions)
        .extend_pairs(events.iter().map(|event| ("events[]", event)));
    Some(form.into())
}

/// What of the manifest is lacking, as `permission checks: write` and `event push`.
pub(super) fn lacking(permissions: &BTreeMap<String, String>, events: &[String]) -> Vec<String> {
    let Some(manifest) = manifest() else { return Vec::new() };
    let wanted = manifest.permissions.iter().map(|(name, level)| (name.as_str(), level.as_str()));
    let lacking = token::lacking(wanted, permissions).into_iter().map(|one| format!("permission {one}"));
    let deaf = manifest.events.iter().filter(|event| !events.contains(event));
    lacking.chain(deaf.map(|event| format!("event {event}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::Need;

    #[test]
    fn no_need_asks_for_what_the_manifest_lacks() {
        let manifest = manifest().unwrap();
        for need in Need::ALL {
            let wanted = need.permissions().iter().copied();
            assert_eq!(token::lacking(wanted, &manifest.permissions), [""; 0], "{need:?}");
            let names: Vec<_> = need.permissions().iter().map(|(name, _)| name).collect();
            assert!(names.is_sorted() && names.contains(&&"metadata"), "{need:?}");
        }
        // each is wanted by something: actions is for red checks, which come later
        let wanted = |name: &str, level: &str| {
            Need::ALL.iter().any(|need| need.permissions().contains(&(name, level))) || name == "actions"
        };
        let idle: Vec<_> = manifest.permissions.iter().filter(|(name, level)| !wanted(name, level)).collect();
        assert!(idle.is_empty(), "nothing needs {idle:?}");
        for never in ["workflows", "administration", "secrets", "members", "environments", "deployments"] {
            assert!(!manifest.permissions.contains_key(never), "{never}");
        }
    }

    #[test]
    fn every_event_has_the_permission_that_github_wants_for_it() {
        // "Webhook events and payloads": what an App needs to subscribe
        let needs = [
            ("check_run", "checks"),
            ("check_suite", "checks"),
            ("issue_comment", "issues"),
            ("issues", "issues"),
            ("pull_request", "pull_requests"),
            ("pull_request_review", "pull_requests"),
            ("pull_request_review_comment", "pull_requests"),
            ("push", "contents"),
            ("repository", "metadata"),
            ("workflow_run", "actions"),
        ];
        let manifest = manifest().unwrap();
        assert_eq!(manifest.events, needs.map(|(event, _)| event));
        for (event, permission) in needs {
            assert!(manifest.permissions.contains_key(permission), "{event} needs {permission}");
        }
    }

    #[test]
    fn the_page_about_the_app_has_the_form() {
        let page = include_str!("../../docs/github-app.md");
        let form = |owner| form("https://github.com", owner, "https://quantum.example.com/webhooks/github");
        let (own, organizations) = (form(None).unwrap(), form(Some("NAME")).unwrap());
        for form in [&own, &organizations] {
            assert!(
                page.contains(form.as_str()),
                "docs/github-app.md lacks the address of the form:\n{form}"
            );
        }
        let readme = include_str!("../../README.md");
        assert!(
            readme.contains(&format!("[new-app]: {own}")),
            "README.md lacks the link to the form:\n{own}"
        );
        for (name, level) in &manifest().unwrap().permissions {
            assert!(
                page.contains(&format!("| `{name}` | {level} |")),
                "docs/github-app.md lacks {name}: {level}"
            );
        }
    }

    #[test]
    fn what_is_lacking_is_named() {
        let manifest = manifest().unwrap();
        assert_eq!(lacking(&manifest.permissions, &manifest.events), [""; 0]);
        let mut permissions = manifest.permissions.clone();
        permissions.insert("checks".to_owned(), "read".to_owned());
        permissions.remove("actions");
        assert_eq!(
            lacking(&permissions, &manifest.events[1..]),
            ["permission actions: read", "permission checks: write", "event check_run"]
        );
    }
}
