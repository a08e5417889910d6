//! Activities: names by which workers fetch tasks. The queue of an activity's tasks is the runtime's.
//!
//! Table: `engine.activities`; tags as for state machines.

mod known;

use std::fmt;
use std::sync::Arc;

use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row};
use thiserror::Error;

use crate::arn::{Arn, ArnError, Place, Resource};
use crate::clock::Clock;
use crate::machines::model::{Encryption, Tag};
use crate::machines::rules::{self, EncryptionError, TagsError};
use crate::machines::tags;

pub(crate) use known::Known;

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Account and region.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Stored and answered.
    pub encryption: Encryption,
    /// ms since 1970.
    pub created_at: i64,
}

impl Activity {
    /// Its ARN.
    pub fn arn(&self) -> String {
        self.place.activity(&self.name)
    }
}

/// Why an activity was not made.
#[derive(Debug, Error)]
pub enum CreateActivityError {
    /// Not a name AWS takes.
    #[error("`{0}` is not a name for an activity")]
    Name(String),
    /// The encryption configuration is wrong.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// The tags are wrong.
    #[error(transparent)]
    Tags(#[from] TagsError),
    /// It is there with another encryption.
    #[error("activity `{0}` exists with another encryption configuration")]
    Exists(String),
    /// The database did not answer.
    #[error("the activity could not be written")]
    Database(#[from] sqlx::Error),
}

/// Why there is no activity to be had.
#[derive(Debug, Error)]
pub enum ActivityError {
    /// The text is no ARN of an activity.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// Nothing has this ARN.
    #[error("there is no activity `{0}`")]
    Missing(String),
    /// The database did not answer.
    #[error("activities could not be read or written")]
    Database(#[from] sqlx::Error),
}

/// The activities of one engine.
pub struct Activities {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    known: Arc<Known>,
}

impl fmt::Debug for Activities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activities").finish_non_exhaustive()
    }
}

impl Activities {
    /// Over these tables.
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>) -> Self {
        Self {
            pool,
            clock,
            known: Arc::default(),
        }
    }

    /// Which there are, for the evaluator.
    pub(crate) fn known(&self) -> &Arc<Known> {
        &self.known
    }

    /// Makes an activity; one that is there is answered as it is.
    pub async fn create(
        &self,
        place: Place,
        name: &str,
        encryption: Encryption,
        new_tags: &[Tag],
    ) -> Result<Activity, CreateActivityError> {
        if !rules::name_is_valid(name) {
            return Err(CreateActivityError::Name(name.to_owned()));
        }
        let encryption = rules::read_encryption(encryption)?;
        rules::check_tags(new_tags)?;
        let activity = Activity {
            place,
            name: name.to_owned(),
            encryption,
            created_at: self.clock.now_ms(),
        };
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query(
            "insert into engine.activities (account, region, name, encryption, created_at) values ($1, $2, $3, $4, $5) \
             on conflict do nothing",
        )
        .bind(&*activity.place.account)
        .bind(&*activity.place.region)
        .bind(&activity.name)
        .bind(Json(&activity.encryption))
        .bind(activity.created_at)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            let there = read(&mut tx, &activity.place, name).await?;
            return match there {
                Some(there) if there.encryption == activity.encryption => Ok(there),
                Some(_) | None => Err(CreateActivityError::Exists(activity.arn())),
            };
        }
        tags::put(&mut tx, &activity.arn(), new_tags).await?;
        tx.commit().await?;
        self.known.add(activity.arn());
        Ok(activity)
    }

    /// The activity of this ARN.
    pub async fn describe(&self, arn: &str) -> Result<Activity, ActivityError> {
        let (place, name) = parse(arn)?;
        let mut db = self.pool.acquire().await?;
        read(&mut db, &place, &name)
            .await?
            .ok_or_else(|| ActivityError::Missing(arn.to_owned()))
    }

    /// Deletes an activity; one that is not there is as good as deleted.
    pub async fn delete(&self, arn: &str) -> Result<(), ActivityError> {
        let (place, name) = parse(arn)?;
        let mut tx = self.pool.begin().await?;
        sqlx::query("delete from engine.activities where account = $1 and region = $2 and name = $3")
            .bind(&*place.account)
            .bind(&*place.region)
            .bind(&name)
            .execute(&mut *tx)
            .await?;
        tags::drop_all(&mut tx, &place.activity(&name)).await?;
        tx.commit().await?;
        self.known.remove(&place.activity(&name));
        Ok(())
    }

    /// Activities in the order of their names, after one; at most `limit`.
    pub async fn list(&self, place: &Place, after: &str, limit: u32) -> sqlx::Result<Vec<Activity>> {
        let rows = sqlx::query(
            "select name, encryption, created_at from engine.activities where account = $1 and region = $2 \
             and name collate \"C\" > $3 order by name collate \"C\" limit $4",
        )
        .bind(&*place.account)
        .bind(&*place.region)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| read_row(place, row)).collect()
    }
}

/// Whether there is such an activity.
pub(crate) async fn exists(db: &mut PgConnection, place: &Place, name: &str) -> sqlx::Result<bool> {
    Ok(read(db, place, name).await?.is_some())
}

fn parse(text: &str) -> Result<(Place, String), ArnError> {
    let arn = Arn::parse(text)?;
    match arn.resource {
        Resource::Activity { name } => Ok((arn.place, name)),
        Resource::Machine { .. }
        | Resource::Execution { .. }
        | Resource::Express { .. }
        | Resource::MapRun { .. } => Err(arn.unfit()),
    }
}

async fn read(db: &mut PgConnection, place: &Place, name: &str) -> sqlx::Result<Option<Activity>> {
    let row = sqlx::query(
        "select name, encryption, created_at from engine.activities where account = $1 and region = $2 and name = $3",
    )
    .bind(&*place.account)
    .bind(&*place.region)
    .bind(name)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(|row| read_row(place, row)).transpose()
}

fn read_row(place: &Place, row: &sqlx::postgres::PgRow) -> sqlx::Result<Activity> {
    let Json(encryption) = row.try_get("encryption")?;
    Ok(Activity {
        place: place.clone(),
        name: row.try_get("name")?,
        encryption,
        created_at: row.try_get("created_at")?,
    })
}
