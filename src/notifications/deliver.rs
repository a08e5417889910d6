//! Make one attempt at one delivery, and note what came of it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::limits::ERROR_CHARS_MAX;
use super::model::{Attempt, Delivery, DeliveryState, Kind};
use super::plan;
use super::secrets::{Purpose, own_secret};
use super::signature::{SigningKey, sign};
use super::store::{self, AfterAttempt};
use crate::app::App;
use crate::config::{DEFAULT_ENVIRONMENT, EnvironmentName, Secret};
use crate::db::{DbError, Tx};
use crate::ids::DeliveryId;
use crate::jobs::{self, Done, Enqueue, Job, JobError, Lease};
use crate::outbound::{Answer, PostError, SnsMessage};

/// Brings one delivery to its end: an attempt per run, snoozing in between. One live job per delivery.
#[derive(Debug)]
pub struct Deliver;

/// Which delivery.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeliverArgs {
    delivery: DeliveryId,
}

/// Sees to it that an attempt is made at `at`.
pub(super) async fn schedule(tx: &mut Tx, delivery: DeliveryId, at: DateTime<Utc>) -> Result<(), DbError> {
    let how = Enqueue::at(at).unique(delivery.to_string()).forever();
    jobs::enqueue::<Deliver>(tx, &DeliverArgs { delivery }, how).await?;
    Ok(())
}

impl Job for Deliver {
    const KIND: &'static str = "notifications.deliver";
    type Args = DeliverArgs;

    async fn run(app: Arc<App>, args: DeliverArgs, lease: &Lease) -> Result<Done, JobError> {
        let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
        let Some(delivery) = store::find(&mut conn, args.delivery).await? else {
            return Ok(Done::Finished);
        };
        let Some(due) = delivery.next_attempt_at else {
            return Ok(Done::Finished);
        };
        if due > app.clock.now() {
            return Ok(Done::Snooze(due));
        }
        if store::is_behind_another(&mut conn, &delivery).await? {
            // Whoever settles the one before sees this one pending and schedules it.
            return Ok(Done::Finished);
        }
        drop(conn);
        let attempt = attempt(&app, &delivery).await?;
        let now = app.clock.now();
        let after = settle(&delivery, attempt, now, rand::rng().random());
        let mut tx = app.db.begin().await?;
        lease.hold(&mut tx).await?;
        store::note_attempt(&mut tx, delivery.id, now, &after).await?;
        if after.state != DeliveryState::Pending
            && let Some(next) = store::next_in_line(&mut tx, &delivery).await?
        {
            schedule(&mut tx, next, now).await?;
        }
        tx.commit().await?;
        if after.state == DeliveryState::Dead {
            tracing::warn!(delivery = %delivery.id, kind = ?delivery.kind, event = delivery.event_type,
                subject = delivery.subject, error = after.error, "a delivery is given up");
        }
        Ok(after.next_attempt_at.map_or(Done::Finished, Done::Snooze))
    }
}

/// How the delivery stands after this attempt.
fn settle(delivery: &Delivery, attempt: Attempt, now: DateTime<Utc>, jitter: f64) -> AfterAttempt {
    let attempts = u32::try_from(delivery.attempts).unwrap_or_default() + 1;
    let since = if attempts == 1 { now } else { delivery.retry_since };
    match attempt {
        Attempt::Delivered { status } => AfterAttempt {
            state: DeliveryState::Delivered,
            next_attempt_at: None,
            status,
            error: None,
        },
        Attempt::Hopeless { status, error } => AfterAttempt {
            state: DeliveryState::Dead,
            next_attempt_at: None,
            status,
            error: Some(error),
        },
        Attempt::Failed {
            status,
            error,
            retry_after_seconds,
        } => {
            let next = plan::next_attempt(attempts, since, now, jitter, retry_after_seconds);
            let state = if next.is_some() {
                DeliveryState::Pending
            } else {
                DeliveryState::Dead
            };
            AfterAttempt {
                state,
                next_attempt_at: next,
                status,
                error: Some(error),
            }
        }
    }
}

/// Sends it. An error means that this service could not even try.
async fn attempt(app: &App, delivery: &Delivery) -> Result<Attempt, DbError> {
    match delivery.kind {
        Kind::Webhook => webhook(app, delivery).await,
        Kind::Sns => Ok(sns(app, delivery).await),
        Kind::Slack => Ok(slack(app, delivery).await),
    }
}

async fn webhook(app: &App, delivery: &Delivery) -> Result<Attempt, DbError> {
    let settings = &app.config.notifications;
    let endpoint = delivery.settings.get("endpoint").and_then(|name| name.as_str());
    let endpoint = endpoint.and_then(|name| settings.webhooks.iter().find(|known| known.name == name));
    let person = delivery.settings.get("person").and_then(|name| name.as_str());
    let url = match person {
        None => delivery.destination.as_str(),
        Some(name) => match app.config.approvals.people.get(name) {
            Some(person) => person.webhook_url.expose(),
            None => {
                return Ok(unknown(format!(
                    "`approvals.people` does not name `{name}` any more"
                )));
            }
        },
    };
    let own = endpoint
        .map(|endpoint| endpoint.secrets.as_slice())
        .filter(|secrets| !secrets.is_empty());
    let keys = match configured_keys(own.unwrap_or(&settings.webhook_secrets)) {
        Ok(keys) if keys.is_empty() => {
            let made = own_secret(&app.db, Purpose::Webhooks, app.clock.now()).await?;
            made.into_iter()
                .map(|made| SigningKey::from_bytes(made.secret))
                .collect()
        }
        Ok(keys) => keys,
        Err(error) => {
            return Ok(Attempt::Failed {
                status: None,
                error,
                retry_after_seconds: None,
            });
        }
    };
    let timestamp = app.clock.now().timestamp();
    let signature = sign(&keys, &delivery.event_id, timestamp, &delivery.body);
    let headers = [
        ("webhook-id", delivery.event_id.clone()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ];
    let headers: HeaderMap = headers
        .into_iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
        })
        .collect();
    Ok(answered(
        app.outbound.post(url, headers, delivery.body.clone()).await,
    ))
}

fn configured_keys(secrets: &[Secret]) -> Result<Vec<SigningKey>, String> {
    secrets
        .iter()
        .map(|secret| SigningKey::parse(secret.expose()).map_err(|error| error.to_string()))
        .collect()
}

async fn slack(app: &App, delivery: &Delivery) -> Attempt {
    let channels = &app.config.notifications.slack.channels;
    let Some(channel) = channels
        .iter()
        .find(|channel| channel.name == delivery.destination)
    else {
        return unknown(format!(
            "`notifications.slack.channels` does not name `{}`",
            delivery.destination
        ));
    };
    answered(
        app.outbound
            .post(
                channel.webhook_url.expose(),
                HeaderMap::new(),
                delivery.body.clone(),
            )
            .await,
    )
}

fn unknown(error: String) -> Attempt {
    Attempt::Hopeless { status: None, error }
}

/// What an HTTP receiver's answer means: 2xx is delivered; 410 says never again (Standard Webhooks); all else may pass.
fn answered(answer: Result<Answer, PostError>) -> Attempt {
    match answer {
        Ok(answer) if (200..300).contains(&answer.status) => Attempt::Delivered {
            status: Some(answer.status),
        },
        Ok(answer) => {
            let status = Some(answer.status);
            let said = plan::cut(answer.body.trim(), ERROR_CHARS_MAX);
            let error = format!("the receiver answered {}: {said}", answer.status);
            if answer.status == 410 {
                Attempt::Hopeless { status, error }
            } else {
                Attempt::Failed {
                    status,
                    error,
                    retry_after_seconds: answer.retry_after_seconds,
                }
            }
        }
        Err(PostError::Refused(refused)) => Attempt::Hopeless {
            status: None,
            error: refused.to_string(),
        },
        Err(error @ PostError::Failed(_)) => Attempt::Failed {
            status: None,
            error: plan::cut(&chain(&error), ERROR_CHARS_MAX),
            retry_after_seconds: None,
        },
    }
}

async fn sns(app: &App, delivery: &Delivery) -> Attempt {
    let text = |key: &str| {
        delivery
            .settings
            .get(key)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let message = SnsMessage {
        topic_arn: delivery.destination.clone(),
        subject: text("subject"),
        message: delivery.body.clone(),
        group: text("group"),
        deduplication: text("deduplication"),
    };
    let name = delivery
        .environment
        .as_deref()
        .unwrap_or(DEFAULT_ENVIRONMENT)
        .parse::<EnvironmentName>();
    let target = match name.map(|name| app.environments.target(&name)) {
        Ok(Ok(target)) => target,
        Ok(Err(error)) => return unknown(error.to_string()),
        Err(error) => return unknown(error.to_string()),
    };
    let endpoint = app.config.aws_endpoints.of("SNS");
    match app
        .outbound
        .publish(target.name.as_str(), &target.aws, endpoint, message)
        .await
    {
        Ok(()) => Attempt::Delivered { status: Some(200) },
        Err(error) => {
            let text = plan::cut(&error.to_string(), ERROR_CHARS_MAX);
            if error.is_hopeless() {
                Attempt::Hopeless {
                    status: error.status,
                    error: text,
                }
            } else {
                Attempt::Failed {
                    status: error.status,
                    error: text,
                    retry_after_seconds: None,
                }
            }
        }
    }
}

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
