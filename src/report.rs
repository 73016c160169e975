//! Errors for three readers: the person in the thread, the operator in the log, the model in its next step.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::error::Error;

/// What kind of failure it is; the class alone decides what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// May succeed when tried again: network, rate limit, a server's own trouble. Retried with a bound.
    Transient,
    /// Will be refused again until a person changes something. Told to the person, with the hint.
    Refused,
    /// A bug or damage. Stops and is reported.
    Broken,
}

/// An error that says what the reader can do next.
pub trait Hint: Error {
    /// A stable word for programs, e.g. `no_commit`.
    fn code(&self) -> &'static str;
    /// What to do next, one sentence; never internal text.
    fn hint(&self) -> String;
    /// What kind of failure this is.
    fn class(&self) -> Class;
    /// The soonest that it may be tried again, when somebody said so.
    fn not_before(&self) -> Option<Timestamp> {
        None
    }

    /// The three as a value that can be stored, sent and shown.
    fn report(&self) -> Report {
        let mut message = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        let (code, hint) = (self.code().to_owned(), self.hint());
        Report { code, message, hint, class: self.class(), not_before: self.not_before() }
    }
}

/// An error as data: what failed, what to do next, and the class that decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// A stable word for programs.
    pub code: String,
    /// What failed.
    pub message: String,
    /// What the reader can do next.
    pub hint: String,
    /// What kind of failure it is.
    pub class: Class,
    /// The soonest that it may be tried again, when somebody said so. Of the moment: it is not kept.
    #[serde(skip)]
    pub not_before: Option<Timestamp>,
}

impl Report {
    /// A report made by hand where no error type exists.
    pub fn new(class: Class, code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), hint: hint.into(), class, not_before: None }
    }

    /// For a terminal: two lines.
    pub fn terminal(&self) -> String {
        if self.hint.is_empty() {
            format!("error: {}", self.message)
        } else {
            format!("error: {}\n  hint: {}", self.message, self.hint)
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Report {}

impl Hint for Report {
    fn code(&self) -> &'static str {
        "report"
    }
    fn hint(&self) -> String {
        self.hint.clone()
    }
    fn class(&self) -> Class {
        self.class
    }
    fn report(&self) -> Report {
        self.clone()
    }
}
