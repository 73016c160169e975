//! What a change may not carry out: something that looks like a secret, and links that lead out of the repository.
//!
//! A last look on the bytes themselves, not on a rendered diff. There is no secret inside the sandbox; this is for what a
//! repository or a model brings along. The forms of tokens are their issuers' own: GitHub ("About authentication to
//! GitHub"), AWS ("IAM identifiers"), RFC 7468 for private keys, and the prefixes that PyPI, npm, GitLab, Slack, Stripe,
//! Google and OpenAI document.

use crate::{git::NewFile, limits::git::SECRET_BYTES};
use regex::bytes::Regex;
use std::{
    collections::HashSet,
    os::unix::ffi::OsStrExt,
    path::{Component, Path},
    sync::LazyLock,
};

/// What it looks like, and its form. A prefix that no ordinary text has, then enough of what was drawn at random.
const FORMS: &[(&str, &str)] = &[
    ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9_]{30,}|github_pat_[A-Za-z0-9_]{40,})"),
    (
        "a private key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----\s*(?:[A-Za-z-]+: .*\s+)*[A-Za-z0-9+/=]{40,}",
    ),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("an OpenAI key", r"\bsk-(?:[a-z]+-)?[A-Za-z0-9_]*[A-Za-z0-9]{24,}"),
    ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9]{8,}-[A-Za-z0-9-]{8,}"),
    ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}\b"),
    ("a Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
];

/// What documentation uses in a secret's place.
const EXAMPLE: &[u8] = b"EXAMPLE";

static COMPILED: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    // a form that does not compile is seen by the test below
    FORMS.iter().filter_map(|(what, form)| Some((*what, Regex::new(form).ok()?))).collect()
});

/// Why a file may not leave; None: it may. What the file held before is not held against the change.
pub(super) fn refusal(file: &NewFile<'_>, known: &[Vec<u8>]) -> Option<String> {
    let name = file.path.as_os_str().as_bytes();
    if let Some((what, _)) = secret(name, b"", known) {
        return Some(format!("has a name that looks like {what}"));
    }
    if file.is_link {
        return leads_out(file.path, file.bytes)
            .then(|| "is a link that leads out of the repository, or may".to_owned());
    }
    let (what, at) = secret(file.bytes, file.before, known)?;
    let line = file.bytes.get(..at)?.iter().filter(|byte| **byte == b'\n').count() + 1;
    Some(format!("holds what looks like {what} (line {line})"))
}

/// What a text says that it must not and did not say before, and where; never the secret itself.
pub(super) fn secret(bytes: &[u8], before: &[u8], known: &[Vec<u8>]) -> Option<(&'static str, usize)> {
    let holds = |text: &[u8], value: &[u8]| memchr::memmem::find(text, value);
    for value in known.iter().filter(|value| value.len() >= SECRET_BYTES) {
        if let Some(at) = holds(bytes, value).filter(|_| holds(before, value).is_none()) {
            return Some(("a secret of this host", at));
        }
    }
    COMPILED.iter().find_map(|(what, form)| {
        let mut found =
            form.find_iter(bytes).filter(|found| holds(found.as_bytes(), EXAMPLE).is_none()).peekable();
        found.peek()?;
        // looked through once, however many there are
        let old: HashSet<&[u8]> = form.find_iter(before).map(|found| found.as_bytes()).collect();
        found.find(|found| !old.contains(found.as_bytes())).map(|found| (*what, found.start()))
    })
}

/// Whether a link's target is above the repository's root, or absolute. Or may be: what a name leads to is not known here,
/// it may be a link itself, so none may go up again after one (`a -> ../..`, then `b -> a/../../etc`).
fn leads_out(path: &Path, target: &[u8]) -> bool {
    let (mut depth, mut is_named) = (path.components().count().saturating_sub(1), false);
    for part in Path::new(std::ffi::OsStr::from_bytes(target)).components() {
        match part {
            Component::Normal(_) => is_named = true,
            Component::CurDir => {}
            Component::ParentDir => match depth.checked_sub(1).filter(|_| !is_named) {
                Some(less) => depth = less,
                None => return true,
            },
            Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_compiles() {
        assert_eq!(COMPILED.len(), FORMS.len());
    }

    fn says(text: &str, before: &str) -> Option<&'static str> {
        let known = [b"the-key-of-this-host".to_vec(), b"short".to_vec()];
        secret(text.as_bytes(), before.as_bytes(), &known).map(|(what, _)| what)
    }

    #[test]
    fn secrets_are_found_and_ordinary_text_is_not() {
        let random = "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5z";
        let check = |text: String, expected: Option<&str>| assert_eq!(says(&text, ""), expected, "{text}");
        check(format!("token = \"ghp_{random}\""), Some("a GitHub token"));
        check(format!("github_pat_11{random}_{random}"), Some("a GitHub token"));
        check(format!("key: sk-proj-{random}"), Some("an OpenAI key"));
        check(format!("AKIA{}", "QWERTYUIOPASDFGH"), Some("an AWS access key"));
        check("x the-key-of-this-host y".to_owned(), Some("a secret of this host"));
        let pem = |kind: &str| format!("-----BEGIN {kind}PRIVATE KEY-----\n{random}{random}\n");
        check(pem(""), Some("a private key"));
        check(pem("OPENSSH "), Some("a private key"));
        check(pem("PUBLIC ").replace("PRIVATE", "OF"), None);
        for plain in [
            "AKIAIOSFODNN7EXAMPLE",
            "short",
            "ghp_xxx",
            "class=\"sk-cube-grid sk-double-bounce-child\"",
            "-----BEGIN PRIVATE KEY-----\n...\n",
            "the task-management-of-something-rather-long-and-hyphenated",
        ] {
            check(plain.to_owned(), None);
        }
    }

    #[test]
    fn what_was_there_before_may_stay() {
        let (line, other) = (format!("AKIA{}", "QWERTYUIOPASDFGH"), format!("AKIA{}", "ZWERTYUIOPASDFGH"));
        assert_eq!(says(&format!("a\n{line}\nb"), &line), None);
        assert_eq!(says(&format!("{line}\n{other}"), &line), Some("an AWS access key"));
    }

    #[test]
    fn a_link_may_lead_anywhere_inside() {
        let check = |path: &str, target: &str, expected: bool| {
            assert_eq!(leads_out(Path::new(path), target.as_bytes()), expected, "{path} -> {target}");
        };
        check("a", "b", false);
        check("a/b/c", "../../d", false);
        check("a/b", "../../d", true);
        check("a", "x/../..", true);
        check("a/b/c", "../x/y", false);
        check("a/b/c", "x/../../etc/passwd", true);
        check("a", "/etc/passwd", true);
    }
}
