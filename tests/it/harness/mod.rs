//! What every test stands on: [`Signalbox`] runs the executable on a database of its own, on free ports, and talks to it; [`InProcess`] runs the
//! service inside the test with a clock that the test moves; [`Receiver`] is the other side of what is sent out; [`Reaper`] kills it at a
//! chosen await point.
//!
//! Tests wait on conditions ([`eventually`]), never for a time.

pub mod cbor;
mod engine;
mod in_process;
mod reaper;
mod receiver;
mod signalbox;

use std::future::Future;
use std::time::Duration;

pub use engine::Engine;
pub use in_process::InProcess;
pub use reaper::Reaper;
pub use receiver::{Receiver, Reply};
pub use signalbox::{Answer, Options, Signalbox};

/// How long a condition may take on a loaded machine before the test gives up. No test depends on how long it really takes.
const PATIENCE: Duration = Duration::from_secs(90);

/// Calls `probe` until it gives something. `what` is what the test waits for, for the message when it gives up.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let begun = tokio::time::Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "still waiting for: {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}
