//! Brings the record of executions up to what was observed, and everything that follows from it, in one transaction: the row, its feed, the
//! rollups, the outbox. Starts, sweeps, stops and redrives all end here, so that what follows from a close is written once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::model::{Observation, Origin, Record, Status};
use super::plan::{self, Change};
use super::rollup::Rollup;
use super::store::{self, LockedRow, NewExecution};
use super::tell::{event_data, feed, follow_up};
use crate::app::App;
use crate::db::{DbError, Tx};
use crate::environments::{EnvironmentName, Target};
use crate::ids::ExecutionId;
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
mod tests;
