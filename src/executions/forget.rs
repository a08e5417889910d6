//! Forget what is kept for a time only: closed executions, their feeds, and the answers kept for idempotency keys.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{limits, store};
use crate::app::App;
use crate::http::idempotency;
use crate::jobs::{Done, Job, JobError, Lease};

/// The schedule that forgets.
#[derive(Debug)]
pub struct ForgetOld;

impl Job for ForgetOld {
    const KIND: &'static str = "execution.forget";
    type Args = ();

    async fn run(app: Arc<App>, (): (), _lease: &Lease) -> Result<Done, JobError> {
        let now = app.clock.now();
        let batch = limits::FORGET_BATCH;
        let told_before = now - TimeDelta::from_std(limits::FEED_RETENTION).unwrap_or(TimeDelta::MAX);
        let stopped_before = now - TimeDelta::days(i64::from(app.config.monitor.keep_executions_days));
        let mut conn = app.db.connection().await?;
        while store::forget_events(&mut conn, told_before, batch).await? > 0 {}
        while store::forget_closed(&mut conn, stopped_before, batch).await? > 0 {}
        drop(conn);
        while idempotency::forget(&app.db, now, batch).await? > 0 {}
        Ok(Done::Finished)
    }
}

#[cfg(test)]
mod tests {
    use super::super::merge::{Place, merge};
    use super::super::model::{Filter, Knowledge, Observation, Status};
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::app::testing::app_with_engine;
    use crate::environments::EnvironmentName;

    /// An execution that failed with `error` at `stopped_at`.
    async fn failed(app: &App, name: &str, error: &str, stopped_at: DateTime<Utc>) {
        let observation = Observation {
            execution_arn: format!("arn:aws:states:us-east-1:000000000000:execution:t:{name}"),
            name: name.to_owned(),
            knowledge: Knowledge {
                redrive_count: 0,
                status: Status::Failed,
                stopped_at: Some(stopped_at),
                output: None,
                error: Some(error.to_owned()),
                cause: None,
                started_at: Some(stopped_at),
                input: None,
                version_arn: None,
                alias_arn: None,
            },
        };
        let place = Place {
            template: "t",
            target: app.environments.target(&EnvironmentName::default()).unwrap(),
            state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:t",
        };
        merge(app, place, &[observation]).await.unwrap();
    }

    async fn forget(app: &Arc<App>) {
        let mut conn = app.db.connection().await.unwrap();
        let before = app.clock.now() - TimeDelta::days(i64::from(app.config.monitor.keep_executions_days));
        while store::forget_closed(&mut conn, before, 1).await.unwrap() > 0 {}
    }

    #[tokio::test]
    async fn an_old_execution_is_forgotten_but_still_counts() {
        let app = app_with_engine().await;
        for (name, days) in [("old", 366), ("older", 400), ("young", 364)] {
            failed(&app, name, "Boom", app.clock.now() - TimeDelta::days(days)).await;
        }
        forget(&app).await;
        let kept = super::super::find::list(&app, &Filter::default(), 10, None)
            .await
            .unwrap();
        let names: Vec<&str> = kept.iter().map(|execution| execution.name.as_str()).collect();
        assert_eq!(names, ["young"]);
        let counted: i64 = sqlx::query_scalar("select sum(failed)::bigint from execution_rollups")
            .fetch_one(app.db.pool())
            .await
            .unwrap();
        assert_eq!(counted, 3);
    }

    #[tokio::test]
    async fn error_names_without_end_are_counted_together() {
        let app = app_with_engine().await;
        let names = limits::ERROR_NAMES_PER_DAY_MAX + 3;
        let now = app.clock.now();
        for i in 0..names {
            failed(&app, &format!("e{i}"), &format!("Error{i}"), now).await;
        }
        failed(&app, "again", "Error0", now).await;
        let (rows, others, first): (i64, i64, i64) = sqlx::query_as(
            "select count(*), sum(count) filter (where error = '(other)')::bigint, sum(count) filter (where error = 'Error0')::bigint
             from execution_rollup_errors",
        )
        .fetch_one(app.db.pool())
        .await
        .unwrap();
        assert_eq!((rows, others, first), (limits::ERROR_NAMES_PER_DAY_MAX + 1, 3, 2));
    }
}
