//! Which deliveries somebody must look at; the others are only kept.

use crate::{
    github::webhook,
    intent::{
        notice::{Ignore, Notice, Us},
        policy,
    },
    store::Matter,
};

/// Whether somebody must look at a delivery, and whose turn that takes. Before we know who we are, every comment may be meant. None: it means nothing, and was
/// not read to its end.
pub fn matters(event: &str, body: &[u8], us: Option<&Us>) -> Option<Matter> {
    let unknown = Us { app_id: 0, slug: String::new() };
    match webhook::notice(event, body, us.unwrap_or(&unknown)) {
        Notice::Commented(comment) if us.is_some_and(|us| policy::heard(&comment, us).is_err()) => {
            Some(Matter::Nothing)
        }
        Notice::Commented(comment) => Some(Matter::Something { installation: comment.installation }),
        Notice::PullClosed { installation, .. } => Some(Matter::Something { installation }),
        Notice::InstallationGone { installation, .. } | Notice::InstallationBack { installation } => {
            Some(Matter::Something { installation: Some(installation) })
        }
        Notice::ThreadGone { .. } | Notice::RepoGone { .. } | Notice::RepoBack { .. } => {
            Some(Matter::Something { installation: None })
        }
        Notice::Ignored(Ignore::BotSender) => Some(Matter::Nothing),
        Notice::Ignored(_) => None,
    }
}
