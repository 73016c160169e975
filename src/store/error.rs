//! Why the store could not. Whoever asked gets one of these; nothing is ever answered that is not durable.

use crate::{
    report::{Class, Hint},
    run::journal::WireError,
};
use std::path::PathBuf;

/// Why the store could not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space left.
    #[error("the disk of the store is full")]
    Full,
    /// The file or its folder can't be written or opened.
    #[error("the store can't be opened or written: {0}")]
    ReadOnly(String),
    /// Another process holds the lock for too long.
    #[error("the store is locked by another process")]
    Locked,
    /// The operating system failed to read or write.
    #[error("the disk of the store failed: {0}")]
    Disk(String),
    /// Not a database, damaged, or holding something we did not write.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A later version of this program made it.
    #[error("the store was made by a newer version of quantum (it knows migration {0})")]
    Newer(i64),
    /// Its folder can't be made.
    #[error("the store's folder {0} can't be made: {1}")]
    Folder(PathBuf, String),
    /// The writer is gone: the program is ending.
    #[error("the store is closed")]
    Closed,
    /// Somebody else changed the run since it was read.
    #[error("run {0} was changed by somebody else meanwhile")]
    Moved(String),
    /// Another process works on the run.
    #[error("run {run} is being worked on by {owner}")]
    Leased { run: String, owner: String },
    /// The lease went to somebody else: what we still do must stop.
    #[error("the lease of run {0} went to somebody else")]
    LeaseLost(String),
    /// A transcript's position is taken: two agents on one work.
    #[error("the transcript of {work} already has an entry {at}")]
    Taken { work: String, at: u32 },
    /// An attempt at a call was booked already: two agents on one work.
    #[error("attempt {attempt} at call {step} of {work} was booked already")]
    Booked { work: String, step: u32, attempt: u32 },
    /// Something named is not there.
    #[error("the store has no {0}")]
    Missing(String),
    /// Over a bound.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooBig { what: String, bytes: usize, limit: usize },
    /// A statement failed for another reason: a bug.
    #[error("the store refused a statement: {0}")]
    Statement(String),
}

impl StoreError {
    /// Whether the connection is no longer to be trusted (a failed fsync is never taken for a success).
    pub(super) fn spoils_connection(&self) -> bool {
        matches!(self, Self::Full | Self::ReadOnly(_) | Self::Disk(_) | Self::Damaged(_) | Self::Statement(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(|found| found.code().and_then(|code| code.parse::<i32>().ok()));
        let text = error.to_string();
        // Primary result codes (the low byte of the extended ones): https://www.sqlite.org/rescode.html
        match code.map(|code| code & 0xff) {
            Some(13) => Self::Full,
            Some(3 | 8 | 14 | 23) => Self::ReadOnly(text),
            Some(5 | 6) => Self::Locked,
            Some(7 | 10) => Self::Disk(text),
            Some(11 | 26) => Self::Damaged(text),
            _ => match error {
                sqlx::Error::Io(cause) => Self::Disk(cause.to_string()),
                sqlx::Error::PoolTimedOut => Self::Locked,
                sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged(text),
                _ => Self::Statement(text),
            },
        }
    }
}

impl From<WireError> for StoreError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::TooBig { what, bytes, limit } => Self::TooBig { what, bytes, limit },
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError as M;
        match error {
            M::VersionMissing(version) => Self::Newer(version),
            M::VersionMismatch(version) => {
                Self::Damaged(format!("migration {version} is not the one we know"))
            }
            M::Execute(cause) | M::ExecuteMigration(cause, _) => cause.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl Hint for StoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::Full => "store_full",
            Self::ReadOnly(_) | Self::Folder(..) => "store_read_only",
            Self::Locked => "store_locked",
            Self::Disk(_) => "store_disk",
            Self::Damaged(_) => "store_damaged",
            Self::Newer(_) => "store_newer",
            Self::Closed => "store_closed",
            Self::Moved(_) => "run_moved",
            Self::Leased { .. } => "run_leased",
            Self::LeaseLost(_) => "lease_lost",
            Self::Taken { .. } => "transcript_taken",
            Self::Booked { .. } => "call_booked",
            Self::Missing(_) => "store_missing",
            Self::TooBig { .. } => "store_too_big",
            Self::Statement(_) => "store_statement",
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Full => "free disk space; nothing that was acknowledged is lost, and work goes on by itself or when run again",
            Self::ReadOnly(_) | Self::Folder(..) => "make the data folder (QUANTUM_DATA_DIR) and the database file readable and writable for this user",
            Self::Locked => "end the other program that has the database open, or run again",
            Self::Disk(_) => "check the disk and the system's log, then run again",
            Self::Damaged(_) => "restore the database file from a backup, or move it away to begin with an empty one",
            Self::Newer(_) => "use that newer version of quantum, or another database file",
            Self::Closed => "run again",
            Self::Moved(_) => "run again; the newer state counts",
            Self::Leased { .. } => "wait until the other process is done; if it died, its lease ends within a minute",
            Self::LeaseLost(_) => "nothing to do: the other process goes on with the run",
            Self::Taken { .. } | Self::Booked { .. } => "nothing to do: another process goes on with this work",
            Self::Missing(_) => "check the id; if nobody named one, run the same command again",
            Self::TooBig { .. } => "make it smaller: send output to a file and show its end",
            Self::Statement(_) => "run again; if it repeats, report it with the log",
        }
        .to_owned()
    }

    fn class(&self) -> Class {
        match self {
            Self::Full | Self::Locked | Self::Disk(_) | Self::Closed | Self::Moved(_) => Class::Transient,
            Self::ReadOnly(_)
            | Self::Folder(..)
            | Self::Newer(_)
            | Self::Leased { .. }
            | Self::LeaseLost(_)
            | Self::Missing(_)
            | Self::TooBig { .. } => Class::Refused,
            Self::Damaged(_) | Self::Taken { .. } | Self::Booked { .. } | Self::Statement(_) => Class::Broken,
        }
    }
}
