//! Tools: what an agent may call. One file a tool, one row each in `TABLE`.
//!
//! A tool has two halves. The host's is here: schema, arguments, what the model is told ([`call`] is [`request`], the
//! toolbox, [`Asked::verdict`]). The child's is in `serve/`: it runs behind the sandbox's walls and does the work.
//! A tool fails in two ways: tell the model, or stop the work. Deliberately absent: any file access by the host.

mod arguments;
mod edit;
mod gate;
mod read;
mod search;
mod serve;
pub(crate) mod shell;
mod submit;
mod view;
mod write;

pub use arguments::mend;
pub use serve::{serve, serve_in};

use crate::{
    limits,
    model::{ToolCall, ToolSpec},
    report::{Class, Hint, Report},
    run::{Plan, Question},
    sandbox::toolbox::{Answer, Request, Toolbox},
};
use arguments::Fields;
use std::time::Duration;

/// The tools, in the order a model is shown them.
const TABLE: [&Tool; 6] =
    [&shell::TOOL, &read::TOOL, &edit::TOOL, &write::TOOL, &search::TOOL, &submit::TOOL];

/// One row: a tool as its file describes it.
struct Tool {
    name: &'static str,
    /// What models call it when they are wrong; named as the closest.
    also: &'static [&'static str],
    description: &'static str,
    /// JSON Schema of the arguments, for a variant of the tool (`submit:plan` → `plan`).
    parameters: fn(&str) -> serde_json::Value,
    /// The argument that a bare text means.
    main: &'static str,
    /// A legal call's arguments, shown when the arguments are not.
    example: &'static str,
    /// Arguments → what to do.
    prepare: fn(&mut Fields, &Given<'_>) -> Result<Step, String>,
}

/// What a tool is given besides the arguments.
struct Given<'a> {
    bounds: CallBounds,
    variant: &'a str,
}

/// What a tool call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolEnd {
    /// Text for the model, cut to a stated size; `whole` is everything when it was cut; `line` is for a person watching.
    Text { text: String, whole: Option<Vec<u8>>, line: String },
    /// The agent has finished.
    Submitted(Submission),
}

/// How a tool fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolError {
    /// The model is told and goes on.
    Tell(String),
    /// The work stops: the sandbox ended, the host is in trouble.
    Stop(Report),
}

/// What an agent submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// A plan (planner only).
    Plan(Plan),
    /// The workspace's changes.
    Proposal { title: String, summary: String },
    /// A question to a person.
    Question(Question),
    /// An answer in text.
    Answer(String),
    /// Nothing to change, and why.
    NoChange(String),
}

/// Bounds of one tool call.
#[derive(Clone, Copy, Debug)]
pub struct CallBounds {
    /// Wall time a command may take unless the model asks for less.
    pub shell: Duration,
}

/// What a legal call wants next.
#[derive(Debug)]
pub enum Step {
    /// Ask the toolbox.
    Ask(Asked),
    /// The agent has finished; nothing to ask.
    Submitted(Submission),
}

/// A question to the toolbox, and how its answer becomes text.
#[derive(Debug)]
pub struct Asked {
    /// The header.
    pub request: Request,
    /// The body.
    pub body: Vec<u8>,
    /// When the tree is killed.
    pub limit: Duration,
    /// What the model should know besides: ignored arguments, lowered bounds.
    notes: Vec<String>,
    /// `read` only: the first line and how many to show.
    lines: Option<(u64, u64)>,
    verdict: fn(&Self, Answer, Vec<u8>) -> Result<ToolEnd, ToolError>,
}

/// What the model is shown of these tools, in the table's order. A name may have a variant after a colon:
/// `submit:plan` shows (and lets pass) a plan too, plain `submit` what everybody may submit.
pub fn specs(tools: &[&str]) -> Vec<ToolSpec> {
    let shown = |tool: &&Tool| {
        gate::variant(tools, tool.name).map(|variant| ToolSpec {
            name: tool.name.to_owned(),
            description: tool.description.to_owned(),
            parameters: (tool.parameters)(variant),
        })
    };
    TABLE.iter().filter_map(shown).collect()
}

/// Runs one tool call: the gate (is the tool known and allowed, are the arguments legal), then the toolbox, then the verdict.
pub async fn call(
    call: &ToolCall,
    allowed: &[&str],
    bounds: CallBounds,
    toolbox: &mut Toolbox,
) -> Result<ToolEnd, ToolError> {
    match request(call, allowed, bounds)? {
        Step::Submitted(submission) => Ok(ToolEnd::Submitted(submission)),
        Step::Ask(asked) => {
            let answer = toolbox.ask(&asked.request, &asked.body, asked.limit).await;
            let (answer, body) = answer.map_err(|error| ToolError::Stop(error.report()))?;
            asked.verdict(answer, body)
        }
    }
}

/// The first half of [`call`], without a toolbox: the gate, and the arguments as a request or a submission.
pub fn request(call: &ToolCall, allowed: &[&str], bounds: CallBounds) -> Result<Step, ToolError> {
    let (tool, variant) = gate::admit(&call.name, allowed).map_err(ToolError::Tell)?;
    let illegal = |why: String| {
        ToolError::Tell(format!("{}: {why}. A legal call's arguments: {}", tool.name, tool.example))
    };
    let mut fields = Fields::parse(&call.arguments, tool.main).map_err(illegal)?;
    let step = (tool.prepare)(&mut fields, &Given { bounds, variant }).map_err(illegal)?;
    let notes = fields.leftover().map_err(illegal)?;
    Ok(match step {
        Step::Ask(mut asked) => {
            asked.notes.extend(notes);
            Step::Ask(asked)
        }
        Step::Submitted(submission) => Step::Submitted(submission),
    })
}

/// A call in a few words, for a person watching: its main argument, on one line. Never fails.
pub fn brief(call: &ToolCall) -> String {
    let Ok((tool, _)) = gate::admit(&call.name, &TABLE.map(|tool| tool.name)) else {
        return String::new();
    };
    let mut fields = match Fields::parse(&call.arguments, tool.main) {
        Ok(fields) => fields,
        Err(_) => return String::new(),
    };
    let text = match tool.name {
        "shell" => shell::command(&mut fields).ok(),
        "search" => fields.text(search::PATTERN).ok().flatten(),
        "submit" => fields.text(&["title", "question", "kind"]).ok().flatten(),
        _ => fields.text(read::PATH).ok().flatten(),
    };
    view::line(&text.unwrap_or_default())
}

impl Asked {
    /// The second half of [`call`]: the toolbox's answer, which nobody trusts, as text for the model.
    pub fn verdict(&self, answer: Answer, body: Vec<u8>) -> Result<ToolEnd, ToolError> {
        if let Answer::Refused { why } = answer {
            let mut why = view::note(&why);
            self.append_notes(&mut why);
            return Err(ToolError::Tell(why));
        }
        let mut end = (self.verdict)(self, answer, body)?;
        if let ToolEnd::Text { text, .. } = &mut end {
            self.append_notes(text);
        }
        Ok(end)
    }

    fn new(
        request: Request,
        body: Vec<u8>,
        verdict: fn(&Self, Answer, Vec<u8>) -> Result<ToolEnd, ToolError>,
    ) -> Self {
        Self { request, body, limit: limits::tool::CALL_GRACE, notes: Vec::new(), lines: None, verdict }
    }

    fn append_notes(&self, text: &mut String) {
        for note in &self.notes {
            text.push_str(&format!("\n({note})"));
        }
    }
}

/// The child answered something that does not fit the question.
fn misfit(answer: &Answer) -> ToolError {
    let message =
        format!("the sandbox's answer does not fit the question: {}", view::line(&format!("{answer:?}")));
    ToolError::Stop(Report::new(
        Class::Broken,
        "toolbox_misfit",
        message,
        "run it again; if it happens again, report it with the log",
    ))
}

/// A verdict for tools whose answer is one line.
fn say_note(line: &str, answer: Answer) -> Result<ToolEnd, ToolError> {
    match answer {
        Answer::Done { note, .. } => {
            Ok(ToolEnd::Text { text: view::note(&note), whole: None, line: view::line(line) })
        }
        other => Err(misfit(&other)),
    }
}
