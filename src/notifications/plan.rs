//! Who is told, with which words, and when to try again. Pure.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::limits::{
    RETRY_AFTER_SECONDS_MAX, RETRY_BASE_SECONDS, RETRY_SECONDS_MAX, RETRY_WAIT_SECONDS_MAX, SHORTENED_CHARS,
    SLACK_TEXT_CHARS_MAX, SNS_MESSAGE_BYTES_MAX, SNS_SUBJECT_CHARS_MAX,
};
use super::model::{Audience, Destination, Kind, Notification, Outgoing};
use crate::config::Notifications;
use crate::ids::DeliveryId;

/// The messages an event makes: one per destination, the event's own and the standing ones whose filter it passes;
/// a destination named twice gets one.
pub(super) fn outgoing(
    settings: &Notifications,
    notification: &Notification,
    event_id: &str,
) -> Vec<Outgoing> {
    let mut messages: Vec<Outgoing> = Vec::new();
    let mut add = |kind: Kind, destination: &str, settings: Value, body: String| {
        if !messages
            .iter()
            .any(|known| known.kind == kind && known.destination == destination)
        {
            let id = DeliveryId::generate();
            messages.push(Outgoing {
                id,
                kind,
                destination: destination.to_owned(),
                settings,
                body,
            });
        }
    };
    let environment = notification.environment.as_deref();
    let event = notification.event;
    let webhooks = settings
        .webhooks
        .iter()
        .filter(|hook| hook.filter.passes(event, environment));
    let topics = settings
        .topics
        .iter()
        .filter(|topic| topic.filter.passes(event, environment));
    let channels = settings
        .slack
        .channels
        .iter()
        .filter(|channel| channel.filter.passes(event, environment));
    for destination in &notification.to {
        match destination {
            Destination::Webhook { url } => {
                add(
                    Kind::Webhook,
                    url,
                    json!({}),
                    cloud_event(settings, notification, event_id),
                );
            }
            Destination::Topic { arn } => {
                add(
                    Kind::Sns,
                    arn,
                    sns_settings(notification, event_id),
                    sns_message(&notification.data),
                );
            }
            Destination::Person { name } => {
                let body = cloud_event(settings, notification, event_id);
                add(
                    Kind::Webhook,
                    &format!("person:{name}"),
                    json!({"person": name}),
                    body,
                );
            }
            Destination::Slack { channel } => {
                add(Kind::Slack, channel, json!({}), slack_message(notification));
            }
        }
    }
    if notification.audience == Audience::NamedOnly {
        return messages;
    }
    for webhook in webhooks {
        let named = json!({"endpoint": webhook.name});
        add(
            Kind::Webhook,
            &webhook.url,
            named,
            cloud_event(settings, notification, event_id),
        );
    }
    for topic in topics {
        add(
            Kind::Sns,
            &topic.arn,
            sns_settings(notification, event_id),
            sns_message(&notification.data),
        );
    }
    for channel in channels {
        add(Kind::Slack, &channel.name, json!({}), slack_message(notification));
    }
    messages
}

/// The webhook's body: a CloudEvent 1.0 in JSON. `timestamp` repeats `time` under the name Standard Webhooks gives it.
fn cloud_event(settings: &Notifications, notification: &Notification, event_id: &str) -> String {
    let time = notification
        .occurred_at
        .to_rfc3339_opts(SecondsFormat::Millis, true);
    let source = match (&settings.public_url, &notification.environment) {
        (Some(url), Some(environment)) => format!("{}/environments/{environment}", url.trim_end_matches('/')),
        (Some(url), None) => url.clone(),
        (None, Some(environment)) => format!("/environments/{environment}"),
        (None, None) => "/".to_owned(),
    };
    json!({
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": notification.event,
        "subject": notification.subject,
        "time": time,
        "timestamp": time,
        "datacontenttype": "application/json",
        "data": notification.data,
    })
    .to_string()
}

fn sns_settings(notification: &Notification, event_id: &str) -> Value {
    json!({"subject": sns_subject(&notification.title), "group": notification.subject, "deduplication": event_id})
}

/// A subject that SNS takes: ASCII, one line, under 100 characters, beginning with a letter, digit or punctuation.
fn sns_subject(title: &str) -> String {
    let line: String = title
        .chars()
        .map(|c| match c {
            ' '..='~' => c,
            c if c.is_whitespace() || c.is_control() => ' ',
            _ => '?',
        })
        .collect();
    let line = line.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    match line.get(..SNS_SUBJECT_CHARS_MAX) {
        Some(cut) => cut.trim_end().to_owned(),
        None => line,
    }
}

/// The SNS message: the data, indented. One that is too large keeps its members in order, long texts cut; if that is
/// still too large, only numbers, flags and cut texts remain.
fn sns_message(data: &Value) -> String {
    let whole = pretty(data);
    if whole.len() <= SNS_MESSAGE_BYTES_MAX {
        return whole;
    }
    let shortened = pretty(&shorten(data));
    if shortened.len() <= SNS_MESSAGE_BYTES_MAX {
        return shortened;
    }
    let Value::Object(members) = shorten(data) else {
        return cut(&whole, SHORTENED_CHARS);
    };
    let mut kept = Map::new();
    let mut bytes = 2;
    for (key, value) in members
        .into_iter()
        .filter(|(_, value)| !value.is_object() && !value.is_array())
    {
        bytes += key.len() + value.to_string().len() + 16;
        if bytes > SNS_MESSAGE_BYTES_MAX {
            break;
        }
        kept.insert(key, value);
    }
    pretty(&Value::Object(kept))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

fn shorten(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(cut(text, SHORTENED_CHARS)),
        Value::Array(items) => Value::Array(items.iter().map(shorten).collect()),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), shorten(value)))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The first `chars` characters of a text, with an ellipsis if there were more.
pub(super) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A Slack message: the title, the scalar members as fields, the buttons. `text` is what notifications show.
fn slack_message(notification: &Notification) -> String {
    let mut text = format!("*{}*", slack_escape(&notification.title));
    for (key, value) in notification.data.as_object().into_iter().flatten() {
        let shown = match value {
            Value::String(shown) => shown.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        text.extend(["\n", &slack_escape(key), ": ", &slack_escape(&cut(&shown, 300))]);
    }
    let mut blocks = vec![json!({
        "type": "section",
        "text": {"type": "mrkdwn", "text": cut(&text, SLACK_TEXT_CHARS_MAX)},
    })];
    if !notification.choices.is_empty() {
        let elements: Vec<Value> = notification
            .choices
            .iter()
            .map(|choice| {
                json!({
                    "type": "button",
                    "text": {"type": "plain_text", "text": choice.label},
                    "style": if choice.danger { "danger" } else { "primary" },
                    "action_id": choice.action,
                    "value": choice.value,
                })
            })
            .collect();
        blocks.push(json!({"type": "actions", "elements": elements}));
    }
    json!({"text": notification.title, "blocks": blocks}).to_string()
}

/// Slack's own escaping of text (Slack API, formatting text: `&`, `<`, `>`).
fn slack_escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// When to try again after `attempts` failed attempts, or `None` when it is time to give up. `jitter` in 0..1 spreads
/// the attempts of a receiver's outage; a receiver's own `Retry-After` is honoured within bounds.
pub(super) fn next_attempt(
    attempts: u32,
    retry_since: DateTime<Utc>,
    now: DateTime<Utc>,
    jitter: f64,
    retry_after_seconds: Option<u64>,
) -> Option<DateTime<Utc>> {
    let exponent = attempts.saturating_sub(1).min(16);
    let wait = RETRY_BASE_SECONDS
        .saturating_mul(1_i64 << (2 * exponent))
        .min(RETRY_WAIT_SECONDS_MAX);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "at most 12 hours in ms"
    )]
    let spread_ms = (wait as f64 * 1_000.0 * (0.8 + 0.4 * jitter.clamp(0.0, 1.0))) as i64;
    let asked = retry_after_seconds.map_or(0, |seconds| {
        seconds.min(RETRY_AFTER_SECONDS_MAX).cast_signed() * 1_000
    });
    let at = now + TimeDelta::milliseconds(spread_ms.max(asked));
    (at <= retry_since + TimeDelta::seconds(RETRY_SECONDS_MAX)).then_some(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{EventFilter, SlackChannel, WebhookEndpoint};

    fn notification() -> Notification {
        Notification {
            event: "deployment.succeeded",
            subject: "dep_1".to_owned(),
            environment: Some("production".to_owned()),
            occurred_at: DateTime::UNIX_EPOCH,
            title: "It <worked> & well".to_owned(),
            data: json!({"deployment_id": "dep_1", "workflow_count": 1}),
            choices: Vec::new(),
            to: Vec::new(),
            audience: Audience::Standing,
            once: None,
        }
    }

    fn settings() -> Notifications {
        Notifications {
            webhooks: vec![WebhookEndpoint {
                name: "ops".to_owned(),
                url: "https://ops.example.com/hook".to_owned(),
                filter: EventFilter {
                    events: vec!["deployment.*".to_owned()],
                    environments: Vec::new(),
                },
                secrets: Vec::new(),
            }],
            ..Notifications::default()
        }
    }

    #[test]
    fn a_standing_webhook_is_told_what_its_filter_passes_and_nothing_else() {
        assert_eq!(outgoing(&settings(), &notification(), "evt_1").len(), 1);
        let other = Notification {
            event: "execution.succeeded",
            ..notification()
        };
        assert_eq!(outgoing(&settings(), &other, "evt_1"), []);
    }

    #[test]
    fn a_destination_named_twice_is_told_once() {
        let mut twice = notification();
        twice.to = vec![Destination::Webhook {
            url: "https://ops.example.com/hook".to_owned(),
        }];
        assert_eq!(outgoing(&settings(), &twice, "evt_1").len(), 1);
    }

    #[test]
    fn a_filter_without_environments_passes_all_and_with_some_only_those() {
        let mut filter = EventFilter {
            events: Vec::new(),
            environments: vec!["staging".to_owned()],
        };
        assert!(!filter.passes("a.b", Some("production")));
        assert!(!filter.passes("a.b", None));
        filter.environments.clear();
        assert!(filter.passes("a.b", Some("production")));
    }

    #[test]
    fn a_slack_message_escapes_its_text_and_carries_its_buttons() {
        let mut asked = notification();
        asked.to = vec![Destination::Slack {
            channel: "deploys".to_owned(),
        }];
        asked.choices = vec![super::super::model::Choice {
            label: "Approve",
            action: "approve",
            value: "apr_1".to_owned(),
            danger: false,
        }];
        let mut with_slack = Notifications::default();
        with_slack.slack.channels = vec![SlackChannel {
            name: "deploys".to_owned(),
            webhook_url: "https://hooks.slack.com/services/x".to_owned().into(),
            filter: EventFilter::default(),
        }];
        let messages = outgoing(&with_slack, &asked, "evt_1");
        assert_eq!(messages.len(), 1);
        let body: Value = serde_json::from_str(&messages[0].body).unwrap();
        assert!(
            body["blocks"][0]["text"]["text"]
                .as_str()
                .unwrap()
                .contains("&lt;worked&gt; &amp; well")
        );
        assert_eq!(body["blocks"][1]["elements"][0]["value"], "apr_1");
    }

    #[test]
    fn a_message_too_large_for_sns_is_shortened_and_stays_json() {
        let data = json!({"deployment_id": "dep_1", "error_details": "x".repeat(300_000), "list": vec!["y".repeat(2_000); 400]});
        let message = sns_message(&data);
        assert!(message.len() <= SNS_MESSAGE_BYTES_MAX);
        let read: Value = serde_json::from_str(&message).unwrap();
        assert_eq!(read["deployment_id"], "dep_1");
    }

    proptest! {
        #[test]
        fn any_title_makes_a_subject_that_sns_takes(title in ".{0,300}") {
            let subject = sns_subject(&title);
            prop_assert!(subject.len() < 100);
            prop_assert!(subject.bytes().all(|b| (b' '..=b'~').contains(&b)));
        }

        #[test]
        fn waits_grow_and_end_within_three_days(jitter in 0.0..1.0_f64) {
            let start = DateTime::UNIX_EPOCH;
            let mut now = start;
            let mut attempts = 1;
            while let Some(next) = next_attempt(attempts, start, now, jitter, None) {
                prop_assert!(next > now);
                now = next;
                attempts += 1;
                prop_assert!(attempts < 40);
            }
            prop_assert!(now - start <= TimeDelta::days(3));
            prop_assert!(now - start >= TimeDelta::hours(48), "gave up after {}", now - start);
        }
    }

    #[test]
    fn a_receiver_may_ask_for_more_time() {
        let now = DateTime::UNIX_EPOCH;
        let next = next_attempt(1, now, now, 0.5, Some(3_600)).unwrap();
        assert_eq!(next - now, TimeDelta::seconds(3_600));
    }
}
