//! Somebody who said a command, of whom it can't be found out whether they may. Nothing starts. In a private repository nobody
//! is a stranger, so when it is given up that is said, once; in a public one there is silence, as for whoever may not.

use super::{
    App, AppHands,
    commands::Heard,
    desk::Trouble,
    hearing::{Came, Deed, key},
};
use crate::{
    github::webhook,
    intent::{
        notice::{Comment, Notice},
        policy::{self, Standing},
        reply,
    },
    report::Report,
    store::Delivery,
};

/// The code of a report that it can't be looked up who may.
pub(super) const UNKNOWN: &str = "permission_unknown";

impl App {
    /// A delivery is given up because of that.
    pub(super) async fn say_unknown_to(&self, delivery: &Delivery) {
        match delivery.body().await {
            Ok(body) => {
                if let Notice::Commented(comment) = webhook::notice(&delivery.event, &body, self.hands().us())
                {
                    self.say_unknown(&comment).await;
                }
            }
            Err(error) => tracing::warn!(delivery = %delivery.id, %error, "it can't be read"),
        }
    }

    /// A command is given up because of that.
    pub(super) async fn say_unknown(&self, comment: &Comment) {
        match self.try_say_unknown(comment).await {
            Ok(()) => {}
            Err(Trouble::Gone(what)) => {
                tracing::info!(comment = comment.id, what, "a command is not answered");
            }
            // kept: who meets the comment once more says it then
            Err(Trouble::Told(report)) => {
                tracing::warn!(comment = comment.id, %report, hint = %report.hint, "a command can't be answered");
            }
        }
    }

    async fn try_say_unknown(&self, comment: &Comment) -> Result<(), Trouble> {
        let hands = self.hands();
        let Ok(said) = policy::heard(comment, hands.us()) else { return Ok(()) };
        let installation = hands.installation_of(comment).await?;
        let desk = hands.desk_of(installation, comment.repo.clone());
        // what a delivery calls private may be public by now
        if !desk.repository().await?.is_private {
            return Ok(());
        }
        let heard = Heard { hands, comment, came: Came::Delivered, installation, desk: &desk, said };
        let lock = self.lock_of(comment.repo.id, None);
        let one_at_a_time = lock.lock().await;
        let is_decided = hands.store.hearing(&key(comment)).await?.is_some()
            || hands.store.thread(&heard.own_run()).await?.is_some();
        if is_decided {
            return Ok(());
        }
        heard.begin(&Deed::Deny { text: reply::not_known() }).await?;
        drop(one_at_a_time);
        self.answer(&heard).await.map(drop)
    }
}

impl Heard<'_> {
    /// Where the author stands.
    pub(super) async fn standing(&self) -> Result<Standing, Trouble> {
        self.looked_up().await.map_err(|error| match error.into() {
            Trouble::Told(report) => Trouble::Told(Report { code: UNKNOWN.into(), ..report }),
            gone @ Trouble::Gone(_) => gone,
        })
    }
}

impl AppHands {
    /// The installation that a comment came through.
    pub(super) async fn installation_of(&self, comment: &Comment) -> Result<u64, Trouble> {
        match comment.installation {
            Some(known) => Ok(known),
            None => {
                let (owner, name) = (&comment.repo.owner, &comment.repo.name);
                Ok(self.parts.github.installation_of(owner, name).await?)
            }
        }
    }
}
