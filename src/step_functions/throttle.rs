//! Token buckets for each operation in one account and region, shared by every environment there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::operation::{Operation, Priority};
use crate::config::Quota;

/// How much may be called.
#[derive(Debug, Clone, PartialEq)]
pub enum Limits {
    /// As much as is wanted: the embedded engine.
    None,
    /// AWS's published quotas of a region, but for what differs.
    Published {
        /// The region.
        region: String,
        /// What differs.
        differing: BTreeMap<Operation, Quota>,
    },
}

impl Limits {
    fn quota(&self, operation: Operation) -> Option<Quota> {
        match self {
            Self::None => None,
            Self::Published { region, differing } => Some(
                differing
                    .get(&operation)
                    .copied()
                    .unwrap_or_else(|| operation.published_quota(region)),
            ),
        }
    }
}

/// The buckets of one account and region.
#[derive(Debug)]
pub struct Throttle {
    limits: Limits,
    buckets: Mutex<HashMap<Operation, Bucket>>,
}

/// No token came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exhausted {
    /// When there will be one.
    pub(super) retry_after: Duration,
}

impl Throttle {
    /// Full buckets.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buckets: Mutex::default(),
        }
    }

    /// Takes a token, waiting for it at most `wait_max`.
    pub(super) async fn take(
        &self,
        operation: Operation,
        priority: Priority,
        wait_max: Duration,
    ) -> Result<(), Exhausted> {
        let Some(quota) = self.limits.quota(operation) else {
            return Ok(());
        };
        let deadline = Instant::now() + wait_max;
        loop {
            let now = Instant::now();
            let Err(wait) = self.with_bucket(operation, quota, now, |bucket| bucket.take(quota, priority))
            else {
                return Ok(());
            };
            if now + wait > deadline {
                return Err(Exhausted { retry_after: wait });
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// AWS said that its bucket is empty, whatever ours says: others use the account too.
    pub(super) fn drain(&self, operation: Operation) {
        if let Some(quota) = self.limits.quota(operation) {
            self.with_bucket(operation, quota, Instant::now(), |bucket| bucket.tokens = 0.0);
        }
    }

    fn with_bucket<T>(
        &self,
        operation: Operation,
        quota: Quota,
        now: Instant,
        act: impl FnOnce(&mut Bucket) -> T,
    ) -> T {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(operation).or_insert(Bucket {
            tokens: f64::from(quota.bucket),
            filled_at: now,
        });
        bucket.fill(quota, now);
        act(bucket)
    }
}

/// Tokens at a moment.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn fill(&mut self, quota: Quota, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + seconds * quota.refill_per_second).min(f64::from(quota.bucket));
        self.filled_at = now;
    }

    /// A token, or how long until there is one for this priority.
    fn take(&mut self, quota: Quota, priority: Priority) -> Result<(), Duration> {
        let reserved = (priority.reserve() * f64::from(quota.bucket)).min(f64::from(quota.bucket) - 1.0);
        let missing = reserved + 1.0 - self.tokens;
        // A hair's breadth short is the rounding of the refill.
        if missing > 1e-6 {
            return Err(Duration::from_secs_f64(
                (missing / quota.refill_per_second).min(3_600.0),
            ));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATION: Operation = Operation::DescribeExecution;

    fn throttle(bucket: u32, refill_per_second: f64) -> Throttle {
        let differing = BTreeMap::from([(
            OPERATION,
            Quota {
                bucket,
                refill_per_second,
            },
        )]);
        Throttle::new(Limits::Published {
            region: "eu-west-1".into(),
            differing,
        })
    }

    async fn taken_at_once(throttle: &Throttle, priority: Priority) -> u32 {
        let mut count = 0;
        while throttle.take(OPERATION, priority, Duration::ZERO).await.is_ok() {
            count += 1;
        }
        count
    }

    #[tokio::test]
    async fn a_lower_priority_leaves_a_part_to_the_higher_ones() {
        let throttle = throttle(100, 1e-9);
        assert_eq!(taken_at_once(&throttle, Priority::Sweep).await, 50);
        assert_eq!(taken_at_once(&throttle, Priority::Describe).await, 25);
        assert_eq!(taken_at_once(&throttle, Priority::Start).await, 15);
        assert_eq!(taken_at_once(&throttle, Priority::Stop).await, 5);
        assert_eq!(taken_at_once(&throttle, Priority::Rollback).await, 5);
    }

    #[test]
    fn tokens_come_back_at_the_refill_rate_and_no_further_than_full() {
        let quota = Quota {
            bucket: 10,
            refill_per_second: 2.0,
        };
        let began = Instant::now();
        let mut bucket = Bucket {
            tokens: 0.0,
            filled_at: began,
        };
        assert_eq!(
            bucket.take(quota, Priority::Rollback),
            Err(Duration::from_millis(500))
        );
        bucket.fill(quota, began + Duration::from_millis(500));
        assert_eq!(bucket.take(quota, Priority::Rollback), Ok(()));
        bucket.fill(quota, began + Duration::from_secs(3_600));
        assert!((bucket.tokens - 10.0).abs() < f64::EPSILON, "{bucket:?}");
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_told_how_long() {
        let throttle = throttle(1, 0.001);
        throttle
            .take(OPERATION, Priority::Sweep, Duration::ZERO)
            .await
            .unwrap();
        let exhausted = throttle
            .take(OPERATION, Priority::Sweep, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(exhausted.retry_after > Duration::from_secs(900), "{exhausted:?}");
    }

    #[tokio::test]
    async fn who_has_to_wait_a_little_waits() {
        let throttle = throttle(1, 1_000.0);
        for _ in 0..5 {
            throttle
                .take(OPERATION, Priority::Sweep, Duration::from_secs(60))
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn a_bucket_that_aws_says_is_empty_is_empty() {
        let throttle = throttle(100, 1e-9);
        throttle.drain(OPERATION);
        assert_eq!(taken_at_once(&throttle, Priority::Rollback).await, 0);
    }

    #[tokio::test]
    async fn the_embedded_engine_is_not_throttled() {
        let throttle = Throttle::new(Limits::None);
        for _ in 0..1_000 {
            throttle
                .take(OPERATION, Priority::Sweep, Duration::ZERO)
                .await
                .unwrap();
        }
    }
}
