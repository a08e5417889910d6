//! Every number of the engine, with its unit and where it comes from. AWS's quotas are those of the developer
//! guide ("Step Functions service quotas") and of the API's service model; the engine's own say why.

/// Largest input, output or task result, in bytes of UTF-8 (AWS quota: 256 KiB).
pub const PAYLOAD_BYTES_MAX: usize = 262_144;
/// Largest input the API model takes before the service's own check of 256 KiB (`SensitiveData`, 262,144 characters).
pub const INPUT_CHARS_MAX: usize = 262_144;
/// Longest name of an execution, state machine or activity, in characters (API model).
pub const NAME_CHARS_MAX: usize = 80;
/// Longest cause of a failure, in characters (API model, `SensitiveCause`).
pub const CAUSE_CHARS_MAX: usize = 32_768;
/// Longest name of an error, in characters (API model, `SensitiveError`).
pub const ERROR_CHARS_MAX: usize = 256;
/// Longest task token, in characters (API model, `TaskToken`).
pub const TOKEN_CHARS_MAX: usize = 2_048;
/// Page size when `maxResults` is absent or 0 (API model).
pub const PAGE_ITEMS_DEFAULT: u32 = 100;
/// Largest page (API model).
pub const PAGE_ITEMS_MAX: u32 = 1_000;
/// A page token is good for this long (API model: 24 hours), in ms.
pub const PAGE_TOKEN_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
/// A closed execution can be redriven for this long (developer guide, "Redriving executions": 14 days), in ms.
pub const REDRIVE_MS_MAX: i64 = 14 * 24 * 60 * 60 * 1_000;
/// A closed execution and its history are kept this long unless it is configured otherwise (AWS quota: 90 days), in ms.
pub const RETENTION_MS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// A Standard execution may be open this long (AWS quota: one year), in ms.
pub const EXECUTION_MS_MAX: i64 = 365 * 24 * 60 * 60 * 1_000;
/// Events of one history beyond which an execution cannot be redriven (developer guide: fewer than 24,999).
pub const REDRIVE_EVENTS_MAX: u64 = 24_999;
/// A worker's poll for an activity task is held open this long (API reference, `GetActivityTask`: 60 s), in ms.
pub const ACTIVITY_POLL_MS: u64 = 60_000;

/// Largest mock file, in bytes: a hundred times what the developer guide's examples add up to.
pub const MOCK_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A state test that takes longer has failed (API reference, `TestState`: five minutes), in ms.
pub const STATE_TEST_MS_MAX: u64 = 5 * 60 * 1_000;

/// Records waiting to be written, over all executions; beyond it whoever brings more waits. A full queue is
/// a few hundred ms of work for one Postgres.
pub const JOURNAL_QUEUE_RECORDS_MAX: usize = 8_192;
/// Records in one write. Larger batches gain nothing measurable and delay whoever is in them.
pub const JOURNAL_BATCH_RECORDS_MAX: usize = 512;
/// Bytes in one write, so that a burst of 256 KiB payloads does not make one statement of 100 MB.
pub const JOURNAL_BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Fewer records than this wait while another write is under way: see docs/decisions/journal-writes.md for what was measured.
pub const JOURNAL_GATHER_RECORDS: usize = 64;
/// Unless they have so many bytes, which take as long to write as many records do.
pub const JOURNAL_GATHER_BYTES: usize = 256 * 1024;
/// Writes in flight at a time, when there is much to write.
pub const JOURNAL_WRITERS: usize = 3;
/// A write that takes longer than this is given up, and with it this process's turn as driver, in ms.
pub const JOURNAL_WRITE_MS_MAX: u64 = 30_000;

/// A StartExecution that is not durable after this long is answered with ServiceUnavailable, in ms.
pub const START_MS_MAX: u64 = 10_000;
/// Events waiting for a shard; beyond it callers wait.
pub const SHARD_QUEUE_EVENTS_MAX: usize = 65_536;
/// Frames kept in memory between their events, in bytes over all shards; others are fetched back when needed.
pub const FRAMES_RESIDENT_BYTES_MAX: usize = 192 * 1024 * 1024;
/// How long something nobody waits for (that a task was started) may stay unwritten, in ms.
pub const LAZY_WRITE_MS: i64 = 20;
/// Tasks of one lane (one function, one kind of integration) in flight at a time.
pub const LANE_TASKS_MAX: usize = 256;
/// How often the driver's lock is checked, and a standby asks for it, in ms.
pub const DRIVER_CHECK_MS: u64 = 500;

/// A connection that rested no longer than this is taken to be alive, in ms.
pub const CONNECTION_TRUSTED_MS: u64 = 1_000;

/// Largest request, in bytes (AWS quota: 1 MB, headers included).
pub const REQUEST_BYTES_MAX: usize = 1_048_576;
/// How far a signature's time may be from ours (Signature Version 4: 15 minutes), in ms.
pub const SIGNATURE_AGE_MS_MAX: i64 = 15 * 60 * 1_000;
/// How long a data key is reused that a customer's key made, in seconds (developer guide, "Data at rest encryption").
pub const KMS_DATA_KEY_REUSE_SECONDS_DEFAULT: i32 = 300;
/// Tags of one resource (AWS quota).
pub const TAGS_PER_RESOURCE_MAX: usize = 50;
/// Published versions of one state machine (AWS quota).
pub const VERSIONS_PER_MACHINE_MAX: u32 = 1_000;
/// Aliases of one state machine (AWS quota).
pub const ALIASES_PER_MACHINE_MAX: u32 = 100;
/// ARNs of which it is remembered what they stand for. Each is a few hundred bytes.
pub const TARGETS_CACHED_MAX: usize = 10_000;
/// Text of the definitions kept ready to run, in bytes. What is made of a text takes several times its size.
pub const DEFINITION_BYTES_CACHED_MAX: usize = 32 * 1024 * 1024;
/// A shard looks at the clock at least this often, in ms, in case the clock was set or the machine slept.
pub const SHARD_SLEEP_MS_MAX: i64 = 500;
/// Inputs one execution takes before the others of its shard have their turn.
pub const TURN_INPUTS_MAX: usize = 256;
/// Timers fired before a shard looks for messages again.
pub const TIMERS_PER_ROUND_MAX: usize = 4_096;
/// What the smallest frame costs in memory, in bytes.
pub const FRAME_BYTES_LEAST: usize = 2_048;
/// Stale entries the queue of idle executions may have before it is cleaned.
pub const IDLE_ENTRIES_SPARE: usize = 1_024;
/// How long the end of a task waits for the answer to its own call when it overtook it, in ms: a callback may be
/// faster than the response it follows from.
pub const EARLY_ANSWER_MS: i64 = 100;
/// Executions fetched back from Postgres in one query.
pub const LOAD_BATCH_MAX: usize = 256;
/// The lock's connection must answer within this, in ms, or the term is over.
pub const DRIVER_PING_MS_MAX: u64 = 5_000;
/// How long a process that ends waits for what it wants written down, in ms.
pub const REST_MS_MAX: u64 = 10_000;
/// An Express execution may run this long (AWS quota: five minutes), in ms.
pub const EXPRESS_MS_MAX: u64 = 5 * 60 * 1_000;
/// A redrive's client token is remembered this long (API reference, `RedriveExecution`: 15 minutes), in ms.
pub const REDRIVE_TOKEN_MS_MAX: i64 = 15 * 60 * 1_000;

/// Longest a Lambda function runs (Lambda quota), in seconds.
pub const FUNCTION_SECONDS_MAX: u64 = 900;
/// Calls of one configured function at a time, unless it says otherwise.
pub const FUNCTION_TASKS_DEFAULT: usize = 64;
/// Largest answer read from a service or a function, in bytes (Lambda quota: 6 MB synchronous payload).
pub const RESPONSE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// What is kept of what a function wrote to standard error, in bytes: the end, as long as a cause may be.
pub const STDERR_BYTES_MAX: usize = CAUSE_CHARS_MAX;
/// A service's answer takes at most this long, in seconds; Lambda's may take as long as a function.
pub const SERVICE_SECONDS_MAX: u64 = 60;
/// Elements within elements of a service's XML. Models nest a dozen deep; recursion must end.
pub const XML_DEPTH_MAX: usize = 64;
/// Values within values of a service's CBOR, for the same reason.
pub const CBOR_DEPTH_MAX: usize = 64;
/// Pages of log groups that are read to find one; those of its name's beginning come in order, so it is on the first.
pub const LOG_GROUP_PAGES_MAX: usize = 10;
/// Executions' worth of log records waiting to be written; more are dropped and counted. A few MB, a second of a busy engine.
pub const LOG_QUEUE_BATCHES_MAX: usize = 8_192;
/// How long records are gathered before they are written, in ms.
pub const LOG_GATHER_MS: u64 = 200;
/// Records in one `PutLogEvents` (CloudWatch Logs quota: 10,000; fewer are as fast).
pub const LOG_REQUEST_RECORDS_MAX: usize = 1_000;
/// Size of one `PutLogEvents`, in bytes (CloudWatch Logs quota: 1,048,576, each record counted with 26 more).
pub const LOG_REQUEST_BYTES_MAX: usize = 1_000_000;
/// What each record is counted with besides its text, in bytes (CloudWatch Logs, `PutLogEvents`).
pub const LOG_RECORD_OVERHEAD_BYTES: usize = 26;
/// How long one log stream is written to before the next, in ms.
pub const LOG_STREAM_MS: i64 = 60 * 60 * 1_000;
/// Log streams kept in mind; beyond it new ones are begun.
pub const LOG_STREAMS_MAX: usize = 1_024;
/// How long an HTTP task may take (AWS quota: 60 s), in seconds.
pub const HTTP_TASK_SECONDS_MAX: u64 = 60;
/// How long an OAuth token is used whose answer does not say how long it lives, in ms.
pub const OAUTH_TOKEN_MS_DEFAULT: i64 = 5 * 60 * 1_000;
/// After how long a `.sync` job is first looked at, in ms.
pub const JOB_POLL_MS_FIRST: u64 = 500;
/// The longest time between two looks at a `.sync` job, in ms. Jobs of minutes are seen to end within seconds.
pub const JOB_POLL_MS_MAX: u64 = 15_000;
/// Looks at a `.sync` job in a row that may fail before the task does: the job goes on whatever became of one request.
pub const JOB_POLL_FAILURES_MAX: u32 = 8;
/// Containers of one Kubernetes job whose logs are read; a result of 256 KiB has room for few.
pub const LOG_CONTAINERS_MAX: usize = 100;
/// How long the token is good that a call of a cluster's API carries, in seconds (EKS: at most 15 minutes).
pub const CLUSTER_TOKEN_SECONDS: u64 = 60;
/// Pages of a cluster's instance groups or fleets that are read to find one by its name (EMR quota: 48 groups; a page has 50).
pub const LOOK_UP_PAGES_MAX: usize = 20;
/// Lanes that the `.sync` jobs of one service share: 16,384 of them are followed at a time.
pub const JOB_LANES: u64 = 64;
/// A service that does not take a connection within this is away, in ms.
pub const CONNECT_MS_MAX: u64 = 5_000;
/// Connections to one host kept for the next call: as many as a lane has calls in flight. With fewer a busy lane would open one for
/// most of its calls.
pub const IDLE_CONNECTIONS_MAX: usize = LANE_TASKS_MAX;
/// Fewer timers than this are not worth cleaning.
pub const TIMERS_CLEAN_MIN: usize = 4_096;
/// How often old executions are looked for, in ms.
pub const RETENTION_CHECK_MS: u64 = 60 * 60 * 1_000;
/// Executions removed in one statement.
pub const RETENTION_BATCH_MAX: i64 = 1_000;

/// Children of one Map Run that are open at a time (AWS quota: 10,000 parallel child executions).
pub const MAP_RUN_CHILDREN_MAX: usize = 10_000;
/// Map Runs of one account that are open at a time; more of them wait (AWS quota, "Maximum number of open Map Runs": 1,000).
pub const MAP_RUNS_OPEN_MAX: usize = 1_000;
/// Inputs of children that are stored in one row; so many are also in memory at a time.
pub const MAP_RUN_CHUNK_INPUTS_MAX: usize = 1_000;
/// Bytes of inputs beyond which a row is full.
pub const MAP_RUN_CHUNK_BYTES_MAX: usize = 256 * 1024;
/// Children that are told to stop, or to go on, at a time.
pub const MAP_RUN_ASKED_MAX: usize = 256;
/// Largest file of results that is written, in bytes (AWS: 5 GB; developer guide, "ResultWriter").
pub const RESULT_FILE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Bytes of results that are held in memory: a longer file is written in parts. S3 takes 10,000 parts from 5 MiB on.
pub const RESULT_PART_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest Parquet file that is read, which is kept on disk meanwhile, in bytes (ours: more than S3 takes in one part).
pub const PARQUET_FILE_BYTES_MAX: usize = 5 * 1024 * 1024 * 1024;
/// Largest manifest of an inventory, in bytes: it names files of 1 GB.
pub const MANIFEST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What is waited before something is tried again that Postgres did not answer, in ms.
pub const MAP_RUN_RETRY_MS: u64 = 500;
/// Rows removed of Map Runs in one statement.
pub const MAP_RUN_RETENTION_BATCH_MAX: i64 = 100;
