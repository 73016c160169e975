//! What comes in from GitHub.

/// Hex digits of a signature: SHA-256. Any other number is a wrong signature.
pub const SIGNATURE_DIGITS: usize = 64;
/// Bytes of an owner's or a repository's name: GitHub takes 39 and 100. A longer one is malformed.
pub const NAME_BYTES: usize = 100;
/// Bytes of what is said about a payload that can't be read; it may quote the payload. The rest is cut.
pub const MALFORMED_BYTES: usize = 200;
