//! What a merge leaves behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::super::model::Knowledge;
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
    let definition = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;
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
