//! `PATCH /v1/deployments/{id}`

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::super::change::{ChangeError, change, patched};
use super::super::find::find;
use super::super::request::StartDeployment;
use super::super::view::{DeploymentView, view};
use super::rights;
use crate::app::App;
use crate::http::{Caller, Json, Path, Precondition, Problem, ProblemKind, etag};
use crate::ids::DeploymentId;

/// Changes the plan of a deployment that waits for its turn or at its gate before traffic, by a merge patch (RFC 7396) of what was
/// asked for. It begins again with the new plan, and people are asked again: what was agreed to the old one does not count.
#[utoipa::path(patch, path = "/v1/deployments/{id}", tag = "deployments",
    params(("id" = DeploymentId, Path), ("If-Match" = String, Header, description = "The ETag of the deployment as it was read")),
    request_body(content = StartDeployment, content_type = "application/merge-patch+json",
        description = "The fields that change; `null` takes one away. `template`, `environment`, `environments` and `on_conflict` can't be changed"),
    responses(
    (status = 200, description = "It begins again, with its new plan and ETag", body = DeploymentView),
    (status = 404, description = "No such deployment", body = Problem),
    (status = 409, description = "It does not wait", body = Problem),
    (status = 412, description = "It changed since it was read", body = Problem),
    (status = 422, description = "The new plan can't be made", body = Problem),
    (status = 428, description = "`If-Match` is missing", body = Problem)))]
pub(super) async fn change_deployment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<DeploymentId>,
    seen: Precondition,
    Json(patch): Json<Value>,
) -> Result<Response, Problem> {
    let read = find(&app, id).await?;
    seen.check_change(Some(read.version.into()))
        .map_err(|unmet| unmet.problem(&format!("`{id}`")))?;
    let request = patched(&read, &patch)?;
    rights::check(&app, &caller, &request)?;
    Box::pin(change(&app, &read, request, &caller.name)).await?;
    let changed = find(&app, id).await?;
    let tag = etag(changed.version.into());
    Ok(([tag], Json(view(&app.db, &changed).await?)).into_response())
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let text = error.to_string();
        match error {
            ChangeError::Refused { state, .. } => {
                Self::new(ProblemKind::Conflict, text).with("state", state.as_str())
            }
            ChangeError::Changed => Self::new(ProblemKind::PreconditionFailed, text),
            ChangeError::Start(error) => error.into(),
            ChangeError::Database(error) => error.into(),
        }
    }
}
