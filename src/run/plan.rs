//! A plan: a graph of tasks. [`Plan::check`] refuses graphs that can't be carried out.

use crate::{
    ids::TaskId,
    intent::is_name,
    limits::run::{NAME_BYTES, PLAN_NEEDS, PLAN_TASKS, SMALL_PLAN_TASKS, SURE_PERCENT},
    report::{Class, Hint},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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

/// Why a plan can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No task.
    #[error("the plan has no task")]
    Empty,
    /// More than a person can review.
    #[error("the plan has more than {PLAN_TASKS} tasks")]
    TooLong,
    /// More edges than a person can follow.
    #[error("the plan's tasks need each other more than {PLAN_NEEDS} times")]
    TooTangled,
    /// An id that is no name or is ours.
    #[error("{0:?} can't be the id of a task")]
    BadId(String),
    /// The same id twice.
    #[error("the task {0} is there twice")]
    Twice(TaskId),
    /// A role that is no name.
    #[error("the task {0} has no legal role: {1:?}")]
    BadRole(TaskId, String),
    /// A plan in a plan.
    #[error("the task {0} is to plan again")]
    PlansAgain(TaskId),
    /// No title.
    #[error("the task {0} has no title")]
    NoTitle(TaskId),
    /// Needs a task that isn't in the plan.
    #[error("the task {0} needs {1}, which is not in the plan")]
    Unknown(TaskId, TaskId),
    /// Needs itself, at last.
    #[error("the task {0} needs itself, directly or through others")]
    Cycle(TaskId),
    /// More than 100 %.
    #[error("the confidence is {0} %, more than 100")]
    TooSure(u8),
    /// A draft does one task, not several.
    #[error("the planner made changes but planned {0} tasks")]
    DraftOfMany(usize),
}

impl Hint for PlanError {
    fn code(&self) -> &'static str {
        "bad_plan"
    }
    fn hint(&self) -> String {
        format!(
            "plan 1 to {PLAN_TASKS} tasks with different ids (not `plan` or `fix-…`), each with a title, a role other \
             than `planner`, and needs that name tasks of the plan without a circle, at most {PLAN_NEEDS} in all; ids \
             and roles are 1 to {NAME_BYTES} lower-case letters, digits and `-`"
        )
    }
    fn class(&self) -> Class {
        // the next attempt at planning is told, and may do better
        Class::Broken
    }
}

impl Plan {
    /// A plan of one task, `t1`, that somebody is sure of: `--role`, or a planner that did the work itself.
    pub fn single(role: &str, title: impl Into<String>, text: impl Into<String>) -> Self {
        let task = Task {
            id: TaskId::new("t1"),
            role: role.to_owned(),
            title: title.into(),
            text: text.into(),
            needs: Vec::new(),
            estimate_steps: None,
        };
        Self { summary: String::new(), tasks: vec![task], confidence: 100 }
    }

    /// Refuses a graph that can't be carried out: a plan is a model's word.
    pub fn check(&self) -> Result<(), PlanError> {
        if self.tasks.is_empty() {
            return Err(PlanError::Empty);
        }
        if self.tasks.len() > PLAN_TASKS {
            return Err(PlanError::TooLong);
        }
        if self.tasks.iter().map(|t| t.needs.len()).sum::<usize>() > PLAN_NEEDS {
            return Err(PlanError::TooTangled);
        }
        if self.confidence > 100 {
            return Err(PlanError::TooSure(self.confidence));
        }
        let mut ids = BTreeSet::new();
        for task in &self.tasks {
            task.check()?;
            if !ids.insert(&task.id) {
                return Err(PlanError::Twice(task.id.clone()));
            }
        }
        for task in &self.tasks {
            if let Some(unknown) = task.needs.iter().find(|n| !ids.contains(n)) {
                return Err(PlanError::Unknown(task.id.clone(), unknown.clone()));
            }
        }
        self.check_order()
    }

    /// Whether `approve_plan: auto` asks a person.
    pub(super) fn is_daring(&self) -> bool {
        self.confidence < SURE_PERCENT || self.tasks.len() > SMALL_PLAN_TASKS
    }

    /// Takes away what can be done until nothing is left; what is left over needs itself.
    fn check_order(&self) -> Result<(), PlanError> {
        let mut done: BTreeSet<&TaskId> = BTreeSet::new();
        for _ in &self.tasks {
            for task in &self.tasks {
                if task.needs.iter().all(|n| done.contains(n)) {
                    done.insert(&task.id);
                }
            }
        }
        match self.tasks.iter().find(|t| !done.contains(&t.id)) {
            Some(task) => Err(PlanError::Cycle(task.id.clone())),
            None => Ok(()),
        }
    }
}

impl Task {
    fn check(&self) -> Result<(), PlanError> {
        let id = self.id.as_str();
        // `plan` and `fix-N` are the run's own works.
        if !is_name(id) || id == "plan" || id.starts_with("fix-") {
            return Err(PlanError::BadId(id.to_owned()));
        }
        if !is_name(&self.role) {
            return Err(PlanError::BadRole(self.id.clone(), self.role.clone()));
        }
        // A planner's result is a plan, and this is one already.
        if self.role == "planner" {
            return Err(PlanError::PlansAgain(self.id.clone()));
        }
        if self.title.trim().is_empty() {
            return Err(PlanError::NoTitle(self.id.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(graph: &[(&str, &[&str])]) -> Plan {
        let tasks = graph.iter().map(|(id, needs)| Task {
            id: TaskId::new(*id),
            needs: needs.iter().map(|n| TaskId::new(*n)).collect(),
            ..Plan::single("coder", "title", "text").tasks.remove(0)
        });
        Plan { tasks: tasks.collect(), ..Plan::single("coder", "", "") }
    }

    #[test]
    fn graphs_that_can_not_be_carried_out_are_refused() {
        let check = |graph: &[(&str, &[&str])], expected: Result<(), &str>| {
            assert_eq!(plan(graph).check().map_err(|e| e.to_string()), expected.map_err(str::to_owned));
        };
        check(&[("t1", &[])], Ok(()));
        check(&[("t1", &["t2", "t3"]), ("t2", &["t3"]), ("t3", &[])], Ok(()));
        check(&[], Err("the plan has no task"));
        check(&[("t1", &["t1"])], Err("the task t1 needs itself, directly or through others"));
        check(
            &[("a", &[]), ("b", &["d"]), ("c", &["b"]), ("d", &["c"])],
            Err("the task b needs itself, directly or through others"),
        );
        check(&[("t1", &["t9"])], Err("the task t1 needs t9, which is not in the plan"));
        check(&[("t1", &[]), ("t1", &[])], Err("the task t1 is there twice"));
        for bad in ["", "T1", "a/b", "a b", "plan", "fix-1", "aaaaaaaaaaaaaaaaaaaaa"] {
            check(&[(bad, &[])], Err(&format!("{bad:?} can't be the id of a task")));
        }
        let none: &[&str] = &[];
        check(&[("t", none); PLAN_TASKS + 1], Err("the plan has more than 20 tasks"));
        let many: &[&str] = &["t"; PLAN_NEEDS + 1];
        check(&[("t", many)], Err("the plan's tasks need each other more than 60 times"));
    }

    #[test]
    fn roles_titles_and_confidence_are_checked() {
        let check = |change: fn(&mut Plan), expected: &str| {
            let mut plan = plan(&[("t1", &[])]);
            change(&mut plan);
            assert_eq!(plan.check().expect_err("refused").to_string(), expected);
        };
        check(|p| p.tasks[0].role.clear(), "the task t1 has no legal role: \"\"");
        check(|p| p.tasks[0].role = "planner".into(), "the task t1 is to plan again");
        check(|p| p.tasks[0].title = " ".into(), "the task t1 has no title");
        check(|p| p.confidence = 101, "the confidence is 101 %, more than 100");
    }
}
