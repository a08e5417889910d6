//! Calls that change something at the environment's Step Functions. Each is harmless when made twice.

use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::limits::{CALLS_AT_ONCE, STOPS_AT_ONCE};
use super::model::{Deployment, InFlightPolicy, Mark, Routing, State};
use super::observe::{door, restoring};
use super::step::Converge;
use super::store::record::Record;
use super::store::timeline;
use super::tests;
use crate::app::App;
use crate::audit::{self, AuditEntry, SYSTEM_ACTOR};
use crate::db::DbError;
use crate::environments::Target;
use crate::step_functions::{
    ErrorKind, ExecutionItem, ExecutionStatus, ListExecutions, Route, StartExecution, StepFunctionsError,
};
use crate::templates::{self, PublishError};

/// Longest name of an execution (StartExecution, `name`).
const NAME_CHARACTERS_MAX: usize = 80;

/// What stands between the name of an execution and the digits that tell which was started again.
const RESTARTED: &str = "-restarted-";

/// Hex digits of the SHA-256 of its ARN: a million executions started again in one rollback clash with a chance of 1 in 500.
const RESTARTED_DIGITS: usize = 12;

/// Why a call did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConvergeError {
    /// The revision could not be published.
    #[error("the revision could not be published")]
    Publish(#[from] PublishError),
    /// The environment's Step Functions refused or did not answer.
    #[error("the environment refused")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed.
    #[error("the call could not be recorded")]
    Database(#[from] DbError),
}

impl ConvergeError {
    /// Whether the same call may go better later with nothing changed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Publish(error) => error.is_transient(),
            Self::StepFunctions(error) => error.is_transient() || error.kind() == ErrorKind::Conflict,
            Self::Database(_) => true,
        }
    }
}

/// Makes the call. Publishing gives the version.
pub(super) async fn converge(
    app: &App,
    target: &Target,
    read: &Record,
    deployment: &Deployment,
    call: &Converge,
) -> Result<Option<String>, ConvergeError> {
    match call {
        Converge::Publish => publish(app, target, read, deployment).await.map(Some),
        Converge::Tests => {
            tests::run::advance(app, target, read).await?;
            Ok(None)
        }
        Converge::Alias { to, mark } => {
            alias(app, target, read, deployment, (to, *mark)).await?;
            Ok(None)
        }
        Converge::Preview => {
            preview(app, target, read, deployment).await?;
            Ok(None)
        }
        Converge::Unqualified => {
            unqualified(app, target, read, deployment).await?;
            Ok(None)
        }
        Converge::InFlight => {
            in_flight(app, target, read, deployment).await?;
            Ok(None)
        }
    }
}

async fn publish(
    app: &App,
    target: &Target,
    read: &Record,
    deployment: &Deployment,
) -> Result<String, ConvergeError> {
    let outcome = templates::publish(app, target, &read.template, read.revision, None).await;
    let subject = target.state_machine_arn(&read.template);
    match outcome {
        Ok(published) => {
            note(
                app,
                read,
                ("PublishStateMachineVersion", &subject),
                Ok(&published.version_arn),
            )
            .await?;
            if read.protect_unqualified && deployment.from_version.is_some() {
                // From here until this call unqualified starts get the new definition: a second or two.
                let with_version = Deployment {
                    to_version: Some(published.version_arn.clone()),
                    ..deployment.clone()
                };
                unqualified(app, target, read, &with_version).await?;
            }
            Ok(published.version_arn)
        }
        Err(error) => {
            let what = chain(&error);
            note(app, read, ("PublishStateMachineVersion", &subject), Err(&what)).await?;
            Err(error.into())
        }
    }
}

/// Makes the alias route so; creates it at its first deployment.
async fn alias(
    app: &App,
    target: &Target,
    read: &Record,
    deployment: &Deployment,
    (to, mark): (&Routing, Mark),
) -> Result<(), ConvergeError> {
    let door = door(target, deployment);
    let arn = target.alias_arn(&read.template);
    let routes = to.lines();
    let description = Some(mark.to_string());
    let (operation, outcome) = if deployment.standing.is_none() {
        let created = door
            .create_alias(&target.policies.alias, &routes, description)
            .await;
        ("CreateStateMachineAlias", created.map(|_| ()))
    } else {
        let updated = door.update_alias(&arn, &routes, description).await;
        ("UpdateStateMachineAlias", updated.map(|_| ()))
    };
    let what = super::step::show(to);
    match outcome {
        Ok(()) => Ok(note(app, read, (operation, &arn), Ok(&what)).await?),
        Err(error) => {
            note(app, read, (operation, &arn), Err(&error.to_string())).await?;
            Err(error.into())
        }
    }
}

/// Makes the preview alias lead to the new version; creates it the first time.
async fn preview(
    app: &App,
    target: &Target,
    read: &Record,
    deployment: &Deployment,
) -> Result<(), ConvergeError> {
    let (Some(name), Some(version)) = (&deployment.course.preview, &deployment.to_version) else {
        return Ok(());
    };
    let door = door(target, deployment);
    let arn = format!("{}:{name}", target.state_machine_arn(&read.template));
    let routes = [Route {
        version_arn: version.clone(),
        weight: 100,
    }];
    let description = Some(format!("preview of {}", read.id));
    let (operation, outcome) = match door.update_alias(&arn, &routes, description.clone()).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let created = door.create_alias(name, &routes, description).await;
            ("CreateStateMachineAlias", created.map(|_| ()))
        }
        updated => ("UpdateStateMachineAlias", updated.map(|_| ())),
    };
    match outcome {
        Ok(()) => Ok(note(app, read, (operation, &arn), Ok(version)).await?),
        Err(error) => {
            note(app, read, (operation, &arn), Err(&error.to_string())).await?;
            Err(error.into())
        }
    }
}

async fn unqualified(
    app: &App,
    target: &Target,
    read: &Record,
    deployment: &Deployment,
) -> Result<(), ConvergeError> {
    let Some(change) = restoring(target, deployment, &read.template).await? else {
        return Ok(());
    };
    let arn = change.state_machine_arn.clone();
    let outcome = door(target, deployment).update_state_machine(change).await;
    match outcome {
        Ok(_) => Ok(note(
            app,
            read,
            ("UpdateStateMachine", &arn),
            Ok(if deployment.state == State::FinalBake {
                "starts that bypass the alias get the new definition"
            } else {
                "the old definition is restored"
            }),
        )
        .await?),
        Err(error) => {
            note(app, read, ("UpdateStateMachine", &arn), Err(&error.to_string())).await?;
            Err(error.into())
        }
    }
}

/// Stops what runs on the version that is taken back, a page at a time.
async fn in_flight(
    app: &App,
    target: &Target,
    read: &Record,
    deployment: &Deployment,
) -> Result<(), ConvergeError> {
    let (policy, Some(version)) = (read.in_flight(), deployment.to_version.as_deref()) else {
        return Ok(());
    };
    if matches!(policy, InFlightPolicy::Leave | InFlightPolicy::Drain) {
        return Ok(());
    }
    let running = door(target, deployment)
        .list_executions(ListExecutions {
            state_machine_arn: version.to_owned(),
            status: Some(ExecutionStatus::Running),
            max_results: Some(STOPS_AT_ONCE),
            next_token: None,
        })
        .await?;
    let count = running.items.len();
    let mut stopping = futures::stream::iter(running.items)
        .map(|item| stop(target, read, deployment, policy, item))
        .buffer_unordered(CALLS_AT_ONCE);
    while let Some(outcome) = stopping.next().await {
        outcome?;
    }
    if count > 0 {
        note(
            app,
            read,
            ("StopExecution", version),
            Ok(&format!("{count} executions")),
        )
        .await?;
    }
    Ok(())
}

/// Stops one execution. One that is to start again is started first, by a name of its own: dying in between loses nothing.
async fn stop(
    target: &Target,
    read: &Record,
    deployment: &Deployment,
    policy: InFlightPolicy,
    item: ExecutionItem,
) -> Result<(), StepFunctionsError> {
    let door = door(target, deployment);
    if policy == InFlightPolicy::StopAndRestart {
        let execution = door.describe_execution(&item.execution_arn).await?;
        let start = StartExecution {
            state_machine_arn: target.alias_arn(&read.template),
            name: Some(restarted_name(&item.name, &item.execution_arn)),
            input: execution.input,
            trace_header: None,
        };
        match door.start_execution(start).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let (error, cause) = ("Signalbox.RolledBack".to_owned(), deployment.id.to_string());
    match door
        .stop_execution(&item.execution_arn, Some(error), Some(cause))
        .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The name under which an execution is started again: the same each time it is asked for, and nobody else's, however much of a
/// long name has to go.
fn restarted_name(name: &str, execution_arn: &str) -> String {
    let digest = hex::encode(Sha256::digest(execution_arn));
    let (of_whom, _) = digest.split_at(RESTARTED_DIGITS);
    let kept = NAME_CHARACTERS_MAX - RESTARTED.len() - RESTARTED_DIGITS;
    let name: String = name.chars().take(kept).collect();
    format!("{name}{RESTARTED}{of_whom}")
}

/// Records a call and what came of it: in the deployment's calls, and in the audit trail.
async fn note(
    app: &App,
    read: &Record,
    call: (&str, &str),
    outcome: Result<&str, &str>,
) -> Result<(), DbError> {
    let mut tx = app.db.begin().await?;
    let told = match outcome {
        Ok(detail) => ("ok", Some(detail)),
        Err(detail) => ("failed", Some(detail)),
    };
    timeline::add_call(&mut tx, read.id, call, told, app.clock.now()).await?;
    let entry = AuditEntry {
        actor: SYSTEM_ACTOR.to_owned(),
        action: "deployment.call",
        subject: read.id.to_string(),
        environment: Some(read.environment.clone()),
        reason: None,
        details: serde_json::json!({"operation": call.0, "subject": call.1, "outcome": told.0, "detail": told.1}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await
}

/// An error and its causes, in one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn executions_whose_long_names_begin_alike_are_started_again_under_names_of_their_own() {
        let (one, other) = (format!("{}1", "x".repeat(79)), format!("{}2", "x".repeat(79)));
        let names = [&one, &other].map(|name| restarted_name(name, &format!("arn:{name}")));
        assert_ne!(names[0], names[1]);
        assert!(
            names
                .iter()
                .all(|name| name.chars().count() == NAME_CHARACTERS_MAX),
            "{names:?}"
        );
        assert_eq!(
            restarted_name(&one, &format!("arn:{one}")),
            names[0],
            "the same each time"
        );
        assert!(restarted_name("order-7", "arn").starts_with("order-7-restarted-"));
    }
}
