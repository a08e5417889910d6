//! Who in this process waits for what: a wake-up for those who would otherwise only poll the database.
//!
//! A signal carries nothing and may be lost (another replica did the work), so whoever waits reads the database after each one and
//! every now and then without one. Topics exist while somebody listens; their number is bounded by the requests in flight.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// The listeners of this process. Clones are the same listeners.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    topics: Arc<Mutex<HashMap<String, watch::Sender<u64>>>>,
    arrivals: Arc<tokio::sync::Notify>,
}

/// A place among the listeners of a topic, given up when dropped.
#[derive(Debug)]
pub struct Listener {
    signals: Signals,
    topic: String,
    receiver: Option<watch::Receiver<u64>>,
}

impl Signals {
    /// Listeners of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens to `topic` from now on.
    pub fn listen(&self, topic: impl Into<String>) -> Listener {
        let topic = topic.into();
        let receiver = self
            .lock()
            .entry(topic.clone())
            .or_insert_with(|| watch::channel(0).0)
            .subscribe();
        self.arrivals.notify_waiters();
        Listener {
            signals: self.clone(),
            topic,
            receiver: Some(receiver),
        }
    }

    /// Wakes the listeners of `topic`.
    pub fn notify(&self, topic: &str) {
        if let Some(sender) = self.lock().get(topic) {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// The topics beginning with `prefix` that somebody listens to, without the prefix.
    pub fn listened_to(&self, prefix: &str) -> Vec<String> {
        self.lock()
            .keys()
            .filter_map(|topic| topic.strip_prefix(prefix).map(ToOwned::to_owned))
            .collect()
    }

    /// Ends when somebody begins to listen to anything, or after `at_most`.
    pub async fn arrival(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.arrivals.notified()).await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<u64>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// Ends at the next signal since the last call, or after `at_most`.
    pub async fn wait(&mut self, at_most: Duration) {
        if let Some(receiver) = &mut self.receiver {
            let _ = tokio::time::timeout(at_most, receiver.changed()).await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.receiver = None;
        let mut topics = self.signals.lock();
        if topics
            .get(&self.topic)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            topics.remove(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_sent_before_the_wait_is_not_missed() {
        let signals = Signals::new();
        let mut listener = signals.listen("execution:1");
        signals.notify("execution:1");
        listener.wait(Duration::from_secs(3_600)).await;
    }

    #[tokio::test]
    async fn a_topic_lives_as_long_as_its_last_listener() {
        let signals = Signals::new();
        let one = signals.listen("machine:a");
        let two = signals.listen("machine:a");
        drop(one);
        assert_eq!(signals.listened_to("machine:"), ["a"]);
        drop(two);
        assert!(signals.listened_to("machine:").is_empty());
    }
}
