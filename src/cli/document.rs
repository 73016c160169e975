//! The one document `quantum run --json` prints (docs/command-line.md). All keys are always present.

use super::Exit;
use crate::report::Report;
use serde::Serialize;

/// How a run ended, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Proposed,
    Answered,
    Question,
    NoChange,
    Unverified,
    Cancelled,
    OutOfBudget,
    Failed,
}

impl Outcome {
    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Proposed | Self::Unverified | Self::Answered | Self::NoChange => Exit::Done,
            Self::Failed | Self::Cancelled => Exit::Failed,
            Self::Question => Exit::Waiting,
            Self::OutOfBudget => Exit::OutOfBudget,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Document {
    pub(super) run: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) branch: Option<String>,
    pub(super) base: Option<String>,
    pub(super) head: Option<String>,
    pub(super) summary: String,
    pub(super) files: Vec<File>,
    pub(super) receipt: Vec<Line>,
    pub(super) verified: bool,
    pub(super) plan: Vec<PlanLine>,
    pub(super) cost: Cost,
    pub(super) question: Option<Asked>,
    pub(super) error: Option<Failure>,
    /// What a person should know about the receipt (no sandbox, no setup, old failures), each once.
    pub(super) notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) added: Option<u32>,
    pub(super) removed: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Line {
    pub(super) command: String,
    pub(super) exit_code: Option<i32>,
    pub(super) seconds: f64,
    pub(super) output_sha256: String,
    /// Tests that ran, when the runner is known.
    pub(super) tests_run: Option<u32>,
    /// The end of what it said, when it failed: whoever reads the receipt has no other way to it.
    pub(super) output_tail: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PlanLine {
    pub(super) id: String,
    pub(super) role: String,
    pub(super) title: String,
    pub(super) needs: Vec<String>,
    pub(super) state: crate::run::TaskState,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Cost {
    pub(super) usd: Option<f64>,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) model_calls: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Asked {
    pub(super) text: String,
    pub(super) choices: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) hint: String,
}

impl From<&Report> for Failure {
    fn from(report: &Report) -> Self {
        Self { code: report.code.clone(), message: report.message.clone(), hint: report.hint.clone() }
    }
}

impl Document {
    /// A run that failed before it had a plan, or before it was a run at all.
    pub(super) fn failed(report: &Report) -> Self {
        Self {
            run: None,
            outcome: Outcome::Failed,
            branch: None,
            base: None,
            head: None,
            summary: report.message.clone(),
            files: Vec::new(),
            receipt: Vec::new(),
            verified: false,
            plan: Vec::new(),
            cost: Cost { usd: Some(0.0), ..Cost::default() },
            question: None,
            error: Some(report.into()),
            notes: Vec::new(),
        }
    }
}
