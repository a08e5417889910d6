//! `[notifications]`

use serde::Deserialize;

use super::Secret;

/// How messages go out, and how answers from outside are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// Secrets that webhooks are signed with (Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes). The first signs; a
    /// second one signs too while receivers change over. Default none: webhooks go out unsigned.
    pub webhook_secrets: Vec<Secret>,
    /// Whether webhooks may go to loopback and private addresses. Default false: a callback URL comes from a caller, and
    /// must not reach what only this machine can reach.
    pub allow_private_addresses: bool,
    /// `[notifications.slack]`: default none.
    pub slack: Option<Slack>,
}

/// A Slack app.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// Checks that interactions and slash commands come from Slack.
    pub signing_secret: Secret,
    /// Incoming webhook that messages are posted to. Default none: nothing is posted.
    #[serde(default)]
    pub webhook_url: Option<Secret>,
}
