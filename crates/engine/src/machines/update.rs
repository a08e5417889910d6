//! UpdateStateMachine.

use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use super::check::{DefinitionError, check_definition};
use super::create::Publication;
use super::find::{FindError, Name, find_active};
use super::model::{Content, Encryption, Logging, Revision, Tracing};
use super::publish::{PublishError, publish_within_quota};
use super::rules::{self, EncryptionError, LoggingError, RoleError};
use super::{Machines, store};

/// What is to change; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct UpdateMachine {
    /// A machine, no version and no alias.
    pub arn: String,
    /// A new definition.
    pub definition: Option<String>,
    /// A new role.
    pub role_arn: Option<String>,
    /// New logging.
    pub logging: Option<Logging>,
    /// New tracing.
    pub tracing: Option<Tracing>,
    /// New encryption.
    pub encryption: Option<Encryption>,
    /// Whether a version is to be published.
    pub publish: Option<Publication>,
}

/// The machine as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// AWS's revisionId.
    pub revision_id: Option<String>,
    /// The version, when one was to be published.
    pub version_arn: Option<String>,
    /// ms since 1970.
    pub updated_at: i64,
}

/// Why nothing was changed.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// Nothing was asked for.
    #[error("nothing to update was given")]
    Nothing,
    /// There is no such machine.
    #[error(transparent)]
    Find(#[from] FindError),
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
    /// The version could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The database did not answer.
    #[error("the state machine could not be written")]
    Database(#[from] sqlx::Error),
}

impl Machines {
    /// Gives a machine a new revision, unless it is what it has. Executions that run keep theirs.
    pub async fn update(&self, command: UpdateMachine) -> Result<Updated, UpdateError> {
        let nothing = command.definition.is_none()
            && command.role_arn.is_none()
            && command.logging.is_none()
            && command.tracing.is_none()
            && command.encryption.is_none();
        if nothing {
            return Err(UpdateError::Nothing);
        }
        let name = Name::parse_unqualified(&command.arn)?;
        if let Some(logging) = &command.logging {
            rules::check_logging(logging)?;
            self.check_destination(logging).await?;
        }
        if let Some(role_arn) = &command.role_arn {
            rules::check_role(role_arn)?;
        }
        let encryption = command.encryption.map(rules::read_encryption).transpose()?;

        let mut tx = self.pool.begin().await?;
        store::lock(&mut tx, &name.place, &name.name).await?;
        let mut machine = find_active(&mut tx, &name, &command.arn).await?;
        let now = self.clock.now_ms();
        let is = &machine.current;
        let mut variable_references = is.variable_references.clone();
        let definition: Arc<str> = match command.definition {
            Some(text) if text != *is.content.definition => {
                variable_references = check_definition(&text, machine.kind)?.variable_references;
                text.into()
            }
            Some(_) | None => is.content.definition.clone(),
        };
        let content = Content {
            definition,
            role_arn: command.role_arn.unwrap_or_else(|| is.content.role_arn.clone()),
            logging: command.logging.unwrap_or_else(|| is.content.logging.clone()),
            tracing: command.tracing.unwrap_or(is.content.tracing),
            encryption: encryption.unwrap_or_else(|| is.content.encryption.clone()),
        };
        if content != is.content {
            let revision = Revision {
                id: Uuid::new_v4(),
                sequence: is.sequence + 1,
                content,
                variable_references,
                created_at: now,
            };
            store::insert_revision(&mut tx, machine.id, &revision).await?;
            machine.current = revision;
        }
        let version_arn = match &command.publish {
            None => None,
            Some(publication) => {
                let version =
                    publish_within_quota(&mut tx, &machine, publication.description.as_deref(), now).await?;
                Some(machine.place.version(&machine.name, version.number))
            }
        };
        tx.commit().await?;
        self.caches.forget(&machine.arn());
        Ok(Updated {
            revision_id: machine.current.shown_id(),
            version_arn,
            updated_at: now,
        })
    }
}
