//! Starting tasks and ending the process.
//!
//! A shutdown has two steps. *Soft*: no new work is taken, what is at hand is finished. *Hard*: what is still not finished
//! after [`limits::SHUTDOWN_GRACE`], or at a second signal, is dropped; it survives in Postgres and is taken up after the next start.
//! `tokio::spawn` is banned elsewhere, so every task is known here and waited for.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::limits;

/// A handle on the process's life; clones are the same life.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    tasks: TaskTracker,
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Lifecycle {
    /// A life that has just begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` until it ends or the hard shutdown drops it. `name` shows in logs.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let hard = self.hard.clone();
        self.tasks.spawn(
            async move {
                tokio::select! {
                    () = task => {}
                    () = hard.cancelled() => tracing::warn!(task = name, "dropped by the hard shutdown"),
                }
            }
            .instrument(tracing::info_span!("task", name)),
        );
    }

    /// Ends when no new work should be taken.
    pub async fn soft_shutdown(&self) {
        self.soft.cancelled().await;
    }

    /// Whether no new work should be taken.
    pub fn is_shutting_down(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// The token behind [`Self::soft_shutdown`], for libraries that take one.
    pub fn soft_token(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Asks everything to finish.
    pub fn begin_shutdown(&self) {
        self.soft.cancel();
    }

    /// Waits for the tasks, at most [`limits::SHUTDOWN_GRACE`] or until `impatience` ends, then drops what is left.
    pub async fn finish(&self, impatience: impl Future<Output = ()>) {
        self.begin_shutdown();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => return,
            () = tokio::time::sleep(limits::SHUTDOWN_GRACE) => {}
            () = impatience => {}
        }
        self.hard.cancel();
        self.tasks.wait().await;
    }
}

/// Ends at SIGTERM or SIGINT (Ctrl-C).
pub async fn termination_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "signals can't be watched: only kill -9 will end this process");
                std::future::pending::<()>().await;
            }
        }
    }
    #[cfg(not(unix))]
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::error!(%error, "Ctrl-C can't be watched");
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shutdown_waits_for_what_is_at_hand() {
        let life = Lifecycle::new();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let inner = life.clone();
        life.spawn("worker", async move {
            inner.soft_shutdown().await;
            let _ = sender.send("finished");
        });
        life.finish(std::future::pending()).await;
        assert_eq!(receiver.await, Ok("finished"));
    }

    #[tokio::test]
    async fn impatience_drops_what_does_not_finish() {
        let life = Lifecycle::new();
        life.spawn("stuck", std::future::pending());
        life.finish(std::future::ready(())).await;
        assert!(life.is_shutting_down());
    }
}
