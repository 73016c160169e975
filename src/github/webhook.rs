//! Webhooks: whether one is GitHub's, and what it means.
//!
//! A webhook is a knock, not a fact: what it says is read again from GitHub before anything is done, so these functions
//! answer for shape and for who is left out, not for truth. Both are total: whatever comes in, an answer comes out.
//!
//! A review and a comment on a line of a diff have numbers of their own ([`Form`]): a command there counts as one in the
//! thread does.
//!
//! Deliberately absent: commands and permissions (`intent`), edits, and what a review asks for.

use super::payload::{self, malformed, parse};
use crate::{
    ids::Secret,
    intent::notice::{AccountKind, Comment, Form, GoneWhy, Ignore, Notice, On, Us},
    limits::webhook::SIGNATURE_DIGITS,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The events that have actions we know.
const EVENTS: [&str; 9] = [
    "installation",
    "installation_repositories",
    "issue_comment",
    "issues",
    "ping",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "repository",
];

/// Whether the header `X-Hub-Signature-256` is that of this body: `sha256=` and 64 hex digits, HMAC-SHA256 of the bytes
/// as they came, compared in constant time. An empty secret verifies nothing.
pub fn verify(secret: &Secret, body: &[u8], header: Option<&str>) -> bool {
    let Some(claimed) = header.and_then(signature) else { return false };
    let key = secret.expose().as_bytes();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    mac.update(body);
    mac.verify_slice(&claimed).is_ok() && !key.is_empty()
}

fn signature(header: &str) -> Option<Vec<u8>> {
    let digits = header.strip_prefix("sha256=").filter(|d| d.len() == SIGNATURE_DIGITS)?;
    data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()
}

/// What a delivery means: `event` is the header `X-GitHub-Event`, `body` the verified bytes.
///
/// Only the fields we use are read. Where the event's name and the body do not fit, the delivery is ignored as malformed.
pub fn notice(event: &str, body: &[u8], us: &Us) -> Notice {
    read(event, body, us).unwrap_or_else(Notice::Ignored)
}

fn read(event: &str, body: &[u8], us: &Us) -> Result<Notice, Ignore> {
    if !EVENTS.contains(&event) {
        return Err(Ignore::UnknownEvent);
    }
    let action = payload::action(body)?;
    if event == "ping" {
        return Err(Ignore::Ping);
    }
    let action = action.ok_or_else(|| malformed("`action` is missing"))?;
    match (event, action.as_str()) {
        ("issue_comment", "created") => commented(parse(body)?, Form::Thread, us),
        ("pull_request_review_comment", "created") => {
            commented(parse::<payload::OnLine>(body)?.into(), Form::Line, us)
        }
        ("pull_request_review", "submitted") => {
            commented(parse::<payload::Review>(body)?.into(), Form::Review, us)
        }
        ("pull_request", "closed") => closed(body),
        ("issues", "deleted" | "transferred") => thread_gone(body),
        ("repository", "deleted") => repo_gone(body, GoneWhy::Deleted),
        ("repository", "archived") => repo_gone(body, GoneWhy::Archived),
        ("repository", "transferred") => repo_gone(body, GoneWhy::Transferred),
        ("installation_repositories", "removed") => removed(body),
        ("installation", "deleted") => installation_gone(body, GoneWhy::Deleted),
        ("installation", "suspend") => installation_gone(body, GoneWhy::Suspended),
        ("repository", "unarchived") => repo_back(body),
        ("installation_repositories", "added") => added(body),
        ("installation", "unsuspend") => installation_back(body),
        (_, "edited") => Err(Ignore::Edited),
        // what a repository is called and who sees it is asked when it matters
        ("repository", "created" | "renamed" | "privatized" | "publicized")
        | ("installation", "created" | "new_permissions_accepted")
        | ("issue_comment", "deleted")
        | ("pull_request_review", "dismissed")
        | ("pull_request_review_comment", "deleted") => Err(Ignore::NotOurBusiness),
        _ => Err(Ignore::UnknownAction),
    }
}

/// A bot's words are dropped before anybody reads them; so are ours, posted in whosever name.
fn commented(told: payload::Commented, form: Form, us: &Us) -> Result<Notice, Ignore> {
    let payload::Commented { installation, repository, issue, comment, sender } = told;
    let (author, sender) = (comment.user.account(), sender.account());
    let via_app = comment.performed_via_github_app.map(|app| app.id.get());
    let is_bot = [&author, &sender].iter().any(|who| who.kind == AccountKind::Bot);
    if is_bot || via_app == Some(us.app_id) {
        return Err(Ignore::BotSender);
    }
    Ok(Notice::Commented(Box::new(Comment {
        installation: installation.map(|i| i.id.get()),
        repo: repository.reference()?,
        number: issue.number.get(),
        on: if issue.pull_request.is_some() { On::Pull } else { On::Issue },
        // nobody has the id 0: who opened it and left can't be met again
        thread_author: issue.user.map_or(0, |user| user.id.get()),
        title: issue.title,
        thread_body: issue.body.unwrap_or_default(),
        id: comment.id.get(),
        form,
        author,
        sender,
        via_app,
        body: comment.body.unwrap_or_default(),
        created: payload::timestamp(&comment.created_at)?,
    })))
}

/// A fork's branch may be called like one of ours, and whoever owns the fork closes at will: only our own branches count.
fn closed(body: &[u8]) -> Result<Notice, Ignore> {
    let payload::Closed { installation, repository, pull_request } = parse(body)?;
    if pull_request.head.repo.is_none_or(|repo| repo.id != repository.id) {
        return Err(Ignore::NotOurBusiness);
    }
    Ok(Notice::PullClosed {
        installation: installation.map(|i| i.id.get()),
        repo: repository.reference()?,
        number: pull_request.number.get(),
        merged: pull_request.merged,
        head_ref: pull_request.head.name,
    })
}

/// A transferred issue is gone from the repository that the payload names; where it went it is another.
fn thread_gone(body: &[u8]) -> Result<Notice, Ignore> {
    let payload::ThreadGone { repository, issue } = parse(body)?;
    Ok(Notice::ThreadGone { repo: repository.reference()?, number: issue.number.get() })
}

fn repo_gone(body: &[u8], why: GoneWhy) -> Result<Notice, Ignore> {
    let payload::RepoGone { repository } = parse(body)?;
    Ok(Notice::RepoGone { repo_ids: vec![repository.id.get()], why })
}

fn removed(body: &[u8]) -> Result<Notice, Ignore> {
    let payload::Removed { repositories_removed } = parse(body)?;
    let repo_ids: Vec<u64> = repositories_removed.iter().map(|repo| repo.id.get()).collect();
    if repo_ids.is_empty() {
        return Err(malformed("no repository was removed"));
    }
    Ok(Notice::RepoGone { repo_ids, why: GoneWhy::Removed })
}

fn installation_gone(body: &[u8], why: GoneWhy) -> Result<Notice, Ignore> {
    let payload::InstallationGone { installation } = parse(body)?;
    Ok(Notice::InstallationGone { installation: installation.id.get(), why })
}

fn repo_back(body: &[u8]) -> Result<Notice, Ignore> {
    let payload::RepoGone { repository } = parse(body)?;
    Ok(Notice::RepoBack { repo_ids: vec![repository.id.get()] })
}

fn added(body: &[u8]) -> Result<Notice, Ignore> {
    let payload::Added { repositories_added } = parse(body)?;
    match repositories_added.iter().map(|repo| repo.id.get()).collect::<Vec<u64>>() {
        none if none.is_empty() => Err(malformed("no repository was added")),
        repo_ids => Ok(Notice::RepoBack { repo_ids }),
    }
}

fn installation_back(body: &[u8]) -> Result<Notice, Ignore> {
    let payload::InstallationGone { installation } = parse(body)?;
    Ok(Notice::InstallationBack { installation: installation.id.get() })
}
