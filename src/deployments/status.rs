//! What a template serves in an environment, and the way back from it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::act::{ActError, act};
use super::model::{State, VersionWeight};
use super::plan::{StepPower, step_power};
use super::start::{StartError, past, start_back, target};
use super::step::Command;
use super::store::{facts, quarantine, record};
use super::sweep;
use super::write::Actor;
use crate::app::App;
use crate::audit::{self, AuditEntry};
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

/// Why there is no way back, or no status.
#[derive(Debug, thiserror::Error)]
pub enum BackError {
    /// It was never deployed here.
    #[error("`{template}` is not deployed to `{environment}`")]
    NotHere {
        /// The template.
        template: String,
        /// The environment.
        environment: String,
    },
    /// No earlier good version.
    #[error("`{template}` has no earlier good version in `{environment}` to go back to")]
    NothingEarlier {
        /// The template.
        template: String,
        /// The environment.
        environment: String,
    },
    /// Not a version that Signalbox published.
    #[error("`{version}` is no version of `{template}` that was published here")]
    UnknownVersion {
        /// What was asked for.
        version: String,
        /// The template.
        template: String,
    },
    /// The alias stands where it should.
    #[error("nobody else moved the alias")]
    NoDrift,
    /// A deployment is active and asks itself.
    #[error("`{0}` is active: adopt or restore the alias, or acknowledge the drift there")]
    Waiting(DeploymentId),
    /// No such environment.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// The environment did not answer.
    #[error("the alias could not be read")]
    StepFunctions(#[from] StepFunctionsError),
    /// The deployment that moves the alias can't be taken back now.
    #[error(transparent)]
    Act(#[from] ActError),
    /// The way back could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database failed.
    #[error("the records could not be read")]
    Database(#[from] DbError),
}

/// What is served now.
pub(super) async fn status(app: &App, template: &str, environment: &str) -> Result<StatusView, BackError> {
    let target = target(app, environment)?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let Some((live_version_arn, live_revision)) = facts::live(&mut conn, template, environment).await? else {
        return Err(BackError::NotHere {
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
        Ok(alias) => alias
            .routes
            .into_iter()
            .map(|route| VersionWeight {
                version_arn: route.version_arn,
                weight: route.weight,
            })
            .collect(),
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

/// Leaves the alias as somebody else made it, and counts that as no drift until it moves again.
pub(super) async fn ignore_drift(
    app: &App,
    (template, environment): (&str, &str),
    who: &str,
    reason: Option<&str>,
) -> Result<StatusView, BackError> {
    let seen = status(app, template, environment).await?;
    if let Some(active) = seen.active_deployment {
        return Err(BackError::Waiting(active));
    }
    if !seen.drifted {
        return Err(BackError::NoDrift);
    }
    let mut tx = app.db.begin().await?;
    facts::ignore_drift(
        &mut tx,
        (template, environment),
        &seen.weights,
        (who, reason),
        app.clock.now(),
    )
    .await?;
    let entry = AuditEntry {
        actor: who.to_owned(),
        action: "drift.ignore",
        subject: seen.alias_arn.clone(),
        environment: Some(environment.to_owned()),
        reason: reason.map(ToOwned::to_owned),
        details: serde_json::json!({"weights": seen.weights}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    status(app, template, environment).await
}

/// What a step could see at the traffic of the last days; none for a weight that compares nothing.
pub(super) async fn power(
    app: &App,
    template: &str,
    environment: &str,
    (weight, duration, alpha): (u8, u64, f64),
) -> Result<Option<StepPower>, BackError> {
    target(app, environment)?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    if !facts::template_exists(&mut conn, template).await? {
        return Err(BackError::NotHere {
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

/// Goes back: takes back the deployment at hand or the last one, or starts one that moves the alias to `to_version`.
pub(super) async fn go_back(
    app: &App,
    (template, environment): (&str, &str),
    (to_version, reason): (Option<&str>, Option<&str>),
    who: &str,
) -> Result<DeploymentId, BackError> {
    let target = target(app, environment)?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let mover = record::mover(&mut conn, template, environment).await?;
    let newest = record::newest_success(&mut conn, template, environment).await?;
    let live = facts::live(&mut conn, template, environment)
        .await?
        .and_then(|live| live.0);
    let wanted = to_version.map(|version| {
        if version.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{}:{version}", target.state_machine_arn(template))
        } else {
            version.to_owned()
        }
    });
    let actor = Actor { name: who, reason };
    if let Some(mover) = mover {
        drop(conn);
        let verb = if mover.deployment().has_shifted() {
            Command::Rollback
        } else {
            Command::Abort
        };
        return Ok(act(app, mover.id, verb, actor).await?.id);
    }
    let not_here = || BackError::NotHere {
        template: template.to_owned(),
        environment: environment.to_owned(),
    };
    let live = live.ok_or_else(not_here)?;
    if let Some(newest) = newest
        && newest.state() == State::Succeeded
        && newest.to_version.as_ref() == Some(&live)
        && newest
            .from_version
            .as_ref()
            .is_some_and(|from| wanted.as_ref().is_none_or(|wanted| wanted == from))
    {
        drop(conn);
        return Ok(act(app, newest.id, Command::Rollback, actor).await?.id);
    }
    let version = match wanted {
        Some(version) => version,
        None => facts::earlier_good_version(&mut conn, template, environment, &live)
            .await?
            .ok_or_else(|| BackError::NothingEarlier {
                template: template.to_owned(),
                environment: environment.to_owned(),
            })?,
    };
    let Some(revision) = facts::revision_of(&mut conn, &version).await? else {
        return Err(BackError::UnknownVersion {
            version,
            template: template.to_owned(),
        });
    };
    drop(conn);
    Ok(start_back(app, (template, environment), (&version, revision), who, reason).await?)
}
