//! GitHub: what it tells us and what we ask of it, in our words. JSON stops here; ids are identities, names are looked up
//! again when they change. It can do nothing on its own: it starts no run, waits for nothing, and sends no change twice.
//!
//! Read [`webhook`] (what a delivery means), [`app`] (the App: [`GitHub`]), [`deliveries`] (their log), [`desk`] (one repository: [`Desk`]), [`token`]
//! (what a token may do), [`pace`] (how fast), then `call` (one call over HTTP).
//!
//! Deliberately absent: merging, approving, forcing a branch, deleting one, settings of a repository.

pub mod app;
mod ask;
mod call;
mod date;
pub mod deliveries;
pub mod desk;
pub mod error;
mod keep;
pub mod manifest;
pub mod pace;
mod payload;
mod said;
pub mod token;
pub mod webhook;
mod wire;

pub use app::{AppFacts, GitHub, GitHubSettings, Installation};
pub use deliveries::{DeliveryLog, FailedDelivery};
pub use desk::{
    Desk, Repository,
    checks::{Annotation, AnnotationLevel, CheckSeen, Conclusion, NewCheck},
    files::FileSeen,
    objects::{CommitFacts, CommitMade, EntryKind, TreeEntry},
    pulls::{NewPull, Pull, PullState},
    talk::{Issue, Reaction, Seen},
    written::Written,
};
pub use error::{GitHubError, Lost};
pub use pace::{Left, Load};
pub use token::Need;
