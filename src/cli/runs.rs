//! `quantum runs`: what is in the store, and telling a run something, from any process and at any time.

use super::{
    Exit,
    args::{RunsArgs, RunsVerb},
    put, say,
    wiring::{self, Refusal},
};
use crate::{
    clock::{Clock, Timestamp},
    engine::{Bystander, Engine, Timing, Told},
    ids::RunId,
    limits::shown,
    report::{Class, Report},
    run::{Event, reply},
    store::{Listed, Store, StoreError},
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
    match &args.verb {
        RunsVerb::List => list(&store, args.json).await,
        RunsVerb::Show { run } => show(&store, &find(&store, run).await?, args.json).await,
        RunsVerb::Cancel { run } => tell(&store, &find(&store, run).await?, &Event::Cancelled).await,
        RunsVerb::Retry { run } => tell(&store, &find(&store, run).await?, &Event::Retried).await,
    }
}

/// The run with this id, or the only one whose id begins so.
async fn find(store: &Store, name: &str) -> Result<RunId, Refusal> {
    let all = store.list_runs(shown::RUNS_SEARCHED).await.map_err(|error| wiring::failed(&error))?;
    let mut fit = all.into_iter().map(|one| one.id).filter(|id| id.as_str().starts_with(name));
    match (fit.next(), fit.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(usage(format!("several runs begin with {name}"))),
        (None, _) => Err(usage(format!("no run begins with {name}"))),
    }
}

fn usage(message: String) -> Refusal {
    (Report::new(Class::Refused, "no_run", message, "`quantum runs list` shows them"), Exit::Usage)
}

async fn list(store: &Store, as_json: bool) -> Result<(), Refusal> {
    let all = store.list_runs(shown::RUNS).await.map_err(|error| wiring::failed(&error))?;
    if as_json {
        let items: Vec<Value> = all.iter().map(line).collect();
        put(&format!("{}\n", json!({ "items": items })));
        return Ok(());
    }
    if all.is_empty() {
        say("no runs yet");
    }
    let place = |one: &Listed| match &one.thread {
        Some(thread) => format!("{}/{}#{}", thread.repo_owner, thread.repo_name, thread.number),
        None => one.repository.clone(),
    };
    for one in &all {
        put(&format!(
            "{}  {:<10}  {}  {}\n",
            one.id,
            reply::phase(one.phase),
            since(one.updated),
            place(one)
        ));
    }
    Ok(())
}

fn line(one: &Listed) -> Value {
    json!({
        "run": one.id.as_str(),
        "phase": reply::phase(one.phase),
        "repository": one.repository,
        "issue": one.thread.as_ref().map(|thread| thread.number),
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

async fn show(store: &Store, id: &RunId, as_json: bool) -> Result<(), Refusal> {
    let failed = |error: StoreError| wiring::failed(&error);
    let run = store.run(id).await.map_err(failed)?.run;
    let effects = store.effects(id).await.map_err(failed)?;
    if as_json {
        let tasks: Vec<Value> = run
            .tasks()
            .into_iter()
            .map(|(task, state)| json!({"id": task.id, "title": task.title, "state": state}))
            .collect();
        let effects: Vec<Value> =
            effects.iter().map(|(key, state)| json!({"key": key, "state": state})).collect();
        let shown = json!({
            "run": id.as_str(), "at": reply::label(&run), "round": run.round, "attempt": run.attempt,
            "title": run.intent.title, "tasks": tasks, "branch": run.state.branch, "effects": effects,
        });
        put(&format!("{shown}\n"));
        return Ok(());
    }
    put(&format!("run     {id}\nat      {}\ntitle   {}\n", reply::label(&run), run.intent.title));
    if let Some(branch) = &run.state.branch {
        put(&format!("branch  {} ({})\n", branch.name, branch.head));
    }
    for (task, state) in run.tasks() {
        let state = serde_json::to_value(state).unwrap_or_default();
        put(&format!("task    {} {}: {}\n", task.id, state.as_str().unwrap_or_default(), task.title));
    }
    for (key, state) in effects {
        put(&format!("effect  {state:<8} {key}\n"));
    }
    Ok(())
}

async fn tell(store: &Store, id: &RunId, event: &Event) -> Result<(), Refusal> {
    let engine = Engine::with(store.clone(), Bystander, Clock::System, Timing::default());
    let told = engine.tell(id, event).await.map_err(|report| (report, Exit::Failed))?;
    match told {
        Told::Taken(run) => {
            put(&format!("{id}  {}\n", reply::label(&run)));
            Ok(())
        }
        Told::Ignored(_) => {
            let run = store.run(id).await.map_err(|error| wiring::failed(&error))?.run;
            let message = format!("the run is {}: there is nothing to do about it", reply::label(&run));
            let hint = "`quantum runs show RUN` tells where it is";
            Err((Report::new(Class::Refused, "not_now", message, hint), Exit::Failed))
        }
    }
}
