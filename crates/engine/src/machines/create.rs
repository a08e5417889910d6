//! CreateStateMachine.

use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use super::check::{DefinitionError, check_definition};
use super::find::{Found, find};
use super::model::{Content, Encryption, Kind, Logging, Machine, Revision, Tag, Tracing};
use super::rules::{self, EncryptionError, LoggingError, RoleError, TagsError};
use super::{Machines, publish, store, tags};
use crate::arn::Place;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreateMachine {
    /// Account and region.
    pub place: Place,
    /// Unique there.
    pub name: String,
    /// Its text.
    pub definition: String,
    /// Its role; it need not exist.
    pub role_arn: String,
    /// Standard or Express.
    pub kind: Kind,
    /// Logging.
    pub logging: Logging,
    /// Tracing.
    pub tracing: Tracing,
    /// Encryption.
    pub encryption: Encryption,
    /// Tags; not looked at when the machine is there already.
    pub tags: Vec<Tag>,
    /// Whether version 1 is to be published, and its description.
    pub publish: Option<Publication>,
}

/// A wish to publish a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The version's description.
    pub description: Option<String>,
}

/// The machine that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its ARN.
    pub arn: String,
    /// ms since 1970.
    pub created_at: i64,
    /// The version, when one was to be published.
    pub version_arn: Option<String>,
}

/// Why no machine was made.
#[derive(Debug, Error)]
pub enum CreateError {
    /// Not a name AWS takes.
    #[error("`{0}` is not a name for a state machine")]
    Name(String),
    /// The role is none.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The definition has errors.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The logging configuration is wrong.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// The encryption configuration is wrong.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// The tags are wrong.
    #[error(transparent)]
    Tags(#[from] TagsError),
    /// Another machine has the name.
    #[error("there is another state machine `{0}`")]
    Exists(String),
    /// The one that had the name is still being deleted.
    #[error("state machine `{0}` is being deleted")]
    Deleting(String),
    /// The database did not answer.
    #[error("the state machine could not be written")]
    Database(#[from] sqlx::Error),
}

impl Machines {
    /// Makes a machine. Asked again for the same one (name, definition, type, logging, tracing, encryption, publish and
    /// version description; role and tags don't count) it answers as before.
    pub async fn create(&self, command: CreateMachine) -> Result<Created, CreateError> {
        if !rules::name_is_valid(&command.name) {
            return Err(CreateError::Name(command.name));
        }
        rules::check_logging(&command.logging)?;
        rules::check_role(&command.role_arn)?;
        let encryption = rules::read_encryption(command.encryption)?;
        rules::check_tags(&command.tags)?;
        let definition: Arc<str> = command.definition.into();
        let checked = check_definition(&definition, command.kind)?;
        self.check_destination(&command.logging).await?;
        let now = self.clock.now_ms();
        let wanted = Machine {
            id: Uuid::now_v7(),
            place: command.place,
            name: command.name,
            kind: command.kind,
            created_at: now,
            deleted_at: None,
            created_published: command.publish.is_some(),
            created_description: command
                .publish
                .as_ref()
                .and_then(|publish| publish.description.clone()),
            current: Revision {
                id: Uuid::new_v4(),
                sequence: 0,
                content: Content {
                    definition,
                    role_arn: command.role_arn,
                    logging: command.logging,
                    tracing: command.tracing,
                    encryption,
                },
                variable_references: checked.variable_references,
                created_at: now,
            },
        };

        let mut tx = self.pool.begin().await?;
        match find(&mut tx, &wanted.place, &wanted.name).await? {
            Some(Found::Deleting(machine)) => return Err(CreateError::Deleting(machine.arn())),
            Some(Found::Active(machine)) => return self.created_before(machine, &wanted).await,
            None => {}
        }
        if !store::insert_machine(&mut tx, &wanted).await? {
            // Somebody else made it since we looked.
            drop(tx);
            let mut db = self.pool.acquire().await?;
            return match find(&mut db, &wanted.place, &wanted.name).await? {
                Some(Found::Active(machine)) => self.created_before(machine, &wanted).await,
                Some(Found::Deleting(_)) | None => Err(CreateError::Deleting(wanted.arn())),
            };
        }
        store::insert_revision(&mut tx, wanted.id, &wanted.current).await?;
        let version_arn = match &command.publish {
            None => None,
            Some(publication) => {
                let version =
                    publish::publish_current(&mut tx, &wanted, publication.description.as_deref(), now)
                        .await?;
                Some(wanted.place.version(&wanted.name, version.number))
            }
        };
        tags::put(&mut tx, &wanted.arn(), &command.tags).await?;
        tx.commit().await?;
        self.caches.forget(&wanted.arn());
        Ok(Created {
            arn: wanted.arn(),
            created_at: now,
            version_arn,
        })
    }

    async fn created_before(&self, machine: Machine, wanted: &Machine) -> Result<Created, CreateError> {
        let same_content = {
            let (is, asked) = (&machine.current.content, &wanted.current.content);
            is.definition == asked.definition
                && is.logging == asked.logging
                && is.tracing == asked.tracing
                && is.encryption == asked.encryption
        };
        let same = same_content
            && machine.kind == wanted.kind
            && machine.created_published == wanted.created_published
            && machine.created_description == wanted.created_description;
        if !same {
            return Err(CreateError::Exists(machine.arn()));
        }
        let mut version_arn = None;
        if machine.created_published {
            let mut db = self.pool.acquire().await?;
            version_arn = store::version_of_revision(&mut db, machine.current.id)
                .await?
                .map(|version| machine.place.version(&machine.name, version.number));
        }
        Ok(Created {
            arn: machine.arn(),
            created_at: machine.created_at,
            version_arn,
        })
    }
}
