//! Which deliveries somebody must look at; the others are only kept.

use crate::{
    github::webhook,
    intent::{
        notice::{Ignore, Notice, Us},
        policy,
    },
};

/// Whether somebody must look at a delivery. Before we know who we are, every comment may be meant. None: it means nothing, and was
/// not read to its end.
pub fn matters(event: &str, body: &[u8], us: Option<&Us>) -> Option<bool> {
    let unknown = Us { app_id: 0, slug: String::new() };
    match webhook::notice(event, body, us.unwrap_or(&unknown)) {
        Notice::Commented(comment) => Some(us.is_none_or(|us| policy::heard(&comment, us).is_ok())),
        Notice::PullClosed { .. }
        | Notice::ThreadGone { .. }
        | Notice::RepoGone { .. }
        | Notice::InstallationGone { .. }
        | Notice::RepoBack { .. }
        | Notice::InstallationBack { .. } => Some(true),
        Notice::Ignored(Ignore::BotSender) => Some(false),
        Notice::Ignored(_) => None,
    }
}
