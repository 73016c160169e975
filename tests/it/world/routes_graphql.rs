//! The one question to GraphQL: what an issue or a pull request says, and when that was last changed.

use super::{
    answer::{Answer, maybe_stamp, stamp},
    call::{Call, Who},
    state::{RepoId, State},
};
use serde_json::{Value, json};

/// The one question to GraphQL: what an issue says, and when that was last changed. It has no mutation in it.
pub(crate) const QUESTION: &str = "query($owner:String!,$name:String!,$number:Int!){\
    repository(owner:$owner,name:$name){databaseId issueOrPullRequest(number:$number){\
    ...on Issue{title body lastEditedAt timelineItems(itemTypes:[RENAMED_TITLE_EVENT],last:1){\
    nodes{...on RenamedTitleEvent{createdAt}}}}\
    ...on PullRequest{title body lastEditedAt timelineItems(itemTypes:[RENAMED_TITLE_EVENT],last:1){\
    nodes{...on RenamedTitleEvent{createdAt}}}}}}}";

type Done = Result<Answer, Answer>;

/// GraphQL says no with status 200; its limits are counted apart.
fn answer(body: Value) -> Answer {
    Answer::new(200, body).with("x-ratelimit-resource", "graphql").with("x-ratelimit-remaining", "4999")
}

fn error(data: Value, kind: &str, message: &str) -> Answer {
    answer(json!({"data": data, "errors": [{"type": kind, "message": message, "path": ["repository"]}]}))
}

pub(super) fn ask(state: &mut State, call: &Call) -> Done {
    if call.text("query") != Some(QUESTION) {
        state.blame("another question to GraphQL than the one that is ours".to_owned());
        return Err(Answer::refuse(400, "A query attribute must be specified and must be a string."));
    }
    let of = &call.body["variables"];
    let (owner, name) = (of["owner"].as_str().unwrap_or_default(), of["name"].as_str().unwrap_or_default());
    // an old name leads to where the repository is now
    let old = || state.moved.get(&format!("{owner}/{name}").to_ascii_lowercase()).copied();
    let repo = state.repo_named(owner, name).or_else(old).filter(|repo| is_seen(state, call, *repo));
    let Some(repo) = repo else {
        let message = format!("Could not resolve to a Repository with the name '{owner}/{name}'.");
        return Ok(error(json!({"repository": null}), "NOT_FOUND", &message));
    };
    let number = of["number"].as_u64().unwrap_or_default();
    let mut found = json!({"databaseId": repo.0, "issueOrPullRequest": null});
    let Some(thread) = state.repo(repo).threads.get(&number) else {
        let message = format!("Could not resolve to an issue or pull request with the number of {number}.");
        return Ok(error(json!({"repository": found}), "NOT_FOUND", &message));
    };
    let kinds = if thread.pull.is_some() { &["issues", "pull_requests"][..] } else { &["issues"][..] };
    if !may_read(state, call, repo, kinds) {
        let message = "Resource not accessible by integration";
        return Ok(error(json!({"repository": found}), "FORBIDDEN", message));
    }
    let renames: Vec<Value> = thread.renamed.iter().map(|at| json!({"createdAt": stamp(*at)})).collect();
    found["issueOrPullRequest"] = json!({
        "title": thread.title,
        "body": thread.body,
        "lastEditedAt": maybe_stamp(thread.edited),
        "timelineItems": {"nodes": renames},
    });
    Ok(answer(json!({"data": {"repository": found}})))
}

/// What is private is there only for a token that reaches it.
fn is_seen(state: &State, call: &Call, repo: RepoId) -> bool {
    let is_reached = match &call.who {
        Who::Installation(token) => state.in_scope(token, repo),
        Who::Nobody | Who::App | Who::Person(_) => false,
    };
    is_reached || !state.repo(repo).is_private
}

fn may_read(state: &State, call: &Call, repo: RepoId, kinds: &[&str]) -> bool {
    match &call.who {
        Who::Installation(token) if state.in_scope(token, repo) => {
            kinds.iter().any(|kind| token.permissions.contains_key(*kind))
        }
        Who::Nobody | Who::App | Who::Installation(_) | Who::Person(_) => !state.repo(repo).is_private,
    }
}
