//! `[notifications]`: who is told of what, and how webhooks are signed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

use super::Secret;

/// Webhooks, topics and Slack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// Where people reach this service, such as `https://signalbox.example.com`: links in messages begin with it.
    /// Omitted: the listening address.
    pub public_url: Option<String>,
    /// Whether webhooks may go to loopback, private and link-local addresses. Loopback is allowed in any case while the
    /// service itself listens on loopback only. Default false: whoever may name a callback URL could otherwise reach
    /// what only this machine can.
    pub allow_private_addresses: bool,
    /// Secrets that sign webhooks, `whsec_` + base64 of 24 to 64 bytes (Standard Webhooks). Each signs, so a receiver may
    /// know any one of them: to rotate, put the new one first, and drop the old one later. At most two. Omitted: one is made
    /// at first use; admins read and rotate it at `/v1/webhook-secrets`.
    #[serde(deserialize_with = "signing_secrets")]
    pub webhook_secrets: Vec<Secret>,
    /// Webhooks that are told of everything their filter passes.
    pub webhooks: Vec<WebhookEndpoint>,
    /// SNS topics that are told of everything their filter passes, besides the `notification_topics` of environments
    /// and deployments.
    pub topics: Vec<TopicSubscription>,
    /// Slack.
    pub slack: Slack,
}

/// A standing webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpoint {
    /// Its name in logs and answers.
    pub name: String,
    /// `http` or `https`.
    pub url: String,
    /// What it is told.
    #[serde(default)]
    pub filter: EventFilter,
    /// Secrets of its own instead of `webhook_secrets`; at most two.
    #[serde(default, deserialize_with = "signing_secrets")]
    pub secrets: Vec<Secret>,
}

/// A standing topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSubscription {
    /// `arn:aws:sns:REGION:ACCOUNT:NAME`.
    pub arn: String,
    /// What it is told.
    #[serde(default)]
    pub filter: EventFilter,
}

/// Which events pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventFilter {
    /// Event types (`deployment.failed`) or prefixes (`deployment.*`). Empty: all.
    pub events: Vec<String>,
    /// Environments by name. Empty: all, and events of no environment.
    pub environments: Vec<String>,
}

impl EventFilter {
    /// Whether an event of this type, in this environment, passes.
    pub fn passes(&self, event: &str, environment: Option<&str>) -> bool {
        let event_passes = self.events.is_empty()
            || self.events.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => event.starts_with(prefix),
                None => event == pattern,
            });
        let environment_passes = self.environments.is_empty()
            || environment
                .is_some_and(|environment| self.environments.iter().any(|name| name == environment));
        event_passes && environment_passes
    }
}

/// `[notifications.slack]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slack {
    /// The app's signing secret. Without it, buttons and slash commands are refused.
    pub signing_secret: Option<Secret>,
    /// Channels by incoming webhook.
    pub channels: Vec<SlackChannel>,
    /// Slack user ids (`U024BE7LH`) and the names of the callers they are. Who is not listed may not act from Slack.
    pub users: BTreeMap<String, String>,
}

/// A Slack channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackChannel {
    /// Its name here.
    pub name: String,
    /// The incoming webhook's URL. Whoever knows it can post, so it is a secret.
    pub webhook_url: Secret,
    /// What it is told.
    #[serde(default)]
    pub filter: EventFilter,
}

/// At most two secrets, each as Standard Webhooks has them. The fault does not repeat the secret.
fn signing_secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Secret>, D::Error> {
    let secrets = Vec::<Secret>::deserialize(deserializer)?;
    if secrets.len() > 2 {
        return Err(serde::de::Error::custom(
            "at most two secrets sign: the new one and the old one",
        ));
    }
    let is_good = |secret: &Secret| {
        let encoded = secret.expose().strip_prefix("whsec_");
        encoded
            .and_then(|text| STANDARD.decode(text).ok())
            .is_some_and(|bytes| (24..=64).contains(&bytes.len()))
    };
    match secrets.iter().position(|secret| !is_good(secret)) {
        Some(index) => {
            let fault = format!(
                "secret {} is not `whsec_` followed by base64 of 24 to 64 bytes",
                index + 1
            );
            Err(serde::de::Error::custom(fault))
        }
        None => Ok(secrets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_could_not_sign_is_refused_when_it_is_read_and_not_repeated() {
        let read = |secrets: &str| toml::from_str::<Notifications>(&format!("webhook_secrets = {secrets}"));
        assert!(read(r#"["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]"#).is_ok());
        let fault = read(r#"["whsec_c2hvcnQtc2VjcmV0"]"#)
            .unwrap_err()
            .message()
            .to_owned();
        assert!(
            fault.contains("secret 1 is not") && !fault.contains("c2hvcnQ"),
            "{fault}"
        );
        let three = r#"["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "x", "y"]"#;
        assert!(read(three).unwrap_err().message().contains("at most two"));
    }
}
