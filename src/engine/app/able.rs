//! Whether runs can go on here. The App starts without a model or a sandbox: deliveries are kept and runs wait then.

use super::AppHands;
use crate::{clock::Timestamp, limits::app as limits, run::comment};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

/// When runs were looked through for the last time; a clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<AtomicI64>);

impl Pulse {
    /// They were, now.
    pub(super) fn beat(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    /// Whether it is long ago, or never was.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        now.since(Timestamp(self.0.load(Ordering::Relaxed))) > limits::PULSE
    }
}

/// What is missing for works to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Nobody can be asked.
    Model,
    /// None can be built.
    Sandbox,
}

impl Lack {
    /// For the thread of a run that waits for it.
    pub(super) fn told(self) -> String {
        match self {
            Self::Model => comment::no_model(),
            Self::Sandbox => comment::no_sandbox(),
        }
    }
}

/// What was found, and when.
#[derive(Clone, Copy, Debug)]
struct Found {
    lack: Option<Lack>,
    at: Timestamp,
}

/// What is known about it: whoever looks is alone, and who only wants to know waits for nobody.
#[derive(Debug, Default)]
pub(super) struct Able {
    looking: tokio::sync::Mutex<()>,
    found: Mutex<Option<Found>>,
}

impl Able {
    fn found(&self) -> Option<Found> {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, found: Found) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }
}

impl AppHands {
    /// Whether works can be done: somebody can be asked, and a sandbox can be built. A yes is kept, a no is looked at again soon.
    pub(super) async fn is_able(&self) -> bool {
        let _alone = self.able.looking.lock().await;
        let now = self.clock.now();
        let known = self.able.found();
        if let Some(found) = known.filter(|f| f.lack.is_none() || now.since(f.at) < limits::ABLE_KEPT) {
            return found.lack.is_none();
        }
        let lack = match &self.parts.model {
            None => Some(Lack::Model),
            Some(_) if self.has_sandbox().await => None,
            Some(_) => Some(Lack::Sandbox),
        };
        if lack.is_some() {
            tracing::warn!("runs wait: `quantum doctor` says what is missing (a model, a sandbox)");
        }
        self.able.note(Found { lack, at: now });
        lack.is_none()
    }

    /// What was missing when it was last looked at.
    pub(super) fn lack(&self) -> Option<Lack> {
        self.able.found().and_then(|found| found.lack)
    }

    async fn has_sandbox(&self) -> bool {
        self.parts.sandbox.probe().await.iter().all(|probe| probe.ok)
    }
}
