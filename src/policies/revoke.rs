//! Take an exemption back before it ends. Its record stays.

use serde_json::json;

use super::model::Exemption;
use super::store;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;
use crate::ids::ExemptionId;

/// Why an exemption was not taken back.
#[derive(Debug, thiserror::Error)]
pub(super) enum RevokeError {
    /// There is none.
    #[error("there is no exemption `{id}`")]
    Unknown { id: ExemptionId },
    /// The database failed.
    #[error("the exemption could not be taken back")]
    Database(#[from] DbError),
}

/// Takes it back. Once more changes nothing.
pub(super) async fn revoke(app: &App, id: ExemptionId, actor: &str) -> Result<Exemption, RevokeError> {
    let mut tx = app.db.begin().await?;
    let exemption = store::lock_exemption(tx.conn(), id)
        .await?
        .ok_or(RevokeError::Unknown { id })?;
    if exemption.revoked_at.is_some() {
        return Ok(exemption);
    }
    let revoked = Exemption {
        revoked_by: Some(actor.to_owned()),
        revoked_at: Some(app.clock.now()),
        ..exemption
    };
    store::revoke_exemption(tx.conn(), &revoked).await?;
    let entry = AuditEntry {
        actor: actor.to_owned(),
        action: "exemption.revoke",
        subject: id.to_string(),
        environment: revoked.environment.clone(),
        reason: None,
        details: json!({"template": revoked.template, "rule": revoked.rule}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(revoked)
}
