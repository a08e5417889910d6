//! TagResource, UntagResource, ListTagsForResource.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::Empty;
use super::error::ApiError;
use crate::Engine;
use crate::machines::model::Tag;
use crate::machines::tags::TagError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagRequest {
    resource_arn: String,
    tags: Vec<Tag>,
}

pub(super) async fn tag(engine: &Arc<Engine>, request: TagRequest) -> Result<Empty, ApiError> {
    engine
        .machines()
        .tag(&request.resource_arn, &request.tags)
        .await?;
    Ok(Empty {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagRequest {
    resource_arn: String,
    tag_keys: Vec<String>,
}

pub(super) async fn untag(engine: &Arc<Engine>, request: UntagRequest) -> Result<Empty, ApiError> {
    engine
        .machines()
        .untag(&request.resource_arn, &request.tag_keys)
        .await?;
    Ok(Empty {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    resource_arn: String,
}

#[derive(Serialize)]
pub(super) struct ListAnswer {
    tags: Vec<Tag>,
}

pub(super) async fn list(engine: &Arc<Engine>, request: ListRequest) -> Result<ListAnswer, ApiError> {
    Ok(ListAnswer {
        tags: engine.machines().tags(&request.resource_arn).await?,
    })
}

impl From<TagError> for ApiError {
    fn from(error: TagError) -> Self {
        match error {
            TagError::Arn(error) => error.into(),
            TagError::Missing(arn) => Self::resource_not_found(&arn),
            TagError::Tags(error) => error.into(),
            TagError::Database(error) => error.into(),
        }
    }
}
