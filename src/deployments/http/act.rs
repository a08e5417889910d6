//! What people do with deployments.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::act;
use super::super::again::again;
use super::super::find::find;
use super::super::releases::http::take_release_back;
use super::super::step::Command;
use super::super::view::{DeploymentView, line, view};
use super::super::write::Actor;
use super::read::{parse, wants_text};
use crate::app::App;
use crate::http::{Caller, Json, Path, Problem};
use crate::ids::{DeploymentId, ReleaseId};

/// Tries again. One that has ended without success is started anew, as it was asked for, with the same revision; one that is
/// waiting for its next attempt at something makes it now.
#[utoipa::path(post, path = "/v1/deployments/{id}/retry", tag = "deployments", params(("id" = DeploymentId, Path)),
    request_body = Reason, responses(
    (status = 200, description = "It tries at once", body = DeploymentView),
    (status = 202, description = "A new one begins; `Location` says where to look", body = DeploymentView),
    (status = 404, description = "No such deployment", body = Problem),
    (status = 409, description = "It makes no sense now", body = Problem)))]
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<DeploymentId>,
    Json(body): Json<Reason>,
) -> Result<Response, Problem> {
    let again = again(&app, id, &caller.name, body.reason.as_deref()).await?;
    let view = view(&app.db, &find(&app, again).await?).await?;
    if again == id {
        return Ok(Json(view).into_response());
    }
    let location = [(header::LOCATION, format!("/v1/deployments/{again}"))];
    Ok((StatusCode::ACCEPTED, location, Json(view)).into_response())
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = DeploymentReason)]
pub(super) struct Reason {
    /// For the timeline and the audit trail.
    reason: Option<String>,
}

pub(super) async fn command(
    app: &App,
    caller: &Caller,
    id: &str,
    verb: Command,
    reason: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let back = matches!(verb, Command::Abort | Command::Rollback);
    if let (true, Ok(release)) = (back, id.parse::<ReleaseId>()) {
        return Ok(Json(take_release_back(app, release, &caller.name, reason).await?).into_response());
    }
    let actor = Actor {
        name: &caller.name,
        reason,
    };
    let record = act::act(app, parse(id)?, verb, actor).await?;
    let view = view(&app.db, &record).await?;
    if wants_text(headers) {
        Ok(line(&view).into_response())
    } else {
        Ok(Json(view).into_response())
    }
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident $path:literal $command:ident;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "deployments", params(("id" = String, Path)), request_body = Reason, responses(
            (status = 200, description = "Done", body = DeploymentView),
            (status = 404, description = "No such deployment", body = Problem),
            (status = 409, description = "It makes no sense now", body = Problem)))]
        pub(super) async fn $name(
            State(app): State<Arc<App>>,
            caller: Caller,
            Path(id): Path<String>,
            headers: HeaderMap,
            Json(body): Json<Reason>,
        ) -> Result<Response, Problem> {
            command(&app, &caller, &id, Command::$command, body.reason.as_deref(), &headers).await
        }
    )*};
}

verbs! {
    /// Leaves the step at hand without waiting for its time or samples. A version that is worse is still taken back.
    promote "/v1/deployments/{id}/promote" Promote;
    /// Gives the new version all traffic at once.
    promote_full "/v1/deployments/{id}/promote-full" PromoteFull;
    /// Stops moving; the alias stays. A version that is worse is still taken back.
    pause "/v1/deployments/{id}/pause" Pause;
    /// Goes on after a pause.
    resume "/v1/deployments/{id}/resume" Resume;
    /// Ends it; what was moved goes back.
    abort "/v1/deployments/{id}/abort" Abort;
    /// Takes it back, also after it has succeeded.
    rollback "/v1/deployments/{id}/rollback" Rollback;
    /// Leaves out the step that would come next; the one at hand still bakes and is judged.
    skip_step "/v1/deployments/{id}/skip-step" SkipStep;
    /// Someone else moved the alias and has put it right: look again, and go on if it stands as it should. Nothing is
    /// overwritten.
    ack_drift "/v1/deployments/{id}/ack-drift" AckDrift;
    /// Someone else moved the alias: leave it so, and end.
    adopt "/v1/deployments/{id}/adopt" Adopt;
    /// Someone else moved the alias: make it again what it was, and go on.
    restore "/v1/deployments/{id}/restore" Restore;
}
