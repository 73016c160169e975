//! Check runs, which only an App makes.

use super::{
    answer::Answer,
    call::Call,
    git,
    state::{Check, RepoId, State},
};
use serde_json::{Value, json};

type Done = Result<Answer, Answer>;

/// The longest summary and text, in characters, and the most annotations of one request.
const LONGEST_TEXT: usize = 65_535;
const MOST_ANNOTATIONS: usize = 50;
const CONCLUSIONS: [&str; 7] =
    ["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"];

fn known(state: &State, call: &Call) -> Result<Check, Answer> {
    state.repo(call.repo()).checks.get(&call.id("check_run_id")?).cloned().ok_or_else(Answer::not_found)
}

pub(super) fn one(state: &mut State, call: &Call) -> Done {
    let check = known(state, call)?;
    Ok(Answer::new(200, state.check_json(call.repo(), &check)))
}

pub(super) fn of_commit(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    let missing = || Answer::refuse(422, &format!("No commit found for SHA: {}", call.param("ref")));
    let sha = git::commit_named(state.git(repo), call.param("ref")).ok_or_else(missing)?;
    let is_wanted = |check: &&Check| {
        check.head_sha == sha
            && call.query("check_name").is_none_or(|name| name == check.name)
            && call.query("status").is_none_or(|status| status == check.status)
            && call.number("app_id").is_none_or(|app| app == state.app.id)
    };
    let mut found: Vec<&Check> = state.repo(repo).checks.values().rev().filter(is_wanted).collect();
    if call.query("filter") != Some("all") {
        // the latest of each name
        let mut names = Vec::new();
        found.retain(|check| {
            !names.contains(&check.name) && {
                names.push(check.name.clone());
                true
            }
        });
    }
    let ids = found.iter().map(|check| check.id).collect();
    let shown = state.shown(repo, "check", ids);
    let rows: Vec<Value> =
        shown.iter().map(|id| state.check_json(repo, &state.repo(repo).checks[id])).collect();
    let total = rows.len();
    Ok(Answer::paged(call, rows, |rows| json!({"total_count": total, "check_runs": rows})))
}

pub(super) fn create(state: &mut State, call: &Call) -> Done {
    let repo = call.repo();
    let name = call.needed("CheckRun", "name")?.to_owned();
    let head_sha = call.needed("CheckRun", "head_sha")?.to_owned();
    if git::kind(state.git(repo), &head_sha) != Some("commit") {
        return Err(Answer::refuse(422, &format!("No commit found for SHA: {head_sha}")));
    }
    // its check suite has the id before it
    state.next_id();
    let mut check = Check {
        id: state.next_id(),
        name,
        head_sha,
        external_id: String::new(),
        details_url: None,
        status: "queued".to_owned(),
        conclusion: None,
        started: state.now(),
        completed: None,
        title: None,
        summary: None,
        text: None,
        annotations: Vec::new(),
        edits: 0,
    };
    apply(state, call, &mut check)?;
    state.hide_row(repo, "check", check.id);
    keep(state, call, check, "created", 201)
}

pub(super) fn update(state: &mut State, call: &Call) -> Done {
    let mut check = known(state, call)?;
    check.edits += 1;
    let was_open = check.status != "completed";
    apply(state, call, &mut check)?;
    let action = if was_open && check.status == "completed" { "completed" } else { "created" };
    keep(state, call, check, action, 200)
}

fn keep(state: &mut State, call: &Call, check: Check, action: &str, status: u16) -> Done {
    let repo = call.repo();
    let json = state.check_json(repo, &check);
    let action = if check.status == "completed" { "completed" } else { action };
    state.repo_mut(repo).checks.insert(check.id, check);
    state.emit_check(repo, action, json.clone());
    Ok(Answer::new(status, json))
}

impl State {
    fn emit_check(&mut self, repo: RepoId, action: &str, check: Value) {
        let bot = self.app.bot;
        self.emit("check_run", action, repo, bot, json!({"check_run": check}));
    }
}

fn apply(state: &State, call: &Call, check: &mut Check) -> Result<(), Answer> {
    let text = |field: &str| call.text(field).map(str::to_owned);
    if let Some(name) = text("name") {
        check.name = name;
    }
    if let Some(id) = text("external_id") {
        check.external_id = id;
    }
    check.details_url = text("details_url").or(check.details_url.take());
    if let Some(status) = text("status") {
        if !["queued", "in_progress", "completed"].contains(&status.as_str()) {
            return Err(Answer::invalid("CheckRun", "status", "invalid"));
        }
        check.status = status;
    }
    if let Some(conclusion) = text("conclusion") {
        if !CONCLUSIONS.contains(&conclusion.as_str()) {
            return Err(Answer::invalid("CheckRun", "conclusion", "invalid"));
        }
        check.conclusion = Some(conclusion);
        check.status = "completed".to_owned();
        check.completed = Some(state.now());
    }
    if check.status == "completed" && check.conclusion.is_none() {
        return Err(Answer::invalid("CheckRun", "conclusion", "missing_field"));
    }
    match call.body.get("output") {
        Some(output) if !output.is_null() => apply_output(output, check),
        _ => Ok(()),
    }
}

fn apply_output(output: &Value, check: &mut Check) -> Result<(), Answer> {
    let text = |field: &str| output[field].as_str().map(str::to_owned);
    check.title = text("title").or(check.title.take());
    check.summary = text("summary").or(check.summary.take());
    check.text = text("text").or(check.text.take());
    if check.title.is_none() || check.summary.is_none() {
        return Err(Answer::invalid("CheckRun", "output", "missing_field"));
    }
    for (field, text) in [("summary", &check.summary), ("text", &check.text)] {
        let length = text.as_ref().map_or(0, |text| text.chars().count());
        if length > LONGEST_TEXT {
            return Err(Answer::refuse(
                422,
                &format!("Only {LONGEST_TEXT} characters are allowed in output.{field}"),
            ));
        }
    }
    let fresh = output["annotations"].as_array().cloned().unwrap_or_default();
    if fresh.len() > MOST_ANNOTATIONS {
        return Err(Answer::refuse(422, "No more than 50 items are allowed in annotations"));
    }
    check.annotations.extend(fresh);
    Ok(())
}
