//! What other features need to run and move templates: where one is live, what its inputs must be, which revision a version is.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;

use super::model::{Binding, BindingState, MachineType};
use super::store;
use crate::db::{DbError, Tx};
use crate::environments::{EnvironmentName, Target};
use crate::schema::{self, Violation};

/// A template that can be started in an environment.
#[derive(Debug, Clone)]
pub struct Runnable {
    /// What AWS runs it as.
    pub kind: MachineType,
    /// The state machine.
    pub state_machine_arn: String,
    /// What executions are started through.
    pub alias_arn: String,
    /// What inputs must fit.
    pub input_schema: Option<Value>,
}

/// Why a template can't be started.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No such template.
    #[error("there is no template `{template}`")]
    UnknownTemplate {
        /// The name that was given.
        template: String,
    },
    /// It is not bound to that environment.
    #[error("`{template}` is not deployed to `{environment}`")]
    NotDeployed {
        /// The template.
        template: String,
        /// The environment.
        environment: EnvironmentName,
    },
    /// It has not come that far yet.
    #[error("`{template}` is not live in `{environment}` yet: its state is `{}`", state.as_str())]
    NotLive {
        /// The template.
        template: String,
        /// The environment.
        environment: EnvironmentName,
        /// How far it has come.
        state: BindingState,
    },
    /// It is being deleted.
    #[error("`{template}` is being deleted")]
    Deleting {
        /// The template.
        template: String,
    },
    /// The database failed.
    #[error("the template could not be read")]
    Database(#[from] DbError),
}

/// How a template is started in an environment.
pub async fn runnable(
    conn: &mut PgConnection,
    template: &str,
    environment: &EnvironmentName,
) -> Result<Runnable, RunError> {
    let found = store::load_template(conn, template)
        .await?
        .ok_or_else(|| RunError::UnknownTemplate {
            template: template.to_owned(),
        })?;
    let binding = store::load_binding(conn, template, environment)
        .await?
        .ok_or_else(|| RunError::NotDeployed {
            template: template.to_owned(),
            environment: environment.clone(),
        })?;
    let Some(live) = binding.revision.filter(|_| binding.state == BindingState::Live) else {
        return Err(RunError::NotLive {
            template: template.to_owned(),
            environment: environment.clone(),
            state: binding.state,
        });
    };
    Ok(Runnable {
        kind: found.kind,
        state_machine_arn: binding.state_machine_arn,
        alias_arn: binding.alias_arn,
        input_schema: store::input_schema(conn, template, live).await?,
    })
}

/// Holds a template against deletion while `tx` is open; refuses when it is being deleted.
pub async fn hold(tx: &mut Tx, template: &str) -> Result<(), RunError> {
    match store::hold_template(tx.conn(), template).await? {
        Some(false) => Ok(()),
        Some(true) => Err(RunError::Deleting {
            template: template.to_owned(),
        }),
        None => Err(RunError::UnknownTemplate {
            template: template.to_owned(),
        }),
    }
}

/// How `input` breaks a template's schema; nothing when it fits or there is none. A recorded schema compiles: its registration saw to it.
pub fn check_input(input_schema: &Value, input: &Value) -> Vec<Violation> {
    match schema::compile(input_schema) {
        Ok(schema) => schema::violations(&schema, input),
        Err(error) => vec![Violation {
            pointer: String::new(),
            keyword: "$schema".to_owned(),
            message: error.to_string(),
        }],
    }
}

/// A state machine that belongs to a template.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Machine {
    /// The template.
    pub template: String,
    /// Where.
    pub environment: EnvironmentName,
    /// Its ARN.
    pub state_machine_arn: String,
    /// When the template was bound to the environment.
    pub created_at: DateTime<Utc>,
}

/// Every Standard state machine that belongs to a template and exists.
pub async fn machines(conn: &mut PgConnection) -> Result<Vec<Machine>, DbError> {
    store::machines(conn).await
}

/// Which revision a version is, if Signalbox published it.
pub async fn revision_of(conn: &mut PgConnection, version_arn: &str) -> Result<Option<i32>, DbError> {
    store::revision_of(conn, version_arn).await
}

/// Where a template stands in an environment.
pub async fn binding(
    conn: &mut PgConnection,
    template: &str,
    environment: &EnvironmentName,
) -> Result<Option<Binding>, DbError> {
    store::load_binding(conn, template, environment).await
}

/// Records that `revision` is behind the alias of `target`, as `version_arn`. The template is bound to the environment if it was not.
pub async fn set_live(
    tx: &mut Tx,
    template: &str,
    target: &Target,
    revision: i32,
    version_arn: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let binding = Binding {
        environment: target.name.clone(),
        state: BindingState::Pending,
        revision: None,
        state_machine_arn: target.state_machine_arn(template),
        version_arn: None,
        alias_arn: target.alias_arn(template),
        error: None,
        wanted_revision: revision,
    };
    store::bind(tx.conn(), template, &binding, now).await?;
    store::set_live(tx.conn(), template, &target.name, revision, version_arn, now).await
}
