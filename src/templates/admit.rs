//! Ask whether a registered revision may go to an environment by the rules that this demands.

use super::store;
use crate::app::App;
use crate::db::DbError;
use crate::environments::Target;
use crate::policies::{Demand, DemandError, demand};

/// `Ok` if it may, or if there is no such revision: whoever deploys finds that out in words of their own.
pub async fn admit(app: &App, target: &Target, template: &str, revision: i32) -> Result<(), DemandError> {
    if target.policies.rule_set.is_none() {
        return Ok(());
    }
    let mut conn = app.db.connection().await?;
    let found = load(&mut conn, template, revision).await?;
    drop(conn);
    let Some((kind, published)) = found else {
        return Ok(());
    };
    let what = Demand {
        template,
        kind,
        published: &published,
    };
    demand(app, target, what).await
}

async fn load(
    conn: &mut sqlx::PgConnection,
    template: &str,
    revision: i32,
) -> Result<Option<(super::model::MachineType, String)>, DbError> {
    let Some(found) = store::load_template(conn, template).await? else {
        return Ok(None);
    };
    let revision = store::load_revision(conn, template, revision).await?;
    Ok(revision.map(|revision| (found.kind, revision.published)))
}
