//! What is asked of GitHub and what it answers, as values.

use super::{GitHubError, error::Lost, pace::Load, said::Said};
use crate::clock::Timestamp;
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// In words, for errors: "write a comment".
    pub(super) what: &'static str,
    pub(super) load: Load,
    pub(super) method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    /// The query of a further page, as the last page named it.
    page: Option<String>,
    pub(super) body: Option<Value>,
    /// Whether it goes to GraphQL, which has one address of its own.
    is_question: bool,
    /// Whether an unchanged answer may be a kept one.
    pub(super) is_kept: bool,
    /// Whether "there is none" is an answer.
    pub(super) is_optional: bool,
}

impl Ask {
    fn new(what: &'static str, method: Method, load: Load, path: &[&str]) -> Self {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        let (query, page, body) = (Vec::new(), None, None);
        Self {
            what,
            load,
            method,
            path,
            query,
            page,
            body,
            is_question: false,
            is_kept: false,
            is_optional: false,
        }
    }
    pub(super) fn get(what: &'static str, path: &[&str]) -> Self {
        Self::new(what, Method::GET, Load::Read, path)
    }
    pub(super) fn post(what: &'static str, path: &[&str], body: Value) -> Self {
        Self { body: Some(body), ..Self::new(what, Method::POST, Load::Change, path) }
    }
    /// A question to GraphQL. It changes nothing, so it counts as a read.
    pub(super) fn question(what: &'static str, body: Value) -> Self {
        Self { body: Some(body), is_question: true, ..Self::new(what, Method::POST, Load::Read, &[]) }
    }
    /// A POST that says all in its path.
    pub(super) fn order(what: &'static str, path: &[&str]) -> Self {
        Self::new(what, Method::POST, Load::Change, path)
    }
    pub(super) fn patch(what: &'static str, path: &[&str], body: Value) -> Self {
        Self { body: Some(body), ..Self::new(what, Method::PATCH, Load::Change, path) }
    }
    pub(super) fn delete(what: &'static str, path: &[&str]) -> Self {
        Self::new(what, Method::DELETE, Load::Change, path)
    }
    /// Nothing that people see.
    pub(super) fn plain(self) -> Self {
        Self { load: Load::Plain, ..self }
    }
    /// A comment or a pull request.
    pub(super) fn creating(self) -> Self {
        Self { load: Load::Create, ..self }
    }
    /// It need not be there.
    pub(super) fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }
    /// Asked again and again.
    pub(super) fn kept(self) -> Self {
        Self { is_kept: true, ..self }
    }
    pub(super) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }
    /// The same list's further page.
    pub(super) fn page(self, page: String) -> Self {
        Self { page: Some(page), ..self }
    }
    pub(super) fn is_read(&self) -> bool {
        self.load == Load::Read
    }

    pub(super) fn url(&self, base: &Url, before: &[&str]) -> Result<Url, GitHubError> {
        let mut url = base.clone();
        if self.is_question {
            url.set_path(&graphql(base.path()));
            return Ok(url);
        }
        let parts = before.iter().copied().chain(self.path.iter().map(String::as_str));
        for part in parts {
            // a part that walks would lead to another question
            if matches!(part, "" | "." | "..") || part.chars().any(char::is_control) {
                return Err(self.odd("a name that can't stand in an address"));
            }
            url.path_segments_mut().map_err(|()| GitHubError::BadUrl)?.push(part);
        }
        match &self.page {
            Some(page) => url.set_query(Some(page)),
            None if self.query.is_empty() => {}
            None => {
                url.query_pairs_mut().extend_pairs(&self.query);
            }
        }
        Ok(url)
    }

    pub(super) fn odd(&self, cause: &str) -> GitHubError {
        GitHubError::Odd { what: self.what, cause: cause.to_owned() }
    }

    /// No answer: for a change that may have arrived, it can't be told whether it was made.
    pub(super) fn lost(&self, cause: String) -> GitHubError {
        match self.is_read() {
            true => GitHubError::Network { what: self.what, cause },
            false => GitHubError::Ambiguous { what: self.what, cause },
        }
    }

    /// An answer without what belongs into it. What a change made and we can't read was made all the same.
    pub(super) fn unclear(&self, cause: &str) -> GitHubError {
        match self.is_read() {
            true => self.odd(cause),
            false => self.lost(format!("it answered oddly: {cause}")),
        }
    }

    /// What GitHub says no to.
    pub(super) fn refused(&self, answer: &Answer) -> GitHubError {
        let (what, status, said) = (self.what, answer.status, answer.said());
        let is_draft = self.body.as_ref().is_some_and(|body| body["draft"] == true);
        match status {
            403 if said.is_suspended() => GitHubError::Gone(Lost::Suspended),
            403 if said.is_archived() => GitHubError::Gone(Lost::Archived),
            422 if said.is_existing() => GitHubError::Exists { what },
            422 if said.is_not_forward() => GitHubError::NotForward,
            422 if said.is_about_drafts() && is_draft => GitHubError::NoDrafts,
            _ => GitHubError::Refused { what, status, message: said.message },
        }
    }

    /// An answer as a value.
    pub(super) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, GitHubError> {
        serde_json::from_slice(&answer.body).map_err(|_| self.unclear("something that is not its API's JSON"))
    }
}

/// An answer that is one: 2xx to 4xx, and no limit.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The query of the next page.
    pub(super) next: Option<String>,
    /// When it was given, by GitHub's clock.
    pub(super) date: Option<Timestamp>,
    pub(super) body: Arc<[u8]>,
}

impl Answer {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
    pub(super) fn said(&self) -> Said {
        Said::read(&self.body)
    }
}

/// The address of an API: a path is kept (`/api/v3`), credentials and queries are refused.
pub(super) fn base(api_url: &str) -> Result<Url, GitHubError> {
    let mut base = Url::parse(api_url.trim()).map_err(|_| GitHubError::BadUrl)?;
    let is_plain = base.username().is_empty() && base.password().is_none() && base.query().is_none();
    if !matches!(base.scheme(), "http" | "https") || !is_plain || base.fragment().is_some() {
        return Err(GitHubError::BadUrl);
    }
    base.path_segments_mut().map_err(|()| GitHubError::BadUrl)?.pop_if_empty();
    Ok(base)
}

/// Where GraphQL is, when REST is there: on Enterprise Server `/api/graphql` beside `/api/v3`.
fn graphql(rest: &str) -> String {
    let rest = rest.trim_end_matches('/');
    format!("{}/graphql", rest.strip_suffix("/v3").unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_have_an_address_of_their_own() {
        let check = |api: &str, expected: &str| {
            let ask = Ask::question("ask", Value::Null);
            assert_eq!(ask.url(&base(api).unwrap(), &["repos", "o", "n"]).unwrap().as_str(), expected);
        };
        check("https://api.github.com", "https://api.github.com/graphql");
        check("https://api.acme.ghe.com/", "https://api.acme.ghe.com/graphql");
        check("https://ghe.example.com/api/v3/", "https://ghe.example.com/api/graphql");
        check("https://proxy.example.com/github/api/v3", "https://proxy.example.com/github/api/graphql");
    }

    #[test]
    fn addresses_are_made_of_parts() {
        let url = |api: &str, path: &[&str]| {
            let base = base(api).unwrap();
            Ask::get("look", path).query("since", "2026-11-27T08:00:00Z").url(&base, &["repos", "o", "n"])
        };
        let check =
            |api: &str, path: &[&str], expected: &str| assert_eq!(url(api, path).unwrap().as_str(), expected);
        check(
            "https://api.github.com",
            &["issues", "7"],
            "https://api.github.com/repos/o/n/issues/7?since=2026-11-27T08%3A00%3A00Z",
        );
        check(
            "https://ghe.example.com/api/v3/",
            &["x"],
            "https://ghe.example.com/api/v3/repos/o/n/x?since=2026-11-27T08%3A00%3A00Z",
        );
        check(
            "http://127.0.0.1:1",
            &["a[bot]", "b/../c", "?d#", "ü%2e"],
            "http://127.0.0.1:1/repos/o/n/a[bot]/b%2F..%2Fc/%3Fd%23/%C3%BC%252e?since=2026-11-27T08%3A00%3A00Z",
        );
        for walking in ["", ".", "..", "a\nb", "a\0"] {
            assert!(matches!(url("http://x", &[walking]), Err(GitHubError::Odd { .. })), "{walking:?}");
        }
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        for bad in [
            "",
            "api.github.com",
            "ftp://x",
            "https://user:pw@x",
            "https://t@x",
            "https://x/?a=b",
            "https://x/#a",
            "mailto:a@b",
        ] {
            assert!(matches!(base(bad), Err(GitHubError::BadUrl)), "{bad}");
        }
    }
}
