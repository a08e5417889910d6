//! CloudWatch alarms of an environment: read at most every half minute, and checked by name when a plan is made.

use super::judge::AlarmReading;
use super::limits::ALARM_INTERVAL;
use super::store::record::{self, Record};
use crate::app::App;
use crate::cloudwatch;
use crate::db::DbError;
use crate::environments::Target;

/// The alarms could not be read.
#[derive(Debug, thiserror::Error)]
#[error("CloudWatch did not tell the alarms: {0}")]
pub(super) struct AlarmsError(String);

/// What the deployment's alarms say, read at most every half minute. One that can't be read says `INSUFFICIENT_DATA`: it
/// neither passes nor fails anything.
pub(super) async fn read(app: &App, target: &Target, read: &Record) -> Result<Vec<AlarmReading>, DbError> {
    let names = &read.analysis.0.alarms;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    if read.alarms_read_at.is_some_and(|at| now - at < ALARM_INTERVAL) {
        return Ok(read.alarms.0.clone());
    }
    let readings = match describe(app, target, names).await {
        Ok(readings) => readings,
        Err(error) => {
            tracing::warn!(environment = %target.name, %error, "alarms could not be read");
            let unknown = |name: &String| AlarmReading {
                name: name.clone(),
                state: "INSUFFICIENT_DATA".to_owned(),
            };
            names.iter().map(unknown).collect()
        }
    };
    let mut conn = app.db.pool().acquire().await?;
    record::alarms_read(&mut conn, read.id, &readings, now).await?;
    Ok(readings)
}

/// Those of `names` that do not exist.
pub(super) async fn missing(
    app: &App,
    target: &Target,
    names: &[String],
) -> Result<Vec<String>, AlarmsError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let known = describe(app, target, names).await?;
    Ok(names
        .iter()
        .filter(|name| !known.iter().any(|reading| reading.name == **name))
        .cloned()
        .collect())
}

/// `DescribeAlarms`: at most 100 names in one call, which is all that an analysis may name.
async fn describe(app: &App, target: &Target, names: &[String]) -> Result<Vec<AlarmReading>, AlarmsError> {
    let answer = cloudwatch::client(app, target)
        .describe_alarms()
        .set_alarm_names(Some(names.to_vec()))
        .send()
        .await
        .map_err(|error| AlarmsError(aws_sdk_cloudwatch::error::DisplayErrorContext(&error).to_string()))?;
    let state = |value: Option<&aws_sdk_cloudwatch::types::StateValue>| {
        value
            .map_or("INSUFFICIENT_DATA", aws_sdk_cloudwatch::types::StateValue::as_str)
            .to_owned()
    };
    let metric = answer
        .metric_alarms()
        .iter()
        .map(|alarm| (alarm.alarm_name(), state(alarm.state_value())));
    let composite = answer
        .composite_alarms()
        .iter()
        .map(|alarm| (alarm.alarm_name(), state(alarm.state_value())));
    Ok(metric
        .chain(composite)
        .filter_map(|(name, state)| {
            Some(AlarmReading {
                name: name?.to_owned(),
                state,
            })
        })
        .collect())
}
