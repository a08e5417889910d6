//! Send what waits, in batches.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use serde::{Deserialize, Serialize};

use super::model::{Datum, Unit, Waiting};
use super::rules::{self, BATCH_DATA_MAX};
use super::store;
use crate::app::App;
use crate::config::EnvironmentName;
use crate::db::DbError;
use crate::environments::Target;
use crate::jobs::{self, Done, Enqueue, Job, JobError, Lease};
use crate::outbound::AwsSendError;

/// How often the outbox is looked at: metrics are read by the minute, and a request should carry many.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Gives every environment and namespace with data a job of its own, so that one that fails holds up no other.
#[derive(Debug)]
pub struct Dispatch;

impl Job for Dispatch {
    const KIND: &'static str = "cloudwatch.dispatch";
    type Args = ();

    async fn run(app: Arc<App>, (): (), lease: &Lease) -> Result<Done, JobError> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        lease.hold(&mut tx).await?;
        let dropped = store::remove_older(&mut tx, rules::too_old(now)).await?;
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "metric data were two weeks old before CloudWatch took them, and are dropped"
            );
        }
        for (environment, namespace) in store::places(tx.conn()).await? {
            let key = format!("{environment} {namespace}");
            let args = FlushArgs {
                environment,
                namespace,
            };
            jobs::enqueue::<Flush>(&mut tx, &args, Enqueue::at(now).unique(key).forever()).await?;
        }
        tx.commit().await?;
        Ok(Done::Finished)
    }
}

/// Sends all data of one environment and namespace.
#[derive(Debug)]
pub struct Flush;

/// Which.
#[derive(Debug, Serialize, Deserialize)]
pub struct FlushArgs {
    environment: String,
    namespace: String,
}

/// The data can't be sent as things are.
#[derive(Debug, thiserror::Error)]
enum FlushError {
    #[error("there is no environment `{0}` any more; its metric data wait until they are two weeks old")]
    UnknownEnvironment(String),
    #[error(transparent)]
    Send(#[from] AwsSendError),
    #[error("the outbox of metrics can't be read or written")]
    Database(#[from] DbError),
    #[error(transparent)]
    Lease(#[from] jobs::LeaseLost),
}

impl Job for Flush {
    const KIND: &'static str = "cloudwatch.flush";
    type Args = FlushArgs;

    async fn run(app: Arc<App>, args: FlushArgs, lease: &Lease) -> Result<Done, JobError> {
        flush(&app, &args, lease).await.map_err(JobError::retry)?;
        Ok(Done::Finished)
    }
}

async fn flush(app: &App, args: &FlushArgs, lease: &Lease) -> Result<(), FlushError> {
    let unknown = || FlushError::UnknownEnvironment(args.environment.clone());
    let name: EnvironmentName = args.environment.parse().map_err(|_| unknown())?;
    let target = app.environments.target(&name).map_err(|_| unknown())?;
    loop {
        let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
        let limit = i64::try_from(BATCH_DATA_MAX).unwrap_or(i64::MAX);
        let waiting = store::waiting(&mut conn, &args.environment, &args.namespace, limit).await?;
        drop(conn);
        if waiting.is_empty() {
            return Ok(());
        }
        let batch = waiting.get(..rules::batch(&waiting).max(1)).unwrap_or_default();
        send(app, target, &args.namespace, batch).await?;
        let seqs: Vec<i64> = batch.iter().map(|waiting| waiting.seq).collect();
        let mut tx = app.db.begin().await?;
        lease.hold(&mut tx).await?;
        store::remove(&mut tx, &seqs).await?;
        tx.commit().await?;
    }
}

/// Sends a batch. One that CloudWatch refuses for what is in it is sent in halves, down to the datum at fault, which is dropped
/// and logged: otherwise it would hold up all others for ever.
async fn send(app: &App, target: &Target, namespace: &str, batch: &[Waiting]) -> Result<(), AwsSendError> {
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        let data = part.iter().map(|waiting| metric_datum(&waiting.datum)).collect();
        let endpoint = app.config.aws_endpoints.of("CLOUDWATCH");
        let sent = app
            .outbound
            .put_metric_data(target.name.as_str(), &target.aws, endpoint, namespace, data)
            .await;
        match sent {
            Ok(()) => {}
            Err(error) if error.is_hopeless() && part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(error) if error.is_hopeless() => {
                tracing::error!(environment = %target.name, namespace, %error, datum = ?part.first().map(|w| &w.datum.name),
                    "CloudWatch refused a datum, which is dropped");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn metric_datum(datum: &Datum) -> MetricDatum {
    let dimensions = datum
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build());
    MetricDatum::builder()
        .metric_name(&datum.name)
        .value(datum.value)
        .unit(match datum.unit {
            Unit::Seconds => StandardUnit::Seconds,
            Unit::Count => StandardUnit::Count,
        })
        .set_dimensions(Some(dimensions.collect()))
        .timestamp(SdkTime::from_millis(datum.at.timestamp_millis()))
        .build()
}
