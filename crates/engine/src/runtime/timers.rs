//! When executions want to be woken. A heap of due times; a timer that was cancelled or moved stays in the heap until its
//! old time and is then recognised as stale by its owner, so cancelling costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use asl::eval::TimerId;

use crate::executions::ExecutionId;
use crate::limits;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wake {
    /// A timer of an execution in memory.
    Timer(TimerId),
    /// An execution that was put away has some timer that is due.
    Away,
    /// What nobody waits for is to be written now.
    LazyWrite,
    /// Answers that overtook their call's own answer have waited for it.
    Early,
}

/// The due times of one shard.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(i64, ExecutionId, Wake)>>,
    /// Entries at the last cleaning.
    clean_len: usize,
}

impl Timers {
    pub(super) fn add(&mut self, due_ms: i64, execution: ExecutionId, wake: Wake) {
        self.heap.push(Reverse((due_ms, execution, wake)));
    }

    /// Keeps those that are wanted still, once there are twice as many as there were then.
    pub(super) fn clean(&mut self, wanted: impl Fn(i64, ExecutionId, Wake) -> bool) {
        if self.heap.len() < 2 * self.clean_len + limits::TIMERS_CLEAN_MIN {
            return;
        }
        self.heap
            .retain(|Reverse((due_ms, id, wake))| wanted(*due_ms, *id, *wake));
        self.heap.shrink_to(2 * self.heap.len());
        self.clean_len = self.heap.len();
    }

    /// When the next is due, ms since 1970.
    pub(super) fn next_due_ms(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse((due_ms, _, _))| *due_ms)
    }

    /// Takes the next that is due at `now_ms`.
    pub(super) fn pop_due(&mut self, now_ms: i64) -> Option<(i64, ExecutionId, Wake)> {
        if self.next_due_ms()? > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_of_their_time_and_not_before() {
        let execution = ExecutionId(uuid::Uuid::now_v7());
        let mut timers = Timers::default();
        timers.add(20, execution, Wake::Timer(TimerId(2)));
        timers.add(10, execution, Wake::Timer(TimerId(1)));
        assert_eq!(timers.next_due_ms(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(30), Some((10, execution, Wake::Timer(TimerId(1)))));
        assert_eq!(timers.pop_due(30), Some((20, execution, Wake::Timer(TimerId(2)))));
        assert_eq!(timers.pop_due(30), None);
    }

    #[test]
    fn what_was_cancelled_does_not_pile_up() {
        let execution = ExecutionId(uuid::Uuid::now_v7());
        let mut timers = Timers::default();
        for round in 0..100_000 {
            timers.add(i64::MAX - round, execution, Wake::Away);
            timers.clean(|_, _, _| false);
        }
        assert!(timers.heap.len() <= limits::TIMERS_CLEAN_MIN);
    }
}
