//! Tags of state machines and activities.

use sqlx::{PgConnection, Row};
use thiserror::Error;

use super::Machines;
use super::find::{Found, find};
use super::model::Tag;
use super::rules::{self, TagsError};
use crate::arn::{Arn, ArnError, Resource};
use crate::limits::TAGS_PER_RESOURCE_MAX;

/// Why tags could not be read or changed.
#[derive(Debug, Error)]
pub enum TagError {
    /// The text is no ARN of something that has tags.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// Nothing has this ARN.
    #[error("there is no resource `{0}`")]
    Missing(String),
    /// The tags are wrong.
    #[error(transparent)]
    Tags(#[from] TagsError),
    /// The database did not answer.
    #[error("the tags could not be read or written")]
    Database(#[from] sqlx::Error),
}

impl Machines {
    /// Adds tags to a resource; a key that is there gets the new value.
    pub async fn tag(&self, arn: &str, tags: &[Tag]) -> Result<(), TagError> {
        rules::check_tags(tags)?;
        let mut tx = self.pool.begin().await?;
        exists(&mut tx, arn).await?;
        put(&mut tx, arn, tags).await?;
        let count: i64 = sqlx::query_scalar("select count(*) from engine.tags where resource_arn = $1")
            .bind(arn)
            .fetch_one(&mut *tx)
            .await?;
        if usize::try_from(count).is_ok_and(|count| count > TAGS_PER_RESOURCE_MAX) {
            return Err(TagsError::TooMany.into());
        }
        tx.commit().await?;
        Ok(())
    }

    /// Takes tags away from a resource; keys it does not have are no matter.
    pub async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), TagError> {
        let mut db = self.pool.acquire().await?;
        exists(&mut db, arn).await?;
        sqlx::query("delete from engine.tags where resource_arn = $1 and key = any($2)")
            .bind(arn)
            .bind(keys)
            .execute(&mut *db)
            .await?;
        Ok(())
    }

    /// The tags of a resource in the order of their keys.
    pub async fn tags(&self, arn: &str) -> Result<Vec<Tag>, TagError> {
        let mut db = self.pool.acquire().await?;
        exists(&mut db, arn).await?;
        let rows = sqlx::query(
            "select key, value from engine.tags where resource_arn = $1 order by key collate \"C\"",
        )
        .bind(arn)
        .fetch_all(&mut *db)
        .await?;
        let mut tags = Vec::with_capacity(rows.len());
        for row in &rows {
            tags.push(Tag {
                key: row.try_get("key")?,
                value: row.try_get("value")?,
            });
        }
        Ok(tags)
    }
}

async fn exists(db: &mut PgConnection, text: &str) -> Result<(), TagError> {
    let arn = Arn::parse(text)?;
    let found = match &arn.resource {
        Resource::Machine {
            label: None,
            qualifier: None,
            name,
        } => {
            matches!(find(db, &arn.place, name).await?, Some(Found::Active(_)))
        }
        Resource::Activity { name } => crate::activities::exists(db, &arn.place, name).await?,
        Resource::Machine { .. }
        | Resource::Execution { .. }
        | Resource::Express { .. }
        | Resource::MapRun { .. } => return Err(arn.unfit().into()),
    };
    if found {
        Ok(())
    } else {
        Err(TagError::Missing(text.to_owned()))
    }
}

/// Writes tags; the last of equal keys counts.
pub(crate) async fn put(db: &mut PgConnection, arn: &str, tags: &[Tag]) -> sqlx::Result<()> {
    for tag in tags {
        sqlx::query(
            "insert into engine.tags (resource_arn, key, value) values ($1, $2, $3) \
             on conflict (resource_arn, key) do update set value = excluded.value",
        )
        .bind(arn)
        .bind(&tag.key)
        .bind(&tag.value)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Drops all tags of a resource.
pub(crate) async fn drop_all(db: &mut PgConnection, arn: &str) -> sqlx::Result<()> {
    sqlx::query("delete from engine.tags where resource_arn = $1")
        .bind(arn)
        .execute(db)
        .await?;
    Ok(())
}
