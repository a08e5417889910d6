//! Grant an exemption: a rule that a template need not keep for a while.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::limits;
use super::model::Exemption;
use super::plan::Fault;
use super::store;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::environments::{EnvironmentName, UnknownEnvironment};
use crate::ids::ExemptionId;

/// What to grant.
#[derive(Debug)]
pub(super) struct Waive {
    pub(super) template: String,
    pub(super) rule: String,
    pub(super) environment: Option<EnvironmentName>,
    pub(super) location: Option<String>,
    pub(super) reason: String,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) actor: String,
}

/// Why an exemption was not granted.
#[derive(Debug, thiserror::Error)]
pub(super) enum WaiveError {
    /// Something about it can't be.
    #[error("the exemption can't be granted as asked for")]
    Invalid(Vec<Fault>),
    /// No such environment.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// The database failed.
    #[error("the exemption could not be written")]
    Database(#[from] DbError),
}

/// Grants it.
pub(super) async fn waive(app: &App, command: Waive) -> Result<Exemption, WaiveError> {
    let now = app.clock.now();
    let found = faults(&command, now);
    if !found.is_empty() {
        return Err(WaiveError::Invalid(found));
    }
    if let Some(environment) = &command.environment {
        app.environments.target(environment)?;
    }
    let exemption = Exemption {
        id: ExemptionId::generate(),
        template: command.template,
        rule: command.rule,
        environment: command.environment.map(|name| name.to_string()),
        location: command.location,
        reason: command.reason,
        granted_by: command.actor,
        granted_at: now,
        expires_at: command.expires_at,
        revoked_by: None,
        revoked_at: None,
    };
    let mut tx = app.db.begin().await?;
    store::insert_exemption(tx.conn(), &exemption).await?;
    let entry = AuditEntry {
        actor: exemption.granted_by.clone(),
        action: "exemption.grant",
        subject: exemption.id.to_string(),
        environment: exemption.environment.clone(),
        reason: Some(exemption.reason.clone()),
        details: json!({"template": exemption.template, "rule": exemption.rule, "location": exemption.location, "expires_at": exemption.expires_at}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(exemption)
}

fn faults(command: &Waive, now: DateTime<Utc>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, message: String| {
        faults.push(Fault {
            pointer: pointer.to_owned(),
            message,
        });
    };
    let texts = [
        ("/template", &command.template, limits::NAME_LENGTH_MAX),
        ("/rule", &command.rule, limits::NAME_LENGTH_MAX),
        ("/reason", &command.reason, limits::RULE_MESSAGE_LENGTH_MAX),
    ];
    for (pointer, text, max) in texts {
        if text.trim().is_empty() || text.chars().count() > max {
            fault(pointer, format!("must have 1 to {max} characters"));
        }
    }
    if let Some(location) = &command.location
        && (!location.starts_with('/') || location.chars().count() > limits::LOCATION_LENGTH_MAX)
    {
        fault(
            "/location",
            format!(
                "must be a place in the definition such as `/States/A`, at most {} characters",
                limits::LOCATION_LENGTH_MAX
            ),
        );
    }
    if command.expires_at <= now || command.expires_at > now + limits::EXEMPTION_MAX {
        fault(
            "/expires_at",
            format!(
                "must be within the next {} days",
                limits::EXEMPTION_MAX.num_days()
            ),
        );
    }
    faults
}
