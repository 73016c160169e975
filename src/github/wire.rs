//! GitHub's JSON: only the fields that we use. It stops here.

use super::{GitHubError, ask::Ask};
use crate::{
    ids::Sha,
    intent::notice::{Account, AccountKind},
};
use serde::Deserialize;

/// A repository, wherever one is told.
#[derive(Debug, Deserialize)]
pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) owner: Owner,
    #[serde(default)]
    pub(super) private: bool,
}

/// Whose it is.
#[derive(Debug, Deserialize)]
pub(super) struct Owner {
    pub(super) login: String,
}

/// Somebody.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) login: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        let kind = match user.kind.as_str() {
            "User" => AccountKind::User,
            "Bot" => AccountKind::Bot,
            "Organization" => AccountKind::Organization,
            _ => AccountKind::Other,
        };
        Self { id: user.id, login: user.login, kind }
    }
}

/// Something with an id.
#[derive(Debug, Deserialize)]
pub(super) struct Numbered {
    pub(super) id: u64,
}

/// A git object.
#[derive(Debug, Deserialize)]
pub(super) struct Object {
    pub(super) sha: String,
}

/// A git object's id, when it is one (SHA-1).
pub(super) fn sha(ask: &Ask, text: &str) -> Result<Sha, GitHubError> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    match text.len() == 40 && is_hex {
        true => Ok(Sha::new(text)),
        false => Err(ask.unclear("a git object without an id")),
    }
}
