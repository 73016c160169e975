//! Every route of the fake GitHub, with what a caller needs for it. The templates are those of GitHub's OpenAPI.

use super::{
    answer::Answer,
    call::Call,
    reviews, routes_app as app, routes_checks as checks, routes_git as git, routes_graphql as graphql,
    routes_hooks as hooks, routes_issues as issues, routes_pulls as pulls, routes_refs as refs,
    routes_repo as repo, routes_talk as talk,
    state::{
        Level::{self, Read, Write},
        Role, State,
    },
};

pub(super) type Act = fn(&mut State, &Call) -> Result<Answer, Answer>;

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// The App's JWT.
    Jwt,
    /// Any token; no permission.
    Token,
    /// One permission of the token, on the repository of the path.
    Repo(&'static str, Level),
    /// `issues`, or on a pull request `issues` or `pull_requests`.
    Talk(Level),
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) need: Need,
    /// Least role of a person who does it by a token of their own.
    pub(super) role: Role,
    /// Counts against the limit of content creation.
    pub(super) is_content: bool,
    pub(super) act: Act,
}

const fn row(method: &'static str, path: &'static str, need: Need, role: Role, act: Act) -> Row {
    Row { method, path, need, role, is_content: false, act }
}

const fn content(method: &'static str, path: &'static str, need: Need, role: Role, act: Act) -> Row {
    Row { method, path, need, role, is_content: true, act }
}

const META: Need = Need::Repo("metadata", Read);
const CODE: Need = Need::Repo("contents", Read);
const CODE_WRITE: Need = Need::Repo("contents", Write);
const PULLS: Need = Need::Repo("pull_requests", Read);
const PULLS_WRITE: Need = Need::Repo("pull_requests", Write);
const CHECKS: Need = Need::Repo("checks", Read);
const CHECKS_WRITE: Need = Need::Repo("checks", Write);
const TALK: Need = Need::Talk(Read);
const TALK_WRITE: Need = Need::Talk(Write);

/// More specific paths stand before the general ones that would match them too.
pub(super) static ROUTES: &[Row] = &[
    row("GET", "/app", Need::Jwt, Role::None, app::app),
    row("GET", "/app/installations", Need::Jwt, Role::None, app::installations),
    row("GET", "/app/installations/{installation_id}", Need::Jwt, Role::None, app::installation),
    row("POST", "/app/installations/{installation_id}/access_tokens", Need::Jwt, Role::None, app::mint),
    row("GET", "/repos/{owner}/{repo}/installation", Need::Jwt, Role::None, app::of_repository),
    row("GET", "/orgs/{org}/installation", Need::Jwt, Role::None, app::of_organization),
    row("GET", "/users/{username}/installation", Need::Jwt, Role::None, app::of_user),
    row("DELETE", "/installation/token", Need::Token, Role::None, app::revoke),
    row("GET", "/installation/repositories", Need::Token, Role::None, app::repositories),
    row("POST", "/graphql", Need::Token, Role::None, graphql::ask),
    row("GET", "/meta", Need::Token, Role::None, app::meta),
    row("GET", "/rate_limit", Need::Token, Role::None, app::rate_limit),
    row("GET", "/app/hook/config", Need::Jwt, Role::None, hooks::config),
    row("GET", "/app/hook/deliveries", Need::Jwt, Role::None, hooks::list),
    row("GET", "/app/hook/deliveries/{delivery_id}", Need::Jwt, Role::None, hooks::one),
    row("POST", "/app/hook/deliveries/{delivery_id}/attempts", Need::Jwt, Role::None, hooks::again),
    row("GET", "/users/{username}", Need::Token, Role::None, repo::user),
    row("GET", "/user/{account_id}", Need::Token, Role::None, repo::user_by_id),
    row("GET", "/repos/{owner}/{repo}", META, Role::Read, repo::repository),
    row(
        "GET",
        "/repos/{owner}/{repo}/collaborators/{username}/permission",
        META,
        Role::Read,
        repo::permission,
    ),
    row("GET", "/repos/{owner}/{repo}/collaborators/{username}", META, Role::Read, repo::is_collaborator),
    row("GET", "/repos/{owner}/{repo}/contents/{path}", CODE, Role::Read, repo::contents),
    row("GET", "/repos/{owner}/{repo}/branches/{branch}", CODE, Role::Read, repo::branch),
    row("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs", CHECKS, Role::Read, checks::of_commit),
    row("GET", "/repos/{owner}/{repo}/commits/{ref}", CODE, Role::Read, repo::commit),
    row("POST", "/repos/{owner}/{repo}/git/blobs", CODE_WRITE, Role::Write, git::make_blob),
    row("GET", "/repos/{owner}/{repo}/git/blobs/{file_sha}", CODE, Role::Read, git::blob),
    row("POST", "/repos/{owner}/{repo}/git/trees", CODE_WRITE, Role::Write, git::make_tree),
    row("GET", "/repos/{owner}/{repo}/git/trees/{tree_sha}", CODE, Role::Read, git::tree),
    row("POST", "/repos/{owner}/{repo}/git/commits", CODE_WRITE, Role::Write, git::make_commit),
    row("GET", "/repos/{owner}/{repo}/git/commits/{commit_sha}", CODE, Role::Read, git::commit),
    row("POST", "/repos/{owner}/{repo}/git/refs", CODE_WRITE, Role::Write, refs::create),
    row("GET", "/repos/{owner}/{repo}/git/ref/{ref}", CODE, Role::Read, refs::one),
    row("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref}", CODE, Role::Read, refs::matching),
    row("PATCH", "/repos/{owner}/{repo}/git/refs/{ref}", CODE_WRITE, Role::Write, refs::update),
    row("DELETE", "/repos/{owner}/{repo}/git/refs/{ref}", CODE_WRITE, Role::Write, refs::delete),
    row("GET", "/repos/{owner}/{repo}/issues/comments", TALK, Role::Read, talk::list_all),
    row("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}", TALK, Role::Read, talk::one),
    row("PATCH", "/repos/{owner}/{repo}/issues/comments/{comment_id}", TALK_WRITE, Role::Read, talk::edit),
    row("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}", TALK_WRITE, Role::Read, talk::delete),
    row(
        "GET",
        "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
        TALK,
        Role::Read,
        talk::reactions,
    ),
    row(
        "POST",
        "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
        TALK_WRITE,
        Role::Read,
        talk::react,
    ),
    row(
        "DELETE",
        "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}",
        TALK_WRITE,
        Role::Read,
        talk::unreact,
    ),
    content("POST", "/repos/{owner}/{repo}/issues", TALK_WRITE, Role::Read, issues::create),
    row("GET", "/repos/{owner}/{repo}/issues", TALK, Role::Read, issues::list),
    row("GET", "/repos/{owner}/{repo}/issues/{issue_number}", TALK, Role::Read, issues::one),
    row("PATCH", "/repos/{owner}/{repo}/issues/{issue_number}", TALK_WRITE, Role::Read, issues::edit),
    row("GET", "/repos/{owner}/{repo}/issues/{issue_number}/comments", TALK, Role::Read, talk::list),
    content(
        "POST",
        "/repos/{owner}/{repo}/issues/{issue_number}/comments",
        TALK_WRITE,
        Role::Read,
        talk::create,
    ),
    row("GET", "/repos/{owner}/{repo}/issues/{issue_number}/reactions", TALK, Role::Read, issues::reactions),
    row(
        "POST",
        "/repos/{owner}/{repo}/issues/{issue_number}/reactions",
        TALK_WRITE,
        Role::Read,
        issues::react,
    ),
    row("GET", "/repos/{owner}/{repo}/issues/{issue_number}/labels", TALK, Role::Read, issues::labels),
    row(
        "POST",
        "/repos/{owner}/{repo}/issues/{issue_number}/labels",
        TALK_WRITE,
        Role::Triage,
        issues::label,
    ),
    row(
        "DELETE",
        "/repos/{owner}/{repo}/issues/{issue_number}/labels/{name}",
        TALK_WRITE,
        Role::Triage,
        issues::unlabel,
    ),
    row(
        "POST",
        "/repos/{owner}/{repo}/issues/{issue_number}/assignees",
        TALK_WRITE,
        Role::Triage,
        issues::assign,
    ),
    row("GET", "/repos/{owner}/{repo}/assignees/{assignee}", META, Role::Read, issues::may_be_assigned),
    row("GET", "/repos/{owner}/{repo}/labels/{name}", TALK, Role::Read, issues::known_label),
    row("POST", "/repos/{owner}/{repo}/labels", TALK_WRITE, Role::Write, issues::new_label),
    row("GET", "/repos/{owner}/{repo}/pulls", PULLS, Role::Read, pulls::list),
    content("POST", "/repos/{owner}/{repo}/pulls", PULLS_WRITE, Role::Read, pulls::create),
    row("GET", "/repos/{owner}/{repo}/pulls/{pull_number}", PULLS, Role::Read, pulls::one),
    row("PATCH", "/repos/{owner}/{repo}/pulls/{pull_number}", PULLS_WRITE, Role::Read, pulls::edit),
    row(
        "POST",
        "/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions",
        PULLS_WRITE,
        Role::Read,
        reviews::react,
    ),
    row("POST", "/repos/{owner}/{repo}/check-runs", CHECKS_WRITE, Role::Admin, checks::create),
    row("GET", "/repos/{owner}/{repo}/check-runs/{check_run_id}", CHECKS, Role::Read, checks::one),
    row(
        "PATCH",
        "/repos/{owner}/{repo}/check-runs/{check_run_id}",
        CHECKS_WRITE,
        Role::Admin,
        checks::update,
    ),
];

/// Parameters that may hold slashes.
const LONG: &[&str] = &["ref", "path", "branch"];

/// The values of a path's parameters, when it fits the template.
pub(super) fn fit(template: &'static str, path: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let parts: Vec<&'static str> = template.trim_start_matches('/').split('/').collect();
    fit_parts(&parts, path)
}

fn fit_parts(template: &[&'static str], path: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let Some((first, rest)) = template.split_first() else {
        return path.is_empty().then(Vec::new);
    };
    let Some(name) = first.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
        return (path.first() == Some(first)).then(|| fit_parts(rest, &path[1..]))?;
    };
    let most = if LONG.contains(&name) { path.len() } else { path.len().min(1) };
    (1..=most).rev().find_map(|n| {
        let mut found = fit_parts(rest, &path[n..])?;
        found.insert(0, (name, super::call::decoded(&path[..n].join("/"))));
        Some(found)
    })
}

/// The row of a request, and its parameters.
pub(super) fn find(method: &str, path: &str) -> Option<(&'static Row, Vec<(&'static str, String)>)> {
    let path: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    ROUTES.iter().filter(|row| row.method == method).find_map(|row| Some((row, fit(row.path, &path)?)))
}
