//! The App: what comes in as deliveries becomes runs, and what runs want on GitHub is done there.
//!
//! [`App`] takes deliveries in, drives runs and keeps status comments up to date; [`AppHands`] performs effects: what is
//! the same on a laptop is done by `Performer` on a mirror of the repository, the rest by the GitHub client. Everything
//! that changes something on GitHub waits in the line of its installation ([`Lines`]).
//!
//! Deliberately absent: decisions. Who may do what is `intent::policy`'s, what follows from an event is `run`'s.

mod able;
mod branch;
mod commands;
mod counted;
mod desk;
mod desks;
mod door;
mod facts;
mod hands;
mod hearing;
mod here;
mod intake;
mod lines;
mod lost;
mod matters;
mod publish;
mod scan;
mod screen;
mod slots;
mod status;
mod sweep;
mod text;
mod twins;
mod unknown;
mod upload;
mod working;

pub use able::Pulse;
pub use counted::count_github;
pub use hands::{AppHands, AppParts, Budget};
pub use intake::{Fate, Taken};
pub use lines::{Held, Lines, Priority};
pub use matters::matters;
pub use publish::PULL;
pub use sweep::Swept;
pub use working::{App, Bounds};

use super::perform::aside;
use futures_util::{StreamExt, stream::FuturesUnordered};

/// Waits for this while what is in hand goes on, and tells what of it ended: what it waits for, a connection to the store, may
/// be held by those in hand.
async fn beside<T, F: Future>(
    hand: &mut FuturesUnordered<F>,
    work: impl Future<Output = T>,
) -> (T, Vec<F::Output>) {
    let (mut work, mut ended) = (std::pin::pin!(work), Vec::new());
    loop {
        tokio::select! {
            done = &mut work => return (done, ended),
            Some(end) = hand.next(), if !hand.is_empty() => ended.push(end),
        }
    }
}
