//! Which shard an execution belongs to.

use std::sync::Arc;

use super::message::Message;
use super::queue::Queue;
use crate::executions::ExecutionId;

/// The ways into a term's shards; there is at least one.
pub(super) struct Shards {
    first: Arc<Queue<Message>>,
    others: Vec<Arc<Queue<Message>>>,
}

impl Shards {
    pub(super) fn new(count: usize) -> Self {
        Self {
            first: Arc::new(Queue::new()),
            others: (1..count).map(|_| Arc::new(Queue::new())).collect(),
        }
    }

    pub(super) fn of(&self, id: ExecutionId) -> &Queue<Message> {
        // The last 62 bits of a UUID of version 7 are random.
        let count = self.others.len() as u64 + 1;
        match id.0.as_u64_pair().1 % count {
            0 => &self.first,
            index => self
                .others
                .get(usize::try_from(index - 1).unwrap_or_default())
                .unwrap_or(&self.first),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Queue<Message>>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}
