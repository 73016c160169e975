//! Whether runs can go on here. The App starts without a model or a sandbox: deliveries are kept and runs wait then.

use super::AppHands;
use crate::{clock::Timestamp, limits::app as limits};
use std::sync::{
    Arc,
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

/// What was found, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Able {
    is_able: bool,
    at: Timestamp,
}

impl AppHands {
    /// Whether works can be done: somebody can be asked, and a sandbox can be built. A yes is kept, a no is looked at again soon.
    pub(super) async fn is_able(&self) -> bool {
        let mut known = self.able.lock().await;
        let now = self.clock.now();
        if let Some(found) = known.filter(|found| found.is_able || now.since(found.at) < limits::ABLE_KEPT) {
            return found.is_able;
        }
        let is_able = self.parts.model.is_some() && self.has_sandbox().await;
        if !is_able {
            tracing::warn!("runs wait: `quantum doctor` says what is missing (a model, a sandbox)");
        }
        *known = Some(Able { is_able, at: now });
        is_able
    }

    async fn has_sandbox(&self) -> bool {
        self.parts.sandbox.probe().await.iter().all(|probe| probe.ok)
    }
}
