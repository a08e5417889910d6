//! CreateActivity, DescribeActivity, DeleteActivity, ListActivities. GetActivityTask is with the other task operations.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::{Empty, Timestamp};
use super::caller::Caller;
use super::error::{ApiError, ErrorCode};
use super::page;
use crate::Engine;
use crate::activities::{ActivityError, CreateActivityError};
use crate::machines::model::{Encryption, Tag};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequest {
    name: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    encryption_configuration: Encryption,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateAnswer {
    activity_arn: String,
    creation_date: Timestamp,
}

pub(super) async fn create(
    engine: &Arc<Engine>,
    caller: &Caller,
    request: CreateRequest,
) -> Result<CreateAnswer, ApiError> {
    let activity = engine
        .activities()
        .create(
            caller.place.clone(),
            &request.name,
            request.encryption_configuration,
            &request.tags,
        )
        .await?;
    Ok(CreateAnswer {
        activity_arn: activity.arn(),
        creation_date: Timestamp(activity.created_at),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActivityRequest {
    activity_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeAnswer {
    activity_arn: String,
    name: String,
    creation_date: Timestamp,
    encryption_configuration: Encryption,
}

pub(super) async fn describe(
    engine: &Arc<Engine>,
    request: ActivityRequest,
) -> Result<DescribeAnswer, ApiError> {
    let activity = engine.activities().describe(&request.activity_arn).await?;
    Ok(DescribeAnswer {
        activity_arn: activity.arn(),
        name: activity.name,
        creation_date: Timestamp(activity.created_at),
        encryption_configuration: activity.encryption,
    })
}

pub(super) async fn delete(engine: &Arc<Engine>, request: ActivityRequest) -> Result<Empty, ApiError> {
    engine.activities().delete(&request.activity_arn).await?;
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
    activities: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    activity_arn: String,
    name: String,
    creation_date: Timestamp,
}

pub(super) async fn list(
    engine: &Arc<Engine>,
    caller: &Caller,
    request: ListRequest,
) -> Result<ListAnswer, ApiError> {
    let question = format!("ListActivities {} {}", caller.place.account, caller.place.region);
    let now = engine.now_ms();
    let after: Option<String> = engine
        .pager()
        .cursor(&question, request.next_token.as_deref(), now)?;
    let size = page::size(request.max_results);
    let mut found = engine
        .activities()
        .list(&caller.place, after.as_deref().unwrap_or(""), size + 1)
        .await?;
    let next_token =
        page::cut(&mut found, size).and_then(|last| engine.pager().token(&question, &last.name, now));
    let activities = found
        .into_iter()
        .map(|activity| Item {
            activity_arn: activity.arn(),
            name: activity.name,
            creation_date: Timestamp(activity.created_at),
        })
        .collect();
    Ok(ListAnswer {
        activities,
        next_token,
    })
}

impl From<CreateActivityError> for ApiError {
    fn from(error: CreateActivityError) -> Self {
        match error {
            CreateActivityError::Name(name) => Self::invalid_name(&name),
            CreateActivityError::Encryption(error) => error.into(),
            CreateActivityError::Tags(error) => error.into(),
            CreateActivityError::Exists(arn) => Self::new(
                ErrorCode::ActivityAlreadyExists,
                format!("Activity Already Exists: '{arn}'"),
            ),
            CreateActivityError::Database(error) => error.into(),
        }
    }
}

impl From<ActivityError> for ApiError {
    fn from(error: ActivityError) -> Self {
        match error {
            ActivityError::Arn(error) => error.into(),
            ActivityError::Missing(arn) => Self::activity_does_not_exist(&arn),
            ActivityError::Database(error) => error.into(),
        }
    }
}
