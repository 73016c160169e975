//! What GitHub says of the App and of where it is installed: what each lacks of what a run needs, and who grants it.

use super::{Line, line, said};
use crate::{
    cli::wiring,
    clock::Clock,
    config::{self, ServerSettings, env::Env},
    github::{AppFacts, GitHub, GitHubError, GitHubSettings, Installation},
    report::Hint,
};
use std::path::Path;

/// The lines about GitHub; none where nobody set up an App.
pub(super) async fn lines(config: Option<&Path>, env: &Env) -> Vec<Line> {
    let server = match config::load_server(config, env, Path::new(".")) {
        Ok(server) => server,
        Err(error) => return vec![line("github app", Err(said(wiring::failed(&error))))],
    };
    let is_any = server.app_id.is_some() || server.private_key.is_some() || server.webhook_secret.is_some();
    if !is_any {
        return Vec::new();
    }
    let github = match client(&server) {
        Ok(github) => github,
        Err(why) => return vec![line("github app", Err(why))],
    };
    let app = match github.app().await {
        Ok(app) => app,
        // asked with the same key over the same network, the rest would say the same
        Err(error) => return vec![line("github app", Err(told(error)))],
    };
    let mut lines = vec![line("github app", of_app(app))];
    match github.installations().await {
        Ok(found) if found.is_empty() => {
            let why = "nowhere: install the App on an account, from the App's settings page";
            lines.push(line("installation", Err(why.to_owned())));
        }
        Ok(found) => lines.extend(found.into_iter().map(of_installation)),
        Err(error) => lines.push(line("installation", Err(told(error)))),
    }
    lines
}

fn client(server: &ServerSettings) -> Result<GitHub, String> {
    let app = server.app().map_err(|error| said(wiring::failed(&error)))?;
    let settings =
        GitHubSettings { api_url: server.api_url.clone(), app_id: app.id, key: app.private_key.clone() };
    GitHub::new(settings, Clock::System).map_err(told)
}

fn told(error: GitHubError) -> String {
    format!("{error}; {}", error.hint())
}

fn of_app(app: AppFacts) -> Result<String, String> {
    match app.lacking.as_slice() {
        [] => Ok(format!("@{}", app.slug)),
        lacking => Err(format!(
            "@{} lacks {}: set it on the App's settings page, under Permissions & events",
            app.slug,
            lacking.join(", ")
        )),
    }
}

fn of_installation(found: Installation) -> Line {
    let page = "on the account's page of installed GitHub Apps";
    let state = match found.lacking.as_slice() {
        _ if found.is_suspended => Err(format!("it is suspended: unsuspend it {page}")),
        [] => Ok(format!("number {}", found.id)),
        lacking => Err(format!("it lacks {}: accept the App's new permissions {page}", lacking.join(", "))),
    };
    line(&format!("installation {}", found.account), state)
}
