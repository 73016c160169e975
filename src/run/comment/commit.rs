//! The commit's message on GitHub: no Markdown there, but mentions, references and trailers.

use super::Facts;
use crate::run::markdown::{plain, plain_line};

/// The subject and the body of [`crate::run::Effect::Publish`] as one message: what GitHub would act on in them is taken
/// apart, the requester is named as co-author, and the run's trailer stays the last line.
pub fn commit_message(title: &str, message: &str, facts: &Facts) -> String {
    let (body, trailer) = message.rsplit_once("\n\n").unwrap_or(("", message));
    let by = co_author(facts).map(|line| format!("{line}\n")).unwrap_or_default();
    let subject = plain_line(title);
    let body = plain(body);
    let parts = [subject.as_str(), body.trim(), &format!("{by}{trailer}")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// By the address that GitHub itself gives to an account that hides its own.
fn co_author(facts: &Facts) -> Option<String> {
    let login = &facts.requester.login;
    super::mention(facts).strip_prefix('@')?;
    let host = facts.repo_url.split_once("://")?.1.split(['/', ':']).next()?;
    Some(format!("Co-authored-by: {login} <{}+{login}@users.noreply.{host}>", facts.requester.id))
}
