//! Issues: their text, labels, assignees and reactions.

use super::{
    acts::Target,
    answer::Answer,
    call::Call,
    shapes_thread::is_reaction,
    state::{RepoId, State},
};
use serde_json::Value;

type Done = Result<Answer, Answer>;

/// The longest title, and the longest text of an issue or comment, in characters.
pub(super) const LONGEST_TITLE: usize = 256;
pub(super) const LONGEST_TEXT: usize = 65_536;

/// The thread of the path: 404 when there is none, 410 when it was deleted, 301 when it was transferred.
pub(super) fn thread(state: &State, call: &Call) -> Result<u64, Answer> {
    let number = call.id("issue_number")?;
    let repo = state.repo(call.repo());
    if repo.threads.contains_key(&number) {
        return Ok(number);
    }
    match repo.gone.get(&number) {
        None => Err(Answer::not_found()),
        Some(None) => Err(Answer::refuse(410, "This issue was deleted")),
        Some(Some((to, fresh))) => {
            let url = format!("{}/issues/{fresh}", state.repo_url(*to));
            let mut answer = Answer::refuse(301, "Moved Permanently");
            answer.body["url"] = url.clone().into();
            Err(answer.with("location", url))
        }
    }
}

pub(super) fn must_fit(resource: &str, field: &str, text: &str, most: usize) -> Result<(), Answer> {
    if text.chars().count() > most {
        return Err(Answer::custom(resource, &format!("{field} is too long (maximum is {most} characters)")));
    }
    Ok(())
}

pub(super) fn one(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    Ok(Answer::new(200, state.issue_json(call.repo(), number)))
}

pub(super) fn list(state: &mut State, call: &Call) -> Done {
    let wanted = call.query("state").unwrap_or("open");
    let threads = state.repo(call.repo()).threads.values().rev();
    let numbers: Vec<u64> = threads
        .filter(|thread| wanted == "all" || (wanted == "open") == thread.is_open)
        .map(|thread| thread.number)
        .collect();
    Ok(Answer::page(call, numbers.iter().map(|number| state.issue_json(call.repo(), *number)).collect()))
}

pub(super) fn create(state: &mut State, call: &Call) -> Done {
    let title = call.needed("Issue", "title")?;
    let body = call.text("body").unwrap_or_default();
    must_fit("Issue", "title", title, LONGEST_TITLE)?;
    must_fit("Issue", "body", body, LONGEST_TEXT)?;
    let (author, _) = call.actor(state);
    let number = state.open_issue(call.repo(), author, title, body);
    Ok(Answer::new(201, state.issue_json(call.repo(), number)))
}

pub(super) fn edit(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    let (sender, _) = call.actor(state);
    edit_thread(state, call, number, sender)?;
    Ok(Answer::new(200, state.issue_json(call.repo(), number)))
}

/// What an edit of an issue and one of a pull request share.
pub(super) fn edit_thread(
    state: &mut State,
    call: &Call,
    number: u64,
    sender: super::state::UserId,
) -> Result<(), Answer> {
    let (title, body) = (call.text("title"), call.text("body"));
    must_fit("Issue", "title", title.unwrap_or_default(), LONGEST_TITLE)?;
    must_fit("Issue", "body", body.unwrap_or_default(), LONGEST_TEXT)?;
    if title.is_some() || body.is_some() {
        state.edit_thread(call.repo(), number, sender, title, body);
    }
    match call.text("state") {
        Some("open") => state.set_open(call.repo(), number, sender, true),
        Some("closed") => state.set_open(call.repo(), number, sender, false),
        Some(_) => return Err(Answer::invalid("Issue", "state", "invalid")),
        None => {}
    }
    Ok(())
}

pub(super) fn reactions(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    let all = &state.repo(call.repo()).threads[&number].reactions;
    Ok(Answer::page(call, all.iter().map(|reaction| state.reaction_json(reaction)).collect()))
}

pub(super) fn react(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    react_to(state, call, Target::Thread(number))
}

/// 201 for a new reaction, 200 for one that was there.
pub(super) fn react_to(state: &mut State, call: &Call, target: Target) -> Done {
    let content = call.text("content").unwrap_or_default();
    if !is_reaction(content) {
        return Err(Answer::invalid("Reaction", "content", "invalid"));
    }
    let (user, _) = call.actor(state);
    let (reaction, is_new) = state.react(call.repo(), target, user, content);
    Ok(Answer::new(if is_new { 201 } else { 200 }, state.reaction_json(&reaction)))
}

fn labels_json(state: &State, repo: RepoId, number: u64) -> Vec<Value> {
    let names = &state.repo(repo).threads[&number].labels;
    names.iter().map(|name| state.label_json(repo, &state.repo(repo).labels[name])).collect()
}

pub(super) fn labels(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    Ok(Answer::page(call, labels_json(state, call.repo(), number)))
}

pub(super) fn label(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    let wanted = if call.body.is_array() { &call.body } else { &call.body["labels"] };
    let names: Option<Vec<String>> = wanted.as_array().and_then(|all| {
        all.iter().map(|one| one.as_str().or(one["name"].as_str()).map(str::to_owned)).collect()
    });
    let names =
        names.ok_or_else(|| Answer::refuse(422, "Invalid request.\n\nNo subschema in \"anyOf\" matched."))?;
    let (sender, _) = call.actor(state);
    for name in names {
        must_fit("Label", "name", &name, 50)?;
        state.add_label(call.repo(), number, sender, &name);
    }
    Ok(Answer::new(200, Value::Array(labels_json(state, call.repo(), number))))
}

pub(super) fn unlabel(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    let (sender, _) = call.actor(state);
    if !state.remove_label(call.repo(), number, sender, call.param("name")) {
        return Err(Answer::refuse(404, "Label does not exist"));
    }
    Ok(Answer::new(200, Value::Array(labels_json(state, call.repo(), number))))
}

pub(super) fn known_label(state: &mut State, call: &Call) -> Done {
    let label = state.repo(call.repo()).labels.get(call.param("name")).ok_or_else(Answer::not_found)?;
    Ok(Answer::new(200, state.label_json(call.repo(), label)))
}

pub(super) fn new_label(state: &mut State, call: &Call) -> Done {
    let name = call.needed("Label", "name")?;
    if state.repo(call.repo()).labels.contains_key(name) {
        return Err(Answer::invalid("Label", "name", "already_exists"));
    }
    let mut label = state.know_label(call.repo(), name);
    label.color = call.text("color").unwrap_or("ededed").to_owned();
    label.description = call.text("description").map(str::to_owned);
    let json = state.label_json(call.repo(), &label);
    state.repo_mut(call.repo()).labels.insert(name.to_owned(), label);
    Ok(Answer::new(201, json))
}

pub(super) fn assign(state: &mut State, call: &Call) -> Done {
    let number = thread(state, call)?;
    let (sender, _) = call.actor(state);
    let logins: Vec<&str> =
        call.body["assignees"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for login in logins {
        if let Some(user) = state.user_named(login).map(|user| user.id) {
            state.assign(call.repo(), number, sender, user);
        }
    }
    Ok(Answer::new(201, state.issue_json(call.repo(), number)))
}

pub(super) fn may_be_assigned(state: &mut State, call: &Call) -> Done {
    let user = state.user_named(call.param("assignee")).map(|user| user.id);
    match user.is_some_and(|user| state.may_be_assigned(call.repo(), user)) {
        true => Ok(Answer::new(204, Value::Null)),
        false => Err(Answer::not_found()),
    }
}
