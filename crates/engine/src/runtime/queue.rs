//! The way into a shard: many senders, one thread that takes all there is at once.
//!
//! Callers from outside are refused when it is full. Answers to what the shard itself sent out (a record is durable, a task
//! is done) are always taken: there are at most as many as it sent out, and a shard that refused them while it waits for
//! the journal would wait for ever.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::limits;

/// A queue of messages to one thread.
#[derive(Debug)]
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct Inner<T> {
    messages: VecDeque<T>,
    closed: bool,
}

/// The message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too much is waiting already.
    Full,
    /// The shard is gone.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                messages: VecDeque::new(),
                closed: false,
            }),
            filled: Condvar::new(),
        }
    }

    /// For callers from outside.
    pub(super) fn offer(&self, message: T) -> Result<(), Refused> {
        self.push(message, limits::SHARD_QUEUE_EVENTS_MAX)
    }

    /// For answers to what the shard sent out. After the end of the shard there is nobody to tell.
    pub(super) fn answer(&self, message: T) {
        let _closed = self.push(message, usize::MAX);
    }

    fn push(&self, message: T, max: usize) -> Result<(), Refused> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.closed {
            return Err(Refused::Closed);
        }
        if inner.messages.len() >= max {
            return Err(Refused::Full);
        }
        inner.messages.push_back(message);
        // Only the first message can find the shard asleep.
        if inner.messages.len() == 1 {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// No more messages; what is there is dropped, so that whoever waits for an answer hears that there is none.
    pub(super) fn close(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.closed = true;
        inner.messages.clear();
        self.filled.notify_all();
    }

    /// Waits at most `patience` for messages and takes all of them. `None` once closed.
    pub(super) fn take_all(&self, patience: Duration) -> Option<VecDeque<T>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut inner, _timed_out) = self
            .filled
            .wait_timeout_while(inner, patience, |inner| {
                inner.messages.is_empty() && !inner.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        if inner.closed {
            None
        } else {
            Some(std::mem::take(&mut inner.messages))
        }
    }
}
