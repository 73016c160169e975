//! `submit`: how an agent finishes, with a typed result. Never reaches the toolbox.
//!
//! The variant says what a role may submit: `submit:plan` everything, `submit:answer` all but changes and plans, plain
//! `submit` (or `submit:proposal`) all but plans. Models forget `kind`; it is inferred from what is there.

use super::{Given, Step, Submission, Tool, arguments::Fields, view};
use crate::{
    ids::TaskId,
    limits::{
        run::{CHOICES, NAME_BYTES, PLAN_TASKS, TEXT_BYTES, TITLE_BYTES},
        tool::{CONFIDENCE, PLAN_BYTES},
    },
    report::Hint,
    run::{Plan, Question, Task},
};
use serde_json::{Value, json};

pub(super) const TOOL: Tool = Tool {
    name: "submit",
    also: &[
        "finish",
        "done",
        "complete",
        "final_answer",
        "answer",
        "attempt_completion",
        "end",
        "exit",
        "ask",
        "plan",
    ],
    description: "Finish, and hand over the result. Call it once, when the work is done, or when you can't go on without a person.",
    parameters,
    main: "text",
    example: r#"{"kind":"proposal","title":"Fix the off-by-one in paging","summary":"What was changed and why."}"#,
    prepare,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plan,
    Proposal,
    Question,
    Answer,
    NoChange,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Plan, Self::Proposal, Self::Question, Self::Answer, Self::NoChange];

    fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Proposal => "proposal",
            Self::Question => "question",
            Self::Answer => "answer",
            Self::NoChange => "no_change",
        }
    }

    fn also(self) -> &'static [&'static str] {
        match self {
            Self::Plan => &["tasks"],
            Self::Proposal => {
                &["change", "changes", "patch", "done", "edit", "fix", "complete", "completed", "success"]
            }
            Self::Question => &["ask", "clarify", "clarification", "blocked"],
            Self::Answer => &["reply", "explain", "explanation", "text"],
            Self::NoChange => &["none", "nochange", "nothing", "no_changes", "unchanged"],
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Plan => "`plan`: tasks for others (summary, tasks, confidence)",
            Self::Proposal => "`proposal`: the files as they are now in the workspace (title, summary)",
            Self::Question => "`question`: you can't go on without a person (question, choices)",
            Self::Answer => "`answer`: text is all that was wanted (text)",
            Self::NoChange => "`no_change`: there is nothing to change (text: why)",
        }
    }

    fn allowed(variant: &str) -> Vec<Self> {
        let allows = |kind: &Self| match variant {
            "plan" => true,
            "answer" => !matches!(kind, Self::Plan | Self::Proposal),
            _ => *kind != Self::Plan,
        };
        Self::ALL.into_iter().filter(allows).collect()
    }
}

fn parameters(variant: &str) -> Value {
    let kinds = Kind::allowed(variant);
    let says: Vec<&str> = kinds.iter().map(|kind| kind.says()).collect();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let mut properties = json!({
        "kind": {"type": "string", "enum": names, "description": says.join("; ")},
        "text": {"type": "string", "description": "The answer, or why nothing is to change"},
        "question": {"type": "string", "description": "One question a person can answer in a sentence"},
        "choices": {"type": "array", "items": {"type": "string"}, "description": "Offered answers"}
    });
    let mut add = |name: &str, value: Value| {
        if let Some(map) = properties.as_object_mut() {
            map.insert(name.to_owned(), value);
        }
    };
    if kinds.contains(&Kind::Proposal) {
        add(
            "title",
            json!({"type": "string", "description": "One line in the imperative: the commit's subject"}),
        );
        add(
            "summary",
            json!({"type": "string", "description": "What was changed and why; for a plan: what will be done"}),
        );
    }
    if kinds.contains(&Kind::Plan) {
        add(
            "confidence",
            json!({"type": "number", "minimum": 0, "maximum": 1, "description": "How sure you are that the plan does what is wanted, from 0 to 1"}),
        );
        add(
            "tasks",
            json!({"type": "array", "maxItems": PLAN_TASKS, "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "Short and unique, e.g. `t1`"},
                    "role": {"type": "string", "description": "Who does it (default `coder`)"},
                    "title": {"type": "string", "description": "One line"},
                    "text": {"type": "string", "description": "What to do: files, behaviour, how to check it"},
                    "needs": {"type": "array", "items": {"type": "string"}, "description": "Ids of the tasks whose result it starts from"},
                    "estimate_steps": {"type": "integer", "description": "Model calls you expect it takes"}
                },
                "required": ["id", "title", "text"]
            }}),
        );
    }
    json!({"type": "object", "properties": properties, "required": ["kind"]})
}

fn prepare(fields: &mut Fields, given: &Given<'_>) -> Result<Step, String> {
    let allowed = Kind::allowed(given.variant);
    let parts = Parts::take(fields)?;
    let kind = kind(fields, &parts)?;
    if !allowed.contains(&kind) {
        let names: Vec<&str> = allowed.iter().map(|kind| kind.name()).collect();
        return Err(format!(
            "you can't submit a `{}` in this role; kinds: {}",
            kind.name(),
            names.join(", ")
        ));
    }
    Ok(Step::Submitted(match kind {
        Kind::Plan => Submission::Plan(plan(parts)?),
        Kind::Proposal => proposal(parts)?,
        Kind::Question => question(parts)?,
        Kind::Answer => Submission::Answer(body(parts, "text")?),
        Kind::NoChange => Submission::NoChange(body(parts, "text: why")?),
    }))
}

/// Everything a submission may hold; empty texts are none.
struct Parts {
    title: Option<String>,
    summary: Option<String>,
    text: Option<String>,
    question: Option<String>,
    choices: Vec<String>,
    confidence: Option<Value>,
    tasks: Option<Vec<Value>>,
}

impl Parts {
    fn take(fields: &mut Fields) -> Result<Self, String> {
        let mut text = |names: &[&str]| Ok::<_, String>(fields.text(names)?.and_then(|text| said(&text)));
        let title = text(&["title", "subject", "commit_message"])?;
        let summary = text(&["summary", "description"])?;
        let said = text(&["text", "answer", "why", "reason", "message", "content", "result"])?;
        let question = text(&["question", "questions"])?;
        let choices = match fields.value(&["choices", "options"]) {
            Some(Value::Array(list)) => list.iter().filter_map(short).take(CHOICES).collect(),
            _ => Vec::new(),
        };
        // some models nest the plan: {"plan":{"tasks":[…]}}
        let nested = match fields.value(&["plan"]) {
            Some(Value::Object(map)) => Some(map),
            Some(list @ Value::Array(_)) => Some([("tasks".to_owned(), list)].into_iter().collect()),
            _ => None,
        };
        let mut inner = nested.map(Fields::nested);
        let mut either = |names: &[&str]| fields.value(names).or_else(|| inner.as_mut()?.value(names));
        let confidence = either(&["confidence"]);
        let tasks = match either(&["tasks", "steps", "subtasks"]) {
            None => None,
            Some(Value::Array(list)) => Some(list),
            Some(Value::String(text)) => match serde_json::from_str(&text) {
                Ok(Value::Array(list)) => Some(list),
                _ => return Err("`tasks` is a list of objects".to_owned()),
            },
            Some(_) => return Err("`tasks` is a list of objects".to_owned()),
        };
        let summary = match (summary, inner.as_mut()) {
            (None, Some(inner)) => inner.text(&["summary", "description"])?,
            (summary, _) => summary,
        };
        Ok(Self { title, summary, text: said, question, choices, confidence, tasks })
    }

    /// The longer text, wherever the model put it.
    fn words(&self) -> Option<&String> {
        self.text.as_ref().or(self.summary.as_ref()).or(self.question.as_ref()).or(self.title.as_ref())
    }
}

fn kind(fields: &mut Fields, parts: &Parts) -> Result<Kind, String> {
    let Some(name) = fields.text(&["kind", "type", "outcome", "status"])?.and_then(|name| said(&name)) else {
        let has_tasks = parts.tasks.as_ref().is_some_and(|tasks| !tasks.is_empty());
        return Ok(match parts {
            _ if has_tasks => Kind::Plan,
            Parts { question: Some(_), .. } => Kind::Question,
            Parts { text: Some(_), title: None, summary: None, .. } => Kind::Answer,
            _ => Kind::Proposal,
        });
    };
    let name = name.to_ascii_lowercase().replace(['-', ' '], "_");
    let found =
        Kind::ALL.into_iter().find(|kind| kind.name() == name || kind.also().contains(&name.as_str()));
    found.ok_or_else(|| format!("there is no kind `{}`", view::line(&name)))
}

fn proposal(parts: Parts) -> Result<Submission, String> {
    let words = parts.words().cloned().ok_or("a proposal needs `title` and `summary`")?;
    let title = parts.title.as_deref().unwrap_or(&words);
    let summary = parts.summary.as_deref().or(parts.text.as_deref()).unwrap_or(&words);
    Ok(Submission::Proposal { title: one_line(title), summary: view::shorten(summary, TEXT_BYTES) })
}

fn question(parts: Parts) -> Result<Submission, String> {
    let text = parts.question.as_ref().or_else(|| parts.words()).ok_or("`question` is missing")?;
    Ok(Submission::Question(Question { text: view::shorten(text, TEXT_BYTES), choices: parts.choices }))
}

fn body(parts: Parts, name: &str) -> Result<String, String> {
    let words = parts.words().ok_or_else(|| format!("`{name}` is missing"))?;
    Ok(view::shorten(words, TEXT_BYTES))
}

fn plan(parts: Parts) -> Result<Plan, String> {
    let list = parts.tasks.as_deref().unwrap_or_default();
    let tasks =
        list.iter().enumerate().map(|(at, value)| task(at + 1, value)).collect::<Result<Vec<_>, _>>()?;
    let first = tasks.first().map(|task| task.title.clone()).unwrap_or_default();
    let summary = parts.summary.or(parts.text).or(parts.title).unwrap_or(first);
    let confidence = confidence(parts.confidence.as_ref())?;
    let plan = Plan { summary: view::shorten(&summary, TEXT_BYTES), tasks, confidence };
    // What the run would refuse, the model is told while it can mend it.
    plan.check().map_err(|bad| format!("{bad}; {}", bad.hint()))?;
    let bytes = serde_json::to_vec(&plan).map_err(|error| error.to_string())?.len();
    if bytes > PLAN_BYTES {
        let (bytes, most) = (view::grouped(bytes as u64), view::grouped(PLAN_BYTES as u64));
        return Err(format!(
            "the plan has {bytes} bytes, at most {most} are taken; make the tasks' texts shorter"
        ));
    }
    Ok(plan)
}

fn task(number: usize, value: &Value) -> Result<Task, String> {
    let map = match value {
        Value::Object(map) => map.clone(),
        Value::String(text) => [("title".to_owned(), Value::String(text.clone()))].into_iter().collect(),
        _ => return Err(format!("task {number} is not an object")),
    };
    let mut fields = Fields::nested(map);
    let id = match fields.text(&["id", "key"])? {
        Some(text) => task_id(&text).unwrap_or_else(|| view::line(&text)),
        None => format!("t{number}"),
    };
    let mut words = |names: &[&str]| Ok::<_, String>(fields.text(names)?.and_then(|text| said(&text)));
    let role =
        words(&["role", "agent", "assignee"])?.unwrap_or_else(|| "coder".to_owned()).to_ascii_lowercase();
    let title = words(&["title", "name", "task", "summary"])?;
    let text = words(&["text", "description", "details", "instructions", "prompt"])?;
    let Some(either) = title.clone().or_else(|| text.clone()) else {
        return Err(format!("task {id} needs a `title` and a `text`"));
    };
    let needs = match fields.value(&["needs", "depends_on", "dependencies", "after", "blocked_by"]) {
        Some(Value::Array(list)) => list,
        Some(one @ (Value::String(_) | Value::Number(_))) => vec![one],
        _ => Vec::new(),
    };
    let needs = needs.iter().map(|need| need.as_str().map_or_else(|| need.to_string(), str::to_owned));
    let needs = needs.filter(|need| !need.trim().is_empty()).map(|need| task_id(&need).unwrap_or(need));
    let estimate = fields.number(&["estimate_steps", "estimate", "steps"])?;
    Ok(Task {
        id: TaskId::new(id),
        role: view::line(&role),
        title: one_line(&title.unwrap_or_else(|| either.clone())),
        text: view::shorten(&text.unwrap_or(either), TEXT_BYTES),
        needs: needs.map(|need| TaskId::new(view::line(&need))).collect(),
        estimate_steps: estimate.map(|steps| u32::try_from(steps).unwrap_or(u32::MAX)),
    })
}

/// `Task 1` → `task-1`; None when nothing legal is left.
fn task_id(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let id: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let id = id.trim_matches('-');
    (1..=NAME_BYTES).contains(&id.len()).then(|| id.to_owned())
}

/// Percent, from a number from 0 to 1 as everything tells the model; what is above 1 can only mean percent, up to 100; so
/// does `85%`. Words count too. None stated: [`CONFIDENCE`].
fn confidence(value: Option<&Value>) -> Result<u8, String> {
    let text = match value {
        None => return Ok(CONFIDENCE),
        Some(Value::String(text)) => text.trim().to_ascii_lowercase(),
        Some(other) => other.to_string(),
    };
    let number = match text.as_str() {
        "" => return Ok(CONFIDENCE),
        "very high" | "certain" => 95.0,
        "high" => 85.0,
        "medium" | "moderate" => 60.0,
        "low" => 30.0,
        "very low" => 10.0,
        text => match (text.trim_end_matches('%').trim_end().parse::<f64>(), text.ends_with('%')) {
            (Ok(number), false) if number <= 1.0 => number * 100.0,
            (Ok(number), _) => number,
            (Err(_), _) => f64::NAN,
        },
    };
    match (0.0..=100.0).contains(&number) {
        true => Ok(number.round() as u8),
        false => Err("`confidence` is a number from 0 to 1".to_owned()),
    }
}

/// Text without control characters and outer blanks; None when nothing is left.
fn said(text: &str) -> Option<String> {
    let clean = view::terminal(text.trim().as_bytes()).text;
    (!clean.trim().is_empty()).then(|| clean.trim().to_owned())
}

fn short(value: &Value) -> Option<String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    said(&text).map(|text| one_line(&text))
}

fn one_line(text: &str) -> String {
    view::shorten(text.lines().next().unwrap_or_default().trim(), TITLE_BYTES)
}
