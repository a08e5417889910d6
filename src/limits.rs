//! Every number that bounds something and belongs to no single feature, with its unit, its reason and its source.
//! A feature's own numbers stand in the feature's folder.

use std::time::Duration;

/// Body of a request, bytes. A definition of 1 MiB (Step Functions' own limit) as an escaped JSON string, with room for the rest.
pub const REQUEST_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a request may take before it is answered with 503. `Prefer: wait` adds its own seconds; event streams are exempt.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest `Prefer: wait=N`, seconds: below the idle timeout of common load balancers (60 s).
pub const PREFER_WAIT_SECONDS_MAX: u64 = 55;

/// Requests worked on at the same time; more are answered with 503 and Retry-After.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 1_024;

/// Rows of a page when the caller names no limit.
pub const PAGE_LIMIT_DEFAULT: u32 = 50;

/// Most rows of a page.
pub const PAGE_LIMIT_MAX: u32 = 500;

/// Execution input, bytes of UTF-8 (AWS Step Functions quota: 256 KiB).
pub const EXECUTION_INPUT_BYTES_MAX: usize = 262_144;

/// Definition, bytes (AWS Step Functions quota: 1 MiB).
pub const DEFINITION_BYTES_MAX: usize = 1_048_576;

/// JSON Schema that somebody hands in, bytes: it is compiled anew for each value that must fit it.
pub const SCHEMA_BYTES_MAX: usize = 65_536;

/// Violations of a schema that are reported; one is enough to refuse.
pub const SCHEMA_VIOLATIONS_MAX: usize = 100;

/// Connections to Postgres. Small on purpose: work is short, and the engine has a pool of its own.
pub const DATABASE_CONNECTIONS_MAX: u32 = 16;

/// How long a request waits for a connection to Postgres before it is answered with 503.
pub const DATABASE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a shutdown waits for requests and jobs at hand before it drops them.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(25);

/// Silence on an event stream before a comment is sent to keep proxies from closing it.
pub const EVENT_STREAM_HEARTBEAT: Duration = Duration::from_secs(15);

/// What a client is told to wait after a 503, seconds.
pub const RETRY_AFTER_SECONDS: u64 = 2;

/// A run of a background job that takes longer counts as stuck; it is dropped and retried.
pub const JOB_TIMEOUT: Duration = Duration::from_mins(10);

/// Attempts before a job is dead: with the backoff below about an hour and a half.
pub const JOB_ATTEMPTS_MAX: u32 = 18;

/// First wait between two attempts of a job; it doubles.
pub const JOB_BACKOFF_MIN: Duration = Duration::from_secs(1);

/// Longest wait between two attempts of a job.
pub const JOB_BACKOFF_MAX: Duration = Duration::from_mins(10);

/// Characters kept of a job's last error.
pub const JOB_ERROR_CHARACTERS_MAX: usize = 4_000;

/// How soon the queue is tried again after the database failed.
pub const JOB_CLAIM_RETRY: Duration = Duration::from_millis(250);

/// How often jobs are counted for the metrics.
pub const JOB_COUNT_INTERVAL: Duration = Duration::from_secs(5);

/// Connecting to an AWS endpoint.
pub const AWS_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// One attempt of a call to AWS.
pub const AWS_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);

/// A call to AWS with its retries: below a job's lease, so that a stalled call ends before somebody else takes the job over.
pub const AWS_OPERATION_TIMEOUT: Duration = Duration::from_secs(20);

/// Attempts of a call to AWS; the SDK waits between them.
pub const AWS_ATTEMPTS_MAX: u32 = 3;

/// How long a call waits for a token of its operation's quota before the caller is told to come again.
pub const AWS_TOKEN_WAIT_MAX: Duration = Duration::from_secs(5);

/// StartSyncExecution and TestState answer when the work is done, at most 5 minutes (developer guide, quotas).
pub const AWS_SYNC_TIMEOUT: Duration = Duration::from_secs(310);
