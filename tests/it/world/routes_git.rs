//! The git data API: blobs, trees and commits, as real objects.

use super::{
    answer::Answer,
    call::{Call, Who},
    git::{self, Author, Put},
    shapes::node_id,
    state::{Level, RepoId, State},
};
use base64::Engine as _;
use git2::{ObjectType, Oid};
use serde_json::{Value, json};

type Done = Result<Answer, Answer>;

/// The largest blob, in bytes.
const LARGEST_BLOB: usize = 100 * 1024 * 1024;
/// The most entries of one tree that one request may bring.
const MOST_ENTRIES: usize = 100_000;

/// A repository without a commit has no git API.
fn not_empty(state: &State, repo: RepoId) -> Result<(), Answer> {
    if git::is_empty(state.git(repo)) {
        return Err(Answer::refuse(409, "Git Repository is empty."));
    }
    Ok(())
}

pub(super) fn make_blob(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let content = call
        .text("content")
        .ok_or_else(|| Answer::refuse(422, "Invalid request.\n\n\"content\" wasn't supplied."))?;
    let bytes = match call.text("encoding").unwrap_or("utf-8") {
        "utf-8" => content.as_bytes().to_vec(),
        "base64" => {
            let plain: String = content.split_whitespace().collect();
            let read = base64::engine::general_purpose::STANDARD.decode(plain);
            read.map_err(|_| Answer::refuse(422, "content is not valid Base64"))?
        }
        _ => return Err(Answer::invalid("Blob", "encoding", "invalid")),
    };
    if bytes.len() > LARGEST_BLOB {
        return Err(Answer::refuse(422, "The blob is too large to create"));
    }
    let sha = git::write_blob(state.git(repo), &bytes).to_string();
    let url = format!("{}/git/blobs/{sha}", state.repo_url(repo));
    Ok(Answer::new(201, json!({"sha": sha, "url": url.clone()})).with("location", url))
}

pub(super) fn blob(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let sha = call.param("file_sha");
    let git = git::open(state.git(repo));
    let found = Oid::from_str(sha).and_then(|id| git.find_blob(id)).map_err(|_| Answer::not_found())?;
    Ok(Answer::new(
        200,
        json!({
            "sha": sha,
            "node_id": node_id("Blob", repo.0),
            "size": found.size(),
            "url": format!("{}/git/blobs/{sha}", state.repo_url(repo)),
            "content": base64::engine::general_purpose::STANDARD.encode(found.content()),
            "encoding": "base64",
        }),
    ))
}

pub(super) fn make_tree(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let entries = call.body["tree"].as_array().ok_or_else(|| Answer::refuse(422, "Invalid tree info"))?;
    if entries.is_empty() || entries.len() > MOST_ENTRIES {
        return Err(Answer::refuse(422, "Invalid tree info"));
    }
    let base = call.text("base_tree").map(|sha| base_tree(state, repo, sha)).transpose()?;
    let puts = entries.iter().map(|entry| put(state, call, entry)).collect::<Result<Vec<_>, _>>()?;
    let made = git::update_tree(state.git(repo), base.as_deref(), &puts);
    let sha = made.map_err(|_| Answer::refuse(422, "GitRPC::BadObjectState"))?.to_string();
    Ok(Answer::new(201, tree_json(state, repo, &sha, false)?))
}

/// A tree, or a commit's.
fn base_tree(state: &State, repo: RepoId, sha: &str) -> Result<String, Answer> {
    match git::kind(state.git(repo), sha) {
        Some("tree") => Ok(sha.to_owned()),
        Some("commit") => Ok(git::tree_of(state.git(repo), sha)),
        _ => Err(Answer::refuse(422, "base_tree is not a valid tree oid")),
    }
}

fn put(state: &State, call: &Call, entry: &Value) -> Result<(String, Put), Answer> {
    let invalid = |message: &str| Answer::refuse(422, message);
    let git = state.git(call.repo());
    let path = entry["path"].as_str().ok_or_else(|| invalid("Must supply tree.path"))?;
    let is_malformed =
        |part: &str| part.is_empty() || part == "." || part == ".." || part.eq_ignore_ascii_case(".git");
    if path.split('/').any(is_malformed) {
        return Err(invalid("tree.path contains a malformed path component"));
    }
    let may_workflows = match &call.who {
        Who::Installation(token) => token.permissions.get("workflows") == Some(&Level::Write),
        _ => true,
    };
    if path.starts_with(".github/workflows/") && !may_workflows {
        return Err(Answer::not_accessible());
    }
    if entry.get("sha").is_some_and(Value::is_null) {
        return Ok((path.to_owned(), Put::Remove));
    }
    let (mode, wanted) = match entry["mode"].as_str() {
        Some("100644") => (0o100_644, "blob"),
        Some("100755") => (0o100_755, "blob"),
        Some("120000") => (0o120_000, "blob"),
        Some("040000") => (0o040_000, "tree"),
        Some("160000") => (0o160_000, "commit"),
        _ => return Err(invalid("Must supply a valid tree.mode")),
    };
    let id = match (entry["content"].as_str(), entry["sha"].as_str()) {
        (Some(_), Some(_)) => return Err(invalid("Must supply either tree.sha or tree.content")),
        (Some(content), None) => git::write_blob(git, content.as_bytes()),
        (None, Some(sha)) if wanted == "commit" || git::kind(git, sha) == Some(wanted) => {
            Oid::from_str(sha).map_err(|_| invalid("tree.sha is not a valid object"))?
        }
        (None, Some(sha)) => return Err(invalid(&format!("tree.sha {sha} is not a valid {wanted}"))),
        (None, None) => return Err(invalid("Must supply either tree.sha or tree.content")),
    };
    Ok((path.to_owned(), Put::Entry(id, mode)))
}

pub(super) fn tree(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let named = call.param("tree_sha");
    let sha = match git::kind(state.git(repo), named) {
        Some("tree") => named.to_owned(),
        _ => {
            let commit = git::commit_named(state.git(repo), named).ok_or_else(Answer::not_found)?;
            git::tree_of(state.git(repo), &commit)
        }
    };
    Ok(Answer::new(200, tree_json(state, repo, &sha, call.query("recursive").is_some())?))
}

fn tree_json(state: &State, repo: RepoId, sha: &str, is_recursive: bool) -> Result<Value, Answer> {
    let git = git::open(state.git(repo));
    let url = format!("{}/git", state.repo_url(repo));
    let root = Oid::from_str(sha).and_then(|id| git.find_tree(id)).map_err(|_| Answer::not_found())?;
    let mut rows = Vec::new();
    let walked = root.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
        let kind = match entry.kind() {
            Some(ObjectType::Tree) => "tree",
            Some(ObjectType::Commit) => "commit",
            _ => "blob",
        };
        let mut row = json!({
            "path": format!("{folder}{}", String::from_utf8_lossy(entry.name_bytes())),
            "mode": format!("{:06o}", entry.filemode()),
            "type": kind,
            "sha": entry.id().to_string(),
        });
        if kind != "commit" {
            row["url"] = format!("{url}/{kind}s/{}", entry.id()).into();
        }
        if let Ok(blob) = git.find_blob(entry.id()) {
            row["size"] = blob.size().into();
        }
        rows.push(row);
        if is_recursive { git2::TreeWalkResult::Ok } else { git2::TreeWalkResult::Skip }
    });
    walked.map_err(|_| Answer::not_found())?;
    Ok(json!({"sha": sha, "url": format!("{url}/trees/{sha}"), "tree": rows, "truncated": false}))
}

pub(super) fn make_commit(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let message = call.needed("Commit", "message")?.to_owned();
    let tree = call.needed("Commit", "tree")?.to_owned();
    if git::kind(state.git(repo), &tree) != Some("tree") {
        return Err(Answer::refuse(422, "Tree SHA does not exist"));
    }
    let parents: Vec<String> = call.body["parents"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|sha| sha.as_str().map(str::to_owned))
        .collect();
    if parents.iter().any(|sha| git::kind(state.git(repo), sha) != Some("commit")) {
        return Err(Answer::refuse(422, "Parent SHA does not exist or is not a commit object"));
    }
    let (user, is_app) = call.actor(state);
    let given = |field: &str| {
        let who = call.body.get(field)?;
        Some(Author { name: who["name"].as_str()?.to_owned(), email: who["email"].as_str()?.to_owned() })
    };
    let is_own = ["author", "committer", "signature"].iter().all(|field| call.body.get(field).is_none());
    let author = given("author").or_else(|| given("committer")).unwrap_or_else(|| state.author(user));
    let made = git::write_commit(state.git(repo), &author, state.now(), &message, (&tree, &parents));
    let sha = made.map_err(|error| Answer::refuse(422, error.message()))?;
    if is_own && is_app {
        state.repo_mut(repo).signed.insert(sha.clone());
    }
    Ok(Answer::new(201, state.git_commit_json(repo, &sha).ok_or_else(Answer::not_found)?))
}

pub(super) fn commit(state: &mut State, call: &Call) -> Done {
    not_empty(state, call.repo())?;
    let json = state.git_commit_json(call.repo(), call.param("commit_sha"));
    Ok(Answer::new(200, json.ok_or_else(Answer::not_found)?))
}
