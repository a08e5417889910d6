//! CreateStateMachineAlias, UpdateStateMachineAlias, DescribeStateMachineAlias, ListStateMachineAliases, DeleteStateMachineAlias.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::{Empty, Timestamp};
use super::error::{ApiError, ErrorCode, Reason};
use super::page;
use crate::Engine;
use crate::machines::aliases::{AliasError, CreateAlias, UpdateAlias};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RouteItem {
    state_machine_version_arn: String,
    weight: i32,
}

fn routing(items: Vec<RouteItem>) -> Vec<(String, i32)> {
    items
        .into_iter()
        .map(|item| (item.state_machine_version_arn, item.weight))
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequest {
    name: String,
    description: Option<String>,
    routing_configuration: Vec<RouteItem>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateAnswer {
    state_machine_alias_arn: String,
    creation_date: Timestamp,
}

pub(super) async fn create(engine: &Arc<Engine>, request: CreateRequest) -> Result<CreateAnswer, ApiError> {
    let (machine, alias) = engine
        .machines()
        .create_alias(CreateAlias {
            name: request.name,
            description: request.description,
            routing: routing(request.routing_configuration),
        })
        .await?;
    Ok(CreateAnswer {
        state_machine_alias_arn: machine.place.alias(&machine.name, &alias.name),
        creation_date: Timestamp(alias.created_at),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateRequest {
    state_machine_alias_arn: String,
    description: Option<String>,
    routing_configuration: Option<Vec<RouteItem>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateAnswer {
    update_date: Timestamp,
}

pub(super) async fn update(engine: &Arc<Engine>, request: UpdateRequest) -> Result<UpdateAnswer, ApiError> {
    let alias = engine
        .machines()
        .update_alias(UpdateAlias {
            arn: request.state_machine_alias_arn,
            description: request.description,
            routing: request.routing_configuration.map(routing),
        })
        .await?;
    Ok(UpdateAnswer {
        update_date: Timestamp(alias.updated_at),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AliasRequest {
    state_machine_alias_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeAnswer {
    state_machine_alias_arn: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    routing_configuration: Vec<RouteItem>,
    creation_date: Timestamp,
    update_date: Timestamp,
}

pub(super) async fn describe(
    engine: &Arc<Engine>,
    request: AliasRequest,
) -> Result<DescribeAnswer, ApiError> {
    let (machine, alias) = engine.machines().alias(&request.state_machine_alias_arn).await?;
    let routing_configuration = alias
        .routes()
        .map(|route| RouteItem {
            state_machine_version_arn: machine.place.version(&machine.name, route.version),
            weight: route.weight_percent,
        })
        .collect();
    Ok(DescribeAnswer {
        state_machine_alias_arn: request.state_machine_alias_arn,
        name: alias.name,
        description: alias.description,
        routing_configuration,
        creation_date: Timestamp(alias.created_at),
        update_date: Timestamp(alias.updated_at),
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
    state_machine_aliases: Vec<CreateAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn list(engine: &Arc<Engine>, request: ListRequest) -> Result<ListAnswer, ApiError> {
    let question = format!("ListStateMachineAliases {}", request.state_machine_arn);
    let now = engine.now_ms();
    let after: Option<String> = engine
        .pager()
        .cursor(&question, request.next_token.as_deref(), now)?;
    let size = page::size(request.max_results);
    let (machine, mut aliases) = engine
        .machines()
        .aliases(
            &request.state_machine_arn,
            after.as_deref().unwrap_or(""),
            size + 1,
        )
        .await?;
    let next_token =
        page::cut(&mut aliases, size).and_then(|last| engine.pager().token(&question, &last.name, now));
    let state_machine_aliases = aliases
        .into_iter()
        .map(|alias| CreateAnswer {
            state_machine_alias_arn: machine.place.alias(&machine.name, &alias.name),
            creation_date: Timestamp(alias.created_at),
        })
        .collect();
    Ok(ListAnswer {
        state_machine_aliases,
        next_token,
    })
}

pub(super) async fn delete(engine: &Arc<Engine>, request: AliasRequest) -> Result<Empty, ApiError> {
    engine
        .machines()
        .delete_alias(&request.state_machine_alias_arn)
        .await?;
    Ok(Empty {})
}

impl From<AliasError> for ApiError {
    fn from(error: AliasError) -> Self {
        match error {
            AliasError::Find(error) => error.into(),
            AliasError::Missing(arn) | AliasError::VersionMissing(arn) => Self {
                resource_name: Some(arn),
                ..Self::new(
                    ErrorCode::ResourceNotFound,
                    "Request references a resource that does not exist.",
                )
            },
            AliasError::Routing(error) => Self::routing(error.to_string()),
            AliasError::Exists => Self::new(ErrorCode::ConflictException, error.to_string()),
            AliasError::TooMany(_) => Self::new(ErrorCode::ServiceQuotaExceededException, error.to_string()),
            AliasError::Nothing => Self {
                reason: Some(Reason::MissingRequiredParameter),
                ..Self::validation("Either the description or the RoutingConfiguration must be specified")
            },
            AliasError::Database(error) => error.into(),
        }
    }
}
