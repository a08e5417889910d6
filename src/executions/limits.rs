//! The numbers of starting, watching and remembering executions, each with its unit, reason and source.

use std::time::Duration;

/// Characters of a business key: an order number, not a document.
pub(super) const BUSINESS_KEY_LENGTH_MAX: usize = 256;

/// Labels of one execution.
pub(super) const LABELS_MAX: usize = 20;

/// Characters of a label's key or value.
pub(super) const LABEL_LENGTH_MAX: usize = 256;

/// Characters of a callback URL: what common clients and proxies take.
pub(super) const CALLBACK_URL_LENGTH_MAX: usize = 2_048;

/// Characters of the error a stop may carry (Step Functions API reference, StopExecution).
pub(super) const STOP_ERROR_LENGTH_MAX: usize = 256;

/// Characters of the cause a stop may carry (Step Functions API reference, StopExecution).
pub(super) const STOP_CAUSE_LENGTH_MAX: usize = 32_768;

/// Executions of one ListExecutions page (Step Functions API reference: 1000 at most).
pub(super) const LIST_PAGE_MAX: u16 = 1_000;

/// Pages of one listing that one sweep reads; the rest is left to the next sweep. 100,000 executions.
pub(super) const LIST_PAGES_MAX: usize = 100;

/// Events of one GetExecutionHistory page (Step Functions API reference: 1000 at most).
pub(super) const HISTORY_PAGE_MAX: u32 = 1_000;

/// Events of one page when the caller names no limit (Step Functions' own default).
pub(super) const HISTORY_PAGE_DEFAULT: u32 = 100;

/// Executions that are brought up to date in one transaction: short enough to hold their row locks.
pub(super) const MERGE_BATCH_MAX: usize = 100;

/// DescribeExecution calls in flight for one machine.
pub(super) const DESCRIBES_IN_FLIGHT_MAX: usize = 8;

/// Machines that one process sweeps at the same time.
pub(super) const SWEEPS_IN_FLIGHT_MAX: usize = 4;

/// How long a process that died keeps a machine from the others. Renewed at a third of it while a sweep runs.
pub(super) const SWEEP_LEASE: Duration = Duration::from_secs(9);

/// How often a process looks for machines that are due, when nobody waits.
pub(super) const MONITOR_TICK: Duration = Duration::from_millis(250);

/// How often a machine is swept while a caller waits for one of its executions (`Prefer: wait`), on a target with no request quota.
pub(super) const WAITED_INTERVAL_LOCAL: Duration = Duration::from_millis(50);

/// The same on AWS, where ListExecutions is refilled with 5 (elsewhere 2) a second for the whole account and region.
pub(super) const WAITED_INTERVAL_AWS: Duration = Duration::from_secs(2);

/// A listing may not show what was started just now (ListExecutions is eventually consistent): how far a sweep looks back over the last one.
pub(super) const WATERMARK_OVERLAP: Duration = Duration::from_mins(2);

/// The same for the embedded engine, whose listings are never late: only clocks of one machine are between.
pub(super) const WATERMARK_OVERLAP_LOCAL: Duration = Duration::from_secs(2);

/// How long a machine is left alone after a sweep that failed.
pub(super) const SWEEP_RETRY: Duration = Duration::from_secs(2);

/// How often a process looks for templates that came or went.
pub(super) const ENROL_INTERVAL: Duration = Duration::from_secs(1);

/// Once a day a sweep looks back a whole day, for executions redriven or missed meanwhile.
pub(super) const DEEP_SWEEP_INTERVAL: Duration = Duration::from_hours(24);

/// A start whose answer never came is looked into after this long: StartExecution's own timeout and retries are over by then.
pub(super) const UNCONFIRMED_AFTER: Duration = Duration::from_mins(1);

/// Unconfirmed starts that are looked into at a time.
pub(super) const UNCONFIRMED_BATCH_MAX: i64 = 100;

/// How often the feed of an execution is read while a client listens, where no signal came from this process.
pub(super) const FEED_POLL: Duration = Duration::from_secs(1);

/// Events sent to a listening client per read.
pub(super) const FEED_PAGE_MAX: i64 = 100;

/// How long the feed of an execution is kept.
pub(super) const FEED_RETENTION: Duration = Duration::from_hours(30 * 24);

/// Executions that are open and loaded in one sweep: AWS allows a million per account, a sweep looks at the oldest of them first.
pub(super) const OPEN_ROWS_MAX: i64 = 200_000;

/// How often the metrics that are read from the database are brought up to date.
pub(super) const METRICS_INTERVAL: Duration = Duration::from_secs(2);

/// Different error names that one day of one version counts apart; further ones are counted together. Names are the definition's own
/// or a function's exception classes: more than this many are generated ones, which no reader could use.
pub(super) const ERROR_NAMES_PER_DAY_MAX: i64 = 200;

/// The name under which errors beyond [`ERROR_NAMES_PER_DAY_MAX`] are counted.
pub(super) const OTHER_ERRORS: &str = "(other)";

/// Rows deleted per statement: short enough not to be in anybody's way.
pub(super) const FORGET_BATCH: i64 = 5_000;
