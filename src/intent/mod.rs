//! ASK: what somebody wants, as a value. Pure.

pub mod command;
pub mod cut;
pub mod mention;
pub mod notice;
pub mod policy;
pub mod prose;
pub mod reply;

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

/// What is wanted. More verbs come with more commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Plan, work, verify, publish.
    Build,
}

impl Verb {
    /// The word of the command that asks for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Build => command::Command::Build.row().word,
        }
    }
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

    /// A wish to build from an issue and what a person with permission said about it. Their words come first, so that
    /// a long issue can't push them out; what a reader of the issue does not see is left out.
    pub fn of_issue(title: &str, body: &str, said: &str) -> Result<Self, IntentError> {
        let text = asked(title, body, said);
        let title = cut::line(title, TITLE_BYTES);
        if title.is_empty() {
            return Self::build(&text, None);
        }
        Ok(Self { verb: Verb::Build, title, text: cut::text(&text, TEXT_BYTES), role: None })
    }
}

/// What is asked for, uncut, without what a reader of the issue does not see.
pub fn whole(title: &str, body: &str, said: &str) -> String {
    let text = asked(title, body, said);
    if text == title { text } else { format!("{title}\n\n{text}") }
}

fn asked(title: &str, body: &str, said: &str) -> String {
    let (body, said) = (prose::visible(body), prose::visible(said));
    match (body.as_str(), said.as_str()) {
        ("", "") => title.to_owned(),
        ("", said) => said.to_owned(),
        (body, "") => body.to_owned(),
        (body, said) => format!("{said}\n\nThe issue, in its author's words:\n\n{body}"),
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
    fn an_issue_becomes_an_intent() {
        let check = |title: &str, body: &str, said: &str, expected: Option<(&str, &str)>| {
            let intent = Intent::of_issue(title, body, said).ok();
            let seen = intent.as_ref().map(|i| (i.title.as_str(), i.text.as_str()));
            assert_eq!(seen, expected, "{title:?} {body:?} {said:?}");
        };
        check("Sum", "It is off.", "", Some(("Sum", "It is off.")));
        check("Sum", " \r\n", "", Some(("Sum", "Sum")));
        check("Sum", "<!-- say what -->", "soon", Some(("Sum", "soon")));
        let both = "only src\n\nThe issue, in its author's words:\n\nIt is off.";
        check("# Sum\n", "It is off.\r\n", "only src", Some(("# Sum", both)));
        check("\u{200b}", "It is off.", "", Some(("It is off.", "It is off.")));
        check("", "", "", None);
        let long = Intent::of_issue("Sum", &"long ".repeat(5_000), "only src").expect("an intent");
        assert!(long.text.len() <= TEXT_BYTES && long.text.starts_with("only src\n"));
    }

    #[test]
    fn a_role_must_be_a_name() {
        assert!(Intent::build("x", Some("coder")).is_ok());
        for bad in ["", "Coder", "a b", "../x", "aaaaaaaaaaaaaaaaaaaaa"] {
            assert!(matches!(Intent::build("x", Some(bad)), Err(IntentError::BadRole(_))), "{bad:?}");
        }
    }
}
