//! A plan: a graph of tasks. `check` refuses graphs that can't be carried out.

use crate::ids::TaskId;
use serde::{Deserialize, Serialize};

/// A graph of tasks with dependencies, a role each, a confidence and an estimate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What will be done, in a few sentences.
    pub summary: String,
    /// In plan order: merges happen in this order, not in order of arrival.
    pub tasks: Vec<Task>,
    /// How sure the planner is, in percent (0–100).
    pub confidence: u8,
}

/// One piece of work for one role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Unique in the plan, `[a-z0-9-]{1,20}`.
    pub id: TaskId,
    /// The role that does it, e.g. `coder`.
    pub role: String,
    /// One line.
    pub title: String,
    /// What to do, for the agent.
    pub text: String,
    /// Tasks whose merged result this one starts from.
    pub needs: Vec<TaskId>,
    /// Steps (model calls) the planner expects.
    pub estimate_steps: Option<u32>,
}
