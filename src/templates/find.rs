//! Look at templates, revisions and where they are live.

use super::diff::{self, Diff};
use super::model::{Binding, Revision, Template};
use super::store;
use crate::app::App;
use crate::db::DbError;

/// A template with what belongs to it.
#[derive(Debug)]
pub struct Overview {
    /// The template.
    pub template: Template,
    /// Its newest revision.
    pub revision: Revision,
    /// Where it is bound.
    pub bindings: Vec<Binding>,
    /// How often it was executed, ever.
    pub execution_count: i64,
}

/// A template by its name.
pub async fn find(app: &App, name: &str) -> Result<Option<Overview>, DbError> {
    let mut conn = app.db.connection().await?;
    match store::load_template(&mut conn, name).await? {
        Some(template) => overview(&mut conn, template).await,
        None => Ok(None),
    }
}

async fn overview(conn: &mut sqlx::PgConnection, template: Template) -> Result<Option<Overview>, DbError> {
    let name = template.name.as_str();
    let Some(revision) = store::load_revision(conn, name, template.latest_revision).await? else {
        return Ok(None);
    };
    let bindings = store::list_bindings(conn, name).await?;
    let execution_count = store::count_executions(conn, name).await?;
    Ok(Some(Overview {
        template,
        revision,
        bindings,
        execution_count,
    }))
}

/// Templates by name, whose names contain `search`, after `after`; at most `limit`.
pub(super) async fn list(
    app: &App,
    search: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Overview>, DbError> {
    let mut conn = app.db.connection().await?;
    let templates = store::list_templates(&mut conn, search, after, limit).await?;
    let mut found = Vec::with_capacity(templates.len());
    for template in templates {
        found.extend(overview(&mut conn, template).await?);
    }
    Ok(found)
}

/// A revision by its number.
pub async fn revision(app: &App, template: &str, number: i32) -> Result<Option<Revision>, DbError> {
    let mut conn = app.db.connection().await?;
    store::load_revision(&mut conn, template, number).await
}

/// Revisions, the newest first, before `before`; none when there is no such template.
pub(super) async fn revisions(
    app: &App,
    template: &str,
    before: Option<i32>,
    limit: i64,
) -> Result<Option<Vec<Revision>>, DbError> {
    let mut conn = app.db.connection().await?;
    if store::load_template(&mut conn, template).await?.is_none() {
        return Ok(None);
    }
    store::list_revisions(&mut conn, template, before, limit)
        .await
        .map(Some)
}

/// Two revisions could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// One of them does not exist.
    #[error("there is no revision {number} of `{template}`")]
    UnknownRevision {
        /// The template.
        template: String,
        /// The revision.
        number: i32,
    },
    /// A recorded definition can't be read: a fault of this program.
    #[error("a recorded definition can't be read")]
    Corrupt(#[from] serde_json::Error),
    /// The database failed.
    #[error("the revisions could not be read")]
    Database(#[from] DbError),
}

/// What differs between two revisions of a template.
pub(super) async fn compare(app: &App, template: &str, from: i32, to: i32) -> Result<Diff, CompareError> {
    let load = async |number| -> Result<Revision, CompareError> {
        revision(app, template, number)
            .await?
            .ok_or_else(|| CompareError::UnknownRevision {
                template: template.to_owned(),
                number,
            })
    };
    Ok(diff::diff(&load(from).await?, &load(to).await?)?)
}
