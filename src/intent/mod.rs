//! ASK: what somebody wants, as a value. Pure.

pub mod cut;

use crate::{
    limits::run::{TEXT_BYTES, TITLE_BYTES},
    report::{Class, Hint},
};
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

/// Why a request is no wish.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntentError {
    /// Nothing was asked for.
    #[error("the request is empty")]
    Empty,
    /// Not the name of a role.
    #[error("{0:?} is not the name of a role")]
    BadRole(String),
}

impl Hint for IntentError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_request",
            Self::BadRole(_) => "bad_role",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::Empty => {
                "say in a sentence what should be changed, e.g. `quantum run \"fix the failing test\"`"
            }
            Self::BadRole(_) => "use a role's name in lower-case letters, digits and `-`, e.g. `coder`",
        }
        .to_owned()
    }
    fn class(&self) -> Class {
        Class::Refused
    }
}

impl Intent {
    /// A wish to build from a request or an issue's text: the first line that says something is the title, without
    /// the `#` of a heading. Texts are cut to [`crate::limits::run`]; an empty request is an error.
    pub fn build(request: &str, role: Option<&str>) -> Result<Self, IntentError> {
        let title = request
            .lines()
            .map(|l| cut::line(l.trim_start().trim_start_matches('#'), TITLE_BYTES))
            .find(|l| !l.is_empty())
            .ok_or(IntentError::Empty)?;
        if let Some(bad) = role.filter(|r| !is_name(r)) {
            return Err(IntentError::BadRole(cut::line(bad, TITLE_BYTES)));
        }
        let text = cut::text(request.trim_start_matches(['\r', '\n']), TEXT_BYTES);
        Ok(Self { verb: Verb::Build, title, text, role: role.map(str::to_owned) })
    }
}

/// `[a-z0-9-]{1,20}`: the names of tasks and roles.
pub fn is_name(text: &str) -> bool {
    (1..=crate::limits::run::NAME_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_becomes_an_intent() {
        let check = |request: &str, title: &str| {
            assert_eq!(Intent::build(request, None).map(|i| i.title), Ok(title.to_owned()), "{request:?}");
        };
        check("fix it", "fix it");
        check("# Fix it\n\nbody", "Fix it");
        check("\n\r\n  ## Fix\tit ##\nbody", "Fix it ##");
        check("#\n#12 is broken", "12 is broken");
        check(&"x".repeat(500), &format!("{}…", "x".repeat(TITLE_BYTES - 3)));
        for empty in ["", " \n\t", "#", "##\n\n", "\u{0}\u{1b}"] {
            assert_eq!(Intent::build(empty, None), Err(IntentError::Empty), "{empty:?}");
        }
        let long = Intent::build(&"word ".repeat(5_000), None).expect("an intent");
        assert!(long.text.len() <= TEXT_BYTES && long.text.ends_with("[cut here]"));
    }

    #[test]
    fn a_role_must_be_a_name() {
        assert!(Intent::build("x", Some("coder")).is_ok());
        for bad in ["", "Coder", "a b", "../x", "aaaaaaaaaaaaaaaaaaaaa"] {
            assert!(matches!(Intent::build("x", Some(bad)), Err(IntentError::BadRole(_))), "{bad:?}");
        }
    }
}
