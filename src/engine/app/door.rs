//! GitHub's door: while it does not take the App's key, nothing is begun, and it is asked again and again whether it does now.

use super::App;
use crate::{clock::Timestamp, limits::app as limits};
use std::sync::{MutexGuard, PoisonError};

/// When it is asked next, and how often it was.
#[derive(Debug, Default)]
pub(super) struct Knocks {
    asked: u32,
    next: Option<Timestamp>,
}

impl App {
    fn knocks(&self) -> MutexGuard<'_, Knocks> {
        self.knocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks GitHub whether it takes us, when it is time to; None: it does, else when it is asked next.
    pub(super) async fn shut_out_until(&self) -> Option<Timestamp> {
        let (github, now) = (&self.hands().parts.github, self.engine().now());
        if github.shut_out().is_none() {
            *self.knocks() = Knocks::default();
            return None;
        }
        let next = *self.knocks().next.get_or_insert_with(|| now.after(limits::SHUT_OUT_FIRST));
        if next > now {
            return Some(next);
        }
        let answer = github.app().await;
        if github.shut_out().is_none() {
            tracing::info!("GitHub takes the App's key again");
            *self.knocks() = Knocks::default();
            // runs wait for it too
            self.wants.notify_one();
            return None;
        }
        if let Err(error) = answer {
            tracing::warn!(%error, "nothing goes on; asked again in a while");
        }
        let mut knocks = self.knocks();
        knocks.asked += 1;
        let wait =
            limits::SHUT_OUT_FIRST.saturating_mul(1 << knocks.asked.min(16)).min(limits::SHUT_OUT_MOST);
        knocks.next = Some(self.engine().now().after(wait));
        knocks.next
    }
}
