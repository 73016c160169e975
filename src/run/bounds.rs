//! Cuts every text of an event to its size in [`crate::limits::run`], so that an event fits its wire form and a run
//! can carry what it is told. Facts are never cut: a failing command stays in its receipt, a plan that is too long
//! stays too long. Cutting what was cut changes nothing, so a replay sees the same.

use super::{Event, Plan, Proposal, Question, Receipt};
use crate::{
    ids::TaskId,
    intent::cut,
    limits::run::{
        CHOICES, CONFLICT_FILES, LINE_BYTES, MESSAGE_BYTES, NAME_BYTES, PLAN_NEEDS, PLAN_TASKS,
        PLAN_TEXT_BYTES, RECEIPT_COMMANDS, RECEIPT_NOTES, TEXT_BYTES, TITLE_BYTES,
    },
    report::Report,
};

impl Event {
    /// The event with every text cut to its bound. [`super::step()`] does this itself; whoever stores events does it
    /// before, so that what is stored is what was decided on.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        match &mut self {
            Self::Planned { plan, draft, .. } => {
                bound_plan(plan);
                draft.iter_mut().for_each(bound_proposal);
            }
            Self::Asked { question, .. } => bound_question(question),
            Self::Answered { text, .. } | Self::AnswerGiven { text } => *text = cut::text(text, TEXT_BYTES),
            Self::NoChange { why, .. } => *why = cut::text(why, TEXT_BYTES),
            Self::TaskDone { proposal, .. } => bound_proposal(proposal),
            Self::TaskFailed { report, .. }
            | Self::ChangeRefused { report, .. }
            | Self::EffectRefused { report, .. } => bound_report(report),
            Self::Conflicted { files, .. } => bound_files(files),
            Self::Verified { receipt, .. } | Self::VerifyFailed { receipt, .. } => bound_receipt(receipt),
            Self::Unverified { why, receipt, .. } => {
                *why = cut::text(why, MESSAGE_BYTES);
                bound_receipt(receipt);
            }
            Self::Published { branch, .. } | Self::Moved { branch, .. } => {
                *branch = cut::line(branch, LINE_BYTES)
            }
            Self::Gone { what } => *what = cut::line(what, LINE_BYTES),
            Self::Started
            | Self::Snapshotted(_)
            | Self::Merged { .. }
            | Self::OutOfBudget { .. }
            | Self::Idled { .. }
            | Self::Approved
            | Self::Retried
            | Self::Cancelled
            | Self::PullEnded { .. }
            | Self::Woke => {}
        }
        self
    }
}

fn bound_plan(plan: &mut Plan) {
    plan.summary = cut::text(&plan.summary, MESSAGE_BYTES);
    // One more than is legal, so that the plan is still refused for its length.
    plan.tasks.truncate(PLAN_TASKS + 1);
    let share = (PLAN_TEXT_BYTES / plan.tasks.len().max(1)).min(TEXT_BYTES);
    let mut needs_left = PLAN_NEEDS + 1;
    for task in &mut plan.tasks {
        task.id = bound_name(&task.id);
        task.role = cut::line(&task.role, NAME_BYTES + 3);
        task.title = cut::line(&task.title, TITLE_BYTES);
        task.text = cut::text(&task.text, share);
        task.needs.truncate(needs_left);
        needs_left -= task.needs.len();
        task.needs.iter_mut().for_each(|n| *n = bound_name(n));
    }
}

/// Long enough that an illegal name stays illegal.
fn bound_name(id: &TaskId) -> TaskId {
    TaskId::new(cut::line(id.as_str(), NAME_BYTES + 3))
}

fn bound_proposal(proposal: &mut Proposal) {
    proposal.title = cut::line(&proposal.title, TITLE_BYTES);
    proposal.summary = cut::text(&proposal.summary, TEXT_BYTES);
}

fn bound_question(question: &mut Question) {
    question.text = cut::text(&question.text, MESSAGE_BYTES);
    question.choices.truncate(CHOICES);
    question.choices.iter_mut().for_each(|c| *c = cut::line(c, TITLE_BYTES));
}

fn bound_report(report: &mut Report) {
    report.code = cut::line(&report.code, NAME_BYTES * 2);
    report.message = cut::text(&report.message, MESSAGE_BYTES);
    report.hint = cut::text(&report.hint, LINE_BYTES);
}

fn bound_files(files: &mut Vec<String>) {
    let more = files.len().saturating_sub(CONFLICT_FILES);
    if more > 0 {
        files.truncate(CONFLICT_FILES - 1);
        files.push(format!("… and {} more", more + 1));
    }
    files.iter_mut().for_each(|f| *f = cut::line(f, LINE_BYTES));
}

fn bound_receipt(receipt: &mut Receipt) {
    let more = receipt.commands.len().saturating_sub(RECEIPT_COMMANDS);
    if more > 0 {
        // What failed must stay: a receipt never looks better after it was cut.
        receipt.commands.sort_by_key(|c| (c.exit_code == Some(0), c.tests_run == Some(0)));
        receipt.commands.truncate(RECEIPT_COMMANDS);
        receipt.notes.insert(0, format!("{more} more commands ran; the failing ones are shown first"));
    }
    receipt.commands.iter_mut().for_each(|c| c.command = cut::line(&c.command, LINE_BYTES));
    let more = receipt.notes.len().saturating_sub(RECEIPT_NOTES);
    if more > 0 {
        receipt.notes.truncate(RECEIPT_NOTES - 1);
        receipt.notes.push(format!("{} more notes", more + 1));
    }
    receipt.notes.iter_mut().for_each(|n| *n = cut::line(n, LINE_BYTES));
}
