//! Setup: what a repository's dependencies need, fetched once, before an agent is there, and kept for later works.
//!
//! Pure parts only: which steps, which hosts. `engine/perform/prepare.rs` carries them out.

pub mod hosts;
pub mod steps;
