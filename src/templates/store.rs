//! The SQL of templates, revisions, bindings and published versions. Private to this folder.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, Row as _};

use super::model::{
    Binding, BindingState, Diagnostic, Revision, Settings, Template, TemplateName, Transform,
};
use crate::db::DbError;
use crate::environments::EnvironmentName;

impl FromRow<'_, sqlx::postgres::PgRow> for Template {
    fn from_row(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        let name: String = row.try_get("name")?;
        Ok(Self {
            name: name
                .parse::<TemplateName>()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            kind: row.try_get("kind")?,
            latest_revision: row.try_get("latest_revision")?,
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl FromRow<'_, sqlx::postgres::PgRow> for Revision {
    fn from_row(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            revision: row.try_get("revision")?,
            digest: row.try_get("digest")?,
            written: row.try_get("written")?,
            published: row.try_get("published")?,
            transforms: row.try_get::<Json<Vec<Transform>>, _>("transforms")?.0,
            settings: row.try_get::<Json<Settings>, _>("settings")?.0,
            diagnostics: row.try_get::<Json<Vec<Diagnostic>>, _>("diagnostics")?.0,
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

impl FromRow<'_, sqlx::postgres::PgRow> for Binding {
    fn from_row(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        let state: String = row.try_get("state")?;
        Ok(Self {
            environment: row.try_get("environment")?,
            state: BindingState::parse(&state).ok_or_else(|| unknown("state", &state))?,
            revision: row.try_get("live_revision")?,
            state_machine_arn: row.try_get("state_machine_arn")?,
            version_arn: row.try_get("version_arn")?,
            alias_arn: row.try_get("alias_arn")?,
            error: row.try_get("error")?,
            wanted_revision: row.try_get("wanted_revision")?,
        })
    }
}

fn unknown(column: &str, value: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("`{value}` is none of the values that `{column}` may have").into())
}

/// Inserts a template. Says whether the name was free.
pub(super) async fn insert_template(conn: &mut PgConnection, template: &Template) -> Result<bool, DbError> {
    let done = sqlx::query(
        "insert into templates (name, kind, latest_revision, created_by, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(template.name.as_str())
    .bind(template.kind)
    .bind(template.latest_revision)
    .bind(&template.created_by)
    .bind(template.created_at)
    .bind(template.updated_at)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn load_template(conn: &mut PgConnection, name: &str) -> Result<Option<Template>, DbError> {
    Ok(sqlx::query_as(
        "select name, kind, latest_revision, created_by, created_at, updated_at from templates where name = $1",
    )
    .bind(name)
    .fetch_optional(conn)
    .await?)
}

/// Loads a template and holds its row, so that revisions are numbered one after the other.
pub(super) async fn lock_template(conn: &mut PgConnection, name: &str) -> Result<Option<Template>, DbError> {
    Ok(sqlx::query_as(
        "select name, kind, latest_revision, created_by, created_at, updated_at from templates where name = $1 for update",
    )
    .bind(name)
    .fetch_optional(conn)
    .await?)
}

/// Templates by name, after `after`, whose name contains `search` whatever its case.
pub(super) async fn list_templates(
    conn: &mut PgConnection,
    search: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Template>, DbError> {
    Ok(sqlx::query_as(
        "select name, kind, latest_revision, created_by, created_at, updated_at from templates
         where ($1::text is null or position(lower($1) in lower(name)) > 0) and ($2::text is null or name > $2)
         order by name limit $3",
    )
    .bind(search)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

pub(super) async fn delete_template(conn: &mut PgConnection, name: &str) -> Result<(), DbError> {
    sqlx::query("delete from templates where name = $1")
        .bind(name)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn insert_revision(
    conn: &mut PgConnection,
    template: &str,
    revision: &Revision,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into template_revisions
             (template, revision, digest, written, published, transforms, settings, diagnostics, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(template)
    .bind(revision.revision)
    .bind(&revision.digest)
    .bind(&revision.written)
    .bind(&revision.published)
    .bind(Json(&revision.transforms))
    .bind(Json(&revision.settings))
    .bind(Json(&revision.diagnostics))
    .bind(&revision.created_by)
    .bind(revision.created_at)
    .execute(&mut *conn)
    .await?;
    sqlx::query("update templates set latest_revision = $2, updated_at = $3 where name = $1")
        .bind(template)
        .bind(revision.revision)
        .bind(revision.created_at)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn load_revision(
    conn: &mut PgConnection,
    template: &str,
    revision: i32,
) -> Result<Option<Revision>, DbError> {
    Ok(sqlx::query_as(
        "select revision, digest, written, published, transforms, settings, diagnostics, created_by, created_at
         from template_revisions where template = $1 and revision = $2",
    )
    .bind(template)
    .bind(revision)
    .fetch_optional(conn)
    .await?)
}

pub(super) async fn load_revision_by_digest(
    conn: &mut PgConnection,
    template: &str,
    digest: &str,
) -> Result<Option<Revision>, DbError> {
    Ok(sqlx::query_as(
        "select revision, digest, written, published, transforms, settings, diagnostics, created_by, created_at
         from template_revisions where template = $1 and digest = $2",
    )
    .bind(template)
    .bind(digest)
    .fetch_optional(conn)
    .await?)
}

/// Revisions, the newest first, before `before`.
pub(super) async fn list_revisions(
    conn: &mut PgConnection,
    template: &str,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<Revision>, DbError> {
    Ok(sqlx::query_as(
        "select revision, digest, written, published, transforms, settings, diagnostics, created_by, created_at
         from template_revisions where template = $1 and ($2::integer is null or revision < $2)
         order by revision desc limit $3",
    )
    .bind(template)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

macro_rules! binding {
    ($tail:literal) => {
        concat!(
            "select environment, state, live_revision, state_machine_arn, version_arn, alias_arn, error, wanted_revision ",
            "from template_environments where template = $1 ",
            $tail
        )
    };
}

pub(super) async fn list_bindings(conn: &mut PgConnection, template: &str) -> Result<Vec<Binding>, DbError> {
    Ok(sqlx::query_as(binding!("order by environment"))
        .bind(template)
        .fetch_all(conn)
        .await?)
}

pub(super) async fn load_binding(
    conn: &mut PgConnection,
    template: &str,
    environment: &EnvironmentName,
) -> Result<Option<Binding>, DbError> {
    Ok(sqlx::query_as(binding!("and environment = $2"))
        .bind(template)
        .bind(environment)
        .fetch_optional(conn)
        .await?)
}

/// Records that a template belongs in an environment. One that is there already keeps what is live; if it is not live, it is tried again.
pub(super) async fn bind(
    conn: &mut PgConnection,
    template: &str,
    wanted: &Binding,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into template_environments
             (template, environment, state, wanted_revision, state_machine_arn, alias_arn, created_at, updated_at)
         values ($1, $2, 'pending', $3, $4, $5, $6, $6)
         on conflict (template, environment) do update
         set state = 'pending', wanted_revision = excluded.wanted_revision, error = null, updated_at = excluded.updated_at
         where template_environments.state <> 'live'",
    )
    .bind(template)
    .bind(&wanted.environment)
    .bind(wanted.wanted_revision)
    .bind(&wanted.state_machine_arn)
    .bind(&wanted.alias_arn)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Records which version is behind the alias.
pub(super) async fn set_live(
    conn: &mut PgConnection,
    template: &str,
    environment: &EnvironmentName,
    revision: i32,
    version_arn: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "update template_environments set state = 'live', wanted_revision = $3, live_revision = $3, version_arn = $4, error = null,
             updated_at = $5
         where template = $1 and environment = $2",
    )
    .bind(template)
    .bind(environment)
    .bind(revision)
    .bind(version_arn)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Records why a template could not be brought to an environment. One that is live stays live.
pub(super) async fn set_error(
    conn: &mut PgConnection,
    template: &str,
    environment: &EnvironmentName,
    state: BindingState,
    error: &Value,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "update template_environments set state = $3, error = $4, updated_at = $5
         where template = $1 and environment = $2 and state <> 'live'",
    )
    .bind(template)
    .bind(environment)
    .bind(state.as_str())
    .bind(error)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn record_version(
    conn: &mut PgConnection,
    version_arn: &str,
    template: &str,
    environment: &EnvironmentName,
    revision: i32,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into template_versions (version_arn, template, environment, revision, published_at) values ($1, $2, $3, $4, $5)
         on conflict (version_arn) do update
         set template = excluded.template, environment = excluded.environment, revision = excluded.revision,
             published_at = excluded.published_at",
    )
    .bind(version_arn)
    .bind(template)
    .bind(environment)
    .bind(revision)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest version that was published of a revision in an environment.
pub(super) async fn version_of(
    conn: &mut PgConnection,
    template: &str,
    environment: &EnvironmentName,
    revision: i32,
) -> Result<Option<String>, DbError> {
    Ok(sqlx::query_scalar(
        "select version_arn from template_versions where template = $1 and environment = $2 and revision = $3
         order by published_at desc limit 1",
    )
    .bind(template)
    .bind(environment)
    .bind(revision)
    .fetch_optional(conn)
    .await?)
}

/// Which revision a version is.
pub(super) async fn revision_of(conn: &mut PgConnection, version_arn: &str) -> Result<Option<i32>, DbError> {
    Ok(
        sqlx::query_scalar("select revision from template_versions where version_arn = $1")
            .bind(version_arn)
            .fetch_optional(conn)
            .await?,
    )
}

/// How often a template was executed, ever: what the rollups count, and what is open.
pub(super) async fn count_executions(conn: &mut PgConnection, template: &str) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "select coalesce((select sum(succeeded + failed + timed_out + aborted)::bigint from execution_rollups where template = $1), 0)
             + (select count(*) from executions
                where template = $1 and status in ('RUNNING', 'PENDING_REDRIVE') and record = 'started' and lost_at is null)",
    )
    .bind(template)
    .fetch_one(conn)
    .await?)
}

/// An environment in which executions of the template are open or about to be started.
pub(super) async fn environment_with_open_executions(
    conn: &mut PgConnection,
    template: &str,
) -> Result<Option<EnvironmentName>, DbError> {
    Ok(sqlx::query_scalar(
        "select environment from executions
         where template = $1 and status in ('RUNNING', 'PENDING_REDRIVE') and record <> 'abandoned' and lost_at is null limit 1",
    )
    .bind(template)
    .fetch_optional(conn)
    .await?)
}

/// From now on nothing is started. False when there is no such template, or its newest revision is not `newest`.
pub(super) async fn set_deleting(
    conn: &mut PgConnection,
    template: &str,
    newest: Option<i32>,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update templates set deleting = true where name = $1 and ($2::integer is null or latest_revision = $2)",
    )
    .bind(template)
    .bind(newest)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// It stays after all.
pub(super) async fn set_kept(conn: &mut PgConnection, template: &str) -> Result<(), DbError> {
    sqlx::query("update templates set deleting = false where name = $1")
        .bind(template)
        .execute(conn)
        .await?;
    Ok(())
}

/// Holds the template's row against change; says whether it is being deleted.
pub(super) async fn hold_template(conn: &mut PgConnection, template: &str) -> Result<Option<bool>, DbError> {
    Ok(
        sqlx::query_scalar("select deleting from templates where name = $1 for share")
            .bind(template)
            .fetch_optional(conn)
            .await?,
    )
}

pub(super) async fn input_schema(
    conn: &mut PgConnection,
    template: &str,
    revision: i32,
) -> Result<Option<Value>, DbError> {
    let found: Option<Option<Value>> = sqlx::query_scalar(
        "select settings -> 'input_schema' from template_revisions where template = $1 and revision = $2",
    )
    .bind(template)
    .bind(revision)
    .fetch_optional(conn)
    .await?;
    Ok(found.flatten())
}

/// Standard machines only: AWS neither lists nor describes Express executions.
pub(super) async fn machines(conn: &mut PgConnection) -> Result<Vec<super::run::Machine>, DbError> {
    Ok(sqlx::query_as(
        "select template, environment, state_machine_arn, template_environments.created_at
         from template_environments join templates on templates.name = template
         where kind = 'STANDARD' and version_arn is not null and not deleting",
    )
    .fetch_all(conn)
    .await?)
}
