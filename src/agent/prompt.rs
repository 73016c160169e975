//! What an agent is told: `prompts/`, embedded and rendered strictly (a variable that is missing is an error).
//!
//! The system text is the same for every role, so that a continued conversation keeps its prefix. Rendered once a work.

use super::{
    contract::Job,
    fence::{self, Keep},
    role::Role,
};
use crate::{
    limits::agent as limits,
    report::{Class, Report},
    run::{Plan, Reason},
};
use minijinja::{Environment, UndefinedBehavior, context, syntax::SyntaxConfig};

/// The templates, by the name that others include them by.
const TEMPLATES: &[(&str, &str)] = &[
    ("system.md", include_str!("../../prompts/system.md")),
    ("planner.md", include_str!("../../prompts/planner.md")),
    ("coder.md", include_str!("../../prompts/coder.md")),
    ("fixer.md", include_str!("../../prompts/fixer.md")),
    ("part/house.md", include_str!("../../prompts/part/house.md")),
    ("part/untrusted.md", include_str!("../../prompts/part/untrusted.md")),
    ("part/finish.md", include_str!("../../prompts/part/finish.md")),
    ("part/background.md", include_str!("../../prompts/part/background.md")),
    ("part/continued.md", include_str!("../../prompts/part/continued.md")),
];

/// Asks a model for the notes that replace a conversation.
pub(super) const SUMMARISE: &str = include_str!("../../prompts/part/summary.md");

/// The rules for every role.
pub(super) fn system() -> Result<String, Report> {
    render("system.md", context! {})
}

/// A role's first message in a conversation of its own.
pub(super) fn opening(job: &Job, role: &Role) -> Result<String, Report> {
    render(role.prompt, variables(job))
}

/// A role's first message in a conversation that another work began.
pub(super) fn continued(job: &Job) -> Result<String, Report> {
    render("part/continued.md", variables(job))
}

fn variables(job: &Job) -> minijinja::Value {
    let (told, task) = (&job.background, &job.assignment);
    let some = |origin: &str, text: &str, max: usize, keep: Keep| match text.trim().is_empty() {
        true => String::new(),
        false => fence::untrusted(origin, text, max, keep),
    };
    context! {
        role => fence::line(&task.role, limits::LINE_BYTES),
        title => fence::line(&task.title, limits::LINE_BYTES),
        text => fence::cut(&fence::clean(&task.text), limits::TASK_BYTES, Keep::Start),
        request => fence::request(&told.request, limits::REQUEST_BYTES),
        plan => told.plan.as_ref().map(plan).unwrap_or_default(),
        reason => task.reason.as_ref().map(reason).unwrap_or_default(),
        evidence => some("output of commands", &told.evidence, limits::EVIDENCE_BYTES, Keep::End),
        checks => told.checks.iter().take(limits::CHECKS)
            .map(|check| fence::line(check, limits::LINE_BYTES)).collect::<Vec<_>>(),
        setup => fence::line(&told.setup, limits::LINE_BYTES),
        instructions => some("AGENTS.md of the base commit", told.instructions.as_deref().unwrap_or(""),
            limits::INSTRUCTIONS_BYTES, Keep::Start),
        files => some("list of files", &told.files, limits::FILES_BYTES, Keep::Start),
    }
}

/// A plan was written by a model from untrusted words: it is shown as data.
fn plan(plan: &Plan) -> String {
    let mut text = format!("{}\n", plan.summary.trim());
    for task in &plan.tasks {
        let needs = task.needs.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
        let needs = if needs.is_empty() { needs } else { format!(" (after {needs})") };
        text.push_str(&format!("- {} {}: {}{needs}\n", task.id, task.role, task.title));
    }
    fence::untrusted("plan", &text, limits::TASK_BYTES, Keep::Start)
}

fn reason(reason: &Reason) -> String {
    let quoted = |origin, text: &str| fence::untrusted(origin, text, limits::TASK_BYTES, Keep::End);
    match reason {
        Reason::Failed { text } => format!("The last attempt failed:\n{}", quoted("last attempt", text)),
        Reason::Conflict { files } => format!(
            "The last attempt's changes conflicted with work that was merged meanwhile. You start from the merged files; do the task again on them. In conflict:\n{}",
            quoted("file names", &files.join("\n"))
        ),
        Reason::Verify { receipt } => {
            let lines = receipt.commands.iter().map(|check| match check.exit_code {
                Some(code) => format!("{}: exit code {code}", check.command),
                None => format!("{}: did not finish", check.command),
            });
            format!("The checks failed:\n{}", quoted("receipt", &lines.collect::<Vec<_>>().join("\n")))
        }
        Reason::Answer { question, answer } => format!(
            "You asked:\n{}\nThe answer:\n{}",
            quoted("question", question),
            fence::request(answer, limits::TASK_BYTES)
        ),
    }
}

fn render(name: &str, variables: minijinja::Value) -> Result<String, Report> {
    let broken = |error: minijinja::Error| {
        Report::new(Class::Broken, "prompt", format!("prompts/{name}: {error:#}"), "this is a bug: report it")
    };
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(broken)?;
    templates.set_syntax(syntax);
    templates.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    for (known, text) in TEMPLATES {
        templates.add_template(known, text).map_err(broken)?;
    }
    templates.get_template(name).and_then(|template| template.render(variables)).map_err(broken)
}
