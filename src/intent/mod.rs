//! ASK: what somebody wants, as a value. Pure.

use serde::{Deserialize, Serialize};

/// A wish that passed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is wanted.
    pub verb: Verb,
    /// One line, without the leading `#` of an issue.
    pub title: String,
    /// The whole request; untrusted text, cut to [`crate::limits::run::TEXT_BYTES`] (the rest is in the store).
    pub text: String,
    /// Skip planning: one task with this role does it (`quantum run --role`).
    pub role: Option<String>,
}

/// What is wanted. More verbs come with the App.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Plan, work, verify, publish.
    Build,
}
