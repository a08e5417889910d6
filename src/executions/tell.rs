//! What is told of a change of an execution: its feed, listeners outside, whoever started it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::model::{Contribution, Knowledge, Status};
use super::plan::Change;
use super::store::LockedRow;
use crate::app::App;
use crate::cloudwatch::{self, FinishedExecution};
use crate::db::{DbError, Tx};
use crate::notifications::{self, Audience, Destination, Notification};

/// What the feed tells of a change.
pub(super) fn feed(confirmed: bool, change: Change) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    if confirmed {
        kinds.push("execution.started");
    }
    match change {
        Change::None => {}
        Change::Closed => kinds.push("execution.closed"),
        Change::Redriven => kinds.push("execution.redriven"),
        Change::RedrivenAndClosed => kinds.extend(["execution.redriven", "execution.closed"]),
    }
    kinds
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What listeners are told. Neither input nor output: they ask for those.
pub(super) fn event_data(row: &LockedRow, after: &Knowledge, kind: &str) -> Value {
    let closed = kind == "execution.closed";
    json!({
        "id": row.id,
        "template": row.template,
        "environment": row.environment,
        "name": row.name,
        "execution_arn": row.execution_arn,
        "status": if closed { after.status } else { Status::Running },
        "started_at": text(after.started_at.unwrap_or(row.started_at)),
        "stopped_at": after.stopped_at.filter(|_| closed).map(text),
        "error": after.error.as_ref().filter(|_| closed),
        "redrive_count": after.redrive_count,
    })
}

/// What the outside is told of a close, through the outbox.
pub(super) async fn follow_up(
    app: &App,
    tx: &mut Tx,
    row: &LockedRow,
    after: &Knowledge,
    counted: &Contribution,
) -> Result<(), DbError> {
    let event = match after.status {
        Status::Succeeded => "execution.succeeded",
        Status::TimedOut => "execution.timed_out",
        Status::Aborted => "execution.aborted",
        Status::Failed | Status::Running | Status::PendingRedrive => "execution.failed",
    };
    let mut data = event_data(row, after, "execution.closed");
    if let Some(fields) = data.as_object_mut() {
        fields.insert("duration_ms".to_owned(), counted.duration_ms.into());
        fields.insert("business_key".to_owned(), json!(row.business_key));
        fields.insert("labels".to_owned(), row.labels.clone());
        fields.insert("revision".to_owned(), json!(row.revision));
        fields.insert("version_arn".to_owned(), json!(after.version_arn));
        fields.insert("url".to_owned(), format!("/v1/executions/{}", row.id).into());
    }
    let notification = Notification {
        event,
        subject: row.id.to_string(),
        environment: Some(row.environment.to_string()),
        occurred_at: after.stopped_at.unwrap_or(row.started_at),
        title: format!(
            "{} {} after {} ms",
            row.template,
            after.status.as_str().to_lowercase().replace('_', " "),
            counted.duration_ms
        ),
        data,
        choices: Vec::new(),
        to: Vec::new(),
        audience: Audience::Standing,
        once: None,
    };
    notifications::enqueue(tx, &app.config.notifications, &notification).await?;
    if let Ok(target) = app.environments.target(&row.environment) {
        let finished = FinishedExecution {
            template: &row.template,
            status: after.status.as_str(),
            duration_ms: counted.duration_ms,
            stopped_at: notification.occurred_at,
        };
        cloudwatch::execution_finished(tx, target, &finished).await?;
    }
    if let Some(url) = &row.callback_url {
        let callback = callback(notification, url, after);
        notifications::enqueue(tx, &app.config.notifications, &callback).await?;
    }
    Ok(())
}

/// What whoever started it is told: the result, too, which is theirs.
fn callback(mut notification: Notification, url: &str, after: &Knowledge) -> Notification {
    if let Some(fields) = notification.data.as_object_mut() {
        let output: Option<Value> = after
            .output
            .as_deref()
            .and_then(|output| serde_json::from_str(output).ok());
        fields.insert("output".to_owned(), json!(output));
        fields.insert("cause".to_owned(), json!(after.cause));
    }
    Notification {
        to: vec![Destination::Webhook { url: url.to_owned() }],
        audience: Audience::NamedOnly,
        ..notification
    }
}
