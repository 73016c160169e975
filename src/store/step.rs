//! The heart of durability: one decision, one transaction.

use super::{Lease, Store, StoreError, effects::encode_outcome, leases};
use crate::{
    clock::Timestamp,
    ids::RunId,
    run::{
        Effect, Event, Run,
        journal::{Entry, encode_effect, encode_entry, encode_run},
        reply,
    },
};
use sqlx::sqlite::SqliteConnection;

/// One decision of `step`, to be made durable as a whole.
#[derive(Clone, Debug)]
pub struct StepCommit<'a> {
    /// The version that was read before deciding: when the run has moved on since, nothing is written.
    pub version: i64,
    /// What the run was told.
    pub event: &'a Event,
    /// When.
    pub at: Timestamp,
    /// The run after it.
    pub run: &'a Run,
    /// What it wants done.
    pub effects: &'a [Effect],
    /// The effect this is the outcome of, with the lease it was performed under; None when somebody told the run.
    pub cause: Option<(&'a Lease, &'a str)>,
}

/// How an effect ends without a decision.
#[derive(Clone, Copy, Debug)]
pub enum EffectEnd<'a> {
    /// Done; there is nothing to tell.
    Done,
    /// Stopped before it was done: wanted again, it is performed again.
    Dropped,
    /// Done, but its outcome meant nothing where the run is: wanted again, it is told again.
    Ignored(&'a Event),
}

/// An effect on its way into the store.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    key: String,
    kind: String,
    body: String,
}

impl Store {
    /// Event, run and effects, and the end of the effect that caused it: all or nothing.
    ///
    /// `Moved`: the run was told something else meanwhile; read again and decide again. `LeaseLost`: somebody else
    /// performs this run now. An effect whose key was done before counts as done: with a stored outcome, that outcome
    /// is told again; without, nothing happens.
    pub async fn commit_step(&self, step: StepCommit<'_>) -> Result<(), StoreError> {
        let record = Record::new(&step)?;
        self.write(move |connection| Box::pin(async move { record.write(connection).await })).await
    }

    /// An effect ends without a decision: there was nothing to tell, or it changed nothing.
    pub async fn finish_effect(
        &self,
        lease: &Lease,
        key: &str,
        end: EffectEnd<'_>,
    ) -> Result<(), StoreError> {
        let (lease, key) = (lease.clone(), key.to_owned());
        let (state, outcome) = match end {
            EffectEnd::Done => ("done", None),
            EffectEnd::Dropped => ("dropped", None),
            EffectEnd::Ignored(event) => ("done", Some(encode_outcome(event)?)),
        };
        self.write(move |connection| {
            Box::pin(async move {
                leases::demand(connection, &lease).await?;
                end_effect(connection, &lease.run, &key, state, outcome.as_deref()).await
            })
        })
        .await
    }
}

/// Everything of a step as text, made outside the writer.
struct Record {
    run: RunId,
    version: i64,
    at: i64,
    phase: &'static str,
    state: String,
    event: String,
    outcome: String,
    effects: Vec<Wanted>,
    cause: Option<(Lease, String)>,
    refused: bool,
}

impl Record {
    fn new(step: &StepCommit<'_>) -> Result<Self, StoreError> {
        let seq = step.version.unsigned_abs() + 1;
        let entry = Entry { seq, at: step.at, event: step.event.clone() };
        let effects = step.effects.iter().map(|effect| Wanted::new(effect, &step.run.id));
        Ok(Self {
            run: step.run.id.clone(),
            version: step.version,
            at: step.at.0,
            phase: reply::phase(step.run.phase()),
            state: encode_run(step.run)?,
            event: encode_entry(&entry)?,
            outcome: encode_outcome(step.event)?,
            effects: effects.collect::<Result<_, _>>()?,
            cause: step.cause.map(|(lease, key)| (lease.clone(), key.to_owned())),
            refused: matches!(step.event, Event::EffectRefused { .. }),
        })
    }

    async fn write(self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let moved = sqlx::query(
            "UPDATE runs SET state = ?3, phase = ?4, updated = ?5, version = version + 1
             WHERE id = ?1 AND version = ?2",
        )
        .bind(self.run.as_str())
        .bind(self.version)
        .bind(&self.state)
        .bind(self.phase)
        .bind(self.at)
        .execute(&mut *connection)
        .await?;
        if moved.rows_affected() == 0 {
            return Err(StoreError::Moved(self.run.to_string()));
        }
        sqlx::query("INSERT INTO journal (run, seq, at, event) VALUES (?, ?, ?, ?)")
            .bind(self.run.as_str())
            .bind(self.version + 1)
            .bind(self.at)
            .bind(&self.event)
            .execute(&mut *connection)
            .await?;
        if let Some((lease, key)) = &self.cause {
            leases::demand(connection, lease).await?;
            let (state, outcome) =
                if self.refused { ("dropped", None) } else { ("done", Some(self.outcome.as_str())) };
            end_effect(connection, &self.run, key, state, outcome).await?;
        }
        for (place, wanted) in self.effects.iter().enumerate() {
            wanted.insert(connection, &self.run, self.version + 1, place).await?;
        }
        Ok(())
    }
}

impl Wanted {
    fn new(effect: &Effect, run: &RunId) -> Result<Self, StoreError> {
        Ok(Self { key: effect.key(run), kind: kind(effect).to_owned(), body: encode_effect(effect)? })
    }

    /// A key that is new waits; one that was dropped waits again with fresh counts; one that is done with an outcome
    /// waits to have that outcome told again; one that is done without, or waits already, stays as it is.
    async fn insert(
        &self,
        connection: &mut SqliteConnection,
        run: &RunId,
        version: i64,
        place: usize,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO effects (run, key, kind, body, state, version, place)
             VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?6)
             ON CONFLICT (run, key) DO UPDATE SET state = 'pending', version = ?5, place = ?6, body = ?4,
                 claims = 0, failures = 0, not_before = 0
             WHERE state = 'dropped' OR (state = 'done' AND outcome IS NOT NULL)",
        )
        .bind(run.as_str())
        .bind(&self.key)
        .bind(&self.kind)
        .bind(&self.body)
        .bind(version)
        .bind(i64::try_from(place).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Ends a claimed effect. One that is not claimed was ended by somebody else.
async fn end_effect(
    connection: &mut SqliteConnection,
    run: &RunId,
    key: &str,
    state: &'static str,
    outcome: Option<&str>,
) -> Result<(), StoreError> {
    let ended = sqlx::query(
        "UPDATE effects SET state = ?3, outcome = ?4 WHERE run = ?1 AND key = ?2 AND state = 'claimed'",
    )
    .bind(run.as_str())
    .bind(key)
    .bind(state)
    .bind(outcome)
    .execute(connection)
    .await?;
    if ended.rows_affected() == 0 {
        return Err(StoreError::LeaseLost(run.to_string()));
    }
    Ok(())
}

/// Works may run beside one another; everything else is performed in order.
fn kind(effect: &Effect) -> &'static str {
    match effect {
        Effect::Work(_) => "work",
        Effect::StopWorks { .. } => "stop",
        Effect::Acknowledge
        | Effect::Snapshot { .. }
        | Effect::Status { .. }
        | Effect::Merge { .. }
        | Effect::Verify { .. }
        | Effect::Publish { .. }
        | Effect::Ask { .. }
        | Effect::AskApproval { .. }
        | Effect::Reply { .. } => "ordered",
    }
}
