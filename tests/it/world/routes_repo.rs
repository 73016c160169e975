//! Accounts, repositories, and who may do what in them.

use super::{
    answer::{Answer, stamp},
    call::{Call, Who},
    git,
    shapes::node_id,
    state::{Level, RepoId, Role, State, UserId},
};
use quantumlayer::clock::Timestamp;
use serde_json::{Value, json};

type Done = Result<Answer, Answer>;

pub(super) fn user(state: &mut State, call: &Call) -> Done {
    let id = state.user_named(call.param("username")).ok_or_else(Answer::not_found)?.id;
    Ok(Answer::new(200, state.profile_json(id)))
}

pub(super) fn user_by_id(state: &mut State, call: &Call) -> Done {
    let id = UserId(call.id("account_id")?);
    state.users.get(&id).ok_or_else(Answer::not_found)?;
    Ok(Answer::new(200, state.profile_json(id)))
}

pub(super) fn repository(state: &mut State, call: &Call) -> Done {
    let may_push = match &call.who {
        Who::Installation(token) => token.permissions.get("contents") == Some(&Level::Write),
        Who::Person(user) => state.role(call.repo(), *user) >= Role::Write,
        Who::App | Who::Nobody => false,
    };
    Ok(Answer::new(200, state.full_repo_json(call.repo(), may_push)))
}

pub(super) fn permission(state: &mut State, call: &Call) -> Done {
    let user = state.user_named(call.param("username")).ok_or_else(Answer::not_found)?.id;
    let role = state.role(call.repo(), user);
    let repo = state.repo(call.repo());
    let name = repo.custom_roles.get(&user).map_or(role.name(), String::as_str);
    let mut who = state.user_json(user);
    who["permissions"] = json!({
        "admin": role >= Role::Admin,
        "maintain": role >= Role::Maintain,
        "push": role >= Role::Write,
        "triage": role >= Role::Triage,
        "pull": role >= Role::Read,
    });
    who["role_name"] = name.into();
    Ok(Answer::new(200, json!({"permission": role.legacy(), "role_name": name, "user": who})))
}

pub(super) fn is_collaborator(state: &mut State, call: &Call) -> Done {
    let user = state.user_named(call.param("username")).ok_or_else(Answer::not_found)?.id;
    match state.is_collaborator(call.repo(), user) {
        true => Ok(Answer::new(204, Value::Null)),
        false => Err(Answer::not_found()),
    }
}

pub(super) fn contents(state: &mut State, call: &Call) -> Done {
    use base64::Engine as _;
    let repo = call.repo();
    let wanted = call.query("ref").unwrap_or(&state.repo(repo).default_branch).to_owned();
    let commit = git::commit_named(state.git(repo), &wanted).ok_or_else(Answer::not_found)?;
    let path = call.param("path");
    let bytes = git::file(state.git(repo), &commit, path).ok_or_else(Answer::not_found)?;
    let sha = git::write_blob(state.git(repo), &bytes).to_string();
    let url = format!("{}/contents/{path}?ref={wanted}", state.repo_url(repo));
    let page = format!("{}/blob/{wanted}/{path}", state.repo_page(repo));
    let raw = format!("{}/git/blobs/{sha}", state.repo_url(repo));
    Ok(Answer::new(
        200,
        json!({
            "type": "file", "encoding": "base64", "size": bytes.len(), "path": path, "sha": sha,
            "name": path.rsplit('/').next(),
            "content": base64::engine::general_purpose::STANDARD.encode(&bytes),
            "url": url, "html_url": page, "git_url": raw,
            "download_url": format!("{}/raw/{wanted}/{path}", state.repo_page(repo)),
            "_links": {"self": url, "git": raw, "html": page},
        }),
    ))
}

pub(super) fn branch(state: &mut State, call: &Call) -> Done {
    let (repo, name) = (call.repo(), call.param("branch").to_owned());
    if state.is_hidden(repo, &format!("refs/heads/{name}")) {
        return Err(Answer::refuse(404, "Branch not found"));
    }
    let sha = git::head(state.git(repo), &name).ok_or_else(|| Answer::refuse(404, "Branch not found"))?;
    let url = format!("{}/branches/{name}", state.repo_url(repo));
    Ok(Answer::new(
        200,
        json!({
            "name": name,
            "commit": state.commit_json(repo, &sha).ok_or_else(Answer::not_found)?,
            "_links": {"self": url, "html": format!("{}/tree/{name}", state.repo_page(repo))},
            "protected": false,
            "protection": {"enabled": false, "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []}},
            "protection_url": format!("{url}/protection"),
        }),
    ))
}

pub(super) fn commit(state: &mut State, call: &Call) -> Done {
    let sha = git::commit_named(state.git(call.repo()), call.param("ref"));
    let missing = || Answer::refuse(422, &format!("No commit found for SHA: {}", call.param("ref")));
    let json = state.commit_json(call.repo(), &sha.ok_or_else(missing)?);
    Ok(Answer::new(200, json.ok_or_else(Answer::not_found)?))
}

impl State {
    /// A commit of the git data API.
    pub(super) fn git_commit_json(&self, repo: RepoId, sha: &str) -> Option<Value> {
        let git = git::open(self.git(repo));
        let commit = git.find_commit(git2::Oid::from_str(sha).ok()?).ok()?;
        let (url, page) = (format!("{}/git", self.repo_url(repo)), self.repo_page(repo));
        let who = |who: git2::Signature<'_>| {
            json!({
                "name": who.name().unwrap_or_default(),
                "email": who.email().unwrap_or_default(),
                "date": stamp(Timestamp(who.when().seconds() * 1000)),
            })
        };
        let parents: Vec<Value> = commit
            .parent_ids()
            .map(|id| json!({"sha": id.to_string(), "url": format!("{url}/commits/{id}"), "html_url": format!("{page}/commit/{id}")}))
            .collect();
        let is_signed = self.repo(repo).signed.contains(sha);
        Some(json!({
            "sha": sha,
            "node_id": node_id("Commit", repo.0),
            "url": format!("{url}/commits/{sha}"),
            "html_url": format!("{page}/commit/{sha}"),
            "author": who(commit.author()),
            "committer": who(commit.committer()),
            "message": commit.message().unwrap_or_default(),
            "tree": {"sha": commit.tree_id().to_string(), "url": format!("{url}/trees/{}", commit.tree_id())},
            "parents": parents,
            "verification": {
                "verified": is_signed,
                "reason": if is_signed { "valid" } else { "unsigned" },
                "signature": is_signed.then_some("-----BEGIN PGP SIGNATURE-----"),
                "payload": is_signed.then(|| format!("tree {}", commit.tree_id())),
                "verified_at": is_signed.then(|| stamp(self.now())),
            },
        }))
    }

    /// A commit as the pages of a repository have it.
    fn commit_json(&self, repo: RepoId, sha: &str) -> Option<Value> {
        let mut inner = self.git_commit_json(repo, sha)?;
        let parents = inner["parents"].take();
        if let Some(inner) = inner.as_object_mut() {
            for key in ["sha", "node_id", "html_url", "parents"] {
                inner.remove(key);
            }
            inner.insert("comment_count".to_owned(), 0.into());
        }
        let account = |email: &Value| {
            let id = email.as_str()?.split_once('+')?.0.parse().ok().map(UserId)?;
            self.users.contains_key(&id).then(|| self.user_json(id))
        };
        let url = format!("{}/commits/{sha}", self.repo_url(repo));
        Some(json!({
            "sha": sha,
            "node_id": node_id("Commit", repo.0),
            "url": url,
            "html_url": format!("{}/commit/{sha}", self.repo_page(repo)),
            "comments_url": format!("{url}/comments"),
            "author": account(&inner["author"]["email"]),
            "committer": account(&inner["committer"]["email"]),
            "commit": inner,
            "parents": parents,
            "stats": {"additions": 0, "deletions": 0, "total": 0},
            "files": [],
        }))
    }
}
