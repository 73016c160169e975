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
/// Bytes of one stream: each token of an answer comes in some 300 bytes, thoughts included. A longer one is nonsense.
pub const STREAM_BYTES: usize = 64 << 20;
/// Bytes of one line of a stream: a whole file of code in one piece fits. A longer one is nonsense.
pub const EVENT_BYTES: usize = 2 << 20;
/// Times one question is put in other words (a parameter, tools, a length that the server refuses). Then it is refused.
pub const DIALECT_TRIES: u32 = 8;
/// Bytes of a refusal that are looked through for what is not taken.
pub const REFUSAL_BYTES: usize = 8 * 1024;
/// Tokens that no call has: a provider that counts more has counted wrong, and it is estimated.
pub const TOKENS_MOST: u64 = 1_000_000_000;
/// Tokens of the smallest window that is believed: a smaller number in a refusal means something else.
pub const WINDOW_LEAST: u64 = 512;
/// Tokens of the smallest limit of an answer that is believed.
pub const OUTPUT_TOKENS_LEAST: u32 = 256;
/// Bytes of the shortest key that is taken out of answers: real ones have 40 and more, placeholders are words.
pub const KEY_BYTES: usize = 20;
/// Bytes a token, for estimates where no provider has told a number: about right for English and code.
pub const TOKEN_BYTES: u64 = 4;
