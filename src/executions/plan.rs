//! The decisions of watching executions, pure: how two pieces of knowledge are joined, what that means, when to look again.
//!
//! What is heard of an execution comes late, twice and in any order. [`join`] keeps the later of two by (redrive count, rank of
//! the status) and fills gaps from both when they are equal. It is commutative, associative and idempotent (a join-semilattice,
//! tested below), so whatever the order, the record ends the same.

use std::cmp::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::limits;
use super::model::{Contribution, Knowledge, Status};

/// What two pieces of knowledge about the same execution come to.
pub(super) fn join(one: Knowledge, other: Knowledge) -> Knowledge {
    let order = key(&one).cmp(&key(&other));
    let (later, earlier) = if order == Ordering::Less {
        (other, one)
    } else {
        (one, other)
    };
    let same_run = order == Ordering::Equal;
    let fill = |later: Option<String>, earlier: Option<String>| {
        if same_run { later.max(earlier) } else { later }
    };
    Knowledge {
        redrive_count: later.redrive_count,
        status: later.status,
        stopped_at: if same_run {
            later.stopped_at.max(earlier.stopped_at)
        } else {
            later.stopped_at
        },
        output: fill(later.output, earlier.output),
        error: fill(later.error, earlier.error),
        cause: fill(later.cause, earlier.cause),
        // These never change in an execution's life.
        started_at: later.started_at.max(earlier.started_at),
        input: later.input.max(earlier.input),
        version_arn: later.version_arn.max(earlier.version_arn),
        alias_arn: later.alias_arn.max(earlier.alias_arn),
    }
}

/// The status itself is the last part: two terminal states of one run can't differ, but if a target ever says so, the answer must
/// still not depend on which was heard first.
fn key(knowledge: &Knowledge) -> (i32, u8, Status) {
    (knowledge.redrive_count, rank(knowledge.status), knowledge.status)
}

/// How late in a run a status comes; a later one replaces an earlier one.
fn rank(status: Status) -> u8 {
    match status {
        Status::Running => 0,
        Status::PendingRedrive => 1,
        Status::Aborted | Status::Failed | Status::Succeeded | Status::TimedOut => 2,
    }
}

/// What became of an execution between two states of knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that anybody must be told.
    None,
    /// It closed.
    Closed,
    /// It was redriven and runs again.
    Redriven,
    /// It was redriven and has closed again.
    RedrivenAndClosed,
}

/// Tells what happened from `before` to `after`, where `after` is `before` joined with something.
pub(super) fn change(before: &Knowledge, after: &Knowledge) -> Change {
    let redriven = after.redrive_count > before.redrive_count;
    match (redriven, after.status.is_closed(), before.status.is_closed()) {
        (true, true, _) => Change::RedrivenAndClosed,
        (true, false, _) => Change::Redriven,
        (false, true, false) => Change::Closed,
        (false, _, _) => Change::None,
    }
}

/// What an execution adds to the rollups; nothing while it is open. `started_at` is the recorded one, in case the target told none.
pub(super) fn contribution(knowledge: &Knowledge, started_at: DateTime<Utc>) -> Option<Contribution> {
    let stopped_at = knowledge.stopped_at.filter(|_| knowledge.status.is_closed())?;
    let started_at = knowledge.started_at.unwrap_or(started_at);
    let error = match knowledge.status {
        Status::Failed => Some(
            knowledge
                .error
                .clone()
                .filter(|error| !error.is_empty())
                .unwrap_or_else(|| UNNAMED_ERROR.to_owned()),
        ),
        Status::TimedOut => Some(
            knowledge
                .error
                .clone()
                .filter(|error| !error.is_empty())
                .unwrap_or_else(|| "States.Timeout".to_owned()),
        ),
        Status::Aborted | Status::Succeeded | Status::Running | Status::PendingRedrive => None,
    };
    Some(Contribution {
        day: started_at.date_naive(),
        version_arn: knowledge.version_arn.clone().unwrap_or_default(),
        status: knowledge.status,
        duration_ms: (stopped_at - started_at).num_milliseconds().max(0),
        error,
    })
}

/// Stands for the name of an error that has none: a Fail state without `Error`.
pub(super) const UNNAMED_ERROR: &str = "(unnamed)";

/// How a target is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Between two sweeps of a machine with open executions.
    pub interval: Duration,
    /// Between two sweeps while somebody waits.
    pub waited: Duration,
    /// How old an unlisted execution must be before it is asked about: listings lag.
    pub settling: Duration,
    /// How far a sweep looks back behind the last one, for the same reason.
    pub overlap: Duration,
}

/// When a machine is to be swept next. Idle machines are looked at four times less often, only for executions started past Signalbox.
pub(super) fn next_sweep(
    now: DateTime<Utc>,
    pace: &Pace,
    open: usize,
    found: usize,
    took: Duration,
) -> DateTime<Utc> {
    let wait = if open > 0 || found > 0 {
        pace.interval
    } else {
        pace.interval * 4
    };
    now + TimeDelta::from_std(rested(wait, took)).unwrap_or(TimeDelta::MAX)
}

/// How long a machine rests after a sweep that took `took`: at least `wait`, and long enough that sweeping it takes a fifth of the time
/// at most, however much is open.
pub(super) fn rested(wait: Duration, took: Duration) -> Duration {
    wait.max(took * 4)
}

/// From where a sweep lists all executions, newest first: everything started before is known. Once a day a whole day further back.
pub(super) fn listing_floor(
    now: DateTime<Utc>,
    pace: &Pace,
    watermark: DateTime<Utc>,
    deep_sweep_at: DateTime<Utc>,
) -> (DateTime<Utc>, bool) {
    let day = TimeDelta::from_std(limits::DEEP_SWEEP_INTERVAL).unwrap_or(TimeDelta::MAX);
    let deep = now >= deep_sweep_at;
    let overlap = TimeDelta::from_std(pace.overlap).unwrap_or(TimeDelta::MAX);
    let floor = if deep {
        watermark.min(now - day)
    } else {
        watermark - overlap
    };
    (floor, deep)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn knowledge() -> impl Strategy<Value = Knowledge> {
        let text = || prop::option::of("[ab]{0,2}");
        let time = || prop::option::of((0_i64..4).prop_map(|s| DateTime::from_timestamp(s, 0).unwrap()));
        (
            (0_i32..3, prop::sample::select(Status::ALL.to_vec())),
            (time(), time()),
            (text(), text(), text(), text(), text(), text()),
        )
            .prop_map(
                |(
                    (redrive_count, status),
                    (stopped_at, started_at),
                    (output, error, cause, input, version_arn, alias_arn),
                )| {
                    Knowledge {
                        redrive_count,
                        status,
                        stopped_at,
                        output,
                        error,
                        cause,
                        started_at,
                        input,
                        version_arn,
                        alias_arn,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn it_does_not_matter_what_is_heard_first(a in knowledge(), b in knowledge()) {
            prop_assert_eq!(join(a.clone(), b.clone()), join(b, a));
        }

        #[test]
        fn it_does_not_matter_what_is_heard_together(a in knowledge(), b in knowledge(), c in knowledge()) {
            prop_assert_eq!(join(join(a.clone(), b.clone()), c.clone()), join(a, join(b, c)));
        }

        #[test]
        fn hearing_it_again_changes_nothing(a in knowledge(), b in knowledge()) {
            prop_assert_eq!(join(a.clone(), a.clone()), a.clone());
            let joined = join(a.clone(), b.clone());
            prop_assert_eq!(join(joined.clone(), b), joined);
        }

        #[test]
        fn an_execution_never_goes_back(a in knowledge(), b in knowledge()) {
            prop_assert!(key(&join(a.clone(), b)) >= key(&a));
        }
    }

    fn at(redrive_count: i32, status: Status) -> Knowledge {
        Knowledge {
            redrive_count,
            status,
            stopped_at: status
                .is_closed()
                .then(|| DateTime::from_timestamp(100, 0).unwrap()),
            output: None,
            error: None,
            cause: None,
            started_at: DateTime::from_timestamp(40, 0),
            input: None,
            version_arn: None,
            alias_arn: None,
        }
    }

    #[test]
    fn a_late_running_does_not_reopen_but_a_redrive_does() {
        let failed = at(0, Status::Failed);
        assert_eq!(join(failed.clone(), at(0, Status::Running)), failed);
        let again = join(failed.clone(), at(1, Status::Running));
        assert_eq!(again.status, Status::Running);
        assert_eq!(again.stopped_at, None);
        assert_eq!(change(&failed, &again), Change::Redriven);
        assert_eq!(
            change(&failed, &at(1, Status::Succeeded)),
            Change::RedrivenAndClosed
        );
        assert_eq!(change(&at(0, Status::Running), &failed), Change::Closed);
        assert_eq!(change(&failed, &failed), Change::None);
    }

    #[test]
    fn a_timeout_counts_as_one_by_its_name_even_where_the_target_gives_none() {
        let start = DateTime::from_timestamp(0, 0).unwrap();
        let timed_out = contribution(&at(0, Status::TimedOut), start).unwrap();
        assert_eq!(timed_out.error.as_deref(), Some("States.Timeout"));
        assert_eq!(timed_out.duration_ms, 60_000);
        assert_eq!(
            contribution(&at(0, Status::Failed), start)
                .unwrap()
                .error
                .as_deref(),
            Some(UNNAMED_ERROR)
        );
        assert_eq!(contribution(&at(0, Status::Aborted), start).unwrap().error, None);
        assert_eq!(contribution(&at(0, Status::Running), start), None);
    }

    #[test]
    fn an_idle_machine_is_left_alone_longer_and_so_is_one_that_takes_long() {
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let pace = Pace {
            interval: Duration::from_secs(300),
            waited: Duration::from_secs(2),
            settling: Duration::from_secs(60),
            overlap: Duration::from_secs(120),
        };
        assert_eq!(next_sweep(now, &pace, 5, 0, Duration::ZERO).timestamp(), 300);
        assert_eq!(next_sweep(now, &pace, 0, 0, Duration::ZERO).timestamp(), 1_200);
        assert_eq!(
            next_sweep(now, &pace, 5, 0, Duration::from_secs(100)).timestamp(),
            400
        );
    }

    #[test]
    fn once_a_day_a_sweep_looks_back_a_day() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let watermark = now - TimeDelta::seconds(30);
        let pace = Pace {
            interval: Duration::from_secs(30),
            waited: Duration::from_secs(2),
            settling: Duration::from_secs(60),
            overlap: Duration::from_secs(120),
        };
        let (floor, deep) = listing_floor(now, &pace, watermark, now + TimeDelta::hours(1));
        assert_eq!((floor, deep), (watermark - TimeDelta::seconds(120), false));
        let (floor, deep) = listing_floor(now, &pace, watermark, now);
        assert_eq!((floor, deep), (now - TimeDelta::days(1), true));
    }
}
