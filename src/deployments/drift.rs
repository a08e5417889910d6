//! Somebody else moved an alias that no deployment moves: leave it so, make it again what it was, or count it as no drift.

use serde_json::json;

use super::model::{Routing, VersionWeight};
use super::status::{StatusError, StatusView, status};
use super::store::{facts, record, watch};
use super::sweep::{found, is_right, show};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::{DbError, Tx};
use crate::environments::{Target, UnknownEnvironment};
use crate::ids::DeploymentId;
use crate::step_functions::{Priority, Route, StepFunctionsError};

/// Why an idle alias was neither adopted nor restored nor left.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// Nothing is deployed there, or a deployment moves it.
    #[error("no idle alias of `{template}` in `{environment}`")]
    NotIdle {
        /// The template.
        template: String,
        /// The environment.
        environment: String,
    },
    /// A deployment is active and asks itself.
    #[error("`{0}` is active: adopt or restore the alias, or acknowledge the drift there")]
    Waiting(DeploymentId),
    /// It stands where it is to stand.
    #[error("nobody else moved the alias: it stands where it is to stand")]
    NoDrift,
    /// It can't be taken over as it is.
    #[error("the alias can't be adopted: {0}; restore it, or register what it serves")]
    Foreign(String),
    /// It can't be looked at.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// No such environment.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// The environment did not answer or refused.
    #[error("the alias could not be read or moved")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed.
    #[error("the drift could not be recorded")]
    Database(#[from] DbError),
}

/// An idle alias that stands elsewhere, held: no deployment takes it up before `tx` ends.
struct Drifted<'a> {
    target: &'a Target,
    /// What it is to serve.
    expected: String,
    found: Option<Vec<VersionWeight>>,
    tx: Tx,
}

async fn drifted<'a>(app: &'a App, (template, environment): (&str, &str)) -> Result<Drifted<'a>, DriftError> {
    let not_idle = || DriftError::NotIdle {
        template: template.to_owned(),
        environment: environment.to_owned(),
    };
    let target = app.environments.named(environment)?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let mover = record::mover(&mut conn, template, environment).await?;
    let live = facts::live(&mut conn, template, environment).await?;
    drop(conn);
    let (None, Some((Some(expected), _))) = (mover, live) else {
        return Err(not_idle());
    };
    let found = found(target, template, Priority::Start).await?;
    if is_right(found.as_deref(), &expected) {
        return Err(DriftError::NoDrift);
    }
    let mut tx = app.db.begin().await?;
    if !watch::still_idle(&mut tx, (template, environment), &expected).await? {
        return Err(not_idle());
    }
    Ok(Drifted {
        target,
        expected,
        found,
        tx,
    })
}

/// Leaves an idle alias as someone else made it: from now on that is what it is to serve.
pub(super) async fn adopt(app: &App, place: (&str, &str), who: &str) -> Result<(), DriftError> {
    let Drifted {
        target,
        expected,
        found,
        mut tx,
    } = drifted(app, place).await?;
    let lines = found.ok_or_else(|| DriftError::Foreign("there is none".to_owned()))?;
    let Ok(Routing::Single { version }) = Routing::try_from(lines) else {
        return Err(DriftError::Foreign("it splits traffic".to_owned()));
    };
    if facts::revision_of(tx.conn(), &version).await?.is_none() {
        return Err(DriftError::Foreign(format!(
            "`{version}` is no version published from here"
        )));
    }
    let now = app.clock.now();
    let arns = (target.state_machine_arn(place.0), target.alias_arn(place.0));
    facts::set_live(&mut tx, place, &version, (&arns.0, &arns.1), now).await?;
    watch::note(tx.conn(), place, None, now).await?;
    let change = (expected.as_str(), version.as_str());
    audit_drift(&mut tx, "alias.adopt", (target, place.0), change, who).await?;
    tx.commit().await?;
    Ok(())
}

/// Makes an idle alias serve again what it is to serve.
pub(super) async fn restore(app: &App, place: (&str, &str), who: &str) -> Result<(), DriftError> {
    let Drifted {
        target,
        expected,
        found,
        mut tx,
    } = drifted(app, place).await?;
    let was = found.as_deref().map_or_else(|| "none".to_owned(), show);
    let change = (was.as_str(), expected.as_str());
    audit_drift(&mut tx, "alias.restore", (target, place.0), change, who).await?;
    tx.commit().await?;
    let routes = [Route {
        version_arn: expected,
        weight: 100,
    }];
    let door = target.step_functions.at(Priority::Rollback);
    let description = Some(format!(
        "restored by {}",
        who.chars().take(100).collect::<String>()
    ));
    if found.is_some() {
        door.update_alias(&target.alias_arn(place.0), &routes, description)
            .await?;
    } else {
        door.create_alias(&target.policies.alias, &routes, description)
            .await?;
    }
    // Who dies before this leaves it to the next sweep, which sees that all is well.
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    watch::note(&mut conn, place, None, app.clock.now()).await?;
    Ok(())
}

async fn audit_drift(
    tx: &mut Tx,
    action: &'static str,
    (target, template): (&Target, &str),
    (from, to): (&str, &str),
    who: &str,
) -> Result<(), DbError> {
    let entry = AuditEntry {
        actor: who.to_owned(),
        action,
        subject: target.alias_arn(template),
        environment: Some(target.name.to_string()),
        reason: None,
        details: json!({"template": template, "from": from, "to": to}),
    };
    audit::record(tx, entry).await?;
    Ok(())
}

/// Leaves the alias as somebody else made it, and counts that as no drift until it moves again.
pub(super) async fn ignore(
    app: &App,
    (template, environment): (&str, &str),
    who: &str,
    reason: Option<&str>,
) -> Result<StatusView, DriftError> {
    let seen = status(app, template, environment).await?;
    if let Some(active) = seen.active_deployment {
        return Err(DriftError::Waiting(active));
    }
    if !seen.drifted {
        return Err(DriftError::NoDrift);
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
        details: json!({"weights": seen.weights}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(status(app, template, environment).await?)
}
