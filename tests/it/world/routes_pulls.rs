//! Pull requests: opened, listed by head, read, edited. Merging is for people (`Hub::merge`).

use super::{
    answer::Answer,
    call::Call,
    git,
    pulls::NewPull,
    routes_issues::{LONGEST_TEXT, LONGEST_TITLE, edit_thread, must_fit},
    state::{RepoId, State, Thread},
};

type Done = Result<Answer, Answer>;

fn pull(state: &State, call: &Call) -> Result<u64, Answer> {
    let number = call.id("pull_number")?;
    let found = state.repo(call.repo()).threads.get(&number).filter(|thread| thread.pull.is_some());
    found.map(|thread| thread.number).ok_or_else(Answer::not_found)
}

pub(super) fn one(state: &mut State, call: &Call) -> Done {
    let number = pull(state, call)?;
    Ok(Answer::new(200, state.full_pull_json(call.repo(), number)))
}

/// `head` is `OWNER:BRANCH`; without the owner GitHub ignores it and lists everything, and so do we.
pub(super) fn list(state: &mut State, call: &Call) -> Done {
    let wanted = call.query("state").unwrap_or("open");
    let head = call.query("head").filter(|head| head.contains(':'));
    let base = call.query("base");
    let is_wanted = |thread: &&Thread| {
        let Some(pull) = &thread.pull else { return false };
        let owner = pull.fork.unwrap_or(state.repo(call.repo()).owner);
        let label = format!("{}:{}", state.user(owner).login, pull.head);
        (wanted == "all" || (wanted == "open") == thread.is_open)
            && head.is_none_or(|head| head.eq_ignore_ascii_case(&label))
            && base.is_none_or(|base| base == pull.base)
    };
    let repo = call.repo();
    let numbers = state.repo(repo).threads.values().rev().filter(is_wanted).map(|thread| thread.number);
    let numbers = numbers.collect();
    let shown = state.shown(repo, "pull", numbers);
    Ok(Answer::page(call, shown.iter().map(|number| state.pull_json(repo, *number)).collect()))
}

pub(super) fn create(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    let new = read(state, call, repo)?;
    if let Some(number) = state.open_pull_of(repo, &new.head)
        && state.repo(repo).threads[&number].pull.as_ref().is_some_and(|pull| pull.base == new.base)
    {
        let owner = &state.user(state.repo(repo).owner).login;
        let message = format!("A pull request already exists for {owner}:{}.", new.head);
        return Err(Answer::custom("PullRequest", &message));
    }
    let base = git::head(state.git(repo), &new.base).ok_or_else(Answer::not_found)?;
    if git::ahead(state.git(repo), &base, &new.head_sha) == 0 {
        let message = format!("No commits between {} and {}", new.base, new.head);
        return Err(Answer::custom("PullRequest", &message));
    }
    if new.is_draft && !state.repo(repo).has_drafts {
        return Err(Answer::refuse(422, "Draft pull requests are not supported in this repository."));
    }
    let (author, _) = call.actor(state);
    let number = state.open_pull(repo, author, new);
    state.hide_row(repo, "pull", number);
    Ok(Answer::new(201, state.full_pull_json(repo, number)))
}

fn read(state: &mut State, call: &Call, repo: RepoId) -> Result<NewPull, Answer> {
    let title = call.needed("PullRequest", "title")?.to_owned();
    let body = call.text("body").unwrap_or_default().to_owned();
    must_fit("PullRequest", "title", &title, LONGEST_TITLE)?;
    must_fit("PullRequest", "body", &body, LONGEST_TEXT)?;
    let head = call.needed("PullRequest", "head")?;
    let owner = state.user(state.repo(repo).owner).login.clone();
    let head = head.strip_prefix(&format!("{owner}:")).unwrap_or(head).to_owned();
    let base = call.needed("PullRequest", "base")?.to_owned();
    // a branch that reads still miss is missed here too
    let is_hidden = state.is_hidden(repo, &format!("refs/heads/{head}"));
    let head_sha = git::head(state.git(repo), &head).filter(|_| !is_hidden);
    let head_sha = head_sha.ok_or_else(|| Answer::invalid("PullRequest", "head", "invalid"))?;
    if git::head(state.git(repo), &base).is_none() {
        return Err(Answer::invalid("PullRequest", "base", "invalid"));
    }
    let is_draft = call.body["draft"].as_bool().unwrap_or(false);
    Ok(NewPull { title, body, head, fork: None, head_sha, base, is_draft })
}

pub(super) fn edit(state: &mut State, call: &Call) -> Done {
    let number = pull(state, call)?;
    let (sender, _) = call.actor(state);
    edit_thread(state, call, number, sender)?;
    Ok(Answer::new(200, state.full_pull_json(call.repo(), number)))
}
