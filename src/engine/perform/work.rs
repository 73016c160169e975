//! Work: an agent at one task, in a fresh workspace behind the walls; what it hands in becomes an event.
//!
//! Repeating it goes on in the stored transcript: what was answered is not asked for again.

use super::{Errand, Performer, background, protect, rooms, workspace::Workspace};
use crate::{
    agent::{
        self, Hands,
        contract::{Caps, Job, Progress, WorkEnd},
    },
    clock::Timestamp,
    engine::StoredLedger,
    ids::Sha,
    intent::cut,
    limits::run as bounds,
    report::{Class, Report},
    run::{Assignment, Event, Plan, Proposal, Run},
};

pub(super) async fn work(
    hands: &Performer,
    errand: &Errand<'_>,
    assignment: &Assignment,
) -> Result<Option<Event>, Report> {
    let parts = &hands.parts;
    let name = assignment.work.to_string();
    let place = (parts.data.as_path(), errand.lease, name.as_str());
    let owner = parts.sandbox.owner();
    let workspace = Workspace::check_out(&parts.source, place, &assignment.tree, owner).await?;
    let done = in_workspace(hands, errand, assignment, &workspace).await;
    workspace.remove().await;
    done
}

async fn in_workspace(
    hands: &Performer,
    errand: &Errand<'_>,
    assignment: &Assignment,
    workspace: &Workspace,
) -> Result<Option<Event>, Report> {
    let parts = &hands.parts;
    let room = rooms::furnish(hands, errand, workspace.folder(), &assignment.tree).await?;
    let job = Job {
        assignment: assignment.clone(),
        background: background::of(hands, errand, assignment, &room).await?,
        budget: caps(errand.run, parts.clock.now()),
        fresh_workspace: true,
        watch: errand.watch.clone(),
    };
    let ledger = StoredLedger::new(hands.store.clone(), errand.lease.clone());
    let mut toolbox = hands.sandbox(&room.policy).await?;
    let end = agent::work(
        &job,
        Hands {
            model: parts.model.as_ref(),
            toolbox: &mut toolbox,
            ledger: &ledger,
            clock: &parts.clock,
            cancel: errand.cancel,
        },
    )
    .await;
    // Nothing may write to the workspace any more when it is read.
    toolbox.end().await;
    let end = end?;
    let tree = match &end {
        WorkEnd::Proposal { .. } | WorkEnd::Answer { .. } => {
            Some(workspace.tree(&parts.source, &assignment.tree, &room.links).await?)
        }
        _ => None,
    };
    let changed = tree.filter(|tree| *tree != assignment.tree);
    if let Some(tree) = &changed
        && let Err(report) = protect::check(hands, errand, &assignment.tree, tree).await?
    {
        // The next attempt begins afresh, and may do without these paths, being told.
        let report = Report { class: Class::Broken, ..report };
        errand.watch.show(Progress::Note(format!("a change was refused: {}", report.message)));
        return Ok(Some(Event::ChangeRefused { work: assignment.work.clone(), report }));
    }
    Ok(told(assignment, end, changed))
}

/// What the run is told; `changed` is the workspace's tree when it is not the one it started from.
fn told(assignment: &Assignment, end: WorkEnd, changed: Option<Sha>) -> Option<Event> {
    let work = assignment.work.clone();
    let proposal = |title: String, summary: String, tree| {
        let proposal = Proposal { title, summary, from: assignment.tree.clone(), tree };
        done(assignment, proposal)
    };
    Some(match (end, changed) {
        (WorkEnd::Proposal { title, summary }, Some(tree)) => proposal(title, summary, tree),
        (WorkEnd::Proposal { title, summary }, None) => {
            Event::NoChange { work, why: if summary.is_empty() { title } else { summary } }
        }
        (WorkEnd::Answer { text }, Some(tree)) => proposal(first_line(&text), text, tree),
        (WorkEnd::Answer { text }, None) => Event::Answered { work, text },
        (WorkEnd::Plan { plan }, _) => Event::Planned { work, plan, draft: None },
        (WorkEnd::Question { question }, _) => Event::Asked { work, question },
        (WorkEnd::NoChange { why }, _) => Event::NoChange { work, why },
        (WorkEnd::OutOfBudget { cap }, _) => Event::OutOfBudget { work: Some(work), cap },
        (WorkEnd::Failed { report }, _) => Event::TaskFailed { work, report },
        (WorkEnd::Cancelled, _) => return None,
    })
}

/// A planner that did the work itself planned one task and has its draft.
fn done(assignment: &Assignment, proposal: Proposal) -> Event {
    let work = assignment.work.clone();
    if assignment.role != "planner" {
        return Event::TaskDone { work, proposal };
    }
    let plan = Plan::single("coder", &proposal.title, &proposal.summary);
    Event::Planned { work, plan, draft: Some(proposal) }
}

fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("Changes");
    cut::line(line.trim_start_matches('#').trim(), bounds::TITLE_BYTES)
}

/// What the works of the run may use altogether.
fn caps(run: &Run, now: Timestamp) -> Caps {
    let allowance = run.allowance();
    Caps { usd: allowance.usd, steps: allowance.steps, deadline: allowance.deadline.unwrap_or(now) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{RunId, TaskId, WorkId},
        run::Question,
    };

    fn assignment(role: &str) -> Assignment {
        let work = WorkId { run: RunId::new("r"), task: TaskId::new("t1"), round: 1, attempt: 1 };
        let (title, text) = ("title".to_owned(), "text".to_owned());
        let (tree, role) = (Sha::new("old"), role.to_owned());
        Assignment { work, role, title, text, tree, continues: None, reason: None }
    }

    #[test]
    fn every_end_of_a_work_becomes_the_event_that_is_true() {
        let check = |role: &str, end: WorkEnd, changed: Option<&str>, expected: &str| {
            let event = told(&assignment(role), end, changed.map(Sha::new));
            let json = event.map(|event| serde_json::to_value(&event).unwrap());
            let seen = json.map_or("nothing".to_owned(), |json| {
                let text = |pointer: &str| {
                    json.pointer(pointer).and_then(|at| at.as_str()).unwrap_or("-").to_owned()
                };
                let tree = [text("/proposal/tree"), text("/draft/tree")].concat().replace('-', "");
                format!("{} {} {}", text("/kind"), tree, text("/proposal/title"))
            });
            assert_eq!(seen, expected);
        };
        let proposal = || WorkEnd::Proposal { title: "T".to_owned(), summary: "S".to_owned() };
        let answer = || WorkEnd::Answer { text: "\n# Fixed it\nmore".to_owned() };
        let question = Question { text: "?".to_owned(), choices: vec![] };
        check("coder", proposal(), Some("new"), "task_done new T");
        check("coder", proposal(), None, "no_change  -");
        check("planner", proposal(), Some("new"), "planned new -");
        check("coder", answer(), Some("new"), "task_done new Fixed it");
        check("coder", answer(), None, "answered  -");
        check("coder", WorkEnd::Question { question }, Some("new"), "asked  -");
        check("coder", WorkEnd::NoChange { why: String::new() }, Some("new"), "no_change  -");
        check("coder", WorkEnd::Cancelled, Some("new"), "nothing");
    }

    #[test]
    fn a_title_is_one_short_line() {
        assert_eq!(first_line("   \n"), "Changes");
        assert!(first_line(&"ä".repeat(500)).len() <= bounds::TITLE_BYTES);
    }
}
