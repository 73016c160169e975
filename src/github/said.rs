//! What a refusal says. GitHub gives some causes no code, so here, and only here, its messages are searched for words.

use crate::limits::github as limits;
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// The body of a refusal.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// The message with those of its details: one line, cut.
    pub(super) message: String,
    /// All of it in lower case.
    words: String,
    /// Codes of its details.
    codes: Vec<String>,
    /// Where GitHub documents it.
    documented: String,
}

impl Said {
    /// Reads a body, whatever it is.
    pub(super) fn read(body: &[u8]) -> Self {
        let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
            return Self { message: "without saying why".to_owned(), ..Self::default() };
        };
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut parts = vec![text(body.get("message"))];
        let mut codes = Vec::new();
        for detail in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
            parts.push(detail.as_str().map_or_else(|| text(detail.get("message")), str::to_owned));
            codes.push(text(detail.get("code")));
        }
        parts.retain(|part| !part.is_empty());
        let all = parts.join(": ");
        let message = match shown(&all) {
            empty if empty.is_empty() => "without saying why".to_owned(),
            message => message,
        };
        let documented = text(body.get("documentation_url"));
        Self { message, words: all.to_ascii_lowercase(), codes, documented }
    }

    /// A limit that no header tells: its documentation is that of limits.
    pub(super) fn is_limit(&self) -> bool {
        let documented = ["rate-limit", "abuse"].iter().any(|part| self.documented.contains(part));
        documented
            || ["secondary rate limit", "rate limit exceeded", "abuse detection"].iter().any(|w| self.says(w))
    }

    /// Something of that name is there.
    pub(super) fn is_existing(&self) -> bool {
        self.codes.iter().any(|code| code == "already_exists") || self.says("already exists")
    }

    /// The branch would lose commits.
    pub(super) fn is_not_forward(&self) -> bool {
        self.says("fast forward") || self.says("fast-forward")
    }

    /// The repository's plan has no draft pull requests.
    pub(super) fn is_about_drafts(&self) -> bool {
        self.says("draft")
    }

    /// Not for our token, for whatever reason.
    pub(super) fn is_out_of_reach(&self) -> bool {
        self.says("not accessible by integration")
    }

    /// The account that installed the App suspended it.
    pub(super) fn is_suspended(&self) -> bool {
        self.says("installation has been suspended")
    }

    /// Nobody can write the repository any more.
    pub(super) fn is_archived(&self) -> bool {
        self.says("was archived") && self.says("read-only")
    }

    fn says(&self, words: &str) -> bool {
        self.words.contains(words)
    }
}

/// What looks like a token: something on the way may say ours back to us ("About authentication to GitHub"; RFC 7519).
static TOKENS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:gh[a-z]_|github_pat_|\bey[A-Za-z0-9_-]{8,})[A-Za-z0-9._-]*").ok());

/// Outside text as one line for a person: no control characters, no tokens, cut.
pub(super) fn shown(text: &str) -> String {
    let text = match &*TOKENS {
        Some(tokens) => tokens.replace_all(text, "[token]"),
        None => return "without saying why".to_owned(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limits::MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    type Is = fn(&Said) -> bool;
    const ALL: [Is; 7] = [
        Said::is_limit,
        Said::is_existing,
        Said::is_not_forward,
        Said::is_about_drafts,
        Said::is_out_of_reach,
        Said::is_suspended,
        Said::is_archived,
    ];

    /// It says this, and is that and nothing else.
    fn check(body: Value, message: &str, is: Option<Is>) {
        let said = Said::read(body.to_string().as_bytes());
        assert_eq!(said.message, message);
        let expected = ALL.map(|one| is.is_some_and(|is| std::ptr::fn_addr_eq(one, is)));
        assert_eq!(ALL.map(|is| is(&said)), expected, "{body}");
    }

    #[test]
    fn losses_are_understood() {
        let check = |message: &str, is: Is| check(json!({ "message": message }), message, Some(is));
        check("Resource not accessible by integration", Said::is_out_of_reach);
        check("This installation has been suspended", Said::is_suspended);
        check("Repository was archived so is read-only.", Said::is_archived);
    }

    #[test]
    fn refusals_are_understood() {
        check(
            json!({"message": "Reference already exists", "documentation_url": "https://docs.github.com/rest/git/refs"}),
            "Reference already exists",
            Some(Said::is_existing),
        );
        check(
            json!({"message": "Validation Failed", "errors": [{"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for o:b."}]}),
            "Validation Failed: A pull request already exists for o:b.",
            Some(Said::is_existing),
        );
        check(
            json!({"message": "Validation Failed", "errors": [{"resource": "Label", "code": "already_exists", "field": "name"}]}),
            "Validation Failed",
            Some(Said::is_existing),
        );
        check(
            json!({"message": "Update is not a fast forward"}),
            "Update is not a fast forward",
            Some(Said::is_not_forward),
        );
        check(
            json!({"message": "Draft pull requests are not supported in this repository."}),
            "Draft pull requests are not supported in this repository.",
            Some(Said::is_about_drafts),
        );
        check(
            json!({"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}),
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            Some(Said::is_limit),
        );
        check(
            json!({"message": "Slow down", "documentation_url": "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"}),
            "Slow down",
            Some(Said::is_limit),
        );
        check(
            json!({"message": "Validation Failed", "errors": ["No commits between main and b", 7]}),
            "Validation Failed: No commits between main and b",
            None,
        );
        check(json!({"message": "a\u{1b}[2Jb\r\nc"}), "a [2Jb  c", None);
        check(json!({"message": "x".repeat(1_000)}), &"x".repeat(limits::MESSAGE_CHARS), None);
        for nothing in [json!({}), json!([]), json!("no"), json!(null), json!({"message": 7, "errors": {}})] {
            check(nothing, "without saying why", None);
        }
        assert_eq!(Said::read(b"<html>").message, "without saying why");
    }
}
