//! The way back, in one call: take back the deployment at hand or the last one, or let an earlier version serve again.

use super::act::{ActError, act};
use super::prepare::quarantined;
use super::refusal::StartError;
use super::start::start_back;
use super::step::Command;
use super::store::{facts, quarantine, record};
use super::write::Actor;
use crate::app::App;
use crate::db::DbError;
use crate::environments::UnknownEnvironment;
use crate::ids::DeploymentId;

/// Why there is no way back.
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
    /// No such environment.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
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

/// What is wished for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GoBack<'a> {
    /// A version's ARN or its number; none: the one before.
    pub(super) to_version: Option<&'a str>,
    /// Why, for the timeline.
    pub(super) reason: Option<&'a str>,
    /// Why although the version was taken back here: an admin's word.
    pub(super) override_quarantine: Option<&'a str>,
}

/// Goes back, and gives the deployment that does. A version that was taken back itself is not gone back to unless somebody says
/// why, by hand as little as by a deployment.
pub(super) async fn go_back(
    app: &App,
    (template, environment): (&str, &str),
    wish: GoBack<'_>,
    who: &str,
) -> Result<DeploymentId, BackError> {
    let target = app.environments.named(environment)?;
    let wanted = wish.to_version.map(|version| {
        if version.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{}:{version}", target.state_machine_arn(template))
        } else {
            version.to_owned()
        }
    });
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let mover = record::mover(&mut conn, template, environment).await?;
    let newest = record::newest_success(&mut conn, template, environment).await?;
    let live = facts::live(&mut conn, template, environment).await?;
    let actor = Actor {
        name: who,
        reason: wish.reason,
    };
    if let Some(mover) = mover {
        drop(conn);
        let leads_there = wanted.is_none() || mover.from_version.is_none() || wanted == mover.from_version;
        if !leads_there {
            return Err(BackError::Start(StartError::InProgress {
                template: template.to_owned(),
                environment: environment.to_owned(),
                holder: mover.id,
                state: mover.state(),
            }));
        }
        let verb = if mover.deployment().has_shifted() {
            Command::Rollback
        } else {
            Command::Abort
        };
        return Ok(act(app, mover.id, verb, actor).await?.id);
    }
    let Some(live) = live.and_then(|live| live.0) else {
        return Err(BackError::NotHere {
            template: template.to_owned(),
            environment: environment.to_owned(),
        });
    };
    let before = newest
        .filter(|newest| newest.to_version.as_ref() == Some(&live))
        .and_then(|newest| Some((newest.id, newest.from_version?)))
        .filter(|(_, from)| wanted.as_ref().is_none_or(|wanted| wanted == from));
    if let Some((deployment, from)) = before
        && quarantine::of_version(&mut conn, &from).await?.is_none()
    {
        drop(conn);
        return Ok(act(app, deployment, Command::Rollback, actor).await?.id);
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
    let taken_back = quarantine::of_version(&mut conn, &version).await?;
    drop(conn);
    let overridden = match (&taken_back, wish.override_quarantine) {
        (Some(row), None) => return Err(BackError::Start(quarantined(row, template, environment))),
        (Some(_), word @ Some(_)) => word,
        (None, _) => None,
    };
    let place = (template, environment);
    Ok(start_back(app, place, (&version, revision), who, (wish.reason, overridden)).await?)
}
