//! Decisions about jobs, pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::job::{Done, JobError};
use crate::limits;

/// What is written about a job after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settlement {
    /// Delete it.
    Finish,
    /// Ready again then, attempts from zero.
    Snooze(DateTime<Utc>),
    /// Ready again then, after an error.
    Retry { at: DateTime<Utc>, error: String },
    /// Dead.
    Die { error: String },
}

/// How often a job was tried, and how often it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempts {
    /// From 1.
    pub(super) number: u32,
    /// None: never gives up.
    pub(super) max: Option<u32>,
}

impl Attempts {
    pub(super) fn is_last(self) -> bool {
        self.max.is_some_and(|max| self.number >= max)
    }
}

/// The settlement of a run. `every` is the schedule's interval for a job that is a schedule; `wait` is how long until the next
/// attempt.
pub(super) fn settle(
    outcome: &Result<Done, JobError>,
    attempts: Attempts,
    now: DateTime<Utc>,
    every: Option<Duration>,
    wait: Duration,
) -> Settlement {
    match outcome {
        Ok(Done::Finished) => every.map_or(Settlement::Finish, |every| Settlement::Snooze(now + every)),
        Ok(Done::Snooze(until)) => Settlement::Snooze(*until),
        Err(JobError::Retry(_)) if attempts.is_last() => Settlement::Die { error: text(outcome) },
        Err(JobError::Retry(_)) => Settlement::Retry {
            at: now + wait,
            error: text(outcome),
        },
        Err(JobError::Fail(_)) => Settlement::Die { error: text(outcome) },
    }
}

fn text(outcome: &Result<Done, JobError>) -> String {
    let chain = outcome.as_ref().err().map(JobError::chain).unwrap_or_default();
    chain
        .chars()
        .filter(|character| *character != '\0')
        .take(limits::JOB_ERROR_CHARACTERS_MAX)
        .collect()
}

/// Doubles from a second to ten minutes.
pub fn backoff(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    limits::JOB_BACKOFF_MIN
        .saturating_mul(1 << doublings)
        .min(limits::JOB_BACKOFF_MAX)
}

/// Spreads `wait` over 80 to 120 percent of it; `random` is anywhere in 0..1.
pub(super) fn jittered(wait: Duration, random: f64) -> Duration {
    wait.mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const WAIT: Duration = Duration::from_secs(2);

    fn settled(outcome: Result<Done, JobError>, number: u32, max: Option<u32>) -> Settlement {
        settle(&outcome, Attempts { number, max }, NOW, None, WAIT)
    }

    #[test]
    fn a_job_that_may_go_better_is_retried_until_its_last_attempt() {
        let retried = Settlement::Retry {
            at: NOW + WAIT,
            error: "down".into(),
        };
        assert_eq!(settled(Err(JobError::retry("down")), 2, Some(3)), retried);
        assert_eq!(
            settled(Err(JobError::retry("down")), 3, Some(3)),
            Settlement::Die { error: "down".into() }
        );
        assert_eq!(settled(Err(JobError::retry("down")), 99, None), retried);
    }

    #[test]
    fn a_job_that_will_not_go_better_dies_at_once() {
        assert_eq!(
            settled(Err(JobError::fail("bad")), 1, None),
            Settlement::Die { error: "bad".into() }
        );
    }

    #[test]
    fn a_schedule_that_finished_comes_again() {
        let attempts = Attempts { number: 1, max: None };
        let every = Duration::from_secs(60);
        let settlement = settle(&Ok(Done::Finished), attempts, NOW, Some(every), WAIT);
        assert_eq!(settlement, Settlement::Snooze(NOW + every));
    }

    #[test]
    fn waits_double_up_to_ten_minutes() {
        let seconds: Vec<u64> = [1, 2, 3, 10, 11, u32::MAX]
            .map(|attempt| backoff(attempt).as_secs())
            .into();
        assert_eq!(seconds, [1, 2, 4, 512, 600, 600]);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        assert_eq!(jittered(Duration::from_secs(10), 0.0), Duration::from_secs(8));
        assert_eq!(jittered(Duration::from_secs(10), 1.0), Duration::from_secs(12));
    }
}
