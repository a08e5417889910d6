//! Save a rule set: make it, or change it. Refused if it can't be used, or if somebody else changed it meanwhile.

use serde_json::json;

use super::model::{RuleSet, RuleSetId, SavedRuleSet};
use super::plan::{Fault, faults};
use super::store;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::http::{Effect, Precondition, Unmet};

/// What to save.
#[derive(Debug)]
pub(super) struct Save {
    pub(super) id: RuleSetId,
    pub(super) body: RuleSet,
    /// What the caller has seen of it.
    pub(super) precondition: Precondition,
    /// Whether it is only asked what would be.
    pub(super) effect: Effect,
    pub(super) actor: String,
}

/// Why a rule set was not saved.
#[derive(Debug, thiserror::Error)]
pub(super) enum SaveError {
    /// It can't be used.
    #[error("the rule set is not valid")]
    Invalid(Vec<Fault>),
    /// The caller has not seen the newest version, or has not said which.
    #[error("the rule set `{id}` was changed")]
    Unmet { id: RuleSetId, unmet: Unmet },
    /// The thread that compiled it died: a fault of this program.
    #[error("the rules were not compiled to their end")]
    Died(#[source] tokio::task::JoinError),
    /// The database failed.
    #[error("the rule set could not be saved")]
    Database(#[from] DbError),
}

/// Saves it. The bool says whether it is new.
pub(super) async fn save(app: &App, command: Save) -> Result<(SavedRuleSet, bool), SaveError> {
    let body = command.body;
    let (found, body) = tokio::task::spawn_blocking(move || (faults(&body), body))
        .await
        .map_err(SaveError::Died)?;
    if !found.is_empty() {
        return Err(SaveError::Invalid(found));
    }
    let mut tx = app.db.begin().await?;
    let before = store::lock(tx.conn(), command.id.as_str()).await?;
    command
        .precondition
        .check_change(before.as_ref().map(|set| set.version))
        .map_err(|unmet| SaveError::Unmet {
            id: command.id.clone(),
            unmet,
        })?;
    let now = app.clock.now();
    let is_new = before.is_none();
    let saved = SavedRuleSet {
        id: command.id.to_string(),
        version: before.as_ref().map_or(1, |set| set.version + 1),
        body,
        created_by: before
            .as_ref()
            .map_or_else(|| command.actor.clone(), |set| set.created_by.clone()),
        created_at: before.as_ref().map_or(now, |set| set.created_at),
        updated_by: command.actor.clone(),
        updated_at: now,
    };
    if let Some(before) = &before
        && before.body == saved.body
    {
        return Ok((before.clone(), false));
    }
    if command.effect == Effect::Dry {
        return Ok((saved, is_new));
    }
    store::save(tx.conn(), &saved).await?;
    let entry = AuditEntry {
        actor: command.actor,
        action: "rule_set.save",
        subject: saved.id.clone(),
        environment: None,
        reason: None,
        details: json!({"version": saved.version, "rule_set": saved.body}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok((saved, is_new))
}
