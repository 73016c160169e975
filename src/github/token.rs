//! Tokens: the App's own, signed with its key, and an installation's, which reaches one repository and may do what one
//! row of a table says.

use super::{
    GitHubError,
    app::GitHub,
    ask::{Answer, Ask},
    date,
    error::Lost,
    wire,
};
use crate::{clock::Timestamp, ids::Secret, limits::github as limits};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// To ask who somebody is, and what the repository is.
    Gate,
    /// To read issues, code and checks.
    Read,
    /// To react, to write comments and to fetch the code: what a run needs before it publishes. One token for both, because
    /// making and revoking one more in each run is two more calls, and it goes to no one but GitHub either way.
    Talk,
    /// To write a branch, a pull request and a check run.
    Publish,
}

impl Need {
    /// Every need.
    pub const ALL: [Self; 4] = [Self::Gate, Self::Read, Self::Talk, Self::Publish];

    /// What a token for it may do: the permission's name in GitHub's API, and `read` or `write`.
    pub fn permissions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Gate => &[("metadata", "read")],
            Self::Read => &[
                ("checks", "read"),
                ("contents", "read"),
                ("issues", "read"),
                ("metadata", "read"),
                ("pull_requests", "read"),
            ],
            Self::Talk => {
                &[("contents", "read"), ("issues", "write"), ("metadata", "read"), ("pull_requests", "write")]
            }
            Self::Publish => &[
                ("checks", "write"),
                ("contents", "write"),
                ("issues", "write"),
                ("metadata", "read"),
                ("pull_requests", "write"),
            ],
        }
    }
}

/// Whether a granted level (`read`, `write`, `admin`) has the wanted one in it.
pub(super) fn covers(granted: Option<&str>, wanted: &str) -> bool {
    match wanted {
        "read" => matches!(granted, Some("read" | "write" | "admin")),
        "write" => matches!(granted, Some("write" | "admin")),
        _ => false,
    }
}

/// The App's key.
pub(super) struct AppKey {
    id: u64,
    key: EncodingKey,
}

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: String,
}

impl AppKey {
    /// From PEM text, PKCS#1 or PKCS#8, with real line ends or `\n`. Signs once, so that a key that can't is known now.
    pub(super) fn new(id: u64, pem: &Secret, now: Timestamp) -> Result<Self, GitHubError> {
        let text = pem.expose().trim().trim_matches(['"', '\'']).replace("\\r", "").replace("\\n", "\n");
        let why = match () {
            () if !text.contains("-----BEGIN ") => "it is no PEM file",
            () if text.contains("ENCRYPTED") => "it is encrypted",
            () if text.contains("PUBLIC KEY") => "it is a public key",
            () => "it is no RSA key that is whole and strong enough",
        };
        let key = EncodingKey::from_rsa_pem(text.as_bytes()).map_err(|_| GitHubError::BadKey(why))?;
        let app = Self { id, key };
        app.token(now).ok_or(GitHubError::BadKey(why))?;
        Ok(app)
    }

    /// The App's id.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// A token of the App's own.
    pub(super) fn token(&self, now: Timestamp) -> Option<Secret> {
        let seconds = now.0.div_euclid(1_000);
        let span = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(0);
        let claims = Claims {
            iat: seconds - span(limits::JWT_BACK),
            exp: seconds + span(limits::JWT_LIFE),
            iss: self.id.to_string(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key).ok().map(Secret::new)
    }
}

/// An installation's token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    /// When it is to be replaced.
    renew_at: Timestamp,
}

impl Token {
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.renew_at
    }
}

/// A fresh token, and what GitHub said of its repository.
pub(super) struct Minted {
    pub(super) token: Token,
    pub(super) repository: Option<wire::Repo>,
}

#[derive(Deserialize)]
struct Answered {
    token: String,
    expires_at: String,
    permissions: Option<BTreeMap<String, String>>,
    repositories: Option<Vec<wire::Repo>>,
}

impl GitHub {
    /// A token for one repository and one need, and for nothing else.
    pub(super) async fn mint(&self, installation: u64, repo: u64, need: Need) -> Result<Minted, GitHubError> {
        let permissions: BTreeMap<_, _> = need.permissions().iter().copied().collect();
        let body = json!({ "repository_ids": [repo], "permissions": permissions });
        let id = installation.to_string();
        let ask = Ask::post("get a token", &["app", "installations", &id, "access_tokens"], body).plain();
        // a token that was made and lost harms nobody: it lapses
        let answer = self.ask(&ask).await.map_err(|error| match error {
            GitHubError::Ambiguous { what, cause } => GitHubError::Network { what, cause },
            error => error,
        })?;
        match answer.status {
            201 => {
                let answered =
                    ask.read::<Answered>(&answer).map_err(|_| ask.odd("a token that can't be read"))?;
                self.checked(&ask, answered, repo, need)
            }
            404 => Err(GitHubError::Gone(Lost::Installation)),
            403 | 422 => Err(self.why_no_token(&ask, &answer, installation, need).await),
            _ => Err(ask.refused(&answer)),
        }
    }

    /// Takes the token back, so that nobody can use what leaked.
    pub(super) async fn revoke(&self, installation: u64, token: &Secret) -> Result<(), GitHubError> {
        let ask = Ask::delete("revoke a token", &["installation", "token"]).plain();
        let answer = self.ask_with(&ask, installation, token).await?;
        match answer.status {
            // 401, 404: it is none any more
            200..=299 | 401 | 404 => Ok(()),
            _ => Err(ask.refused(&answer)),
        }
    }

    /// A token that reaches or may do anything else than was asked for is not used.
    fn checked(&self, ask: &Ask, answered: Answered, repo: u64, need: Need) -> Result<Minted, GitHubError> {
        let Answered { token, expires_at, permissions, repositories } = answered;
        if token.is_empty() || HeaderValue::from_str(&token).is_err() {
            return Err(ask.odd("a token that can't be sent"));
        }
        let wanted = need.permissions();
        if let Some(granted) = permissions {
            let lacking = lacking(wanted.iter().copied(), &granted);
            if !lacking.is_empty() {
                return Err(GitHubError::Lacks(lacking));
            }
            let is_wider = granted.iter().any(|(name, level)| {
                let wanted = wanted.iter().find(|(wanted, _)| wanted == name).map(|(_, level)| *level);
                !covers(wanted, level) && (name.as_str(), level.as_str()) != ("metadata", "read")
            });
            if is_wider {
                return Err(ask.odd("a token that may do more than was asked for"));
            }
        }
        let repository = match repositories {
            None => None,
            Some(mut list) if list.len() == 1 && list[0].id == repo => list.pop(),
            Some(_) => return Err(ask.odd("a token for other repositories than was asked for")),
        };
        let now = self.now();
        let ends = date::read(&expires_at).ok_or_else(|| ask.odd("a token without an end"))?;
        let ends = self.wire().ours(ends).min(now.after(limits::TOKEN_LIFE));
        let renew_at = Timestamp(ends.0 - i64::try_from(limits::TOKEN_MARGIN.as_millis()).unwrap_or(0));
        Ok(Minted { token: Token { secret: Secret::new(token), renew_at }, repository })
    }

    /// GitHub's refusal has no code: suspended, not granted, or not our repository. The installation itself tells.
    async fn why_no_token(&self, ask: &Ask, answer: &Answer, installation: u64, need: Need) -> GitHubError {
        match self.installation(installation).await {
            Err(error) => error,
            Ok(facts) if facts.is_suspended => GitHubError::Gone(Lost::Suspended),
            Ok(facts) => {
                let lacking = lacking(need.permissions().iter().copied(), &facts.permissions);
                match answer.status {
                    _ if !lacking.is_empty() => GitHubError::Lacks(lacking),
                    422 => GitHubError::Gone(Lost::Repository),
                    _ => ask.refused(answer),
                }
            }
        }
    }
}

/// What is wanted and not granted, as `checks: write`.
pub(super) fn lacking<'a>(
    wanted: impl Iterator<Item = (&'a str, &'a str)>,
    granted: &BTreeMap<String, String>,
) -> Vec<String> {
    wanted
        .filter(|(name, level)| !covers(granted.get(*name).map(String::as_str), level))
        .map(|(name, level)| format!("{name}: {level}"))
        .collect()
}
