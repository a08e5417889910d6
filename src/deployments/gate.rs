//! The gates of a deployment: asked through approvals, bound to the plan as it is when it is asked.

use serde_json::{Value, json};

use super::advance::Advance;
use super::model::Deployment;
use super::step::GateState;
use super::store;
use super::store::record::Record;
use crate::app::App;
use crate::approvals::{self, ApprovalState, Gate, GateMoment, Question, Standing, Wake};
use crate::db::{DbError, Tx};
use crate::jobs::Job as _;

/// Asks the gate at hand. Asking again changes nothing, unless the plan has changed: then people are asked again.
pub(super) async fn ask(
    app: &App,
    tx: &mut Tx,
    record: &Record,
    deployment: &Deployment,
) -> Result<Option<Standing>, DbError> {
    let before_all = deployment.has_shifted();
    let moment = if before_all {
        GateMoment::BeforeFullTraffic
    } else {
        GateMoment::BeforeTraffic
    };
    let Some(gate) = gates(record)
        .into_iter()
        .find(|gate| gate.when == moment || (!before_all && only_one_step(deployment)))
    else {
        return Ok(None);
    };
    let tests = store::tests::load(tx.conn(), record.id).await?;
    let mut plan = record.plan.0.clone();
    if let Value::Object(members) = &mut plan {
        members.insert("from_version_arn".to_owned(), json!(deployment.from_version));
        members.insert("to_version_arn".to_owned(), json!(deployment.to_version));
        members.insert(
            "test_executions".to_owned(),
            tests.iter().map(|test| json!({"name": test.test_case.0.name, "execution_arn": test.execution_arn, "passed": test.passed})).collect(),
        );
    }
    let author = store::facts::revision(tx.conn(), &record.template, Some(record.revision)).await?;
    let askers = record.askers();
    let requester = askers.last().unwrap_or(&record.requester).clone();
    let question = Question {
        subject: record.id.to_string(),
        gate_name: moment.as_str().to_owned(),
        template: Some(record.template.clone()),
        environment: Some(record.environment.clone()),
        title: format!(
            "Deploy revision {} of {} to {}",
            record.revision, record.template, record.environment
        ),
        requester,
        authors: askers
            .into_iter()
            .chain(author.map(|revision| revision.created_by))
            .collect(),
        gate,
        plan,
        wake: Some(Wake {
            kind: Advance::KIND,
            key: record.id.to_string(),
        }),
    };
    approvals::ask(tx, app.clock.now(), &question).await.map(Some)
}

/// How the gate stands.
pub(super) async fn state(app: &App, record: &Record, deployment: &Deployment) -> Result<GateState, DbError> {
    let mut tx = app.db.begin().await?;
    let standing = ask(app, &mut tx, record, deployment).await?;
    tx.commit().await?;
    let why = |standing: &Standing, what: &str| {
        standing
            .reason
            .as_ref()
            .map_or_else(|| what.to_owned(), |reason| format!("{what}: {reason}"))
    };
    Ok(match standing {
        None => GateState::Approved,
        Some(standing) => match standing.state {
            ApprovalState::Pending => GateState::Waiting,
            ApprovalState::Approved => GateState::Approved,
            ApprovalState::Rejected => GateState::Refused(why(&standing, "the gate was rejected")),
            ApprovalState::Expired => GateState::Refused(why(&standing, "nobody agreed in time")),
            ApprovalState::Cancelled => GateState::Refused(why(&standing, "the question was cancelled")),
        },
    })
}

fn gates(record: &Record) -> Vec<Gate> {
    let gates = record.plan.0.get("gates").cloned().unwrap_or_default();
    serde_json::from_value(gates).unwrap_or_default()
}

/// With one step, all traffic moves at once: both moments are the same.
fn only_one_step(deployment: &Deployment) -> bool {
    deployment.course.steps.len() == 1
}
