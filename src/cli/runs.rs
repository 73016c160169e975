//! `quantum runs`: what is in the store, and telling a run something, from any process and at any time.

use super::{
    Exit,
    args::{RunsArgs, RunsVerb},
    progress::clean,
    put, say,
    wiring::{self, Refusal},
};
use crate::{
    clock::{Clock, Timestamp},
    engine::{Bystander, Engine, Timing, Told, app::PULL},
    ids::Usd,
    limits::shown,
    report::{Class, Report},
    run::{Cause, Event, Run, reply, step},
    store::{Costs, Listed, Store, StoreError},
};
use serde_json::{Value, json};

pub(super) async fn runs(args: RunsArgs) -> Exit {
    match perform(&args).await {
        Ok(()) => Exit::Done,
        Err((report, exit)) => {
            say(&report.terminal());
            exit
        }
    }
}

async fn perform(args: &RunsArgs) -> Result<(), Refusal> {
    let (mut settings, _) = wiring::settings(args.config.as_deref(), None)?;
    wiring::data_folder(&mut settings)?;
    let store = Store::open(&wiring::database(&settings)).await.map_err(|error| wiring::failed(&error))?;
    match args.verb.as_ref().unwrap_or(&RunsVerb::List) {
        RunsVerb::List => list(&store, args.json).await,
        RunsVerb::Show { run } => show(&store, find(&store, run).await?, args.json).await,
        RunsVerb::Cancel { run } => {
            tell(&store, find(&store, run).await?, &Event::Cancelled, args.json).await
        }
        RunsVerb::Retry { run } => retry(&store, find(&store, run).await?, args.json).await,
    }
}

/// The run with this id, or the only one whose id begins so.
async fn find(store: &Store, name: &str) -> Result<Listed, Refusal> {
    let all = store.list_runs(shown::RUNS_SEARCHED).await.map_err(|error| wiring::failed(&error))?;
    let mut fit = all.into_iter().filter(|one| one.id.as_str().starts_with(name));
    match (fit.next(), fit.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(usage(format!("several runs begin with {name:?}"))),
        (None, _) => Err(usage(format!("no run begins with {name:?}"))),
    }
}

fn usage(message: String) -> Refusal {
    (Report::new(Class::Refused, "no_run", message, "`quantum runs list` shows them"), Exit::Usage)
}

async fn list(store: &Store, as_json: bool) -> Result<(), Refusal> {
    let mut all = Vec::new();
    for one in store.list_runs(shown::RUNS).await.map_err(|error| wiring::failed(&error))? {
        let run = store.run(&one.id).await.map_err(|error| wiring::failed(&error))?.run;
        all.push((reply::label(&run), one));
    }
    if as_json {
        let items: Vec<Value> = all.iter().map(|(at, one)| line(at, one)).collect();
        put(&format!("{}\n", json!({ "items": items, "next": null })));
        return Ok(());
    }
    let Some(ids) = all.iter().map(|(_, one)| one.id.as_str().len()).max() else {
        say("no runs yet");
        return Ok(());
    };
    let labels = all.iter().map(|(at, _)| at.len()).max().unwrap_or(0);
    // data is on standard output: a head is none
    say(&format!("{:ids$}  {:labels$}  last change  about", "run", "at"));
    for (at, one) in &all {
        put(&format!("{:ids$}  {at:labels$}  {:>11}  {}\n", one.id.as_str(), since(one.updated), about(one)));
    }
    Ok(())
}

/// `OWNER/NAME#NUMBER`, or the folder.
fn about(one: &Listed) -> String {
    match &one.thread {
        Some(thread) => format!("{}/{}#{}", thread.repo_owner, thread.repo_name, thread.number),
        None => clean(&one.repository),
    }
}

fn line(at: &str, one: &Listed) -> Value {
    let thread = one.thread.as_ref();
    json!({
        "run": one.id.as_str(),
        "phase": reply::phase(one.phase),
        "at": at,
        "repository": one.repository,
        "owner": thread.map(|thread| &thread.repo_owner),
        "name": thread.map(|thread| &thread.repo_name),
        "issue": thread.map(|thread| thread.number),
        "created": one.created.0,
        "updated": one.updated.0,
    })
}

/// How long ago, in one unit.
fn since(at: Timestamp) -> String {
    let seconds = Clock::System.now().since(at).as_secs();
    match seconds {
        0..60 => format!("{seconds:>3} s ago"),
        60..3600 => format!("{:>3} m ago", seconds / 60),
        3600..86_400 => format!("{:>3} h ago", seconds / 3600),
        _ => format!("{:>3} d ago", seconds / 86_400),
    }
}

/// A run and what is known about it.
struct Shown {
    run: Run,
    listed: Listed,
    effects: Vec<(String, String)>,
    costs: Costs,
    /// Its pull request: number and address.
    pull: Option<(u64, String)>,
}

impl Shown {
    async fn of(store: &Store, listed: Listed) -> Result<Self, StoreError> {
        let id = &listed.id;
        let pull = store.remembered(id, PULL).await?;
        Ok(Self {
            run: store.run(id).await?.run,
            effects: store.effects(id).await?,
            costs: store.costs(id).await?,
            pull: pull.and_then(|known| Some((known.remote_id?, known.note.unwrap_or_default()))),
            listed,
        })
    }

    /// Why it waits for a person, and what that person can do.
    fn why(&self) -> Option<(String, String)> {
        if let Some(error) = self.run.error() {
            return Some((error.message, error.hint));
        }
        let is_apart = self.listed.thread.is_some();
        let next = match self.run.cause()? {
            Cause::Approval if !is_apart => "run the same command with --yes to go on",
            Cause::Approval => {
                "its plan can't be approved in a thread yet: cancel it, and ask again with less at once"
            }
            _ => "no answer is taken in yet: cancel it, and ask again with the answer in the request",
        };
        let why = match self.run.question() {
            Some(question) => question.text.clone(),
            None => "its plan waits to be approved".to_owned(),
        };
        Some((why, next.to_owned()))
    }

    fn json(&self) -> Value {
        let run = &self.run;
        let tasks: Vec<Value> = run
            .tasks()
            .into_iter()
            .map(|(task, state)| json!({"id": task.id, "title": task.title, "state": state}))
            .collect();
        let effects: Vec<Value> =
            self.effects.iter().map(|(key, state)| json!({"key": key, "state": state})).collect();
        let (why, next) = self.why().unzip();
        let (thread, cost) = (self.listed.thread.as_ref(), &self.costs.sum);
        json!({
            "run": run.id.as_str(), "phase": reply::phase(run.phase()), "at": reply::label(run),
            "outcome": run.outcome().map(reply::outcome),
            "created": self.listed.created.0, "updated": self.listed.updated.0, "round": run.round, "attempt": run.attempt,
            "title": run.intent.title, "tasks": tasks, "branch": run.state.branch, "effects": effects,
            "repository": self.listed.repository, "owner": thread.map(|thread| &thread.repo_owner),
            "name": thread.map(|thread| &thread.repo_name), "issue": thread.map(|thread| thread.number),
            "why": why, "next": next,
            "pull_request": self.pull.as_ref().map(|(number, url)| json!({"number": number, "url": url})),
            "cost": {
                "usd": cost.usd.map(Usd::dollars), "input_tokens": cost.input_tokens,
                "output_tokens": cost.output_tokens, "model_calls": self.costs.calls,
            },
        })
    }

    /// Its lines: what, and what is known of it.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let run = &self.run;
        let mut lines = vec![("run", run.id.to_string()), ("at", reply::label(run))];
        if let Some((why, next)) = self.why() {
            lines.extend([("why", why), ("next", next)]);
        }
        lines.extend([("about", about(&self.listed)), ("title", run.intent.title.clone())]);
        if let Some(branch) = &run.state.branch {
            lines.push(("branch", format!("{} ({})", branch.name, branch.head)));
        }
        if let Some((number, url)) = &self.pull {
            lines.push(("pull", format!("#{number} {url}")));
        }
        let money = self.costs.sum.usd.map_or("price not known".to_owned(), |usd| usd.to_string());
        lines.push(("cost", format!("{money}, {} model calls", self.costs.calls)));
        for (task, state) in run.tasks() {
            let state = serde_json::to_value(state).unwrap_or_default();
            lines.push((
                "task",
                format!("{} {}: {}", task.id, state.as_str().unwrap_or_default(), task.title),
            ));
        }
        let of_this = format!("{}/", run.id);
        for (key, state) in &self.effects {
            lines.push(("effect", format!("{state:<8} {}", key.strip_prefix(&of_this).unwrap_or(key))));
        }
        lines
    }
}

async fn show(store: &Store, listed: Listed, as_json: bool) -> Result<(), Refusal> {
    let shown = Shown::of(store, listed).await.map_err(|error| wiring::failed(&error))?;
    if as_json {
        put(&format!("{}\n", shown.json()));
        return Ok(());
    }
    for (what, known) in shown.lines() {
        // models and strangers wrote some of it
        put(&format!("{what:<7} {}\n", clean(&known)));
    }
    Ok(())
}

async fn retry(store: &Store, listed: Listed, as_json: bool) -> Result<(), Refusal> {
    let beside = store.open_run_beside(&listed.id).await.map_err(|error| wiring::failed(&error))?;
    if let Some(open) = beside {
        let message = format!("another run of the same issue is open: {open}");
        let hint = format!("`quantum runs cancel {open}` ends it; then retry this one");
        return Err((Report::new(Class::Refused, "already_open", message, hint), Exit::Failed));
    }
    let run = store.run(&listed.id).await.map_err(|error| wiring::failed(&error))?.run;
    let after = step(run.clone(), &Event::Retried, Clock::System.now()).run;
    if (after.attempt, after.round) == (run.attempt, run.round) {
        return Err(not_now(reply::nothing_to_retry(&run)));
    }
    let is_apart = listed.thread.is_some();
    tell(store, listed, &Event::Retried, as_json).await?;
    if !is_apart {
        say("note: nobody works on it yet: give the same `quantum run` command again to go on with it");
    }
    Ok(())
}

fn not_now(message: String) -> Refusal {
    let hint = "`quantum runs show RUN` tells where it is";
    (Report::new(Class::Refused, "not_now", message, hint), Exit::Failed)
}

async fn tell(store: &Store, listed: Listed, event: &Event, as_json: bool) -> Result<(), Refusal> {
    let id = &listed.id;
    let engine = Engine::with(store.clone(), Bystander, Clock::System, Timing::default());
    let told = engine.tell(id, event).await.map_err(|report| (report, Exit::Failed))?;
    match told {
        Told::Taken(_) if as_json => show(store, listed, true).await,
        Told::Taken(run) => {
            put(&format!("{id}  {}\n", reply::label(&run)));
            Ok(())
        }
        Told::Ignored(_) => {
            let run = store.run(id).await.map_err(|error| wiring::failed(&error))?.run;
            Err(not_now(format!("the run is {}: there is nothing to do about it", reply::label(&run))))
        }
    }
}
