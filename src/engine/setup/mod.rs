//! Setup: what a repository's dependencies need, fetched once, before an agent is there, and kept for later works.
//!
//! Pure parts only: which steps, which hosts, which words. `engine/perform/prepare.rs` carries them out.

pub mod advice;
pub mod hosts;
pub mod notes;
pub mod steps;
