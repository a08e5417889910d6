//! Looking machines up: by ARN, by page.

use sqlx::PgConnection;
use thiserror::Error;

use super::model::{Kind, Machine, Revision, Version};
use super::{Machines, store};
use crate::arn::{Arn, ArnError, Place, Qualifier, Resource};

/// A machine is there, or on its way out.
#[derive(Debug, Clone)]
pub enum Found {
    /// It can be used.
    Active(Machine),
    /// It was deleted, and executions of it are still open.
    Deleting(Machine),
}

impl Found {
    /// The machine either way.
    pub fn machine(&self) -> &Machine {
        match self {
            Self::Active(machine) | Self::Deleting(machine) => machine,
        }
    }
}

/// Why there is no machine to be had.
#[derive(Debug, Error)]
pub enum FindError {
    /// The text is no ARN, or none of a machine.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// The operation takes no ARN with a Map's label.
    #[error("`{0}` names a Map inside of a state machine")]
    Labelled(String),
    /// Nothing has this ARN.
    #[error("there is no state machine `{0}`")]
    Missing(String),
    /// It is being deleted.
    #[error("state machine `{0}` is being deleted")]
    Deleting(String),
    /// The database did not answer.
    #[error("state machines could not be read")]
    Database(#[from] sqlx::Error),
}

/// What an ARN of a machine says, taken apart.
#[derive(Debug, Clone)]
pub struct Name {
    /// Account and region.
    pub place: Place,
    /// The machine's name.
    pub name: String,
    /// A version or alias.
    pub qualifier: Option<Qualifier>,
}

impl Name {
    /// Reads the ARN of a machine, a version or an alias.
    pub fn parse(text: &str) -> Result<Self, FindError> {
        let arn = Arn::parse(text)?;
        match arn.resource {
            Resource::Machine {
                name,
                label: None,
                qualifier,
            } => Ok(Self {
                place: arn.place,
                name,
                qualifier,
            }),
            Resource::Machine { label: Some(_), .. } => Err(FindError::Labelled(text.to_owned())),
            Resource::Execution { .. }
            | Resource::Express { .. }
            | Resource::Activity { .. }
            | Resource::MapRun { .. } => Err(FindError::Arn(arn.unfit())),
        }
    }

    /// Reads the ARN of a machine, where a version or an alias is none: for operations whose model has no error for what
    /// is not there.
    pub fn parse_machine(text: &str) -> Result<Self, FindError> {
        let name = Self::parse(text)?;
        match name.qualifier {
            None => Ok(name),
            Some(_) => Err(FindError::Arn(ArnError::Shape(text.to_owned()))),
        }
    }

    /// Reads the ARN of a machine, where a version or an alias counts as nothing there.
    pub fn parse_unqualified(text: &str) -> Result<Self, FindError> {
        let name = Self::parse(text)?;
        match name.qualifier {
            None => Ok(name),
            Some(_) => Err(FindError::Missing(text.to_owned())),
        }
    }
}

/// A machine as `DescribeStateMachine` shows it: with the revision that its ARN names.
#[derive(Debug, Clone)]
pub struct Described {
    /// The machine; `machine.current` is the revision that was asked for.
    pub found: Found,
    /// The version the ARN named.
    pub version: Option<Version>,
}

/// One line of `ListStateMachines`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Standard or Express.
    pub kind: Kind,
    /// ms since 1970.
    pub created_at: i64,
}

impl Machines {
    /// The machine or version an ARN names. An alias has no description of this kind: AWS has another operation for it.
    pub async fn describe(&self, arn: &str) -> Result<Described, FindError> {
        let name = Name::parse(arn)?;
        let missing = || FindError::Missing(arn.to_owned());
        let mut db = self.pool.acquire().await?;
        let found = find(&mut db, &name.place, &name.name)
            .await?
            .ok_or_else(missing)?;
        let number = match name.qualifier {
            None => return Ok(Described { found, version: None }),
            Some(Qualifier::Version(number)) => number,
            Some(Qualifier::Alias(_)) => return Err(missing()),
        };
        let version = store::version(&mut db, found.machine().id, number)
            .await?
            .ok_or_else(missing)?;
        let of_version = store::machine_of_revision(&mut db, version.revision_id)
            .await?
            .ok_or_else(missing)?;
        let found = match found {
            Found::Active(_) => Found::Active(of_version),
            Found::Deleting(_) => Found::Deleting(of_version),
        };
        Ok(Described {
            found,
            version: Some(version),
        })
    }

    /// What is run by an ARN of a machine, a version or an alias that is there. One that is being deleted is there: its
    /// executions are listed until they have ended.
    pub async fn kind_of(&self, arn: &str) -> Result<(Kind, Option<Qualifier>), FindError> {
        let name = Name::parse(arn)?;
        let missing = || FindError::Missing(arn.to_owned());
        let mut db = self.pool.acquire().await?;
        let found = find(&mut db, &name.place, &name.name)
            .await?
            .ok_or_else(missing)?;
        let machine = found.machine();
        let is_there = match &name.qualifier {
            None => true,
            Some(Qualifier::Version(number)) => store::version(&mut db, machine.id, *number).await?.is_some(),
            Some(Qualifier::Alias(alias)) => store::alias(&mut db, machine.id, alias).await?.is_some(),
        };
        if is_there {
            Ok((machine.kind, name.qualifier))
        } else {
            Err(missing())
        }
    }

    /// The machine and the revision an execution runs, also after the machine was deleted.
    pub async fn describe_revision(
        &self,
        revision_id: uuid::Uuid,
    ) -> sqlx::Result<Option<(Machine, Revision)>> {
        let mut db = self.pool.acquire().await?;
        let machine = store::machine_of_revision(&mut db, revision_id).await?;
        Ok(machine.map(|machine| {
            let revision = machine.current.clone();
            (machine, revision)
        }))
    }

    /// Machines in the order of their names, after one; at most `limit`.
    pub async fn list(&self, place: &Place, after: &str, limit: u32) -> sqlx::Result<Vec<Listed>> {
        let mut db = self.pool.acquire().await?;
        let rows = store::machines(&mut db, place, after, limit.into()).await?;
        Ok(rows
            .into_iter()
            .map(|(name, kind, created_at)| Listed {
                name,
                kind,
                created_at,
            })
            .collect())
    }
}

/// The machine of this name, unless it is gone.
pub(super) async fn find(db: &mut PgConnection, place: &Place, name: &str) -> sqlx::Result<Option<Found>> {
    let Some(machine) = store::machine(db, place, name).await? else {
        return Ok(None);
    };
    if machine.deleted_at.is_none() {
        Ok(Some(Found::Active(machine)))
    } else if store::has_open_executions(db, &machine.arn()).await? {
        Ok(Some(Found::Deleting(machine)))
    } else {
        Ok(None)
    }
}

/// The machine of this name, which has to be there and to stay.
pub(super) async fn find_active(db: &mut PgConnection, name: &Name, arn: &str) -> Result<Machine, FindError> {
    match find(db, &name.place, &name.name).await? {
        Some(Found::Active(machine)) => Ok(machine),
        Some(Found::Deleting(_)) => Err(FindError::Deleting(arn.to_owned())),
        None => Err(FindError::Missing(arn.to_owned())),
    }
}
