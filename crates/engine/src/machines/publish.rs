//! Versions: publishing, listing, deleting.

use sqlx::PgConnection;
use thiserror::Error;

use super::find::{FindError, Name, find_active};
use super::model::{Machine, Version};
use super::{Machines, store};
use crate::arn::Qualifier;
use crate::limits::VERSIONS_PER_MACHINE_MAX;

/// Why no version was published.
#[derive(Debug, Error)]
pub enum PublishError {
    /// There is no such machine.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The caller thought of another revision. AWS's words.
    #[error(
        "Failed to publish the State Machine version for revision {asked}. The current State Machine revision is {current}."
    )]
    OtherRevision {
        /// What the caller named.
        asked: String,
        /// What it is.
        current: String,
    },
    /// Service quota.
    #[error("state machine `{0}` has {VERSIONS_PER_MACHINE_MAX} versions, which is the most it can have")]
    TooMany(String),
    /// The database did not answer.
    #[error("the version could not be written")]
    Database(#[from] sqlx::Error),
}

/// Why a version was not deleted.
#[derive(Debug, Error)]
pub enum DeleteVersionError {
    /// The ARN is not one of a version.
    #[error(transparent)]
    Find(#[from] FindError),
    /// Aliases route to it. AWS's words.
    #[error(
        "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{}]",
        .0.join(", ")
    )]
    Aliased(Vec<String>),
    /// The database did not answer.
    #[error("the version could not be deleted")]
    Database(#[from] sqlx::Error),
}

impl Machines {
    /// Freezes the current revision as a version. A revision that is published already keeps its version.
    pub async fn publish(
        &self,
        arn: &str,
        revision_guard: Option<&str>,
        description: Option<&str>,
    ) -> Result<(Machine, Version), PublishError> {
        let name = Name::parse_unqualified(arn)?;
        let mut tx = self.pool.begin().await?;
        store::lock(&mut tx, &name.place, &name.name).await?;
        let machine = find_active(&mut tx, &name, arn).await?;
        let current = machine.current.guard();
        if let Some(asked) = revision_guard
            && asked != current
        {
            return Err(PublishError::OtherRevision {
                asked: asked.to_owned(),
                current,
            });
        }
        let version = publish_within_quota(&mut tx, &machine, description, self.clock.now_ms()).await?;
        tx.commit().await?;
        self.caches.forget(&machine.arn());
        Ok((machine, version))
    }

    /// Versions of a machine, newest first, below number `below`. A machine that is not there has none.
    pub async fn versions(&self, arn: &str, below: i64, limit: u32) -> Result<Vec<Version>, FindError> {
        let name = Name::parse_machine(arn)?;
        let mut db = self.pool.acquire().await?;
        let machine = match find_active(&mut db, &name, arn).await {
            Ok(machine) => machine,
            Err(FindError::Missing(_) | FindError::Deleting(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        Ok(store::versions(&mut db, machine.id, below, limit.into()).await?)
    }

    /// Deletes a version no alias routes to. One that is not there is as good as deleted.
    pub async fn delete_version(&self, arn: &str) -> Result<(), DeleteVersionError> {
        let name = Name::parse(arn)?;
        let Some(Qualifier::Version(number)) = name.qualifier else {
            return Err(FindError::Arn(crate::arn::ArnError::Shape(arn.to_owned())).into());
        };
        let mut tx = self.pool.begin().await?;
        store::lock(&mut tx, &name.place, &name.name).await?;
        let machine = match find_active(&mut tx, &name, arn).await {
            Ok(machine) => machine,
            Err(FindError::Missing(_) | FindError::Deleting(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let aliases = store::aliases(
            &mut tx,
            machine.id,
            Some(number),
            "",
            i64::from(VERSIONS_PER_MACHINE_MAX),
        )
        .await?;
        if !aliases.is_empty() {
            return Err(DeleteVersionError::Aliased(
                aliases.into_iter().map(|alias| alias.name).collect(),
            ));
        }
        store::delete_version(&mut tx, machine.id, number).await?;
        tx.commit().await?;
        self.caches.forget(&machine.arn());
        Ok(())
    }
}

/// Publishes the current revision, if the machine may have another version.
pub(super) async fn publish_within_quota(
    db: &mut PgConnection,
    machine: &Machine,
    description: Option<&str>,
    now: i64,
) -> Result<Version, PublishError> {
    if let Some(version) = store::version_of_revision(db, machine.current.id).await? {
        return Ok(version);
    }
    if store::count_versions(db, machine.id).await? >= i64::from(VERSIONS_PER_MACHINE_MAX) {
        return Err(PublishError::TooMany(machine.arn()));
    }
    Ok(publish_current(db, machine, description, now).await?)
}

/// Publishes the current revision, which has no version yet.
pub(super) async fn publish_current(
    db: &mut PgConnection,
    machine: &Machine,
    description: Option<&str>,
    now: i64,
) -> sqlx::Result<Version> {
    let number = store::insert_version(db, machine.id, machine.current.id, description, now).await?;
    Ok(Version {
        number,
        revision_id: machine.current.id,
        description: description.map(str::to_owned),
        created_at: now,
    })
}
