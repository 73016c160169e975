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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agent::{
            contract::{Background, Caps, Watch},
            role::ROLES,
        },
        clock::Timestamp,
        ids::{ContentHash, RunId, Sha, TaskId, WorkId},
        run::{Assignment, Check, Question, Receipt, Task},
    };

    fn job(fill: &str) -> Job {
        let task = Task {
            id: TaskId::new("t2"),
            role: "coder".to_owned(),
            title: format!("Second {fill}"),
            text: String::new(),
            needs: vec![TaskId::new("t1")],
            estimate_steps: None,
        };
        Job {
            assignment: Assignment {
                work: WorkId { run: RunId::new("r"), task: TaskId::new("t1"), round: 1, attempt: 1 },
                role: "tester".to_owned(),
                title: format!("Title {fill}"),
                text: format!("Text {fill}"),
                tree: Sha::new(""),
                continues: None,
                reason: Some(Reason::Failed { text: format!("Failure {fill}") }),
            },
            background: Background {
                request: format!("Request {fill}"),
                plan: Some(Plan { summary: format!("Plan {fill}"), tasks: vec![task], confidence: 90 }),
                instructions: Some(format!("Style {fill}")),
                files: format!("src/{fill}"),
                checks: vec![format!("cargo {fill}")],
                evidence: format!("Evidence {fill}"),
                setup: format!("Setup {fill}"),
            },
            budget: Caps { usd: None, steps: 1, deadline: Timestamp(0) },
            fresh_workspace: true,
            watch: Watch::silent(),
        }
    }

    #[test]
    fn every_role_renders_with_everything_and_with_nothing() {
        let names = [
            "Title x",
            "Text x",
            "Request x",
            "Plan x",
            "Style x",
            "src/x",
            "cargo x",
            "Evidence x",
            "Setup x",
            "Failure x",
        ];
        for role in ROLES {
            let full = opening(&job("x"), role).unwrap();
            let of_planner =
                |name: &&&str| role.plans() && (name.starts_with("Ti") || name.starts_with("Te"));
            let missing: Vec<_> =
                names.iter().filter(|name| !full.contains(**name) && !of_planner(name)).collect();
            assert!(missing.is_empty(), "{}: {missing:?}\n{full}", role.name);
            let mut bare = job("");
            bare.background = Background::default();
            bare.assignment.reason = None;
            let bare = opening(&bare, role).unwrap();
            assert!(!bare.contains("## Evidence") && !bare.contains("\n\n\n"), "{bare}");
        }
        assert!(opening(&job("x"), Role::named("tester")).unwrap().starts_with("You are the tester."));
        assert!(continued(&job("x")).unwrap().contains("Failure x"));
    }

    #[test]
    fn prompts_are_short_and_bounded() {
        assert!(system().unwrap().len() < 4_000, "{}", system().unwrap().len());
        for role in ROLES {
            let huge = opening(&job(&"long ".repeat(100_000)), role).unwrap();
            assert!(huge.len() < 100_000, "{}: {}", role.name, huge.len());
        }
    }

    #[test]
    fn reasons_say_what_happened() {
        let check = |command: &str, exit_code| Check {
            command: command.to_owned(),
            exit_code,
            millis: 1,
            output: ContentHash::new(""),
            tests_run: None,
            failed_on_base: false,
        };
        let receipt =
            Receipt { commands: vec![check("cargo test", Some(101)), check("slow", None)], notes: vec![] };
        let text = reason(&Reason::Verify { receipt });
        assert!(text.contains("cargo test: exit code 101\nslow: did not finish\n"), "{text}");
        assert!(
            reason(&Reason::Conflict { files: vec!["a".to_owned(), "b".to_owned()] }).contains("\na\nb\n")
        );
        let question = Question { text: "Which?".to_owned(), choices: vec![] };
        let text = reason(&Reason::Answer { question: question.text, answer: "Both".to_owned() });
        assert!(text.contains("Which?") && text.contains("<request id=") && text.contains("Both"), "{text}");
    }

    #[test]
    fn the_rules_read_well() {
        let rules = system().unwrap();
        for part in ["How to work", "What you may trust", "How to finish"] {
            assert!(rules.contains(&format!("\n\n# {part}\n\n")), "{rules}");
        }
        assert!(!rules.contains("\n\n\n") && !rules.contains("{%"), "{rules}");
    }
}
