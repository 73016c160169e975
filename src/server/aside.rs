//! Work that grows with a body, off the async threads. What a large one costs is a tenth of a second of a processor: it is
//! done for one at a time, so that small deliveries are answered as if nothing else came.

use super::refusal::Refusal;
use crate::limits::server as limits;
use std::sync::Arc;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Where large bodies wait for their turn.
pub(super) struct Aside(Arc<Semaphore>);

impl Aside {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Does this work on a body of so many bytes. `Late`: it could not be done, or it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = match bytes > limits::MIDDLE_BODY_BYTES {
            true => Some(Arc::clone(&self.0).acquire_owned().await.map_err(|_| Refusal::Late)?),
            false => None,
        };
        let worked = spawn_blocking(move || {
            // it goes on when nobody waits for it any more, and has its turn until it ends
            let _turn = turn;
            work()
        });
        worked.await.map_err(|_| Refusal::Late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    };

    const LARGE: usize = limits::MIDDLE_BODY_BYTES + 1;

    #[tokio::test]
    async fn large_bodies_take_turns_and_a_middle_one_waits_for_none() {
        let (aside, (go, wait)) = (Aside::new(), mpsc::channel::<()>());
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, seen) = (Arc::clone(&is_over), Arc::clone(&is_over));
        let first = aside.run(LARGE, move || {
            wait.recv().unwrap();
            over.store(true, Ordering::SeqCst);
        });
        let second = aside.run(LARGE, move || seen.load(Ordering::SeqCst));
        let middle = async {
            aside.run(LARGE - 1, || ()).await.unwrap();
            go.send(()).unwrap();
        };
        let (first, second, ()) = tokio::join!(first, second, middle);
        first.unwrap();
        assert!(second.unwrap(), "the second began when the first was over");
    }

    #[tokio::test]
    async fn a_panic_takes_no_turn_along() {
        let aside = Aside::new();
        let end = aside.run(LARGE, || panic!("on purpose")).await;
        assert!(matches!(end, Err(Refusal::Late)));
        assert_eq!(aside.run(LARGE, || 7).await.unwrap(), 7);
    }
}
