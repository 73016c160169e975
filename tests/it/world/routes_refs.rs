//! Refs: made once, moved forward, read (sometimes not yet).

use super::{
    answer::Answer,
    call::Call,
    git,
    shapes::node_id,
    state::{RepoId, State},
};
use serde_json::{Value, json};

type Done = Result<Answer, Answer>;

fn not_empty(state: &State, repo: RepoId) -> Result<(), Answer> {
    if git::is_empty(state.git(repo)) {
        return Err(Answer::refuse(409, "Git Repository is empty."));
    }
    Ok(())
}

impl State {
    fn ref_json(&self, repo: RepoId, name: &str, sha: &str) -> Value {
        let url = self.repo_url(repo);
        let kind = git::kind(self.git(repo), sha).unwrap_or("commit");
        json!({
            "ref": name,
            "node_id": node_id("Ref", repo.0),
            "url": format!("{url}/git/{name}"),
            "object": {"type": kind, "sha": sha, "url": format!("{url}/git/{kind}s/{sha}")},
        })
    }
}

pub(super) fn create(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let name = call.needed("Reference", "ref")?.to_owned();
    let sha = call.needed("Reference", "sha")?.to_owned();
    let is_full = name.strip_prefix("refs/").is_some_and(|rest| rest.contains('/'));
    if !is_full || !git2::Reference::is_valid_name(&name) {
        return Err(Answer::refuse(
            422,
            "Reference name must start with 'refs/' and contain at least two slashes.",
        ));
    }
    let wanted =
        if name.starts_with("refs/heads/") { Some("commit") } else { git::kind(state.git(repo), &sha) };
    if wanted.is_none() || git::kind(state.git(repo), &sha) != wanted {
        return Err(Answer::refuse(422, "Object does not exist"));
    }
    if git::resolve(state.git(repo), &name).is_some() {
        return Err(Answer::refuse(422, "Reference already exists"));
    }
    let clashes = |(held, _): &(String, String)| {
        held.starts_with(&format!("{name}/")) || name.starts_with(&format!("{held}/"))
    };
    if git::refs(state.git(repo), "refs/").iter().any(clashes) {
        return Err(Answer::refuse(422, "Reference name is not available: another one is a folder of it"));
    }
    let (sender, _) = call.actor(state);
    state.move_ref(repo, &name, Some(&sha), sender);
    let reads = state.faults.hidden_reads;
    if reads > 0 {
        state.repo_mut(repo).hidden.insert(name.clone(), reads);
    }
    Ok(Answer::new(201, state.ref_json(repo, &name, &sha)))
}

pub(super) fn one(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let name = format!("refs/{}", call.param("ref"));
    if state.is_hidden(repo, &name) {
        return Err(Answer::not_found());
    }
    let sha = git::resolve(state.git(repo), &name).ok_or_else(Answer::not_found)?;
    Ok(Answer::new(200, state.ref_json(repo, &name, &sha)))
}

pub(super) fn matching(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let found = git::refs(state.git(repo), &format!("refs/{}", call.param("ref")));
    let mut rows = Vec::new();
    for (name, sha) in found {
        if !state.is_hidden(repo, &name) {
            rows.push(state.ref_json(repo, &name, &sha));
        }
    }
    Ok(Answer::new(200, Value::Array(rows)))
}

pub(super) fn update(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let name = format!("refs/{}", call.param("ref"));
    let sha = call.needed("Reference", "sha")?.to_owned();
    let Some(old) = git::resolve(state.git(repo), &name) else {
        return Err(Answer::refuse(422, "Reference does not exist"));
    };
    if git::kind(state.git(repo), &sha) != Some("commit") {
        return Err(Answer::refuse(422, "Object does not exist"));
    }
    let is_forced = call.body["force"].as_bool().unwrap_or(false);
    if !is_forced && !git::is_forward(state.git(repo), &old, &sha) {
        return Err(Answer::refuse(422, "Update is not a fast forward"));
    }
    if old != sha {
        let (sender, _) = call.actor(state);
        state.move_ref(repo, &name, Some(&sha), sender);
    }
    Ok(Answer::new(200, state.ref_json(repo, &name, &sha)))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    not_empty(state, repo)?;
    let name = format!("refs/{}", call.param("ref"));
    if git::resolve(state.git(repo), &name).is_none() {
        return Err(Answer::refuse(422, "Reference does not exist"));
    }
    let (sender, _) = call.actor(state);
    state.move_ref(repo, &name, None, sender);
    Ok(Answer::new(204, Value::Null))
}
