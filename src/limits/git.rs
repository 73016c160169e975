//! Git.

use std::time::Duration;

/// Entries of a tree or a workspace: real repositories have up to some 100,000. More are refused.
pub const ENTRIES: usize = 200_000;
/// Bytes of one file: beyond it a repository is not for a laptop's agent. A larger one is refused.
pub const FILE_BYTES: u64 = 100 << 20;
/// Bytes of all files of a tree or a workspace. More are refused.
pub const TREE_BYTES: u64 = 4 << 30;
/// Bytes of one tree object, which is read as a whole: one of as many entries as may be has some 10 MiB. A larger one is refused.
pub const TREE_OBJECT_BYTES: usize = 32 << 20;
/// Folders in folders: more is a bomb. Deeper trees are refused.
pub const DEPTH: usize = 256;
/// Bytes of a branch name: it becomes a file's name with `.lock` at its end. A longer one is refused.
pub const BRANCH_BYTES: usize = 250;
/// Commits of one branch that are copied when it is published: one a round. More are refused.
pub const COMMITS: usize = 256;
/// Threads that write a checkout.
pub const CHECKOUT_THREADS: usize = 4;
/// Files that one of them gets at least: a thread costs more than a few files.
pub const FILES_A_THREAD: usize = 64;
/// Bytes of all `.gitignore` files of a workspace: they are compiled, and hostile ones take long. More are refused.
pub const IGNORE_BYTES: u64 = 512 * 1024;
/// Bytes of a link's target: what Linux takes. A longer one is refused.
pub const LINK_BYTES: usize = 4_095;
/// Checkouts whose files are remembered, so that unchanged ones need not be read again. The oldest is forgotten.
pub const STAMPED_CHECKOUTS: usize = 8;
/// Objects that are made durable one by one; more are by flushing the whole file system.
pub const SYNC_ONE_BY_ONE: usize = 64;
/// Files compared when a merge looks for renames; beyond it renames are not looked for.
pub const RENAMES: u32 = 1_000;
/// Conflicting files that are named; the rest are as many again.
pub const CONFLICTS: usize = 300;
/// Bytes of a file that is compared line by line; a larger one counts as binary.
pub const DIFF_FILE_BYTES: i64 = 4 << 20;
/// Bytes of a host's variable that is looked for in what leaves: a shorter value is in many texts by chance.
pub const SECRET_BYTES: usize = 12;
/// Bytes that one fetch takes over the network: without its history the largest ordinary repository has some 300 MiB. More
/// ends the fetch.
pub const FETCH_BYTES: u64 = 1 << 30;
/// Objects of one fetched pack: without its history a repository has no more than twice the entries that we take of its
/// tree. A pack that announces more is refused before it is read.
pub const FETCH_OBJECTS: usize = 2 * ENTRIES;
/// Time for one fetch, the unpacking included: the largest one at 2 MiB a second. Then it has failed.
pub const FETCH_TIME: Duration = Duration::from_secs(600);
/// Time between two parts of an answer: GitHub tells every few seconds that it still packs. Then the fetch has failed.
pub const FETCH_SILENCE: Duration = Duration::from_secs(60);
/// Time for a connection; a server that is further away is not there.
pub const CONNECT: Duration = Duration::from_secs(20);
/// Bytes of a remote's list of refs: the largest repositories of GitHub have some 30 MiB of them, where a server knows
/// no shorter answer. More ends the fetch.
pub const REFS_BYTES: usize = 64 << 20;
/// Redirects that one fetch follows, all to the same host: a repository that was renamed has one. More are refused.
pub const REDIRECTS: usize = 3;
/// Characters of what a remote says that are shown.
pub const REMOTE_CHARS: usize = 200;
