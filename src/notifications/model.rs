//! The shapes of notifications.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::DeliveryId;

/// Something worth telling, and to whom besides the standing destinations of the configuration.
#[derive(Debug, Clone)]
pub struct Notification {
    /// What happened, `noun.verb` in lower case: `execution.succeeded`, `deployment.failed`, `approval.requested`.
    pub event: &'static str,
    /// The id of what it happened to (`exe_…`, `dep_…`): messages about one subject arrive in order.
    pub subject: String,
    /// The environment it happened in.
    pub environment: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// One line for people: the SNS subject and the Slack text.
    pub title: String,
    /// What machines read: a JSON object. The SNS message, and `data` of the webhook's CloudEvent.
    pub data: Value,
    /// Buttons, where the destination has them (Slack).
    pub choices: Vec<Choice>,
    /// Destinations of this event only.
    pub to: Vec<Destination>,
    /// Who else is told.
    pub audience: Audience,
    /// A name for this event: enqueued twice under one name, it is told once. For jobs, which may run twice.
    pub once: Option<String>,
}

/// Who is told besides the destinations that the event names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Audience {
    /// The standing destinations of the configuration whose filter passes.
    #[default]
    Standing,
    /// Nobody else.
    NamedOnly,
}

/// A destination of one event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// A webhook, signed as Standard Webhooks. Check the URL with [`super::check_url`] when it is given.
    Webhook {
        /// `http` or `https`.
        url: String,
    },
    /// An SNS topic; published with a client of the topic's own region.
    Topic {
        /// `arn:aws:sns:REGION:ACCOUNT:NAME`.
        arn: String,
    },
    /// The webhook of one person, by their name in `approvals.people`: only they read it.
    Person {
        /// The caller's name.
        name: String,
    },
    /// A Slack channel by its name in the configuration.
    Slack {
        /// `notifications.slack.channels[].name`.
        channel: String,
    },
}

/// A button: pressing it posts `action` and `value` to `/v1/integrations/slack/interactions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What the button says.
    pub label: &'static str,
    /// `approve`, `reject`: what it does.
    pub action: &'static str,
    /// What it acts on.
    pub value: String,
    /// Whether it is drawn as the dangerous one.
    pub danger: bool,
}

/// A deployment that came to an end, for [`Notification::deployment_finished`].
#[derive(Debug, Clone)]
pub struct DeploymentNotice {
    /// `dep_…` or `rel_…`.
    pub id: String,
    /// Where.
    pub environment: String,
    /// `success`, `failed`, `rolled_back`.
    pub status: String,
    /// Templates deployed together.
    pub workflow_count: usize,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// Where to look at it.
    pub url: Option<String>,
    /// Topics of this deployment, ARNs.
    pub topics: Vec<String>,
}

impl Notification {
    /// The message about a finished deployment, with the keys and subject lines that listeners of its predecessor,
    /// the `StepFunctionsDevOpsManager`, know.
    pub fn deployment_finished(notice: DeploymentNotice) -> Self {
        let succeeded = notice.status == "success";
        let title = if succeeded {
            format!("Step Functions Deployment Successful - {}", notice.id)
        } else {
            format!("Step Functions Deployment Failed - {}", notice.id)
        };
        let mut data = json!({
            "deployment_id": notice.id,
            "environment": notice.environment,
            "status": notice.status,
            "workflow_count": notice.workflow_count,
            "timestamp": notice.finished_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        });
        if let Some(members) = data.as_object_mut() {
            if !succeeded {
                let error = notice.error.unwrap_or_else(|| "Unknown error".to_owned());
                members.insert("error_details".to_owned(), Value::String(error));
            }
            if let Some(url) = notice.url {
                members.insert("url".to_owned(), Value::String(url));
            }
        }
        Self {
            event: if succeeded {
                "deployment.succeeded"
            } else {
                "deployment.failed"
            },
            subject: notice.id,
            environment: Some(notice.environment),
            occurred_at: notice.finished_at,
            title,
            data,
            choices: Vec::new(),
            to: notice
                .topics
                .into_iter()
                .map(|arn| Destination::Topic { arn })
                .collect(),
            audience: Audience::Standing,
            once: None,
        }
    }
}

/// Which door a delivery goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub(super) enum Kind {
    Webhook,
    Sns,
    Slack,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub(super) enum DeliveryState {
    /// Waiting for its next attempt, or for an earlier delivery to the same place about the same subject.
    Pending,
    Delivered,
    /// Given up after three days, or because no attempt can succeed. Send it again by hand.
    Dead,
}

/// One message on its way to one destination, ready to send.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outgoing {
    pub(super) id: DeliveryId,
    pub(super) kind: Kind,
    pub(super) destination: String,
    /// What the door needs besides the body: `{"subject": …}` for SNS.
    pub(super) settings: Value,
    pub(super) body: String,
}

/// A delivery as it stands in the outbox.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Delivery {
    pub(super) id: DeliveryId,
    pub(super) seq: i64,
    pub(super) event_id: String,
    pub(super) event_type: String,
    pub(super) subject: String,
    pub(super) environment: Option<String>,
    pub(super) kind: Kind,
    pub(super) destination: String,
    pub(super) settings: Value,
    pub(super) body: String,
    pub(super) state: DeliveryState,
    pub(super) attempts: i32,
    pub(super) created_at: DateTime<Utc>,
    pub(super) retry_since: DateTime<Utc>,
    pub(super) last_attempt_at: Option<DateTime<Utc>>,
    pub(super) next_attempt_at: Option<DateTime<Utc>>,
    pub(super) delivered_at: Option<DateTime<Utc>>,
    pub(super) last_status: Option<i32>,
    pub(super) last_error: Option<String>,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The other side accepted it.
    Delivered { status: Option<u16> },
    /// It may succeed later.
    Failed {
        status: Option<u16>,
        error: String,
        retry_after_seconds: Option<u64>,
    },
    /// No later attempt can succeed.
    Hopeless { status: Option<u16>, error: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(status: &str) -> DeploymentNotice {
        DeploymentNotice {
            id: "dep_1".to_owned(),
            environment: "production".to_owned(),
            status: status.to_owned(),
            workflow_count: 2,
            finished_at: DateTime::UNIX_EPOCH,
            error: None,
            url: None,
            topics: vec!["arn:aws:sns:us-east-1:123456789012:deployments".to_owned()],
        }
    }

    #[test]
    fn a_finished_deployment_is_told_in_the_words_listeners_know() {
        let told = Notification::deployment_finished(notice("success"));
        assert_eq!(told.title, "Step Functions Deployment Successful - dep_1");
        let keys: Vec<_> = told.data.as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            keys,
            [
                "deployment_id",
                "environment",
                "status",
                "workflow_count",
                "timestamp"
            ]
        );
        assert_eq!(told.data["workflow_count"], 2);
    }

    #[test]
    fn a_failed_deployment_always_says_why() {
        let told = Notification::deployment_finished(notice("rolled_back"));
        assert_eq!(told.title, "Step Functions Deployment Failed - dep_1");
        assert_eq!(told.data["error_details"], "Unknown error");
        assert_eq!(told.data["status"], "rolled_back");
    }
}
