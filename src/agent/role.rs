//! An agent as data: prompt, tools, bounds. No code per role.

use crate::limits::agent as limits;

/// One kind of agent.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name in plans and assignments.
    pub name: &'static str,
    /// Its first message, a template in `prompts/`.
    pub prompt: &'static str,
    /// What it may call; `submit:plan` and `submit:proposal` are two faces of one tool.
    pub tools: &'static [&'static str],
    /// Most tokens of one answer.
    pub max_output_tokens: u32,
}

/// All roles. The first is the one for names that nobody knows.
pub const ROLES: &[Role] = &[
    Role {
        name: "coder",
        prompt: "coder.md",
        tools: &["shell", "read", "edit", "write", "search", "submit:proposal"],
        max_output_tokens: limits::OUTPUT_TOKENS,
    },
    Role {
        name: "planner",
        prompt: "planner.md",
        tools: &["shell", "read", "edit", "write", "search", "submit:plan"],
        max_output_tokens: limits::OUTPUT_TOKENS,
    },
    Role {
        name: "fixer",
        prompt: "fixer.md",
        tools: &["shell", "read", "edit", "write", "search", "submit:proposal"],
        max_output_tokens: limits::OUTPUT_TOKENS,
    },
];

/// Tools that can change files: done again when a work resumes in a new workspace.
pub(super) const CHANGES_FILES: &[&str] = &["shell", "edit", "write"];

impl Role {
    /// The role of this name; a plan's own names (tester, docs …) are coders with that title.
    pub fn named(name: &str) -> &'static Self {
        ROLES.iter().find(|role| role.name == name).unwrap_or(&ROLES[0])
    }

    /// Whether a plan is a result it may submit.
    pub fn plans(&self) -> bool {
        self.tools.contains(&"submit:plan")
    }
}
