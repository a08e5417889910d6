//! The doors to receivers outside: webhooks over HTTP, SNS topics, CloudWatch. Step Functions has a door of its own.
//!
//! What goes out, to whom, and what a failure means is decided by the features (notifications, cloudwatch); this room
//! only sends, within its limits, and says what came back.

mod aws;
mod guard;
mod http;

use std::time::Duration;

use crate::config::Config;

pub use aws::{AwsSendError, SnsMessage};
pub use guard::{Reach, UrlRefused, check_url};
pub use http::{Answer, PostError};

/// One attempt, from connecting to the end of the answer. Below a job's lease.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// Connecting alone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The doors, built once. Clones share connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    webhooks: reqwest::Client,
    reach: Reach,
    aws: aws::Clients,
}

/// The doors could not be built.
#[derive(Debug, thiserror::Error)]
#[error("could not set up the client that webhooks are sent with")]
pub struct OutboundError(#[from] reqwest::Error);

impl Outbound {
    /// Doors that reach what the configuration allows: loopback while the service itself listens on loopback only.
    pub fn from_config(config: &Config) -> Result<Self, OutboundError> {
        Self::new(Reach {
            loopback: config.server.listen.ip().is_loopback(),
            private: config.notifications.allow_private_addresses,
        })
    }

    /// Doors that reach what `reach` allows.
    pub fn new(reach: Reach) -> Result<Self, OutboundError> {
        let webhooks = reqwest::Client::builder()
            .dns_resolver(guard::GuardedResolver(reach))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(ATTEMPT_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            webhooks,
            reach,
            aws: aws::Clients::default(),
        })
    }

    /// Checks a URL that a caller names for callbacks, before anything is sent there.
    pub fn check_url(&self, url: &str) -> Result<(), UrlRefused> {
        check_url(url, self.reach).map(|_| ())
    }
}
