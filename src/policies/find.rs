//! Look at rule sets and exemptions.

use super::limits;
use super::model::{Exemption, SavedRuleSet};
use super::store::{self, ExemptionFilter};
use crate::app::App;
use crate::db::DbError;
use crate::ids::ExemptionId;

/// A rule set by its name.
pub async fn rule_set(app: &App, id: &str) -> Result<Option<SavedRuleSet>, DbError> {
    let mut conn = app.db.connection().await?;
    store::load(&mut conn, id).await
}

/// Rule sets by name, after `after`.
pub(super) async fn rule_sets(
    app: &App,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SavedRuleSet>, DbError> {
    let mut conn = app.db.connection().await?;
    store::list(&mut conn, after, limit).await
}

/// The exemptions of a template that count now, in an environment or in any.
pub async fn active_exemptions(
    app: &App,
    template: &str,
    environment: Option<&str>,
) -> Result<Vec<Exemption>, DbError> {
    let mut conn = app.db.connection().await?;
    let now = app.clock.now();
    store::active_exemptions(&mut conn, template, environment, now, limits::EXEMPTIONS_MAX).await
}

/// Exemptions, the newest first.
pub(super) async fn list(
    app: &App,
    filter: &ExemptionFilter,
    before: Option<ExemptionId>,
    limit: i64,
) -> Result<Vec<Exemption>, DbError> {
    let mut conn = app.db.connection().await?;
    store::list_exemptions(&mut conn, filter, before, limit).await
}
