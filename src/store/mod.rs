//! The store: everything that must survive, in one SQLite file.
//!
//! One writer task owns the only writing connection and batches (`writer`); readers are apart and never wait for it.
//! `Ok` of a write means that it survives loss of power (`WAL`, `synchronous=FULL`). One function per query, named as
//! a question or a deed. The core of it all is [`Store::commit_step`]: event, run and effects in one transaction.
//!
//! Deliberately absent: decisions (they are `run`'s), secrets (nothing stored may hold one), SQL anywhere else.

mod arrivals;
mod base_ends;
mod blobs;
mod calls;
mod deliveries;
mod effects;
mod error;
mod heard;
mod journal;
mod known_repos;
mod leases;
mod missed;
mod outbox;
mod runs;
mod statuses;
mod step;
mod threads;
mod transcripts;
mod turns;
mod writer;

pub use base_ends::BaseEnd;
pub use calls::{Call, Cost, Costs};
pub use deliveries::{Delivery, Matter, NewDelivery, Taken};
pub use effects::Claimed;
pub use error::StoreError;
pub use heard::{CommentKey, Hearing};
pub use known_repos::KnownRepo;
pub use leases::Lease;
pub use missed::Missed;
pub use outbox::{Remembered, Sender, Sent};
pub use runs::Stored;
pub use statuses::WantedStatus;
pub use step::{EffectEnd, StepCommit};
pub use threads::{Begun, Listed, Thread, Wanting, Whose};
pub use turns::{Backlog, DeliveryEnd};
pub use writer::Pending;

use crate::limits::engine as limits;
use futures_util::future::BoxFuture;
use sqlx::{
    ConnectOptions, Connection, SqlitePool,
    migrate::Migrator,
    sqlite::{
        SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
    },
};
use std::{path::Path, time::Duration};
use writer::Writer;

/// The migrations, numbered, forward only; each opens with why it exists.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The store. Cloning shares it; the last clone to go closes it.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Writer,
    readers: SqlitePool,
    /// The readers of [`Store::apart`].
    apart: SqlitePool,
}

impl Store {
    /// Opens the file, making it and its folder when they are not there, and brings it to the newest form.
    /// Refused: a file that is no database, one made by a newer version, a folder that can't be written.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|cause| StoreError::Folder(folder.to_owned(), cause.to_string()))?;
        }
        let options = options(path);
        let mut connection = writing(&options).await?;
        migrate(&mut connection).await?;
        let (readers, apart) = (readers(&options, limits::READERS), readers(&options, limits::READERS_APART));
        Ok(Self { writer: Writer::start(connection, options), readers, apart })
    }

    /// The same store with readers of its own: for whoever has futures in hand that read too and does not poll them while it
    /// reads itself. They may be given the last readers meanwhile and never take them, and it would wait for ever.
    pub fn apart(&self) -> Self {
        Self { readers: self.apart.clone(), ..self.clone() }
    }

    /// Whether it can be read and written now (for `doctor` and `/ready`): one empty transaction, made durable.
    pub async fn is_ready(&self) -> Result<(), StoreError> {
        let written = self.write(|connection| {
            Box::pin(async move {
                // Writing the same number back takes the lock and a page, and changes nothing.
                let version: i64 =
                    sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
                sqlx::query(&format!("PRAGMA user_version = {version}")).execute(connection).await?;
                Ok(())
            })
        });
        written.await?;
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Does this in a transaction of the writer's.
    async fn write<T: Send + 'static>(
        &self,
        deed: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>>
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(Box::new(deed)).await
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(limits::LOCK_WAIT)
        .disable_statement_logging()
}

/// Connections to read with, opened when they are needed.
fn readers(options: &SqliteConnectOptions, most: u32) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(most)
        .acquire_timeout(limits::LOCK_WAIT)
        // a file needs no ping before each question
        .test_before_acquire(false)
        .connect_lazy_with(options.clone().create_if_missing(false).pragma("query_only", "ON"))
}

/// A connection to write with. What the log holds at its opening can be read, but may not be on the disk: its process died
/// before the sync, or the sync failed, and no later one makes up for that. So it is written anew, into the database itself,
/// before anybody is told that it is there. Where somebody else has the file open it was done, and need not succeed: it waits for
/// them shortly only, because nobody else writes meanwhile.
async fn writing(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let mut connection = options.connect().await?;
    let waits = |span: Duration| format!("PRAGMA busy_timeout = {}", span.as_millis());
    sqlx::query(&waits(limits::CHECKPOINT_WAIT)).execute(&mut connection).await?;
    sqlx::query("PRAGMA wal_checkpoint(FULL)").execute(&mut connection).await?;
    sqlx::query(&waits(limits::LOCK_WAIT)).execute(&mut connection).await?;
    Ok(connection)
}

/// One transaction for all migrations, so that two processes that open a new file together don't meet halfway.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut all = connection.begin_with("BEGIN IMMEDIATE").await?;
    MIGRATIONS.run(&mut *all).await?;
    all.commit().await?;
    Ok(())
}
