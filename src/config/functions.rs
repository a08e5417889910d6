//! `[functions.NAME]`: Lambda functions of the embedded engine that run here; `[connections.NAME]` and `[http_tasks]`: how its HTTP
//! tasks call. What they are is the engine's own affair.

use serde::Deserialize;
pub use signalbox_engine::integrations::config::{Function, FunctionTarget, HttpConnection};

/// `[http_tasks]`: what `http:invoke` and `apigateway:invoke` of the embedded engine may call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpTasks {
    /// Whether they reach loopback and private networks. Default: while the engine's endpoint is open to this machine alone,
    /// which is as long as it has no access keys. Link-local addresses they never reach.
    pub private_addresses: Option<bool>,
}
