//! The numbers of deployments.

use std::time::Duration;

use chrono::TimeDelta;

/// How often executions are counted and judged while a deployment is watched.
pub(super) const LOOK_INTERVAL: TimeDelta = TimeDelta::milliseconds(500);

/// How often an alias is read while nothing moves, at AWS: one call a second is all that a region refills
/// (Step Functions quotas, DescribeStateMachineAlias).
pub(super) const ALIAS_INTERVAL: TimeDelta = TimeDelta::seconds(5);

/// The same at the embedded engine, which has no such quota.
pub(super) const ALIAS_INTERVAL_EMBEDDED: TimeDelta = TimeDelta::seconds(1);

/// How often running tests and draining executions are asked after: DescribeExecution refills 15 a second.
pub(super) const ASK_INTERVAL: TimeDelta = TimeDelta::seconds(1);

/// The same at the embedded engine.
pub(super) const ASK_INTERVAL_EMBEDDED: TimeDelta = TimeDelta::milliseconds(150);

/// Calls of one kind made at the same time.
pub(super) const CALLS_AT_ONCE: usize = 8;

/// Executions stopped in one step of a rollback.
pub(super) const STOPS_AT_ONCE: u16 = 200;

/// Steps done in one run of the job, before others have their turn.
pub(super) const STEPS_PER_RUN: usize = 64;

/// Longest wait between two attempts of a step: a deployment is watched by people.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// Fewer closed executions than this can't rank durations.
pub(super) const BASELINE_MIN: usize = 20;

/// How long a recovery is watched after a rollback.
pub(super) const RECOVERY_WATCH: TimeDelta = TimeDelta::minutes(5);

/// The past that a plan looks at.
pub(super) const TRAFFIC_WINDOW: TimeDelta = TimeDelta::days(7);

/// How soon a deployment in line looks whether its turn has come, besides being woken.
pub(super) const LINE_INTERVAL: TimeDelta = TimeDelta::seconds(5);

/// How often alarms are read.
pub(super) const ALARM_INTERVAL: TimeDelta = TimeDelta::seconds(30);

/// How long a guard may take to answer: looks wait for it.
pub(super) const GUARD_TIMEOUT: TimeDelta = TimeDelta::seconds(3);

/// How often the error budget is counted.
pub(super) const BUDGET_INTERVAL: TimeDelta = TimeDelta::seconds(5);

/// The past that a burn rate is of, at most (Google's SRE workbook, chapter 5: the fast burn's window).
pub(super) const BUDGET_RECENT: TimeDelta = TimeDelta::hours(1);

/// How often CloudWatch is asked for its counts: they come by the minute.
pub(super) const MEASURED_INTERVAL: TimeDelta = TimeDelta::seconds(30);

/// The newest minutes that CloudWatch is still counting. Step Functions' metrics arrive within a minute or two (best effort).
pub(super) const MEASURED_LAG: TimeDelta = TimeDelta::minutes(2);

/// Attempts at a command that runs into the worker's own change.
pub(super) const COMMAND_ATTEMPTS: u32 = 8;

/// Idle aliases looked at in one run of the sweep, once a minute, per account and region: 30 % of what `DescribeStateMachineAlias`
/// refills (one a second; Step Functions quotas).
pub(super) const SWEEP_ALIASES_PER_RUN: u32 = 18;

/// The same at the embedded engine, which has no such quota.
pub(super) const SWEEP_ALIASES_EMBEDDED: u32 = 500;

/// How long both versions of a deployment are kept after it: going back is one call meanwhile.
pub(super) const WAY_BACK_KEPT: TimeDelta = TimeDelta::hours(24);

/// Versions deleted in one run, per environment: `DeleteStateMachineVersion` refills five a second.
pub(super) const PRUNE_AT_ONCE: u32 = 100;
