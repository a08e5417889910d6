//! What a template serves in an environment.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::model::VersionWeight;
use super::past::past;
use super::plan::{StepPower, step_power};
use super::store::{facts, quarantine, record};
use super::sweep;
use crate::app::App;
use crate::db::DbError;
use crate::environments::UnknownEnvironment;
use crate::ids::DeploymentId;
use crate::step_functions::{ErrorKind, StepFunctionsError};

/// What is served, and whether it is what should be.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusView {
    /// The template.
    pub template: String,
    /// The environment.
    pub environment: String,
    /// The alias.
    pub alias_arn: String,
    /// Where the alias sends starts, as it was just read.
    pub weights: Vec<VersionWeight>,
    /// The version that should serve, by the last deployment.
    pub live_version_arn: Option<String>,
    /// Its revision.
    pub live_revision: Option<i32>,
    /// Whether the alias stands elsewhere than the last deployment left it, or the one at hand put it.
    pub drifted: bool,
    /// Since when somebody has said to leave it so: it is not counted as drift until it moves again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ignored_since: Option<DateTime<Utc>>,
    /// Since when the alias is known to stand elsewhere while no deployment moves it.
    pub drifted_since: Option<DateTime<Utc>>,
    /// Versions that were taken back here, the last first.
    pub quarantined: Vec<QuarantinedVersion>,
    /// The deployment that moves the alias.
    pub active_deployment: Option<DeploymentId>,
    /// Starts of the last seven days that bypassed the alias, 0 to 1.
    pub bypass_share: f64,
    /// Starts of the last seven days.
    pub executions: i64,
    /// Failed of closed in that time, 0 to 1.
    pub failure_rate: f64,
    /// Open executions by version.
    pub open_executions: Vec<OpenExecutions>,
}

/// A version that was taken back.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantinedVersion {
    /// The version.
    pub version_arn: String,
    /// Its revision.
    pub revision: i32,
    /// The deployment that took it back.
    pub deployment: DeploymentId,
    /// Why.
    pub reason: String,
    /// Whether a person took it back: then it may be deployed again; else only with an admin's `override_quarantine`.
    pub by_hand: bool,
    /// When.
    pub at: DateTime<Utc>,
}

/// Open executions of one version.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenExecutions {
    /// The version; absent for starts that named none, or whose version is not known yet.
    pub version_arn: Option<String>,
    /// Executions.
    pub count: i64,
}

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// It was never deployed here.
    #[error("`{template}` is not deployed to `{environment}`")]
    NotHere {
        /// The template.
        template: String,
        /// The environment.
        environment: String,
    },
    /// No such environment.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// The environment did not answer.
    #[error("the alias could not be read")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed.
    #[error("the records could not be read")]
    Database(#[from] DbError),
}

/// What is served now.
pub(super) async fn status(app: &App, template: &str, environment: &str) -> Result<StatusView, StatusError> {
    let target = app.environments.named(environment)?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let Some((live_version_arn, live_revision)) = facts::live(&mut conn, template, environment).await? else {
        return Err(StatusError::NotHere {
            template: template.to_owned(),
            environment: environment.to_owned(),
        });
    };
    let mover = record::mover(&mut conn, template, environment).await?;
    let past = past(&mut conn, template, environment, app.clock.now()).await?;
    let open = facts::open_by_version(&mut conn, template, environment).await?;
    let ignored = facts::ignored_drift(&mut conn, template, environment).await?;
    let drifted_since = sweep::since(&mut conn, template, environment).await?;
    let quarantined = quarantine::list(&mut conn, template, environment).await?;
    drop(conn);
    let alias_arn = target.alias_arn(template);
    let weights: Vec<VersionWeight> = match target.step_functions.describe_alias(&alias_arn).await {
        Ok(alias) => alias.routes,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let expected: Vec<Vec<VersionWeight>> = match &mover {
        Some(mover) => {
            let deployment = mover.deployment();
            let intent = deployment.intent.map(|intent| intent.to);
            [deployment.standing, intent]
                .into_iter()
                .flatten()
                .map(|routing| routing.lines())
                .collect()
        }
        None => live_version_arn
            .iter()
            .map(|version| {
                vec![VersionWeight {
                    version_arn: version.clone(),
                    weight: 100,
                }]
            })
            .collect(),
    };
    let elsewhere = !expected.is_empty() && !expected.contains(&weights);
    let drift_ignored_since = ignored
        .filter(|(routing, _)| elsewhere && *routing == weights)
        .map(|(_, since)| since);
    Ok(StatusView {
        template: template.to_owned(),
        environment: environment.to_owned(),
        drifted: elsewhere && drift_ignored_since.is_none(),
        drift_ignored_since,
        alias_arn,
        weights,
        live_version_arn,
        live_revision,
        drifted_since,
        quarantined: quarantined
            .into_iter()
            .map(|row| QuarantinedVersion {
                version_arn: row.version_arn,
                revision: row.revision,
                deployment: row.deployment,
                reason: row.reason,
                by_hand: row.by_hand,
                at: row.at,
            })
            .collect(),
        active_deployment: mover.map(|mover| mover.id),
        bypass_share: past.bypass_share,
        executions: past.row.total,
        failure_rate: past.traffic.failure_rate,
        open_executions: open
            .into_iter()
            .map(|(version_arn, count)| OpenExecutions { version_arn, count })
            .collect(),
    })
}

/// What a step could see at the traffic of the last days; none for a weight that compares nothing.
pub(super) async fn power(
    app: &App,
    template: &str,
    environment: &str,
    (weight, duration, alpha): (u8, u64, f64),
) -> Result<Option<StepPower>, StatusError> {
    app.environments.named(environment)?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    if !facts::template_exists(&mut conn, template).await? {
        return Err(StatusError::NotHere {
            template: template.to_owned(),
            environment: environment.to_owned(),
        });
    }
    let past = past(&mut conn, template, environment, app.clock.now()).await?;
    Ok(step_power(past.traffic, weight, duration, duration, alpha))
}

/// The deployment that moves the alias.
pub(super) async fn holder(
    app: &App,
    template: &str,
    environment: &str,
) -> Result<Option<DeploymentId>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    Ok(record::mover(&mut conn, template, environment)
        .await?
        .map(|mover| mover.id))
}
