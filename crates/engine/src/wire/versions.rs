//! PublishStateMachineVersion, ListStateMachineVersions, DeleteStateMachineVersion.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::{Empty, Timestamp};
use super::error::{ApiError, ErrorCode};
use super::page;
use crate::Engine;
use crate::machines::find::Name;
use crate::machines::publish::{DeleteVersionError, PublishError};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublishRequest {
    state_machine_arn: String,
    revision_id: Option<String>,
    description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionAnswer {
    state_machine_version_arn: String,
    creation_date: Timestamp,
}

pub(super) async fn publish(
    engine: &Arc<Engine>,
    request: PublishRequest,
) -> Result<VersionAnswer, ApiError> {
    let (machine, version) = engine
        .machines()
        .publish(
            &request.state_machine_arn,
            request.revision_id.as_deref(),
            request.description.as_deref(),
        )
        .await?;
    Ok(VersionAnswer {
        state_machine_version_arn: machine.place.version(&machine.name, version.number),
        creation_date: Timestamp(version.created_at),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    state_machine_arn: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAnswer {
    state_machine_versions: Vec<VersionAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn list(engine: &Arc<Engine>, request: ListRequest) -> Result<ListAnswer, ApiError> {
    let name = Name::parse_machine(&request.state_machine_arn)?;
    let question = format!("ListStateMachineVersions {}", request.state_machine_arn);
    let now = engine.now_ms();
    let below: Option<i64> = engine
        .pager()
        .cursor(&question, request.next_token.as_deref(), now)?;
    let size = page::size(request.max_results);
    let mut versions = engine
        .machines()
        .versions(&request.state_machine_arn, below.unwrap_or(i64::MAX), size + 1)
        .await?;
    let next_token =
        page::cut(&mut versions, size).and_then(|last| engine.pager().token(&question, last.number, now));
    let state_machine_versions = versions
        .into_iter()
        .map(|version| VersionAnswer {
            state_machine_version_arn: name.place.version(&name.name, version.number),
            creation_date: Timestamp(version.created_at),
        })
        .collect();
    Ok(ListAnswer {
        state_machine_versions,
        next_token,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteRequest {
    state_machine_version_arn: String,
}

pub(super) async fn delete(engine: &Arc<Engine>, request: DeleteRequest) -> Result<Empty, ApiError> {
    engine
        .machines()
        .delete_version(&request.state_machine_version_arn)
        .await?;
    Ok(Empty {})
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Find(error) => error.into(),
            PublishError::OtherRevision { .. } => Self::new(ErrorCode::ConflictException, error.to_string()),
            PublishError::TooMany(_) => {
                Self::new(ErrorCode::ServiceQuotaExceededException, error.to_string())
            }
            PublishError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteVersionError> for ApiError {
    fn from(error: DeleteVersionError) -> Self {
        match error {
            DeleteVersionError::Find(error) => error.into(),
            DeleteVersionError::Aliased(_) => Self::new(ErrorCode::ConflictException, error.to_string()),
            DeleteVersionError::Database(error) => error.into(),
        }
    }
}
