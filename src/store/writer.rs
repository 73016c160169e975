//! The one writer: a task that owns the only connection that writes.
//!
//! Requests wait in a bounded queue. What waits together is one `BEGIN IMMEDIATE` transaction, each request in a
//! savepoint of its own, so that one that fails takes no other along; all are answered after the commit, never before.
//! Deliveries that wait together are one request: they come many at a time, and a statement each is most of their cost.
//! A connection that met a failing disk is closed, and the next batch opens a fresh one: recovery needs no restart.

use super::{
    arrivals::Arrivals,
    deliveries::{NewDelivery, Taken},
    error::StoreError,
};
use crate::limits::engine as limits;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sqlx::{Connection, sqlite::SqliteConnectOptions, sqlite::SqliteConnection};
use tokio::sync::{mpsc, oneshot};

/// What is to be done on the writing connection, inside a transaction.
pub(super) type Deed<T> =
    Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send>;

/// The callers' end.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Wanted>,
}

/// What may wait in the queue.
enum Wanted {
    Deed(Box<dyn Request>),
    Delivery(Arrival),
}

/// A delivery and who waits to hear what it was.
pub(super) struct Arrival {
    pub(super) delivery: NewDelivery,
    pub(super) answer: oneshot::Sender<Result<Taken, StoreError>>,
}

impl Writer {
    /// Starts the task; it ends when the last `Writer` is dropped and everything queued was answered.
    #[expect(clippy::disallowed_methods, reason = "the store's one task; dropping the last handle ends it")]
    pub(super) fn start(connection: SqliteConnection, options: SqliteConnectOptions) -> Self {
        let (queue, requests) = mpsc::channel(limits::WRITER_QUEUE);
        tokio::spawn(serve(requests, Some(connection), options));
        Self { queue }
    }

    /// Does this in a transaction. `Ok` means durable; after an error nothing of it happened.
    /// Dropping the future does not take a queued request back.
    pub(super) async fn write<T: Send + 'static>(&self, deed: Deed<T>) -> Result<T, StoreError> {
        self.begin(deed).await?.durable().await
    }

    /// The same without waiting for the disk. What is written later is in the same order.
    pub(super) async fn begin<T: Send + 'static>(&self, deed: Deed<T>) -> Result<Pending<T>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let request = Wanted::Deed(Box::new(Waiting { deed: Some(deed), result: None, answer }));
        self.queue.send(request).await.map_err(|_| StoreError::Closed)?;
        Ok(Pending(answered))
    }

    /// Keeps a delivery, together with all others that wait.
    pub(super) async fn deliver(&self, delivery: NewDelivery) -> Result<Taken, StoreError> {
        let (answer, answered) = oneshot::channel();
        let wanted = Wanted::Delivery(Arrival { delivery, answer });
        self.queue.send(wanted).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

/// A write on its way to the disk.
#[derive(Debug)]
#[must_use = "whether it came there is told by `durable`"]
pub struct Pending<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Pending<T> {
    /// Waits for it. `Ok` means that it survives loss of power.
    pub async fn durable(self) -> Result<T, StoreError> {
        self.0.await.map_err(|_| StoreError::Closed)?
    }
}

/// A request whose answer type is known to its sender only.
#[async_trait]
pub(super) trait Request: Send {
    /// Does it; the result is kept back until the commit.
    async fn perform(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError>;
    /// Whether it is all or nothing without a transaction around it: that saves two statements, which are most of a write's
    /// time when it is alone.
    fn is_atomic(&self) -> bool {
        false
    }
    /// Answers: the kept result, or what befell the whole batch.
    fn answer(self: Box<Self>, batch: Result<(), StoreError>);
}

struct Waiting<T> {
    deed: Option<Deed<T>>,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

#[async_trait]
impl<T: Send + 'static> Request for Waiting<T> {
    async fn perform(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let Some(deed) = self.deed.take() else { return Ok(()) };
        let result = deed(connection).await;
        let end = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.result = Some(result);
        end
    }

    fn answer(self: Box<Self>, batch: Result<(), StoreError>) {
        let result = match (batch, self.result) {
            // Its own error tells more than the batch's.
            (_, Some(Err(own))) => Err(own),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => Err(StoreError::Closed),
            (Err(error), _) => Err(error),
        };
        // Nobody waits any more: the caller was dropped; what is done stays done.
        let _ = self.answer.send(result);
    }
}

async fn serve(
    mut requests: mpsc::Receiver<Wanted>,
    mut connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
) {
    let mut waiting = Vec::with_capacity(limits::WRITER_BATCH);
    while requests.recv_many(&mut waiting, limits::WRITER_BATCH).await > 0 {
        let mut batch = gather(&mut waiting);
        let outcome = match take_or_open(&mut connection, &options).await {
            Ok(mut open) => {
                let outcome = transaction(&mut open, &mut batch).await;
                if !outcome.as_ref().is_err_and(StoreError::spoils_connection) {
                    connection = Some(open);
                }
                outcome
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome.as_ref()
            && error.spoils_connection()
        {
            tracing::warn!(%error, requests = batch.len(), "a batch of writes failed");
        }
        for request in batch.drain(..) {
            request.answer(outcome.clone());
        }
    }
    if let Some(connection) = connection {
        let _ = connection.close().await;
    }
}

/// The requests of one transaction: all deliveries among them are one.
fn gather(waiting: &mut Vec<Wanted>) -> Vec<Box<dyn Request>> {
    let (mut batch, mut arrivals) = (Vec::<Box<dyn Request>>::new(), Vec::new());
    for wanted in waiting.drain(..) {
        match wanted {
            Wanted::Deed(request) => batch.push(request),
            Wanted::Delivery(arrival) => arrivals.push(arrival),
        }
    }
    if !arrivals.is_empty() {
        batch.push(Box::new(Arrivals::new(arrivals)));
    }
    batch
}

async fn take_or_open(
    connection: &mut Option<SqliteConnection>,
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, StoreError> {
    match connection.take() {
        Some(open) => Ok(open),
        None => super::writing(options).await,
    }
}

/// One transaction for the whole batch. An error means that nothing of the batch is in the store.
async fn transaction(
    connection: &mut SqliteConnection,
    batch: &mut [Box<dyn Request>],
) -> Result<(), StoreError> {
    if let [only] = batch
        && only.is_atomic()
    {
        return only.perform(connection).await;
    }
    say(connection, "BEGIN IMMEDIATE").await?;
    let done = match batch {
        [only] => only.perform(connection).await,
        many => each_in_a_savepoint(connection, many).await,
    };
    let end = match done {
        Ok(()) => say(connection, "COMMIT").await,
        Err(error) => Err(error),
    };
    if end.is_err() {
        // SQLite may have rolled back already; then this says that there is no transaction, which is as well.
        let _ = say(connection, "ROLLBACK").await;
    }
    end
}

async fn each_in_a_savepoint(
    connection: &mut SqliteConnection,
    batch: &mut [Box<dyn Request>],
) -> Result<(), StoreError> {
    for request in batch {
        say(connection, "SAVEPOINT request").await?;
        if let Err(error) = request.perform(connection).await {
            // Fails when SQLite rolled everything back (disk full, I/O error): then the batch fails as a whole.
            say(connection, "ROLLBACK TO request").await.map_err(|_| error)?;
        }
        say(connection, "RELEASE request").await?;
    }
    Ok(())
}

async fn say(connection: &mut SqliteConnection, statement: &'static str) -> Result<(), StoreError> {
    sqlx::query(statement).execute(connection).await?;
    Ok(())
}
