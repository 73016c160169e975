//! Models.

use std::time::Duration;

/// Tokens of a window when nobody knows the model's; most models of 2025 have more.
pub const WINDOW: u64 = 128_000;
/// Time for a connection; a server that is further away is not there.
pub const CONNECT: Duration = Duration::from_secs(20);
/// Time between two parts of an answer; thinking models are silent for minutes. Then the call has failed.
pub const IDLE: Duration = Duration::from_secs(300);
/// Time for a whole answer; then the call has failed.
pub const ANSWER: Duration = Duration::from_secs(900);
/// Bytes of one answer: the largest windows answer with far less. A longer one is nonsense.
pub const ANSWER_BYTES: usize = 4 << 20;
/// Tool calls of one answer. More are nonsense.
pub const CALLS: usize = 128;
/// Characters of a provider's message that are shown.
pub const MESSAGE_CHARS: usize = 500;
/// Failures in a row after which a chain asks its next model; below the attempts at one call, so that it gets its turn.
pub const CHAIN_FAILURES: u32 = 2;
