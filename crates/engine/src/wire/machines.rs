//! CreateStateMachine, UpdateStateMachine, DescribeStateMachine, DeleteStateMachine, ListStateMachines.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::{Empty, Timestamp};
use super::caller::Caller;
use super::error::{ApiError, ErrorCode};
use super::page;
use crate::Engine;
use crate::machines::check::DefinitionError;
use crate::machines::create::{CreateError, CreateMachine, Publication};
use crate::machines::find::{FindError, Found};
use crate::machines::model::{
    Content, Encryption, Kind, Logging, Revision, Tag, Tracing, VariableReferences,
};
use crate::machines::rules::{EncryptionError, LoggingError, RoleError, TagsError};
use crate::machines::update::{UpdateError, UpdateMachine};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequest {
    name: String,
    definition: String,
    role_arn: String,
    #[serde(rename = "type", default)]
    kind: Kind,
    #[serde(default)]
    logging_configuration: Logging,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tracing_configuration: Tracing,
    #[serde(default)]
    publish: bool,
    version_description: Option<String>,
    #[serde(default)]
    encryption_configuration: Encryption,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateAnswer {
    state_machine_arn: String,
    creation_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

pub(super) async fn create(
    engine: &Arc<Engine>,
    caller: &Caller,
    request: CreateRequest,
) -> Result<CreateAnswer, ApiError> {
    let created = engine
        .machines()
        .create(CreateMachine {
            place: caller.place.clone(),
            name: request.name,
            definition: request.definition,
            role_arn: request.role_arn,
            kind: request.kind,
            logging: request.logging_configuration,
            tracing: request.tracing_configuration,
            encryption: request.encryption_configuration,
            tags: request.tags,
            publish: publication(request.publish, request.version_description)?,
        })
        .await?;
    Ok(CreateAnswer {
        state_machine_arn: created.arn,
        creation_date: Timestamp(created.created_at),
        state_machine_version_arn: created.version_arn,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateRequest {
    state_machine_arn: String,
    definition: Option<String>,
    role_arn: Option<String>,
    logging_configuration: Option<Logging>,
    tracing_configuration: Option<Tracing>,
    #[serde(default)]
    publish: bool,
    version_description: Option<String>,
    encryption_configuration: Option<Encryption>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateAnswer {
    update_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

pub(super) async fn update(engine: &Arc<Engine>, request: UpdateRequest) -> Result<UpdateAnswer, ApiError> {
    let updated = engine
        .machines()
        .update(UpdateMachine {
            arn: request.state_machine_arn,
            definition: request.definition,
            role_arn: request.role_arn,
            logging: request.logging_configuration,
            tracing: request.tracing_configuration,
            encryption: request.encryption_configuration,
            publish: publication(request.publish, request.version_description)?,
        })
        .await?;
    Ok(UpdateAnswer {
        update_date: Timestamp(updated.updated_at),
        revision_id: updated.revision_id,
        state_machine_version_arn: updated.version_arn,
    })
}

fn publication(publish: bool, description: Option<String>) -> Result<Option<Publication>, ApiError> {
    match (publish, description) {
        (true, description) => Ok(Some(Publication { description })),
        (false, None) => Ok(None),
        (false, Some(_)) => Err(ApiError::validation(
            "Version description can only be set when publish is true",
        )),
    }
}

/// `includedData`: whether definitions and data are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum IncludedData {
    /// All of it.
    #[default]
    AllData,
    /// Neither definitions nor inputs and outputs.
    MetadataOnly,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRequest {
    state_machine_arn: String,
    #[serde(default)]
    included_data: IncludedData,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeAnswer {
    state_machine_arn: String,
    name: String,
    status: &'static str,
    #[serde(rename = "type")]
    kind: Kind,
    creation_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(flatten)]
    revision: RevisionAnswer,
}

/// What a revision says, in the answers that show one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RevisionAnswer {
    definition: Arc<str>,
    role_arn: String,
    logging_configuration: Logging,
    tracing_configuration: Tracing,
    encryption_configuration: Encryption,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "VariableReferences::is_empty")]
    variable_references: VariableReferences,
}

impl RevisionAnswer {
    /// As AWS shows it; without data the definition is `{}` (API reference, `includedData`: the definition is left out).
    pub(super) fn new(revision: &Revision, included: IncludedData) -> Self {
        let Content {
            definition,
            role_arn,
            logging,
            tracing,
            encryption,
        } = revision.content.clone();
        let (definition, variable_references) = match included {
            IncludedData::AllData => (definition, revision.variable_references.clone()),
            IncludedData::MetadataOnly => ("{}".into(), VariableReferences::new()),
        };
        Self {
            definition,
            role_arn,
            logging_configuration: logging,
            tracing_configuration: tracing,
            encryption_configuration: encryption,
            revision_id: revision.shown_id(),
            variable_references,
        }
    }

    /// Only the processor of a Map, by its state's name, where the definition is shown.
    pub(super) fn narrow(&mut self, map_state: &str) {
        if let Some(processor) = asl::syntax::processor_of(&self.definition, map_state) {
            self.definition = processor.into();
        }
    }
}

pub(super) async fn describe(
    engine: &Arc<Engine>,
    request: DescribeRequest,
) -> Result<DescribeAnswer, ApiError> {
    let described = engine.machines().describe(&request.state_machine_arn).await?;
    let status = match described.found {
        Found::Active(_) => "ACTIVE",
        Found::Deleting(_) => "DELETING",
    };
    let machine = described.found.machine();
    let (creation_date, description) = match described.version {
        Some(version) => (version.created_at, version.description),
        None => (machine.created_at, None),
    };
    Ok(DescribeAnswer {
        state_machine_arn: request.state_machine_arn,
        name: machine.name.clone(),
        status,
        kind: machine.kind,
        creation_date: Timestamp(creation_date),
        description,
        revision: RevisionAnswer::new(&machine.current, request.included_data),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteRequest {
    state_machine_arn: String,
}

pub(super) async fn delete(engine: &Arc<Engine>, request: DeleteRequest) -> Result<Empty, ApiError> {
    engine.machines().delete(&request.state_machine_arn).await?;
    Ok(Empty {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAnswer {
    state_machines: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    state_machine_arn: String,
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    creation_date: Timestamp,
}

pub(super) async fn list(
    engine: &Arc<Engine>,
    caller: &Caller,
    request: ListRequest,
) -> Result<ListAnswer, ApiError> {
    let question = format!(
        "ListStateMachines {} {}",
        caller.place.account, caller.place.region
    );
    let now = engine.now_ms();
    let after: Option<String> = engine
        .pager()
        .cursor(&question, request.next_token.as_deref(), now)?;
    let size = page::size(request.max_results);
    let mut machines = engine
        .machines()
        .list(&caller.place, after.as_deref().unwrap_or(""), size + 1)
        .await?;
    let next_token =
        page::cut(&mut machines, size).and_then(|last| engine.pager().token(&question, &last.name, now));
    let state_machines = machines
        .into_iter()
        .map(|machine| Item {
            state_machine_arn: caller.place.machine(&machine.name),
            name: machine.name,
            kind: machine.kind,
            creation_date: Timestamp(machine.created_at),
        })
        .collect();
    Ok(ListAnswer {
        state_machines,
        next_token,
    })
}

impl From<FindError> for ApiError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Arn(error) => error.into(),
            FindError::Labelled(_) => Self::labelled_arn(),
            FindError::Missing(arn) => Self::machine_does_not_exist(&arn),
            FindError::Deleting(arn) => Self::machine_deleting(&arn),
            FindError::Database(error) => error.into(),
        }
    }
}

impl From<DefinitionError> for ApiError {
    fn from(error: DefinitionError) -> Self {
        Self::new(ErrorCode::InvalidDefinition, error.to_string())
    }
}

impl From<RoleError> for ApiError {
    fn from(RoleError(arn): RoleError) -> Self {
        Self::new(ErrorCode::InvalidArn, format!("Invalid Role Arn: '{arn}'"))
    }
}

impl From<LoggingError> for ApiError {
    fn from(error: LoggingError) -> Self {
        Self::new(
            ErrorCode::InvalidLoggingConfiguration,
            format!("Invalid Logging Configuration: {error}"),
        )
    }
}

impl From<EncryptionError> for ApiError {
    fn from(error: EncryptionError) -> Self {
        Self::new(
            ErrorCode::InvalidEncryptionConfiguration,
            format!("Invalid Encryption Configuration: {error}"),
        )
    }
}

impl From<TagsError> for ApiError {
    fn from(error: TagsError) -> Self {
        match error {
            TagsError::TooMany => Self::new(ErrorCode::TooManyTags, error.to_string()),
            TagsError::Reserved | TagsError::Characters => Self::validation(error.to_string()),
        }
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Name(name) => Self::invalid_name(&name),
            CreateError::Role(error) => error.into(),
            CreateError::Definition(error) => error.into(),
            CreateError::Logging(error) => error.into(),
            CreateError::Encryption(error) => error.into(),
            CreateError::Tags(error) => error.into(),
            CreateError::Exists(arn) => Self::new(
                ErrorCode::StateMachineAlreadyExists,
                format!("State Machine Already Exists: '{arn}'"),
            ),
            CreateError::Deleting(arn) => Self::machine_deleting(&arn),
            CreateError::Database(error) => error.into(),
        }
    }
}

impl From<UpdateError> for ApiError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Nothing => Self::new(
                ErrorCode::MissingRequiredParameter,
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
            ),
            UpdateError::Find(error) => error.into(),
            UpdateError::Role(error) => error.into(),
            UpdateError::Definition(error) => error.into(),
            UpdateError::Logging(error) => error.into(),
            UpdateError::Encryption(error) => error.into(),
            UpdateError::Publish(error) => error.into(),
            UpdateError::Database(error) => error.into(),
        }
    }
}
