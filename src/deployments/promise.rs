//! A template's promise (SLO): set it, take it back, see what is left of its error budget.

use serde::Serialize;
use utoipa::ToSchema;

use super::judge::{Budget, Slo};
use super::limits::BUDGET_RECENT;
use super::store::{facts, slos};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;

/// The error budget in one environment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct EnvironmentBudget {
    /// The environment.
    pub(super) environment: String,
    /// How it stands; `recent` is the last hour.
    #[serde(flatten)]
    pub(super) budget: Budget,
}

/// A promise and how it is kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SloView {
    /// The template.
    pub(super) template: String,
    /// The promise.
    pub(super) slo: Slo,
    /// Environment by environment.
    pub(super) environments: Vec<EnvironmentBudget>,
}

/// Why there is no promise.
#[derive(Debug, thiserror::Error)]
pub(super) enum PromiseError {
    /// No such template.
    #[error("there is no template `{0}`")]
    UnknownTemplate(String),
    /// It promises nothing.
    #[error("`{0}` has no SLO")]
    None(String),
    /// A number out of its range.
    #[error("`{field}` {what}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The database failed.
    #[error("the SLO could not be read or written")]
    Database(#[from] DbError),
}

/// The promise and what is left of it.
pub(super) async fn read(app: &App, template: &str) -> Result<SloView, PromiseError> {
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let Some(slo) = slos::find(&mut conn, template).await? else {
        return Err(if facts::template_exists(&mut conn, template).await? {
            PromiseError::None(template.to_owned())
        } else {
            PromiseError::UnknownTemplate(template.to_owned())
        });
    };
    let now = app.clock.now();
    let mut environments = Vec::new();
    for environment in slos::environments(&mut conn, template).await? {
        // One that is not configured any more has no alias to ask for.
        let Ok(target) = app.environments.named(&environment) else {
            continue;
        };
        let place = (template, environment.as_str());
        let alias = target.alias_arn(template);
        let spending = slos::spending(&mut conn, place, &alias, slo, (now, now - BUDGET_RECENT)).await?;
        environments.push(EnvironmentBudget {
            environment,
            budget: Budget::of(slo, spending),
        });
    }
    Ok(SloView {
        template: template.to_owned(),
        slo,
        environments,
    })
}

/// Promises.
pub(super) async fn set(app: &App, template: &str, slo: Slo, who: &str) -> Result<SloView, PromiseError> {
    if let Some((field, what)) = slo.problems().into_iter().next() {
        return Err(PromiseError::Invalid { field, what });
    }
    let mut tx = app.db.begin().await?;
    if !facts::template_exists(tx.conn(), template).await? {
        return Err(PromiseError::UnknownTemplate(template.to_owned()));
    }
    slos::set(&mut tx, template, slo, who, app.clock.now()).await?;
    audit::record(&mut tx, entry("slo.set", template, who, serde_json::json!(slo))).await?;
    tx.commit().await?;
    read(app, template).await
}

/// Takes the promise back.
pub(super) async fn remove(app: &App, template: &str, who: &str) -> Result<(), PromiseError> {
    let mut tx = app.db.begin().await?;
    if !slos::remove(&mut tx, template).await? {
        return Err(PromiseError::None(template.to_owned()));
    }
    audit::record(&mut tx, entry("slo.remove", template, who, serde_json::json!({}))).await?;
    tx.commit().await?;
    Ok(())
}

fn entry(action: &'static str, template: &str, who: &str, details: serde_json::Value) -> AuditEntry {
    AuditEntry {
        actor: who.to_owned(),
        action,
        subject: template.to_owned(),
        environment: None,
        reason: None,
        details,
    }
}
