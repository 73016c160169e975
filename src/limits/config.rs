//! Configuration.

/// Bytes of a request (command line, file, standard input); GitHub's largest comment is 64 KiB. A longer one is wrong usage.
pub const REQUEST_BYTES: u64 = 256 * 1024;
/// Bytes of `quantum.toml`; a larger one is refused.
pub const FILE_BYTES: u64 = 64 * 1024;
/// Bytes of a file that holds one secret (a private key has 3 KiB); a larger one is refused.
pub const SECRET_BYTES: u64 = 16 * 1024;
/// Bytes of `.github/quantum.yml`: it is a hostile file; a larger one is refused.
pub const REPO_FILE_BYTES: usize = 64 * 1024;
/// Commands in `verify` or `setup`; more are refused.
pub const COMMANDS: usize = 20;
/// Bytes of the request's words in a branch's name; the rest is left out.
pub const SLUG_BYTES: usize = 40;
/// Fixer rounds when nobody says otherwise.
pub const FIX_ATTEMPTS: u32 = 3;
/// Fixer rounds a repository may ask for; a larger number counts as this (money caps it too).
pub const FIX_ATTEMPTS_MOST: u32 = 10;
/// Runs of one request on one commit: each asks the store, and a person says it in other words long before. More are refused.
pub const RUNS_OF_A_REQUEST: u32 = 10_000;
/// Seconds between the server's looks for what was missed when nobody says otherwise.
pub const SWEEP_SECONDS: u32 = 120;
