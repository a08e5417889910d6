//! Report on a template.

use chrono::TimeDelta;

use super::model::{Analytics, TemplateInfo};
use super::{limits, plan, store};
use crate::app::App;
use crate::db::DbError;
use crate::environments::EnvironmentName;
use crate::templates;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No such template.
    #[error("there is no template `{template}`")]
    UnknownTemplate {
        /// The name that was given.
        template: String,
    },
    /// A window that is none.
    #[error("`days` must be 1 to {}", limits::DAYS_MAX)]
    Days,
    /// The database failed.
    #[error("the analytics could not be read")]
    Database(#[from] DbError),
}

/// The analytics of a template over the last `days`, in one environment or all.
pub async fn report(
    app: &App,
    template: &str,
    environment: Option<&EnvironmentName>,
    days: Option<u32>,
) -> Result<Analytics, ReportError> {
    let days = days.unwrap_or(limits::DAYS_DEFAULT);
    if !(1..=limits::DAYS_MAX).contains(&days) {
        return Err(ReportError::Days);
    }
    let overview = templates::find(app, template)
        .await?
        .ok_or_else(|| ReportError::UnknownTemplate {
            template: template.to_owned(),
        })?;
    let since = (app.clock.now() - TimeDelta::days(i64::from(days))).date_naive();
    let mut tx = app.db.begin().await?;
    tx.read_one_snapshot().await?;
    let facts = store::facts(
        tx.conn(),
        template,
        environment.map(EnvironmentName::as_str),
        since,
    )
    .await?;
    let info = TemplateInfo {
        created_at: overview.template.created_at,
        total_executions: facts.ever,
        workflow_type: overview.template.kind.as_str().to_owned(),
    };
    let environment = environment.map(ToString::to_string);
    Ok(plan::analytics(
        template.to_owned(),
        environment,
        days,
        info,
        &facts,
    ))
}
