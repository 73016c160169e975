//! Who a request is from, and whether they may: JWTs, tokens, scopes, permissions.

use super::{
    answer::Answer,
    call::{Call, Who},
    state::{Level, RepoId, Role, State, Token, UserId},
    table::{Need, Row},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

/// The longest life GitHub allows an App's JWT, in seconds.
const JWT_SECONDS: i64 = 600;

impl State {
    /// Whose credentials these are; `Err` when they are nobody's.
    pub(super) fn identify(&self, authorization: Option<&str>) -> Result<Who, Answer> {
        let Some(header) = authorization else {
            return Ok(Who::Nobody);
        };
        let (scheme, secret) = header.split_once(' ').unwrap_or(("", header));
        if !scheme.eq_ignore_ascii_case("bearer") && !scheme.eq_ignore_ascii_case("token") {
            return Err(Answer::refuse(401, "Bad credentials"));
        }
        if secret.matches('.').count() == 2 {
            return self.check_jwt(secret).map(|()| Who::App);
        }
        if let Some(user) = self.user_tokens.get(secret) {
            return Ok(Who::Person(*user));
        }
        self.live_token(secret)
            .cloned()
            .map(Who::Installation)
            .ok_or_else(|| Answer::refuse(401, "Bad credentials"))
    }

    fn live_token(&self, secret: &str) -> Option<&Token> {
        let token = self.tokens.get(secret)?;
        let is_live = !token.is_revoked
            && token.expires > self.now()
            && self.installations.contains_key(&token.installation);
        is_live.then_some(token)
    }

    fn check_jwt(&self, jwt: &str) -> Result<(), Answer> {
        let refuse = |message: &str| Err(Answer::refuse(401, message));
        let mut rules = Validation::new(Algorithm::RS256);
        // by this world's clock, below
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let decode = |pem: &&'static str| {
            let key = DecodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
            jsonwebtoken::decode::<Value>(jwt, &key, &rules).ok()
        };
        let Some(read) = self.app.keys.iter().find_map(decode) else {
            return refuse("A JSON web token could not be decoded");
        };
        let claims = read.claims;
        let iss = claims["iss"].as_str().map_or_else(|| claims["iss"].to_string(), str::to_owned);
        if iss != self.app.id.to_string() && iss != self.app.client_id {
            return refuse("'Issuer' claim ('iss') must be an Integer or the client ID of the App");
        }
        let now = self.now().0.div_euclid(1000);
        match (claims["iat"].as_i64(), claims["exp"].as_i64()) {
            (Some(issued), _) if issued > now => refuse(
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued.",
            ),
            (_, Some(end)) if end > now + JWT_SECONDS => {
                refuse("'Expiration time' claim ('exp') is too far in the future")
            }
            (Some(_), Some(end)) if end > now => Ok(()),
            _ => refuse(
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which \
                 the assertion expires.",
            ),
        }
    }

    /// Whether this caller may have this row, on that repository.
    pub(super) fn authorize(&self, row: &Row, call: &Call) -> Result<(), Answer> {
        match (&call.who, row.need) {
            (Who::App, Need::Jwt) => Ok(()),
            (_, Need::Jwt) => Err(Answer::refuse(401, "A JSON web token could not be decoded")),
            (Who::Nobody, _) => Err(Answer::refuse(401, "Requires authentication")),
            // a JWT opens only what is the App's own
            (Who::App, _) => Err(Answer::not_accessible()),
            (Who::Person(user), _) => match call.repo {
                Some(repo) => self.person_may(row, *user, repo),
                None => Ok(()),
            },
            (Who::Installation(token), need) => self.token_may(row, call, token, need),
        }
    }

    fn person_may(&self, row: &Row, user: UserId, repo: RepoId) -> Result<(), Answer> {
        match self.role(repo, user) {
            Role::None => Err(Answer::not_found()),
            role if role < row.role => Err(Answer::refuse(403, "Must have push access to the repository")),
            _ => self.must_be_writable(row, repo),
        }
    }

    fn must_be_writable(&self, row: &Row, repo: RepoId) -> Result<(), Answer> {
        if row.method != "GET" && self.repo(repo).is_archived {
            return Err(Answer::refuse(403, "Repository was archived so is read-only."));
        }
        Ok(())
    }

    fn token_may(&self, row: &Row, call: &Call, token: &Token, need: Need) -> Result<(), Answer> {
        let installation = &self.installations[&token.installation];
        if installation.suspended.is_some() {
            return Err(Answer::refuse(403, "This installation has been suspended"));
        }
        let Some(repo) = call.repo else {
            return Ok(());
        };
        if !self.in_scope(token, repo) {
            // what is public can be read by anybody; what is private isn't even there
            return match (self.repo(repo).is_private, row.method) {
                (true, _) => Err(Answer::not_found()),
                (false, "GET") => Ok(()),
                (false, _) => Err(Answer::not_accessible()),
            };
        }
        let wanted: Vec<(&str, Level)> = match need {
            Need::Jwt | Need::Token => Vec::new(),
            Need::Repo(name, level) => vec![(name, level)],
            Need::Talk(level) if self.is_about_pull(call) => {
                vec![("issues", level), ("pull_requests", level)]
            }
            Need::Talk(level) => vec![("issues", level)],
        };
        let has =
            |(name, level): &(&str, Level)| token.permissions.get(*name).is_some_and(|held| held >= level);
        if !wanted.is_empty() && !wanted.iter().any(has) {
            let accepted: Vec<_> =
                wanted.iter().map(|(name, level)| format!("{name}={}", level.name())).collect();
            return Err(Answer::not_accessible().with("x-accepted-github-permissions", accepted.join("; ")));
        }
        self.must_be_writable(row, repo)
    }

    /// Whether a token still reaches a repository: it may have left the installation since.
    pub(super) fn in_scope(&self, token: &Token, repo: RepoId) -> bool {
        token.repos.as_ref().is_none_or(|repos| repos.contains(&repo))
            && self.covers(&self.installations[&token.installation], repo)
    }

    fn is_about_pull(&self, call: &Call) -> bool {
        let param = |name: &str| {
            call.params.iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<u64>().ok())
        };
        let repo = self.repo(call.repo());
        let of_comment =
            param("comment_id").and_then(|id| repo.comments.get(&id)).map(|comment| comment.number);
        let number = param("issue_number").or(of_comment);
        number.and_then(|number| repo.threads.get(&number)).is_some_and(|thread| thread.pull.is_some())
    }

    /// Behind `Hub::may_fetch`.
    pub(super) fn may_fetch(&self, secret: Option<&str>, owner: &str, name: &str) -> Result<RepoId, u16> {
        let repo = self.repo_named(owner, name);
        let Some(secret) = secret else {
            // what is public can be read by anybody
            return repo.filter(|id| !self.repo(*id).is_private).ok_or(401);
        };
        let token = self.live_token(secret).ok_or(401_u16)?;
        let repo = repo.ok_or(404_u16)?;
        let is_suspended = self.installations[&token.installation].suspended.is_some();
        match self.in_scope(token, repo) {
            _ if is_suspended => Err(403),
            true if token.permissions.contains_key("contents") => Ok(repo),
            true => Err(403),
            false if self.repo(repo).is_private => Err(404),
            false => Ok(repo),
        }
    }
}
