//! `[engine]`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;

use serde::Deserialize;

use super::Secret;

/// AWS keeps a closed execution for 90 days (Step Functions quotas).
const RETENTION_DAYS_DEFAULT: NonZeroU16 = NonZeroU16::new(90).unwrap();

/// The embedded Step Functions engine, which the environment `default` runs on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Address of its Step Functions endpoint, for the AWS CLI and SDKs. Default `127.0.0.1:8083`, the port of AWS Step
    /// Functions Local. The control plane itself does not use it.
    pub listen: SocketAddr,
    /// Threads that evaluate; 0 means one for each core. Default 0.
    pub shards: usize,
    /// A mock file of AWS Step Functions Local: executions started at `<state machine's ARN>#<test case>` take their tasks'
    /// answers from it. Read at each such start. Default none.
    pub mock_config: Option<PathBuf>,
    /// Days a closed execution and its history are kept, at least 1. Default 90, as on AWS.
    pub retention_days: NonZeroU16,
    /// `[[engine.access_keys]]`: keys that callers of the endpoint sign with. Default none: any signature is taken, and only a
    /// loopback address is listened on.
    pub access_keys: Vec<EngineKey>,
}

/// A key for the embedded engine's endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineKey {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: Secret,
    /// The account it belongs to, twelve digits. Default the engine's, or the id when that is twelve digits.
    #[serde(default)]
    pub account: Option<String>,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8083),
            shards: 0,
            mock_config: None,
            retention_days: RETENTION_DAYS_DEFAULT,
            access_keys: Vec::new(),
        }
    }
}
