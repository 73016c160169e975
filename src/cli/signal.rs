//! Ctrl-C and SIGTERM: the first ends the run in order, the second ends the program (the sandbox dies with it).

use super::progress::Display;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Both signals. From here on they no longer end the program by themselves.
pub(super) struct Interrupts(Option<(Signal, Signal)>);

impl Interrupts {
    pub(super) fn listen() -> Self {
        // without handlers a signal ends the program, and the sandbox with it: still safe
        Self(signal(SignalKind::interrupt()).and_then(|one| Ok((one, signal(SignalKind::terminate())?))).ok())
    }

    /// Waits for one.
    pub(super) async fn next(&mut self) {
        match &mut self.0 {
            Some((interrupt, terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            None => std::future::pending().await,
        }
    }

    /// Cancels `cancel` on the first signal and returns on the second. To be raced against the run.
    pub(super) async fn second(&mut self, cancel: &CancellationToken, display: &Display) {
        self.next().await;
        display.note("stopping: ending the sandbox (once more to leave at once)");
        cancel.cancel();
        self.next().await;
    }
}
