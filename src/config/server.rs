//! `[server]`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::limits;

/// The API's address and limits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address of the API, the console and the metrics. Default `127.0.0.1:8080`. Any other than a loopback address is
    /// refused as long as `[[access.keys]]` is empty.
    pub listen: SocketAddr,
    /// Everything on disk: the embedded Postgres' data and downloads. Default: `/var/lib/signalbox` for root, else
    /// `signalbox` below the user's data directory.
    pub data_dir: Option<PathBuf>,
    /// How long a request may take, seconds. Default 30. `Prefer: wait` adds its own; event streams are exempt.
    pub request_timeout_seconds: u64,
    /// Requests worked on at the same time; more get 503 and Retry-After. Default 1024.
    pub requests_in_flight_max: usize,
    /// Size of a request's body, bytes. Default 4194304 (4 MiB): a definition of 1 MiB as an escaped string has room.
    pub request_body_bytes_max: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            data_dir: None,
            request_timeout_seconds: limits::REQUEST_TIMEOUT.as_secs(),
            requests_in_flight_max: limits::REQUESTS_IN_FLIGHT_MAX,
            request_body_bytes_max: limits::REQUEST_BODY_BYTES_MAX,
        }
    }
}
