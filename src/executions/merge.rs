//! Brings the record of executions up to what was observed, and everything that follows from it, in one transaction: the row, its feed, the
//! rollups, the outbox. Starts, sweeps, stops and redrives all end here, so that what follows from a close is written once.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::model::{Contribution, Knowledge, Observation, Origin, Record, Status};
use super::plan::{self, Change};
use super::rollup::Rollup;
use super::store::{self, LockedRow, NewExecution};
use crate::app::App;
use crate::cloudwatch::{self, FinishedExecution};
use crate::db::{DbError, Tx};
use crate::environments::{EnvironmentName, Target};
use crate::ids::ExecutionId;
use crate::notifications::{self, Audience, Destination, Notification};
use crate::step_functions::MachineType;
use crate::templates;

/// Where the observed executions belong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) template: &'a str,
    pub(super) target: &'a Target,
    pub(super) state_machine_arn: &'a str,
}

/// An execution that closed, for what is told after the commit.
struct Closing {
    id: ExecutionId,
    template: String,
    environment: EnvironmentName,
    status: Status,
    duration_ms: i64,
}

/// Records observations, at most [`super::limits::MERGE_BATCH_MAX`] at a time. Says how many executions were new or changed.
pub(super) async fn merge(
    app: &App,
    place: Place<'_>,
    observations: &[Observation],
) -> Result<usize, DbError> {
    if observations.is_empty() {
        return Ok(0);
    }
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let arns: Vec<String> = observations
        .iter()
        .map(|observation| observation.execution_arn.clone())
        .collect();
    let mut rows = store::lock_by_arns(tx.conn(), &arns).await?;
    if insert_unknown(&mut tx, place, observations, &rows, now).await? {
        rows = store::lock_by_arns(tx.conn(), &arns).await?;
    }
    let heard: HashMap<&str, &Observation> = observations
        .iter()
        .map(|observation| (observation.execution_arn.as_str(), observation))
        .collect();
    let mut batch = Batch::default();
    for mut row in rows {
        let Some(observation) = row.execution_arn.as_deref().and_then(|arn| heard.get(arn)) else {
            continue;
        };
        batch.apply(app, &mut tx, &mut row, observation, now).await?;
    }
    batch.rollup.apply(tx.conn()).await?;
    tx.commit().await?;
    batch.tell(app);
    Ok(batch.changed.len())
}

/// Inserts the executions that nobody here started. Says whether there were any.
async fn insert_unknown(
    tx: &mut Tx,
    place: Place<'_>,
    observations: &[Observation],
    known: &[LockedRow],
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let known: std::collections::HashSet<&str> = known
        .iter()
        .filter_map(|row| row.execution_arn.as_deref())
        .collect();
    let mut any = false;
    for observation in observations {
        if known.contains(observation.execution_arn.as_str()) {
            continue;
        }
        any = true;
        let knowledge = &observation.knowledge;
        let new = NewExecution {
            id: ExecutionId::generate(),
            template: place.template,
            environment: &place.target.name,
            kind: MachineType::Standard,
            state_machine_arn: place.state_machine_arn,
            execution_arn: Some(&observation.execution_arn),
            name: &observation.name,
            origin: Origin::External,
            record: Record::Intended,
            started_at: knowledge.started_at.unwrap_or(now),
            alias_arn: knowledge.alias_arn.as_deref(),
            input: knowledge.input.as_deref(),
            business_key: None,
            labels: &std::collections::BTreeMap::new(),
            callback_url: None,
            started_by: None,
            now,
        };
        store::insert(tx.conn(), &new).await?;
    }
    Ok(any)
}

/// What one transaction changes.
#[derive(Default)]
struct Batch {
    rollup: Rollup,
    closings: Vec<Closing>,
    changed: Vec<ExecutionId>,
    revisions: HashMap<String, Option<i32>>,
}

impl Batch {
    async fn apply(
        &mut self,
        app: &App,
        tx: &mut Tx,
        row: &mut LockedRow,
        observation: &Observation,
        now: DateTime<Utc>,
    ) -> Result<(), DbError> {
        let before = row.knowledge();
        let mut after = plan::join(before.clone(), observation.knowledge.clone());
        if after.status.is_closed() && after.stopped_at.is_none() {
            after.stopped_at = Some(now);
        }
        let confirmed = row.record != Record::Started;
        if after == before && !confirmed && row.lost_at.is_none() {
            return Ok(());
        }
        if row.revision.is_none()
            && let Some(version_arn) = &after.version_arn
        {
            row.revision = self.revision_of(tx, version_arn).await?;
        }
        let change = plan::change(&before, &after);
        let counted_before = row.counted();
        let counted = plan::contribution(&after, row.started_at);
        let mut seq = row.event_seq;
        for kind in feed(confirmed, change) {
            seq += 1;
            let data = event_data(row, &after, kind);
            store::append_event(tx.conn(), row.id, seq, kind, &data, now).await?;
        }
        store::write(tx.conn(), row, &after, counted.as_ref(), seq, now).await?;
        self.rollup.replace(
            &row.template,
            &row.environment,
            counted_before.as_ref(),
            counted.as_ref(),
        );
        if matches!(change, Change::Closed | Change::RedrivenAndClosed)
            && let Some(counted) = &counted
        {
            follow_up(app, tx, row, &after, counted).await?;
            self.closings.push(Closing {
                id: row.id,
                template: row.template.clone(),
                environment: row.environment.clone(),
                status: counted.status,
                duration_ms: counted.duration_ms,
            });
        }
        self.changed.push(row.id);
        Ok(())
    }

    async fn revision_of(&mut self, tx: &mut Tx, version_arn: &str) -> Result<Option<i32>, DbError> {
        if let Some(known) = self.revisions.get(version_arn) {
            return Ok(*known);
        }
        let found = templates::revision_of(tx.conn(), version_arn).await?;
        self.revisions.insert(version_arn.to_owned(), found);
        Ok(found)
    }

    /// After the commit: metrics, logs, wake-ups.
    fn tell(&self, app: &App) {
        for closing in &self.closings {
            let (template, environment) = (closing.template.as_str(), closing.environment.as_str());
            app.metrics
                .executions_total
                .with_label_values(&[template, environment, closing.status.as_str()])
                .inc();
            #[expect(
                clippy::cast_precision_loss,
                reason = "a duration has far fewer digits than an f64 keeps"
            )]
            let seconds = closing.duration_ms as f64 / 1_000.0;
            app.metrics
                .execution_duration_seconds
                .with_label_values(&[template])
                .observe(seconds);
            tracing::info!(
                execution = %closing.id, template, environment, status = %closing.status, duration_ms = closing.duration_ms,
                "an execution closed"
            );
        }
        for id in &self.changed {
            app.signals.notify(&topic(*id));
        }
    }
}

/// What listeners of an execution listen to.
pub(super) fn topic(id: ExecutionId) -> String {
    format!("execution:{id}")
}

/// What the feed tells of a change.
fn feed(confirmed: bool, change: Change) -> Vec<&'static str> {
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
fn event_data(row: &LockedRow, after: &Knowledge, kind: &str) -> Value {
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
async fn follow_up(
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

/// Records that the target no longer knows an execution that was open: it is not asked about again, and no longer counts as running.
pub(super) async fn lose(app: &App, id: ExecutionId) -> Result<(), DbError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if store::lose(tx.conn(), id, now).await? {
        let seq = store::next_seq(tx.conn(), id).await?;
        store::append_event(tx.conn(), id, seq, "execution.lost", &json!({"id": id}), now).await?;
        tx.commit().await?;
        tracing::warn!(execution = %id, "the target no longer knows an execution that was open");
        app.signals.notify(&topic(id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use chrono::TimeDelta;

    use super::super::{find, recover, start};
    use super::*;
    use crate::app::testing::app_with_engine;
    use crate::step_functions::StartExecution;

    const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:t";

    fn observed(
        name: &str,
        redrive_count: i32,
        status: Status,
        started_at: DateTime<Utc>,
        seconds: i64,
    ) -> Observation {
        Observation {
            execution_arn: format!("arn:aws:states:us-east-1:000000000000:execution:t:{name}"),
            name: name.to_owned(),
            knowledge: Knowledge {
                redrive_count,
                status,
                stopped_at: status
                    .is_closed()
                    .then(|| started_at + TimeDelta::seconds(seconds)),
                output: None,
                error: (status == Status::Failed).then(|| "Boom".to_owned()),
                cause: None,
                started_at: Some(started_at),
                input: None,
                version_arn: None,
                alias_arn: None,
            },
        }
    }

    async fn tell(app: &App, observation: Observation) {
        let target = app.environments.target(&EnvironmentName::default()).unwrap();
        let place = Place {
            template: "t",
            target,
            state_machine_arn: MACHINE,
        };
        merge(app, place, &[observation]).await.unwrap();
    }

    type Counts = (i64, i64, Option<i64>, Option<i64>, i64);

    async fn rollup(app: &App) -> Counts {
        sqlx::query_as(
            "select succeeded, failed, duration_ms_min, duration_ms_max, duration_ms_sum::bigint from execution_rollups",
        )
        .fetch_one(app.db.pool())
        .await
        .unwrap()
    }

    async fn events(app: &App) -> Vec<String> {
        sqlx::query_scalar("select kind from execution_events order by execution_id, seq")
            .fetch_all(app.db.pool())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn what_is_heard_twice_and_late_counts_once() {
        let app = app_with_engine().await;
        let now = app.clock.now();
        tell(&app, observed("a", 0, Status::Failed, now, 2)).await;
        tell(&app, observed("a", 0, Status::Running, now, 0)).await;
        tell(&app, observed("a", 0, Status::Failed, now, 2)).await;
        assert_eq!(rollup(&app).await, (0, 1, Some(2_000), Some(2_000), 2_000));
        assert_eq!(events(&app).await, ["execution.started", "execution.closed"]);
    }

    #[tokio::test]
    async fn a_redrive_that_succeeds_takes_the_failure_back_from_every_rollup() {
        let app = app_with_engine().await;
        let now = app.clock.now();
        tell(&app, observed("other", 0, Status::Succeeded, now, 5)).await;
        tell(&app, observed("a", 0, Status::Failed, now, 1)).await;
        assert_eq!(rollup(&app).await, (1, 1, Some(1_000), Some(5_000), 6_000));
        tell(&app, observed("a", 1, Status::Running, now, 0)).await;
        assert_eq!(rollup(&app).await, (1, 0, Some(5_000), Some(5_000), 5_000));
        tell(&app, observed("a", 1, Status::Succeeded, now, 9)).await;
        // The close of the first run arrives once more, late.
        tell(&app, observed("a", 0, Status::Failed, now, 1)).await;
        assert_eq!(rollup(&app).await, (2, 0, Some(5_000), Some(9_000), 14_000));
        let errors: i64 =
            sqlx::query_scalar("select coalesce(sum(count), 0)::bigint from execution_rollup_errors")
                .fetch_one(app.db.pool())
                .await
                .unwrap();
        assert_eq!(errors, 0);
    }

    async fn register(app: &Arc<App>) {
        let definition =
            r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;
        templates::register_for_tests(app, "t", definition).await;
    }

    fn command(name: &str) -> start::Start {
        start::Start {
            template: "t".into(),
            environment: EnvironmentName::default(),
            input: "{}".into(),
            name: Some(name.to_owned()),
            business_key: None,
            labels: BTreeMap::new(),
            callback_url: None,
            actor: "test".into(),
            token: None,
        }
    }

    #[tokio::test]
    async fn a_start_whose_answer_never_came_is_found_or_given_up() {
        let app = app_with_engine().await;
        register(&app).await;
        let happened = start::start(&app, command("happened")).await.unwrap();
        let never = start::start(&app, command("never")).await.unwrap();
        // As if the process had died before the answers: one start arrived, of the other the engine never heard.
        sqlx::query("delete from execution_events")
            .execute(app.db.pool())
            .await
            .unwrap();
        sqlx::query("update executions set record = 'intended', event_seq = 0")
            .execute(app.db.pool())
            .await
            .unwrap();
        sqlx::query("update executions set execution_arn = execution_arn || '-x' where id = $1")
            .bind(never.id)
            .execute(app.db.pool())
            .await
            .unwrap();
        for id in [happened.id, never.id] {
            let row = find::find(&app, id).await.unwrap().unwrap();
            recover::recover(&app, &row).await.unwrap();
        }
        let record = async |id| find::find(&app, id).await.unwrap().unwrap().record;
        assert_eq!(record(happened.id).await, Record::Started);
        assert_eq!(record(never.id).await, Record::Abandoned);
    }

    #[tokio::test]
    async fn a_name_that_was_taken_past_signalbox_is_refused_and_leaves_nothing_behind() {
        let app = app_with_engine().await;
        register(&app).await;
        let target = app.environments.target(&EnvironmentName::default()).unwrap();
        target
            .step_functions
            .start_execution(StartExecution {
                state_machine_arn: MACHINE.to_owned(),
                name: Some("taken".to_owned()),
                input: Some(r#"{"other": 1}"#.to_owned()),
                trace_header: None,
            })
            .await
            .unwrap();
        let refused = start::start(&app, command("taken")).await;
        assert!(
            matches!(refused, Err(start::StartError::NameTaken { .. })),
            "{refused:?}"
        );
        let open: i64 = sqlx::query_scalar("select count(*) from executions where record <> 'abandoned'")
            .fetch_one(app.db.pool())
            .await
            .unwrap();
        assert_eq!(open, 0);
    }
}
