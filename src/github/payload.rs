//! The fields of GitHub's payloads that we use, as GitHub has them, and how they become ours.
//!
//! Everything else in a payload is skipped unread. What GitHub leaves out at times is an `Option` here; an id of 0 is
//! nobody's and does not parse.

use super::date;
use crate::{
    clock::Timestamp,
    intent::{
        cut,
        notice::{Account, AccountKind, Ignore, RepoRef},
    },
    limits::webhook::{MALFORMED_BYTES, NAME_BYTES},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use std::{fmt, num::NonZeroU64};

#[derive(Deserialize)]
pub(super) struct Commented {
    pub(super) installation: Option<Identity>,
    pub(super) repository: Repository,
    pub(super) issue: Issue,
    pub(super) comment: Comment,
    pub(super) sender: User,
}

/// A comment on a line of a pull request's diff.
#[derive(Deserialize)]
pub(super) struct OnLine {
    installation: Option<Identity>,
    repository: Repository,
    pull_request: Reviewed,
    comment: Comment,
    sender: User,
}

/// A review of a pull request.
#[derive(Deserialize)]
pub(super) struct Review {
    installation: Option<Identity>,
    repository: Repository,
    pull_request: Reviewed,
    review: ReviewText,
    sender: User,
}

/// The pull request of a review.
#[derive(Deserialize)]
struct Reviewed {
    number: NonZeroU64,
    title: String,
    body: Option<String>,
    user: Option<Identity>,
}

#[derive(Deserialize)]
struct ReviewText {
    id: NonZeroU64,
    body: Option<String>,
    submitted_at: String,
    user: User,
}

#[derive(Deserialize)]
pub(super) struct Closed {
    pub(super) installation: Option<Identity>,
    pub(super) repository: Repository,
    pub(super) pull_request: Pull,
}

#[derive(Deserialize)]
pub(super) struct ThreadGone {
    pub(super) repository: Repository,
    pub(super) issue: Numbered,
}

#[derive(Deserialize)]
pub(super) struct RepoGone {
    pub(super) repository: Identity,
}

#[derive(Deserialize)]
pub(super) struct InstallationGone {
    pub(super) installation: Identity,
}

#[derive(Deserialize)]
pub(super) struct Removed {
    pub(super) repositories_removed: Vec<Identity>,
}

#[derive(Deserialize)]
pub(super) struct Added {
    pub(super) repositories_added: Vec<Identity>,
}

#[derive(Deserialize)]
pub(super) struct Identity {
    pub(super) id: NonZeroU64,
}

#[derive(Deserialize)]
pub(super) struct Numbered {
    pub(super) number: NonZeroU64,
}

#[derive(Deserialize)]
pub(super) struct User {
    id: NonZeroU64,
    login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) id: NonZeroU64,
    name: String,
    owner: Owner,
    private: bool,
}

#[derive(Deserialize)]
struct Owner {
    login: String,
}

#[derive(Deserialize)]
pub(super) struct Issue {
    pub(super) number: NonZeroU64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    /// None: the account is gone.
    pub(super) user: Option<Identity>,
    /// There only when the issue is a pull request.
    pub(super) pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Comment {
    pub(super) id: NonZeroU64,
    pub(super) body: Option<String>,
    pub(super) created_at: String,
    pub(super) user: User,
    pub(super) performed_via_github_app: Option<Identity>,
}

#[derive(Deserialize)]
pub(super) struct Pull {
    pub(super) number: NonZeroU64,
    #[serde(default)]
    pub(super) merged: bool,
    pub(super) head: Head,
}

#[derive(Deserialize)]
pub(super) struct Head {
    #[serde(rename = "ref")]
    pub(super) name: String,
    /// None: the fork is gone.
    pub(super) repo: Option<Identity>,
}

fn is_braced(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// The payload, or what is wrong with it. Only an object is a payload.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Ignore> {
    if !is_braced(body) {
        return Err(malformed("the body is not a JSON object"));
    }
    serde_json::from_slice(body).map_err(|why| malformed(&why.to_string()))
}

/// What is done to what it is about. GitHub says it first: nothing behind it is read, so that a payload that is large is read once.
pub(super) fn action(body: &[u8]) -> Result<Option<String>, Ignore> {
    if !is_braced(body) {
        return Err(malformed("the body is not a JSON object"));
    }
    let mut found = None;
    let read = Action(&mut found).deserialize(&mut serde_json::Deserializer::from_slice(body));
    match (found, read) {
        (Some(action), _) => Ok(action),
        (None, Ok(())) => Ok(None),
        (None, Err(why)) => Err(malformed(&why.to_string())),
    }
}

/// Reads an object up to its `action`.
struct Action<'a>(&'a mut Option<Option<String>>);

impl<'de> DeserializeSeed<'de> for Action<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Action<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "action" {
                *self.0 = Some(map.next_value()?);
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A date of RFC 3339 in our time, cut to milliseconds.
pub(super) fn timestamp(text: &str) -> Result<Timestamp, Ignore> {
    date::read(text).ok_or_else(|| malformed(&format!("a date: {text:?}")))
}

/// A reason that is short and can be shown: it may quote the payload.
pub(super) fn malformed(why: &str) -> Ignore {
    Ignore::Malformed(cut::line(why, MALFORMED_BYTES))
}

/// A pull request as the issue that it is too.
impl From<Reviewed> for Issue {
    fn from(pull: Reviewed) -> Self {
        let Reviewed { number, title, body, user } = pull;
        Self { number, title, body, user, pull_request: Some(serde::de::IgnoredAny) }
    }
}

impl From<OnLine> for Commented {
    fn from(told: OnLine) -> Self {
        let OnLine { installation, repository, pull_request, comment, sender } = told;
        Self { installation, repository, issue: pull_request.into(), comment, sender }
    }
}

impl From<Review> for Commented {
    fn from(told: Review) -> Self {
        let Review { installation, repository, pull_request, review, sender } = told;
        let ReviewText { id, body, submitted_at: created_at, user } = review;
        let comment = Comment { id, body, created_at, user, performed_via_github_app: None };
        Self { installation, repository, issue: pull_request.into(), comment, sender }
    }
}

impl User {
    pub(super) fn account(self) -> Account {
        let kind = match self.kind.as_deref() {
            Some("User") => AccountKind::User,
            Some("Bot") => AccountKind::Bot,
            Some("Organization") => AccountKind::Organization,
            _ => AccountKind::Other,
        };
        Account { id: self.id.get(), login: self.login, kind }
    }
}

impl Repository {
    /// The two names become parts of addresses: one that could be anything else there is refused.
    pub(super) fn reference(self) -> Result<RepoRef, Ignore> {
        let (owner, name) = (self.owner.login, self.name);
        if let Some(bad) = [&owner, &name].into_iter().find(|n| !is_name(n)) {
            return Err(malformed(&format!("{bad:?} is not the name of an owner or a repository")));
        }
        Ok(RepoRef { id: self.id.get(), owner, name, is_private: self.private })
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && text.bytes().any(|b| b != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_github_writes_them() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(timestamp(text).ok().map(|t| t.0), expected, "{text:?}");
        };
        check("2019-05-15T15:20:21Z", Some(1_557_933_621_000));
        check("2019-05-15T15:20:21+00:00", Some(1_557_933_621_000));
        check("2019-05-15T11:20:21.250-04:00", Some(1_557_933_621_250));
        check("1970-01-01T00:00:00Z", Some(0));
        check("1969-12-31T23:59:59.999Z", Some(-1));
        check("9999-12-31T23:59:59Z", Some(253_402_300_799_000));
        for bad in ["", "now", "2019-05-15", "2019-05-15 15:20", "2019-13-15T15:20:21Z", "1557933621"] {
            check(bad, None);
        }
    }

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        for good in ["octocat", "Hello-World", "a_b", ".github", "x.y", "0"] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "a%2fb", "ä", "a?b", &"x".repeat(NAME_BYTES + 1)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
