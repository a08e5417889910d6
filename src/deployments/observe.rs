//! What a decision needs to know of the outside: asked each time, never remembered.

use chrono::{DateTime, Utc};

use super::gate;
use super::limits::{ALIAS_INTERVAL, ALIAS_INTERVAL_EMBEDDED};
use super::model::{AliasSeen, Deployment, InFlightPolicy, RollbackStage, Routing, State};
use super::step::{AliasState, Observed, Remainder, TestsState};
use super::store::record::Record;
use super::store::{self};
use super::tests::TestReport;
use crate::app::App;
use crate::db::DbError;
use crate::environments::Target;
use crate::step_functions::{
    ErrorKind, ExecutionStatus, ListExecutions, Priority, StepFunctions, StepFunctionsError,
    UpdateStateMachine,
};

/// Why the outside could not be observed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObserveError {
    /// The environment's Step Functions refused or did not answer.
    #[error("the environment could not be observed")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed.
    #[error("the records could not be read")]
    Database(#[from] DbError),
}

/// The door for a deployment's calls: those of a rollback go before everything else.
pub(super) fn door(target: &Target, deployment: &Deployment) -> StepFunctions {
    match deployment.state {
        State::RollingBack | State::RollbackBlocked => target.step_functions.at(Priority::Rollback),
        _ => target.step_functions.at(Priority::Start),
    }
}

/// Asks for what the deployment's state needs.
pub(super) async fn observe(
    app: &App,
    target: &Target,
    record: &Record,
    deployment: &Deployment,
    now: DateTime<Utc>,
) -> Result<Observed, ObserveError> {
    let mut observed = Observed {
        closed: target.policies.closed_at(now),
        ..Observed::default()
    };
    if wants_alias(target, record, deployment, now) {
        observed.alias = alias(target, deployment, &record.template).await?;
    }
    match deployment.state {
        // A way back names its version beforehand.
        State::Publishing => observed.published.clone_from(&deployment.to_version),
        State::Testing => {
            observed.preview = preview(target, deployment, &record.template).await?;
            observed.tests = tests(app, record).await?;
        }
        State::FinalBake => observed.unqualified = following(target, record, deployment, now).await?,
        State::Gate => observed.gate = gate::state(app, record, deployment).await?,
        State::RollingBack | State::RollbackBlocked => {
            let stage = deployment.rollback.as_ref().map(|rollback| rollback.stage);
            if stage == Some(RollbackStage::Unqualified) {
                observed.unqualified = unqualified(target, deployment, &record.template).await?;
            }
            if stage == Some(RollbackStage::InFlight) {
                observed.in_flight = in_flight(target, record, deployment).await?;
            }
        }
        _ => {}
    }
    Ok(observed)
}

/// Whether the alias is to be read: always before it is moved, now and then while it stands.
fn wants_alias(target: &Target, record: &Record, deployment: &Deployment, now: DateTime<Utc>) -> bool {
    let interval = if target.embedded {
        ALIAS_INTERVAL_EMBEDDED
    } else {
        ALIAS_INTERVAL
    };
    let due = record.alias_read_at.is_none_or(|at| now - at >= interval);
    match deployment.state {
        State::Validating | State::Shifting => true,
        State::RollingBack | State::RollbackBlocked => deployment
            .rollback
            .as_ref()
            .is_some_and(|rollback| rollback.stage == RollbackStage::Routing),
        State::Baking | State::Judging | State::FinalBake | State::Gate => due,
        _ => false,
    }
}

async fn alias(target: &Target, deployment: &Deployment, template: &str) -> Result<AliasState, ObserveError> {
    match door(target, deployment)
        .describe_alias(&target.alias_arn(template))
        .await
    {
        Ok(alias) => {
            let mark = alias.description.as_deref().and_then(|text| text.parse().ok());
            Ok(
                Routing::try_from(alias.routes).map_or(AliasState::Unreadable, |routing| {
                    AliasState::Stands(AliasSeen { routing, mark })
                }),
            )
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(AliasState::Absent),
        Err(error) => Err(error.into()),
    }
}

async fn tests(app: &App, record: &Record) -> Result<TestsState, ObserveError> {
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let rows = store::tests::load(&mut conn, record.id).await?;
    let report = TestReport::of(rows.iter().map(store::tests::TestRow::result).collect());
    Ok(if report.passed_count + report.failed_count < report.test_count {
        TestsState::Unfinished
    } else if report.all_passed {
        TestsState::Passed
    } else {
        let (failed, count) = (report.failed_count, report.test_count);
        TestsState::Failed(format!(
            "{failed} of {count} tests failed: {}",
            report.failures.join("; ")
        ))
    })
}

/// Whether the preview alias leads to the new version.
async fn preview(
    target: &Target,
    deployment: &Deployment,
    template: &str,
) -> Result<Remainder, ObserveError> {
    let (Some(name), Some(version)) = (&deployment.course.preview, &deployment.to_version) else {
        return Ok(Remainder::Settled);
    };
    let arn = format!("{}:{name}", target.state_machine_arn(template));
    match door(target, deployment).describe_alias(&arn).await {
        Ok(alias) => {
            let leads = alias
                .routes
                .iter()
                .all(|route| route.version_arn == *version || route.weight == 0);
            Ok(if leads {
                Remainder::Settled
            } else {
                Remainder::Left
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Remainder::Left),
        Err(error) => Err(error.into()),
    }
}

/// Whether unqualified starts, which were kept on the old definition, get the new one at the end of the final bake.
async fn following(
    target: &Target,
    record: &Record,
    deployment: &Deployment,
    now: DateTime<Utc>,
) -> Result<Remainder, ObserveError> {
    let over = deployment.bake.is_none_or(|bake| now >= bake.until) || deployment.promoted;
    if !record.protect_unqualified || !over {
        return Ok(Remainder::Settled);
    }
    unqualified(target, deployment, &record.template).await
}

/// Whether unqualified starts get the definition they are to have.
async fn unqualified(
    target: &Target,
    deployment: &Deployment,
    template: &str,
) -> Result<Remainder, ObserveError> {
    Ok(match restoring(target, deployment, template).await? {
        None => Remainder::Settled,
        Some(_) => Remainder::Left,
    })
}

/// The change that gives unqualified starts the definition they are to have: the new version's at the end of a final bake, else
/// the old one's. None when they get it already, or when the machine was changed to something else since.
pub(super) async fn restoring(
    target: &Target,
    deployment: &Deployment,
    template: &str,
) -> Result<Option<UpdateStateMachine>, StepFunctionsError> {
    let (Some(from), Some(to)) = (&deployment.from_version, &deployment.to_version) else {
        return Ok(None);
    };
    let door = door(target, deployment);
    let arn = target.state_machine_arn(template);
    let machine = door.describe_state_machine(&arn).await?;
    let (from, to) = if deployment.state == State::FinalBake {
        (to, from)
    } else {
        (from, to)
    };
    let new = match door.describe_state_machine(to).await {
        Ok(new) => new,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if machine.definition != new.definition {
        return Ok(None);
    }
    let old = door.describe_state_machine(from).await?;
    if old.definition == new.definition {
        return Ok(None);
    }
    Ok(Some(UpdateStateMachine {
        state_machine_arn: arn,
        definition: Some(old.definition),
        role_arn: Some(old.role_arn),
        logging: old.logging,
        tracing: Some(old.tracing),
        publish: None,
    }))
}

async fn in_flight(
    target: &Target,
    record: &Record,
    deployment: &Deployment,
) -> Result<Remainder, ObserveError> {
    let Some(version) = deployment.to_version.as_deref() else {
        return Ok(Remainder::Settled);
    };
    if record.in_flight() == InFlightPolicy::Leave {
        return Ok(Remainder::Settled);
    }
    let running = door(target, deployment)
        .list_executions(ListExecutions {
            state_machine_arn: version.to_owned(),
            status: Some(ExecutionStatus::Running),
            max_results: Some(1),
            next_token: None,
        })
        .await;
    match running {
        Ok(page) if page.items.is_empty() => Ok(Remainder::Settled),
        Ok(_) => Ok(Remainder::Left),
        // Express executions can't be listed, and last five minutes at most.
        Err(error) if error.kind() == ErrorKind::Invalid => Ok(Remainder::Settled),
        Err(error) => Err(error.into()),
    }
}
