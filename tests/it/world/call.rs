//! One request as a route sees it: read, matched and let in.

use super::{
    answer::Answer,
    state::{RepoId, State, Token, UserId},
};
use serde_json::Value;

/// Whose request it is.
#[derive(Clone, Debug)]
pub(super) enum Who {
    Nobody,
    /// The App itself, by JWT.
    App,
    /// An installation, by its token.
    Installation(Token),
    /// A person, by a token of their own.
    Person(UserId),
}

#[derive(Debug)]
pub(crate) struct Call {
    /// Without the query, still percent-encoded.
    pub(super) path: String,
    /// The values of the template's parameters, decoded.
    pub(super) params: Vec<(&'static str, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
    pub(super) who: Who,
    pub(super) repo: Option<RepoId>,
    pub(super) base: String,
}

impl Call {
    /// A parameter of the path; the table guarantees that it is there.
    pub(super) fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {{{name}}} in {}", self.path))
    }

    /// A parameter that is a number; anything else is nothing GitHub has.
    pub(super) fn id(&self, name: &str) -> Result<u64, Answer> {
        self.param(name).parse().map_err(|_| Answer::not_found())
    }

    pub(super) fn repo(&self) -> RepoId {
        self.repo.unwrap_or_else(|| panic!("{} has no repository", self.path))
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.query(name)?.parse().ok()
    }

    /// A text of the body.
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.body.get(field)?.as_str()
    }

    /// A text of the body that must be there and not blank.
    pub(super) fn needed(&self, resource: &str, field: &str) -> Result<&str, Answer> {
        let text = self.text(field).filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| Answer::invalid(resource, field, "missing_field"))
    }

    /// Who acts, and whether the App does it for them.
    pub(super) fn actor(&self, state: &State) -> (UserId, bool) {
        match self.who {
            Who::Person(user) => (user, false),
            _ => (state.app.bot, true),
        }
    }

    /// This URL with other query values, as an entry of a `Link` header.
    pub(super) fn link(&self, changed: &[(&str, &str)], rel: &str) -> String {
        let kept = self.query.iter().filter(|(key, _)| changed.iter().all(|(name, _)| name != key));
        let mut pairs: Vec<String> = kept.map(|(key, value)| format!("{key}={value}")).collect();
        pairs.extend(changed.iter().map(|(key, value)| format!("{key}={value}")));
        format!("<{}{}?{}>; rel=\"{rel}\"", self.base, self.path, pairs.join("&"))
    }
}

/// `%2F` and the like; a broken escape stays as it is.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|two| u8::from_str_radix(two, 16).ok());
        if let (b'%', Some(byte)) = (bytes[at], hex) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The pairs of a query string.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(key), decoded(&value.replace('+', " ")))
        })
        .collect()
}
