//! Every number of this crate, with its unit and its reason.

use std::time::Duration;

/// The oldest major version of Postgres that works: 14 has `lz4` columns, multiranges and the query ids that are used.
pub const MAJOR_VERSION_MIN: u32 = 14;

/// The longest path of a Unix socket, in bytes, that every system takes (`sun_path` is 104 on macOS and 108 on Linux, with
/// the final zero).
pub const SOCKET_PATH_BYTES_MAX: usize = 103;

/// How long a server may take until it accepts connections. Crash recovery of a large write-ahead log is the slow case.
pub const START_MAX: Duration = Duration::from_mins(10);

/// How long a test server may take until it accepts connections, on a loaded machine.
pub const TEST_START_MAX: Duration = Duration::from_mins(2);

/// How often a condition of another process (a socket, a lock, an exit) is looked at while waiting for it.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Connections a test server accepts: many test processes with a pool each.
pub const TEST_CONNECTIONS_MAX: u32 = 400;

/// How long a fast stop may take: its checkpoint writes everything that is dirty.
pub const FAST_STOP_MAX: Duration = Duration::from_mins(1);

/// How long an immediate stop may take.
pub const IMMEDIATE_STOP_MAX: Duration = Duration::from_secs(10);

/// First wait before a server that crashed is started again; it doubles.
pub const RESTART_WAIT_MIN: Duration = Duration::from_millis(50);

/// Longest wait before a server that crashed is started again.
pub const RESTART_WAIT_MAX: Duration = Duration::from_secs(10);

/// Failed starts in a row, before the first success, after which the caller is told. More than one, because processes of a killed
/// predecessor need a moment to notice and end.
pub const START_ATTEMPTS_MAX: u32 = 6;

/// Lines of the server's log that are kept for an error message.
pub const LOG_LINES_KEPT: usize = 12;

/// Connecting to the server of a release.
pub const DOWNLOAD_CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long the server of a release may say nothing.
pub const DOWNLOAD_SILENCE_MAX: Duration = Duration::from_secs(30);

/// The whole download: 40 MB over a slow line.
pub const DOWNLOAD_MAX: Duration = Duration::from_mins(20);

/// An archive, bytes; those of version 17 are below 40 MB.
pub const ARCHIVE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// An unpacked archive, bytes.
pub const UNPACKED_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// A file with a checksum, bytes: 64 digits and a file's name.
pub const CHECKSUM_BYTES_MAX: usize = 1_024;
