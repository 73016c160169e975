//! Comments of issues and pull requests, and the reactions on them.

use super::{
    acts::Target,
    answer::{Answer, unstamp},
    call::{Call, Who},
    routes_issues::{LONGEST_TEXT, must_fit, react_to, thread},
    state::{Comment, Role, State},
};
use serde_json::Value;

type Done = Result<Answer, Answer>;

fn comment(state: &State, call: &Call) -> Result<u64, Answer> {
    let id = call.id("comment_id")?;
    state.repo(call.repo()).comments.get(&id).map(|comment| comment.id).ok_or_else(Answer::not_found)
}

/// Own comments, and for people with write access everybody's. An App may change only its own.
fn may_change(state: &State, call: &Call, id: u64) -> Result<(), Answer> {
    let (user, _) = call.actor(state);
    let is_own = state.repo(call.repo()).comments[&id].author == user;
    let is_writer = matches!(call.who, Who::Person(user) if state.role(call.repo(), user) >= Role::Write);
    if is_own || is_writer { Ok(()) } else { Err(Answer::not_accessible()) }
}

fn text(call: &Call) -> Result<&str, Answer> {
    let body = call.text("body").unwrap_or_default();
    if body.trim().is_empty() {
        return Err(Answer::custom("IssueComment", "body can't be blank"));
    }
    must_fit("IssueComment", "body", body, LONGEST_TEXT)?;
    Ok(body)
}

/// What was written or edited since then, by the query, and is not hidden yet; whole seconds, as GitHub keeps them.
fn recent(state: &mut State, call: &Call) -> Result<Vec<Comment>, Answer> {
    let since =
        call.query("since").map(|since| unstamp(since).ok_or_else(|| Answer::refuse(422, "Invalid since")));
    let since = since.transpose()?.unwrap_or_default();
    let is_recent = |one: &&Comment| one.updated.0.div_euclid(1000) >= since.0.div_euclid(1000);
    let repo = call.repo();
    let rows = state.repo(repo).comments.values().filter(is_recent);
    let ids = rows.map(|one| one.id).collect();
    let shown = state.shown(repo, "comment", ids);
    Ok(shown.iter().map(|id| state.repo(repo).comments[id].clone()).collect())
}

fn listed(state: &State, call: &Call, rows: &[Comment]) -> Answer {
    Answer::page(call, rows.iter().map(|one| state.comment_json(call.repo(), one)).collect())
}

pub(super) fn list(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    let mut rows = recent(state, call)?;
    rows.retain(|one| one.number == number);
    Ok(listed(state, call, &rows))
}

/// Of the whole repository: by age, or by the last edit.
pub(super) fn list_all(state: &mut State, call: &Call) -> Done {
    let mut rows = recent(state, call)?;
    if call.query("sort") == Some("updated") {
        rows.sort_by_key(|one| (one.updated.0.div_euclid(1000), one.id));
    }
    if call.query("direction") == Some("desc") {
        rows.reverse();
    }
    Ok(listed(state, call, &rows))
}

pub(super) fn one(state: &mut State, call: &Call) -> Done {
    let id = comment(state, call)?;
    Ok(Answer::new(200, state.comment_json(call.repo(), &state.repo(call.repo()).comments[&id])))
}

pub(super) fn create(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    let body = text(call)?;
    let (author, _) = call.actor(state);
    let id = state.say(call.repo(), number, author, body);
    state.hide_row(call.repo(), "comment", id);
    Ok(Answer::new(201, state.comment_json(call.repo(), &state.repo(call.repo()).comments[&id])))
}

pub(super) fn edit(state: &mut State, call: &Call) -> Done {
    let id = comment(state, call)?;
    let body = text(call)?;
    may_change(state, call, id)?;
    let (sender, _) = call.actor(state);
    state.edit_comment(call.repo(), id, sender, body);
    Ok(Answer::new(200, state.comment_json(call.repo(), &state.repo(call.repo()).comments[&id])))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Done {
    let id = comment(state, call)?;
    may_change(state, call, id)?;
    let (sender, _) = call.actor(state);
    state.delete_comment(call.repo(), id, sender);
    Ok(Answer::new(204, Value::Null))
}

pub(super) fn reactions(state: &mut State, call: &Call) -> Done {
    let id = comment(state, call)?;
    let wanted = call.query("content");
    let all = state.repo(call.repo()).comments[&id].reactions.iter();
    let all = all.filter(|reaction| wanted.is_none_or(|wanted| wanted == reaction.content));
    Ok(Answer::page(call, all.map(|reaction| state.reaction_json(reaction)).collect()))
}

pub(super) fn react(state: &mut State, call: &Call) -> Done {
    let id = comment(state, call)?;
    react_to(state, call, Target::Comment(id))
}

pub(super) fn unreact(state: &mut State, call: &Call) -> Done {
    let (id, reaction) = (comment(state, call)?, call.id("reaction_id")?);
    let (user, _) = call.actor(state);
    let all = state.reactions_of(call.repo(), Target::Comment(id)).ok_or_else(Answer::not_found)?;
    let before = all.len();
    all.retain(|held| held.id != reaction || held.user != user);
    if all.len() == before { Err(Answer::not_found()) } else { Ok(Answer::new(204, Value::Null)) }
}
