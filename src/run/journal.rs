//! The wire form: the only place where a run, an event or an effect becomes bytes. Versioned; locked by snapshots in
//! `tests/it/journal.rs`. What is read is checked before it is used.

use super::{Effect, Event, Misfit, Run, step};
use crate::{
    clock::Timestamp,
    limits::run::{RUN_BYTES, WIRE_BYTES},
    report::{Class, Hint},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The version that is written. Older ones are read as long as there is an arm for them in `open`.
pub const VERSION: u32 = 1;

/// One event of a run's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal, from 1.
    pub seq: u64,
    /// When the run was told.
    pub at: Timestamp,
    /// What it was told.
    pub event: Event,
}

/// Why something can't be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Bigger than histories may carry.
    #[error("{what} has {bytes} bytes on the wire, more than {limit}")]
    TooBig { what: String, bytes: usize, limit: usize },
    /// Written by another version.
    #[error("{what} has version {found}; this program reads {VERSION}")]
    Version { what: String, found: u32 },
    /// Not what it should be.
    #[error("{what} can't be read: {why}")]
    Garbage { what: String, why: String },
    /// A run that no history leads to.
    #[error("{what} can't be used")]
    Misfit { what: String, source: Misfit },
}

impl Hint for WireError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooBig { .. } => "wire_too_big",
            Self::Version { .. } => "wire_version",
            Self::Garbage { .. } => "wire_garbage",
            Self::Misfit { .. } => "misfit",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::TooBig { .. } => "this is a bug: texts are cut before; please report it",
            Self::Version { .. } => "use the version of the program that wrote it, or a newer one",
            Self::Garbage { .. } | Self::Misfit { .. } => {
                "the store is damaged: restore it, or start the run again"
            }
        }
        .to_owned()
    }
    fn class(&self) -> Class {
        Class::Broken
    }
}

#[derive(Serialize)]
struct Sealed<'a, T> {
    v: u32,
    #[serde(flatten)]
    body: Body<'a, T>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a, T> {
    Entry { seq: u64, at: Timestamp, event: &'a T },
    Effect { effect: &'a T },
    Run { run: &'a T },
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Deserialize)]
struct EntryBody {
    seq: u64,
    at: Timestamp,
    event: Event,
}

#[derive(Deserialize)]
struct EffectBody {
    effect: Effect,
}

#[derive(Deserialize)]
struct RunBody {
    run: Run,
}

/// A journal entry as bytes: `{"v":1,"seq":…,"at":…,"event":{…}}`, at most [`WIRE_BYTES`].
pub fn encode_entry(entry: &Entry) -> Result<String, WireError> {
    let body = Body::Entry { seq: entry.seq, at: entry.at, event: &entry.event };
    seal(format!("entry {}", entry.seq), body, WIRE_BYTES)
}

/// Reads the entry that stands at `seq` in the journal.
pub fn decode_entry(seq: u64, text: &str) -> Result<Entry, WireError> {
    let what = format!("entry {seq}");
    let body: EntryBody = open(&what, text, WIRE_BYTES)?;
    if body.seq != seq {
        let source = Misfit::Order { expected: seq, found: body.seq };
        return Err(WireError::Misfit { what, source });
    }
    Ok(Entry { seq: body.seq, at: body.at, event: body.event })
}

/// An effect as bytes: `{"v":1,"effect":{…}}`, at most [`WIRE_BYTES`].
pub fn encode_effect(effect: &Effect) -> Result<String, WireError> {
    seal("effect".to_owned(), Body::Effect { effect }, WIRE_BYTES)
}

/// Reads an effect.
pub fn decode_effect(text: &str) -> Result<Effect, WireError> {
    open::<EffectBody>("effect", text, WIRE_BYTES).map(|body| body.effect)
}

/// A run as bytes: `{"v":1,"run":{…}}`, at most [`RUN_BYTES`].
pub fn encode_run(run: &Run) -> Result<String, WireError> {
    seal(format!("run {}", run.id), Body::Run { run }, RUN_BYTES)
}

/// Reads a run, and checks that it is one.
pub fn decode_run(text: &str) -> Result<Run, WireError> {
    let run = open::<RunBody>("run", text, RUN_BYTES)?.run;
    run.check().map_err(|source| WireError::Misfit { what: format!("run {}", run.id), source })?;
    Ok(run)
}

/// What a journal makes of a run that has not begun. Entries that were ignored are ignored again.
pub fn replay(mut run: Run, entries: &[Entry]) -> Result<Run, Misfit> {
    for (entry, expected) in entries.iter().zip(1..) {
        if entry.seq != expected {
            return Err(Misfit::Order { expected, found: entry.seq });
        }
        run = step(run, &entry.event, entry.at).run;
        run.check().map_err(|misfit| match misfit {
            Misfit::Damaged(what) => Misfit::After { seq: entry.seq, what },
            other @ (Misfit::Order { .. } | Misfit::After { .. } | Misfit::Differs { .. }) => other,
        })?;
    }
    Ok(run)
}

/// Replays a journal and insists that it leads to the stored run; names the first place that differs.
pub fn check_replay(fresh: Run, entries: &[Entry], stored: &Run) -> Result<(), Misfit> {
    let replayed = replay(fresh, entries)?;
    if replayed == *stored {
        return Ok(());
    }
    let json = |run: &Run| serde_json::to_value(run).unwrap_or_default();
    let (at, stored, replayed) =
        difference(String::new(), &json(stored), &json(&replayed)).unwrap_or_default();
    let seq = entries.last().map_or(0, |e| e.seq);
    Err(Misfit::Differs { seq, at, stored, replayed })
}

fn difference(
    at: String,
    stored: &serde_json::Value,
    replayed: &serde_json::Value,
) -> Option<(String, String, String)> {
    use serde_json::Value::{Array, Object};
    if stored == replayed {
        return None;
    }
    match (stored, replayed) {
        (Object(a), Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().zip(b.values()).find_map(|((key, x), y)| difference(format!("{at}/{key}"), x, y))
        }
        (Array(a), Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (x, y))| difference(format!("{at}/{i}"), x, y))
        }
        _ => {
            let short = |v: &serde_json::Value| crate::intent::cut::line(&v.to_string(), 200);
            Some((at, short(stored), short(replayed)))
        }
    }
}

fn seal<T: Serialize>(what: String, body: Body<'_, T>, limit: usize) -> Result<String, WireError> {
    let text = serde_json::to_string(&Sealed { v: VERSION, body })
        .map_err(|e| WireError::Garbage { what: what.clone(), why: e.to_string() })?;
    if text.len() > limit {
        return Err(WireError::TooBig { what, bytes: text.len(), limit });
    }
    Ok(text)
}

fn open<T: DeserializeOwned>(what: &str, text: &str, limit: usize) -> Result<T, WireError> {
    let what = what.to_owned();
    if text.len() > limit {
        return Err(WireError::TooBig { what, bytes: text.len(), limit });
    }
    let garbage = |e: serde_json::Error| WireError::Garbage { what: what.clone(), why: e.to_string() };
    match serde_json::from_str::<Version>(text).map_err(garbage)?.v {
        VERSION => serde_json::from_str(text).map_err(garbage),
        found => Err(WireError::Version { what, found }),
    }
}
