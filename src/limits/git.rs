//! Git.

/// Entries of a tree or a workspace: real repositories have up to some 100,000. More are refused.
pub const ENTRIES: usize = 200_000;
/// Bytes of one file: beyond it a repository is not for a laptop's agent. A larger one is refused.
pub const FILE_BYTES: u64 = 100 << 20;
/// Bytes of all files of a tree or a workspace. More are refused.
pub const TREE_BYTES: u64 = 4 << 30;
/// Folders in folders: more is a bomb. Deeper trees are refused.
pub const DEPTH: usize = 256;
/// Threads that write a checkout.
pub const CHECKOUT_THREADS: usize = 4;
/// Files that one of them gets at least: a thread costs more than a few files.
pub const FILES_A_THREAD: usize = 64;
/// Bytes of one `.gitignore` that are looked at.
pub const IGNORE_BYTES: u64 = 256 * 1024;
/// Files compared when a merge looks for renames; beyond it renames are not looked for.
pub const RENAMES: u32 = 1_000;
/// Conflicting files that are named; the rest are as many again.
pub const CONFLICTS: usize = 300;
/// Bytes of a file that is compared line by line; a larger one counts as binary.
pub const DIFF_FILE_BYTES: i64 = 4 << 20;
