//! The App, its installations and their tokens.

use super::{
    answer::{Answer, stamp},
    call::{Call, Who},
    shapes::permissions_json,
    state::{Installation, Level, Permissions, RepoId, State, Token},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

type Done = Result<Answer, Answer>;

/// How long a token lives.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

pub(super) fn app(state: &mut State, _: &Call) -> Done {
    let mut app = state.app_json();
    app["installations_count"] = state.installations.len().into();
    Ok(Answer::new(200, app))
}

pub(super) fn installations(state: &mut State, call: &Call) -> Done {
    let all = state.installations.values().map(|one| state.installation_json(one)).collect();
    Ok(Answer::page(call, all))
}

pub(super) fn installation(state: &mut State, call: &Call) -> Done {
    let one = state.installations.get(&call.id("installation_id")?).ok_or_else(Answer::not_found)?;
    Ok(Answer::new(200, state.installation_json(one)))
}

pub(super) fn of_repository(state: &mut State, call: &Call) -> Done {
    let one = state.installation_of(call.repo()).ok_or_else(Answer::not_found)?;
    Ok(Answer::new(200, state.installation_json(one)))
}

pub(super) fn of_organization(state: &mut State, call: &Call) -> Done {
    of_account(state, call.param("org"))
}

pub(super) fn of_user(state: &mut State, call: &Call) -> Done {
    of_account(state, call.param("username"))
}

fn of_account(state: &State, login: &str) -> Done {
    let account = state.user_named(login).ok_or_else(Answer::not_found)?.id;
    let one = state.installations.values().find(|one| one.account == account);
    Ok(Answer::new(200, state.installation_json(one.ok_or_else(Answer::not_found)?)))
}

/// A token for some repositories and some permissions of an installation.
pub(super) fn mint(state: &mut State, call: &Call) -> Done {
    let id = call.id("installation_id")?;
    let installation = state.installations.get(&id).ok_or_else(Answer::not_found)?;
    if installation.suspended.is_some() {
        return Err(Answer::refuse(403, "This installation has been suspended"));
    }
    let repos = wanted_repos(state, installation, call)?;
    let permissions = wanted_permissions(installation, call)?;
    let expires = state.now().after(TOKEN_LIFE);
    let secret = secret(state.next_id());
    let token =
        Token { secret, installation: id, repos: repos.clone(), permissions, expires, is_revoked: false };
    let mut answer = json!({
        "token": token.secret,
        "expires_at": stamp(expires),
        "permissions": permissions_json(&token.permissions),
        "repository_selection": if repos.is_some() { "selected" } else { "all" },
    });
    if let Some(repos) = repos {
        answer["repositories"] = repos.iter().map(|repo| state.repo_json(*repo)).collect();
    }
    state.tokens.insert(token.secret.clone(), token);
    Ok(Answer::new(201, answer))
}

/// A token in GitHub's form that no other test would guess.
fn secret(id: u64) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(format!("token {id}"));
    format!("ghs_{}", &data_encoding::BASE32_NOPAD.encode(&hash)[..36])
}

fn wanted_repos(
    state: &State,
    installation: &Installation,
    call: &Call,
) -> Result<Option<BTreeSet<RepoId>>, Answer> {
    let ids = call.body["repository_ids"].as_array();
    let names = call.body["repositories"].as_array();
    if ids.is_none() && names.is_none() {
        return Ok(installation.selected.clone());
    }
    let owner = &state.user(installation.account).login;
    let by_id = ids.into_iter().flatten().map(|id| id.as_u64().map(RepoId));
    let by_name = names.into_iter().flatten().map(|name| state.repo_named(owner, name.as_str()?));
    let found: Option<BTreeSet<RepoId>> =
        by_id.chain(by_name).map(|repo| repo.filter(|repo| state.covers(installation, *repo))).collect();
    match found {
        Some(found) if !found.is_empty() => Ok(Some(found)),
        _ => Err(Answer::refuse(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )),
    }
}

fn wanted_permissions(installation: &Installation, call: &Call) -> Result<Permissions, Answer> {
    let Some(wanted) = call.body["permissions"].as_object() else {
        return Ok(installation.permissions.clone());
    };
    let refusal = || Answer::refuse(422, "The permissions requested are not granted to this installation.");
    let mut given = Permissions::new();
    for (name, level) in wanted {
        let level = level.as_str().and_then(Level::named).ok_or_else(refusal)?;
        let held = installation.permissions.get(name).ok_or_else(refusal)?;
        if *held < level {
            return Err(refusal());
        }
        given.insert(name.clone(), level);
    }
    // this one comes with every token
    given.entry("metadata".to_owned()).or_insert(Level::Read);
    Ok(given)
}

pub(super) fn revoke(state: &mut State, call: &Call) -> Done {
    let Who::Installation(token) = &call.who else { return Err(Answer::not_accessible()) };
    if let Some(held) = state.tokens.get_mut(&token.secret) {
        held.is_revoked = true;
    }
    Ok(Answer::new(204, Value::Null))
}

pub(super) fn repositories(state: &mut State, call: &Call) -> Done {
    let Who::Installation(token) = &call.who else { return Err(Answer::not_accessible()) };
    let repos: Vec<_> =
        state.repos_of(token.installation).into_iter().filter(|repo| state.in_scope(token, *repo)).collect();
    let may_push = token.permissions.get("contents") == Some(&Level::Write);
    let rows: Vec<_> = repos.iter().map(|repo| state.full_repo_json(*repo, may_push)).collect();
    let (total, selection) = (rows.len(), if token.repos.is_some() { "selected" } else { "all" });
    let wrap =
        |rows: Value| json!({"total_count": total, "repository_selection": selection, "repositories": rows});
    Ok(Answer::paged(call, rows, wrap))
}

pub(super) fn rate_limit(state: &mut State, call: &Call) -> Done {
    let bucket = match &call.who {
        Who::Installation(token) => format!("installation {}", token.installation),
        Who::Person(user) => state.user(*user).login.clone(),
        Who::App => "app".to_owned(),
        Who::Nobody => "nobody".to_owned(),
    };
    let (limit, remaining, reset) = state.limits.of(&bucket);
    let core = json!({"limit": limit, "remaining": remaining, "reset": reset, "used": limit - remaining});
    Ok(Answer::new(200, json!({"resources": {"core": core, "search": core}, "rate": core})))
}

pub(super) fn meta(_: &mut State, _: &Call) -> Done {
    Ok(Answer::new(200, json!({"verifiable_password_authentication": false, "hooks": ["127.0.0.1/32"]})))
}
