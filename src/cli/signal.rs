//! Ctrl-C and SIGTERM: the first ends the run in order, the second ends the program (the sandbox dies with it).

use super::say;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels `cancel` on the first signal and returns on the second. To be raced against the run.
pub(super) async fn second_interrupt(cancel: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // without handlers a signal ends the program, and the sandbox with it: still safe
        return std::future::pending().await;
    };
    for last in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if !last {
            say("stopping: ending the sandbox (once more to leave at once)");
            cancel.cancel();
        }
    }
}
