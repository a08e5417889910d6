//! The SQL of state machines, their revisions, versions and aliases. Nothing here decides anything.

use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::model::{Alias, Content, Kind, Machine, Revision, Route, Tracing, Version};
use crate::arn::Place;

/// A machine with one of its revisions.
macro_rules! select_machine {
    ($where:literal) => {
        concat!(
            "select m.id, m.account, m.region, m.name, m.kind, m.created_at, m.deleted_at, m.created_published, \
             m.created_description, r.id as revision_id, r.sequence, r.definition, r.role_arn, r.logging, \
             r.tracing_enabled, r.encryption, r.variable_references, r.created_at as revised_at \
             from engine.machines m join engine.machine_revisions r on r.machine_id = m.id ",
            $where
        )
    };
}

/// The machine that has this name, or had it last, with its current revision.
pub(super) async fn machine(
    db: &mut PgConnection,
    place: &Place,
    name: &str,
) -> sqlx::Result<Option<Machine>> {
    let row = sqlx::query(select_machine!(
        "where m.account = $1 and m.region = $2 and m.name = $3 \
         order by m.deleted_at desc nulls first, r.sequence desc limit 1"
    ))
    .bind(&*place.account)
    .bind(&*place.region)
    .bind(name)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read_machine).transpose()
}

/// The machine a revision belongs to, with that revision as its current one. Deleted machines are found too: their
/// executions may still run.
pub(super) async fn machine_of_revision(
    db: &mut PgConnection,
    revision_id: Uuid,
) -> sqlx::Result<Option<Machine>> {
    let row = sqlx::query(select_machine!("where r.id = $1"))
        .bind(revision_id)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read_machine).transpose()
}

/// Whether the machine of a revision was deleted; one that nobody knows any more was.
pub(super) async fn is_deleted(db: &mut PgConnection, revision_id: Uuid) -> sqlx::Result<bool> {
    let deleted: Option<bool> = sqlx::query_scalar(
        "select m.deleted_at is not null from engine.machines m join engine.machine_revisions r on r.machine_id = m.id \
         where r.id = $1",
    )
    .bind(revision_id)
    .fetch_optional(db)
    .await?;
    Ok(deleted.unwrap_or(true))
}

/// Holds off other writers of this machine until the transaction ends.
pub(super) async fn lock(db: &mut PgConnection, place: &Place, name: &str) -> sqlx::Result<()> {
    sqlx::query(
        "select 1 from engine.machines where account = $1 and region = $2 and name = $3 and deleted_at is null for update",
    )
    .bind(&*place.account)
    .bind(&*place.region)
    .bind(name)
    .execute(db)
    .await?;
    Ok(())
}

/// Whether executions of this machine are open.
pub(super) async fn has_open_executions(db: &mut PgConnection, machine_arn: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select 1 from engine.executions where machine_arn = $1 and status = 'RUNNING')",
    )
    .bind(machine_arn)
    .fetch_one(db)
    .await
}

/// A new machine, unless one of this name is there: then false.
pub(super) async fn insert_machine(db: &mut PgConnection, machine: &Machine) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "insert into engine.machines (id, account, region, name, kind, created_at, created_published, created_description) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
    )
    .bind(machine.id)
    .bind(&*machine.place.account)
    .bind(&*machine.place.region)
    .bind(&machine.name)
    .bind(machine.kind.name())
    .bind(machine.created_at)
    .bind(machine.created_published)
    .bind(&machine.created_description)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A new revision, which becomes the current one by its sequence.
pub(super) async fn insert_revision(
    db: &mut PgConnection,
    machine_id: Uuid,
    revision: &Revision,
) -> sqlx::Result<()> {
    let content = &revision.content;
    sqlx::query(
        "insert into engine.machine_revisions (id, machine_id, sequence, definition, role_arn, logging, tracing_enabled, \
         encryption, variable_references, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(revision.id)
    .bind(machine_id)
    .bind(revision.sequence)
    .bind(&*content.definition)
    .bind(&content.role_arn)
    .bind(Json(&content.logging))
    .bind(content.tracing.enabled)
    .bind(Json(&content.encryption))
    .bind(Json(&revision.variable_references))
    .bind(revision.created_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Machines by name, after `after`.
pub(super) async fn machines(
    db: &mut PgConnection,
    place: &Place,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<(String, Kind, i64)>> {
    let rows = sqlx::query(
        "select name, kind, created_at from engine.machines where account = $1 and region = $2 and deleted_at is null \
         and name collate \"C\" > $3 order by name collate \"C\" limit $4",
    )
    .bind(&*place.account)
    .bind(&*place.region)
    .bind(after)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get("name")?,
                Kind::by_name(row.try_get("kind")?),
                row.try_get("created_at")?,
            ))
        })
        .collect()
}

/// Marks a machine as deleted, and drops its versions and aliases. Its revisions stay for the executions that run them.
pub(super) async fn delete_machine(db: &mut PgConnection, machine_id: Uuid, now: i64) -> sqlx::Result<()> {
    for statement in [
        "delete from engine.machine_aliases where machine_id = $1",
        "delete from engine.machine_versions where machine_id = $1",
    ] {
        sqlx::query(statement).bind(machine_id).execute(&mut *db).await?;
    }
    sqlx::query("update engine.machines set deleted_at = $2 where id = $1")
        .bind(machine_id)
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

/// The version that froze this revision.
pub(super) async fn version_of_revision(
    db: &mut PgConnection,
    revision_id: Uuid,
) -> sqlx::Result<Option<Version>> {
    let row = sqlx::query(
        "select version, revision_id, description, created_at from engine.machine_versions where revision_id = $1",
    )
    .bind(revision_id)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read_version).transpose()
}

/// A version by its number.
pub(super) async fn version(
    db: &mut PgConnection,
    machine_id: Uuid,
    number: i64,
) -> sqlx::Result<Option<Version>> {
    let row = sqlx::query(
        "select version, revision_id, description, created_at from engine.machine_versions \
         where machine_id = $1 and version = $2",
    )
    .bind(machine_id)
    .bind(number)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read_version).transpose()
}

/// Versions, newest first, below `below`.
pub(super) async fn versions(
    db: &mut PgConnection,
    machine_id: Uuid,
    below: i64,
    limit: i64,
) -> sqlx::Result<Vec<Version>> {
    let rows = sqlx::query(
        "select version, revision_id, description, created_at from engine.machine_versions \
         where machine_id = $1 and version < $2 order by version desc limit $3",
    )
    .bind(machine_id)
    .bind(below)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(read_version).collect()
}

/// How many versions a machine has.
pub(super) async fn count_versions(db: &mut PgConnection, machine_id: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(*) from engine.machine_versions where machine_id = $1")
        .bind(machine_id)
        .fetch_one(db)
        .await
}

/// A new version with the next number, which it returns.
pub(super) async fn insert_version(
    db: &mut PgConnection,
    machine_id: Uuid,
    revision_id: Uuid,
    description: Option<&str>,
    now: i64,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "with next as (update engine.machines set last_version = last_version + 1 where id = $1 returning last_version) \
         insert into engine.machine_versions (machine_id, version, revision_id, description, created_at) \
         select $1, last_version, $2, $3, $4 from next returning version",
    )
    .bind(machine_id)
    .bind(revision_id)
    .bind(description)
    .bind(now)
    .fetch_one(db)
    .await
}

/// Drops a version, if it is there.
pub(super) async fn delete_version(db: &mut PgConnection, machine_id: Uuid, number: i64) -> sqlx::Result<()> {
    sqlx::query("delete from engine.machine_versions where machine_id = $1 and version = $2")
        .bind(machine_id)
        .bind(number)
        .execute(db)
        .await?;
    Ok(())
}

/// An alias by its name.
pub(super) async fn alias(
    db: &mut PgConnection,
    machine_id: Uuid,
    name: &str,
) -> sqlx::Result<Option<Alias>> {
    let row = sqlx::query(
        "select name, description, version, weight, other_version, other_weight, created_at, updated_at \
         from engine.machine_aliases where machine_id = $1 and name = $2",
    )
    .bind(machine_id)
    .bind(name)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read_alias).transpose()
}

/// Aliases by name, after `after`; only those that route to `version` when it is given.
pub(super) async fn aliases(
    db: &mut PgConnection,
    machine_id: Uuid,
    version: Option<i64>,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Alias>> {
    let rows = sqlx::query(
        "select name, description, version, weight, other_version, other_weight, created_at, updated_at \
         from engine.machine_aliases where machine_id = $1 and ($2::bigint is null or $2 in (version, other_version)) \
         and name collate \"C\" > $3 order by name collate \"C\" limit $4",
    )
    .bind(machine_id)
    .bind(version)
    .bind(after)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(read_alias).collect()
}

/// How many aliases a machine has.
pub(super) async fn count_aliases(db: &mut PgConnection, machine_id: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(*) from engine.machine_aliases where machine_id = $1")
        .bind(machine_id)
        .fetch_one(db)
        .await
}

/// Writes an alias as it is to be, new or not.
pub(super) async fn put_alias(db: &mut PgConnection, machine_id: Uuid, alias: &Alias) -> sqlx::Result<()> {
    sqlx::query(
        "insert into engine.machine_aliases (machine_id, name, description, version, weight, other_version, other_weight, \
         created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         on conflict (machine_id, name) do update set description = excluded.description, version = excluded.version, \
         weight = excluded.weight, other_version = excluded.other_version, other_weight = excluded.other_weight, \
         updated_at = excluded.updated_at",
    )
    .bind(machine_id)
    .bind(&alias.name)
    .bind(&alias.description)
    .bind(alias.first.version)
    .bind(alias.first.weight_percent)
    .bind(alias.second.map(|route| route.version))
    .bind(alias.second.map(|route| route.weight_percent))
    .bind(alias.created_at)
    .bind(alias.updated_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Drops an alias; false when there was none.
pub(super) async fn delete_alias(db: &mut PgConnection, machine_id: Uuid, name: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("delete from engine.machine_aliases where machine_id = $1 and name = $2")
        .bind(machine_id)
        .bind(name)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

fn read_machine(row: &PgRow) -> sqlx::Result<Machine> {
    let Json(logging) = row.try_get("logging")?;
    let Json(encryption) = row.try_get("encryption")?;
    let Json(variable_references) = row.try_get("variable_references")?;
    Ok(Machine {
        id: row.try_get("id")?,
        place: Place::new(row.try_get("account")?, row.try_get("region")?),
        name: row.try_get("name")?,
        kind: Kind::by_name(row.try_get("kind")?),
        created_at: row.try_get("created_at")?,
        deleted_at: row.try_get("deleted_at")?,
        created_published: row.try_get("created_published")?,
        created_description: row.try_get("created_description")?,
        current: Revision {
            id: row.try_get("revision_id")?,
            sequence: row.try_get("sequence")?,
            content: Content {
                definition: row.try_get::<&str, _>("definition")?.into(),
                role_arn: row.try_get("role_arn")?,
                logging,
                tracing: Tracing {
                    enabled: row.try_get("tracing_enabled")?,
                },
                encryption,
            },
            variable_references,
            created_at: row.try_get("revised_at")?,
        },
    })
}

fn read_version(row: &PgRow) -> sqlx::Result<Version> {
    Ok(Version {
        number: row.try_get("version")?,
        revision_id: row.try_get("revision_id")?,
        description: row.try_get("description")?,
        created_at: row.try_get("created_at")?,
    })
}

fn read_alias(row: &PgRow) -> sqlx::Result<Alias> {
    let other: (Option<i64>, Option<i32>) = (row.try_get("other_version")?, row.try_get("other_weight")?);
    Ok(Alias {
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        first: Route {
            version: row.try_get("version")?,
            weight_percent: row.try_get("weight")?,
        },
        second: match other {
            (Some(version), Some(weight_percent)) => Some(Route {
                version,
                weight_percent,
            }),
            _ => None,
        },
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
