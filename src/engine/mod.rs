//! DO: carries out what runs want, so that a crash at any instant loses nothing and repeats nothing a person can see.
//!
//! Event, new run and effects are one transaction. Effects are claimed under a lease with a heartbeat, performed
//! ([`Perform`]), and their outcome goes through `step` again. A crash repeats at most the effects in hand, and each is
//! safe to repeat by its key. [`embedded`] is the engine inside this process; it is driven, it has no thread of its own.
//!
//! Deliberately absent: decisions. What follows from an event is `run`'s business.

pub mod app;
mod drive;
pub mod embedded;
mod ledger;
pub mod owner;
pub mod perform;
pub mod setup;
pub mod verify;

pub use embedded::{Bystander, Engine, Timing, Told};
pub use ledger::StoredLedger;
pub use perform::{Errand, Parts, Perform, Performer};
