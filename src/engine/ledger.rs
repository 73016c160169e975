//! An agent's ledger on the store: every write names the lease it is made under, so that a lost lease stops the agent.
//!
//! An answer of a model is on its way to the disk while its tools run: they only change a workspace that a crash throws
//! away. Whatever the ledger is asked next waits until it is there, so that nothing leaves this machine before.

use crate::{
    agent::contract::{Booking, CallKey, Entry, Ledger},
    ids::{ContentHash, WorkId},
    model::Usage,
    report::{Hint, Report},
    store::{Call, Cost, Lease, Pending, Store, StoreError},
};
use async_trait::async_trait;
use std::sync::{Mutex, PoisonError};

/// The ledger of one work.
#[derive(Debug)]
pub struct StoredLedger {
    store: Store,
    lease: Lease,
    /// The last answer, while it is on its way.
    settling: Mutex<Option<Pending<()>>>,
}

impl StoredLedger {
    /// For a work of the run that is leased.
    pub fn new(store: Store, lease: Lease) -> Self {
        Self { store, lease, settling: Mutex::default() }
    }

    async fn settled(&self) -> Result<(), Report> {
        let settling = self.settling.lock().unwrap_or_else(PoisonError::into_inner).take();
        match settling {
            Some(pending) => pending.durable().await.map_err(|error| error.report()),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Ledger for StoredLedger {
    async fn load(&self, work: &WorkId) -> Result<Vec<Entry>, Report> {
        self.settled().await?;
        let lines = self.store.transcript(work).await.map_err(|error| error.report())?;
        lines.iter().map(|line| read(work, line)).collect()
    }

    async fn append(&self, work: &WorkId, at: u32, entries: &[Entry]) -> Result<(), Report> {
        self.settled().await?;
        let lines = written(entries)?;
        self.store.append(&self.lease, work, at, lines).await.map_err(|error| error.report())
    }

    async fn book(&self, call: &CallKey, at: u32, entries: &[Entry], reserve: Booking) -> Result<(), Report> {
        self.settled().await?;
        let lines = written(entries)?;
        let call = key(call);
        let booked = self.store.book_call(&self.lease, &call, cost(reserve), at, lines).await;
        booked.map_err(|error| error.report())
    }

    async fn settle(&self, call: &CallKey, at: u32, entries: &[Entry], cost: Booking) -> Result<(), Report> {
        self.settled().await?;
        let lines = written(entries)?;
        let call = key(call);
        let begun = self.store.begin_settling(&self.lease, &call, self::cost(cost), at, lines).await;
        let pending = begun.map_err(|error| error.report())?;
        *self.settling.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        Ok(())
    }

    async fn keep(&self, bytes: &[u8]) -> Result<ContentHash, Report> {
        self.store.keep(bytes).await.map_err(|error| error.report())
    }

    async fn attempts(&self, work: &WorkId, step: u32) -> Result<u32, Report> {
        self.settled().await?;
        self.store.attempts(work, step).await.map_err(|error| error.report())
    }

    async fn booked(&self) -> Result<(Booking, u32), Report> {
        self.settled().await?;
        let costs = self.store.costs(&self.lease.run).await.map_err(|error| error.report())?;
        let usage = Usage {
            input_tokens: costs.sum.input_tokens,
            cached_input_tokens: costs.sum.cached_tokens,
            output_tokens: costs.sum.output_tokens,
        };
        Ok((Booking { usd: costs.sum.usd, usage }, costs.calls))
    }
}

fn read(work: &WorkId, line: &str) -> Result<Entry, Report> {
    serde_json::from_str(line).map_err(|cause| {
        StoreError::Damaged(format!("an entry of the transcript of {work} can't be read: {cause}")).report()
    })
}

fn written(entries: &[Entry]) -> Result<Vec<String>, Report> {
    let lines = entries.iter().map(serde_json::to_string).collect::<Result<_, _>>();
    lines.map_err(|cause| StoreError::Statement(cause.to_string()).report())
}

fn key(call: &CallKey) -> Call {
    Call { work: call.work.clone(), step: call.step, attempt: call.attempt }
}

fn cost(booking: Booking) -> Cost {
    Cost {
        usd: booking.usd,
        input_tokens: booking.usage.input_tokens,
        cached_tokens: booking.usage.cached_input_tokens,
        output_tokens: booking.usage.output_tokens,
    }
}
