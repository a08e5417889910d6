//! Register another revision of a template. It is not deployed by that: deployments do that.

use serde_json::json;

use super::model::{Revision, Template, Written};
use super::plan::SettingsChange;
use super::validate::{self, CheckError};
use super::{register, store};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::http::{Effect, Precondition, Unmet};

/// A new revision.
#[derive(Debug)]
pub(super) struct Revise {
    /// The template's name.
    pub template: String,
    /// The definition.
    pub definition: Written,
    /// What changes of the settings of the newest revision.
    pub change: SettingsChange,
    /// Which revision the caller has seen last, if that was said.
    pub precondition: Precondition,
    /// Whether it is only asked what would be.
    pub effect: Effect,
    /// Who registers it.
    pub actor: String,
}

/// Why a revision was not registered.
#[derive(Debug, thiserror::Error)]
pub enum ReviseError {
    /// No such template.
    #[error("there is no template `{template}`")]
    UnknownTemplate {
        /// The name that was given.
        template: String,
    },
    /// The newest revision is not the one that the caller has seen.
    #[error("the template `{template}` was changed")]
    Stale {
        /// Its name.
        template: String,
        /// What was not met.
        unmet: Unmet,
    },
    /// Definition or settings are not valid.
    #[error(transparent)]
    Check(CheckError),
    /// The database failed.
    #[error("the revision could not be recorded")]
    Database(#[from] DbError),
}

/// Registers a revision. The bool says whether it was known already.
pub(super) async fn revise(app: &App, command: Revise) -> Result<(Template, Revision, bool), ReviseError> {
    let unknown = || ReviseError::UnknownTemplate {
        template: command.template.clone(),
    };
    let mut conn = app.db.connection().await?;
    let template = store::load_template(&mut conn, &command.template)
        .await?
        .ok_or_else(unknown)?;
    let newest = store::load_revision(&mut conn, &command.template, template.latest_revision)
        .await?
        .ok_or_else(unknown)?;
    drop(conn);
    let settings = command.change.apply(newest.settings);
    let checked = validate::check(command.definition, template.kind, settings.clone())
        .await
        .map_err(ReviseError::Check)?;

    let mut tx = app.db.begin().await?;
    let mut template = store::lock_template(tx.conn(), &command.template)
        .await?
        .ok_or_else(unknown)?;
    if let Some(known) = store::load_revision_by_digest(tx.conn(), &command.template, &checked.digest).await?
    {
        return Ok((template, known, true));
    }
    command
        .precondition
        .check_if_given(Some(template.latest_revision.into()))
        .map_err(|unmet| ReviseError::Stale {
            template: command.template.clone(),
            unmet,
        })?;
    let number = template.latest_revision + 1;
    let revision = register::revision(number, settings, &command.actor, checked, app.clock.now());
    store::insert_revision(tx.conn(), &command.template, &revision).await?;
    audit::record(
        &mut tx,
        AuditEntry {
            actor: command.actor,
            action: "template.revise",
            subject: command.template,
            environment: None,
            reason: None,
            details: json!({"revision": number, "digest": revision.digest}),
        },
    )
    .await?;
    if command.effect == Effect::Real {
        tx.commit().await?;
    }
    template.latest_revision = number;
    Ok((template, revision, false))
}
