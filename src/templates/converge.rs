//! Bring a registered template to an environment: publish its revision, point the alias at the version, record that. Done inline by the
//! registration and again by a job until it holds, however far it came the last time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::BindingState;
use super::publish::{self, PublishError};
use super::store;
use crate::app::App;
use crate::db::DbError;
use crate::environments::{EnvironmentName, Target, UnknownEnvironment};
use crate::jobs::{Done, Job, JobError, Lease};
use crate::step_functions::{ErrorKind, Route, StepFunctionsError};

/// The job that finishes a registration.
#[derive(Debug)]
pub struct Converge;

/// Which registration.
#[derive(Debug, Serialize, Deserialize)]
pub struct ConvergeArgs {
    /// The template.
    pub template: String,
    /// The environment.
    pub environment: EnvironmentName,
}

#[derive(Debug, thiserror::Error)]
#[error("`{template}` is not live in `{environment}` yet: {error}")]
struct NotYet {
    template: String,
    environment: EnvironmentName,
    error: Value,
}

impl Job for Converge {
    const KIND: &'static str = "template.converge";
    type Args = ConvergeArgs;

    async fn run(app: Arc<App>, args: ConvergeArgs, _lease: &Lease) -> Result<Done, JobError> {
        match converge(&app, &args.template, &args.environment).await? {
            Outcome::Live | Outcome::Gone | Outcome::Refused => Ok(Done::Finished),
            Outcome::NotYet(error) => Err(JobError::retry(NotYet {
                template: args.template,
                environment: args.environment,
                error,
            })),
        }
    }
}

/// How far it came.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The alias points at the version.
    Live,
    /// The template was deleted meanwhile.
    Gone,
    /// No further attempt will go better; the binding says why.
    Refused,
    /// The next attempt may go better.
    NotYet(Value),
}

/// Why an attempt failed; ends up in the binding.
#[derive(Debug, thiserror::Error)]
enum ConvergeError {
    #[error(transparent)]
    Target(#[from] UnknownEnvironment),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("the alias could not be set")]
    Alias(#[from] StepFunctionsError),
}

impl ConvergeError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Target(_) => false,
            Self::Publish(error) => error.is_transient(),
            Self::Alias(error) => error.is_transient(),
        }
    }

    /// What the binding says of it: code and message of AWS where AWS refused.
    fn to_json(&self) -> Value {
        let from_door = match self {
            Self::Publish(PublishError::StepFunctions { source, .. }) | Self::Alias(source) => Some(source),
            Self::Publish(_) | Self::Target(_) => None,
        };
        match from_door {
            Some(error) => json!({
                "message": error.to_string(),
                "aws": {
                    "operation": error.operation().name(),
                    "error_code": error.code(),
                    "request_id": error.aws_request_id(),
                },
            }),
            None => json!({"message": self.to_string()}),
        }
    }
}

/// Makes one attempt. Fails only when the database does: what Step Functions says is recorded in the binding.
pub(super) async fn converge(
    app: &App,
    template: &str,
    environment: &EnvironmentName,
) -> Result<Outcome, DbError> {
    let mut conn = app.db.connection().await?;
    let Some(binding) = store::load_binding(&mut conn, template, environment).await? else {
        return Ok(Outcome::Gone);
    };
    drop(conn);
    if binding.state == BindingState::Live {
        return Ok(Outcome::Live);
    }
    match attempt(app, template, environment, binding.wanted_revision).await {
        Ok(version_arn) => {
            let mut tx = app.db.begin().await?;
            store::set_live(
                tx.conn(),
                template,
                environment,
                binding.wanted_revision,
                &version_arn,
                app.clock.now(),
            )
            .await?;
            tx.commit().await?;
            tracing::info!(template, %environment, version_arn, "live");
            Ok(Outcome::Live)
        }
        Err(error) => {
            let transient = error.is_transient();
            let state = if transient {
                BindingState::Pending
            } else {
                BindingState::Failed
            };
            let said = error.to_json();
            let mut conn = app.db.connection().await?;
            store::set_error(&mut conn, template, environment, state, &said, app.clock.now()).await?;
            tracing::warn!(template, %environment, error = %said, transient, "a template could not be brought to its environment");
            Ok(if transient {
                Outcome::NotYet(said)
            } else {
                Outcome::Refused
            })
        }
    }
}

async fn attempt(
    app: &App,
    template: &str,
    environment: &EnvironmentName,
    revision: i32,
) -> Result<String, ConvergeError> {
    let target = app.environments.target(environment)?;
    let published = publish::publish(app, target, template, revision, None).await?;
    point_alias(target, template, &published.version_arn).await?;
    Ok(published.version_arn)
}

/// Makes the alias send everything to one version; creates it where it is missing.
async fn point_alias(target: &Target, template: &str, version_arn: &str) -> Result<(), StepFunctionsError> {
    let alias_arn = target.alias_arn(template);
    let door = &target.step_functions;
    let whole = vec![Route {
        version_arn: version_arn.to_owned(),
        weight: 100,
    }];
    match door.describe_alias(&alias_arn).await {
        Ok(alias) if alias.routes == whole => Ok(()),
        Ok(_) => door.update_alias(&alias_arn, &whole, None).await.map(drop),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            ensure_alias(target, template, version_arn).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Makes sure that the alias exists: where it is missing it is created and sends everything to `version_arn`; one that is there is left
/// as it is. Gives its ARN.
pub async fn ensure_alias(
    target: &Target,
    template: &str,
    version_arn: &str,
) -> Result<String, StepFunctionsError> {
    let alias_arn = target.alias_arn(template);
    let door = &target.step_functions;
    match door.describe_alias(&alias_arn).await {
        Ok(_) => Ok(alias_arn),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let whole = vec![Route {
                version_arn: version_arn.to_owned(),
                weight: 100,
            }];
            door.create_alias(&target.policies.alias, &whole, None).await
        }
        Err(error) => Err(error),
    }
}
