//! `POST /v1/integrations/slack/interactions` and `…/commands`: what Slack calls.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::obey::{ObeyError, obey};
use super::plan::{self, Order};
use super::reply::{self, Original};
use super::signature;
use crate::access::{Caller, caller_named};
use crate::app::App;
use crate::http::{Json, Problem, ProblemKind};

/// The routes that Slack calls.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(interact))
        .routes(routes!(slash_command))
}

/// A pressed button (Slack API, `block_actions` payload), as far as it matters here.
#[derive(Debug, Deserialize)]
struct Interaction {
    user: SlackUser,
    #[serde(default)]
    actions: Vec<SlackAction>,
    response_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SlackUser {
    id: String,
}

#[derive(Debug, Deserialize)]
struct SlackAction {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    value: String,
}

/// Slack tells that somebody pressed a button of a message: approve or reject. The answer follows at its `response_url`.
#[utoipa::path(post, path = "/v1/integrations/slack/interactions", tag = "approvals",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`payload=` and Slack's JSON"),
    responses(
    (status = 200, description = "Understood"),
    (status = 401, description = "Not signed by Slack within five minutes", body = Problem)))]
async fn interact(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    believe(&app, &headers, &body)?;
    let payload = field(&body, "payload").ok_or_else(|| invalid("the form has no `payload`"))?;
    let interaction: Interaction = serde_json::from_str(&payload)
        .map_err(|error| invalid(&format!("`payload` can't be read: {error}")))?;
    let Some(action) = interaction.actions.first() else {
        return Ok(StatusCode::OK);
    };
    let order = plan::read_button(&action.action_id, &action.value);
    let (text, original) = match answer(&app, &interaction.user.id, order).await? {
        Ok(text) => (format!("{text} (<@{}>)", interaction.user.id), Original::Replace),
        Err(text) => (text, Original::Keep),
    };
    if let Some(url) = interaction.response_url {
        reply::schedule(&app.db, url, text, original, app.clock.now()).await?;
    }
    Ok(StatusCode::OK)
}

/// What Slack shows in the channel, or to the person alone.
#[derive(Debug, Serialize, ToSchema)]
struct SlashAnswer {
    /// `in_channel` or `ephemeral`.
    response_type: &'static str,
    text: String,
}

/// The slash command: `approve`, `reject`, `status`, `promote`, `abort`, `rollback`, `pause`, `resume`, `help`.
#[utoipa::path(post, path = "/v1/integrations/slack/commands", tag = "approvals",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Slack's form"),
    responses(
    (status = 200, description = "What to show", body = SlashAnswer),
    (status = 401, description = "Not signed by Slack within five minutes", body = Problem)))]
async fn slash_command(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<SlashAnswer>, Problem> {
    believe(&app, &headers, &body)?;
    let user = field(&body, "user_id").unwrap_or_default();
    let order = plan::read(&field(&body, "text").unwrap_or_default());
    let is_told_to_all = matches!(order, Ok(Order::Decide { .. } | Order::Steer { .. }));
    Ok(Json(match answer(&app, &user, order).await? {
        Ok(text) if is_told_to_all => SlashAnswer {
            response_type: "in_channel",
            text,
        },
        Ok(text) | Err(text) => SlashAnswer {
            response_type: "ephemeral",
            text,
        },
    }))
}

/// What to say: `Err` for what was not done. A problem only for faults of this service.
async fn answer(
    app: &App,
    user: &str,
    order: Result<Order, String>,
) -> Result<Result<String, String>, Problem> {
    let order = match order {
        Ok(order) => order,
        Err(text) => return Ok(Err(text)),
    };
    let Some(caller) = caller_of(app, user) else {
        return Ok(Err(
            "You are not known here: `notifications.slack.users` does not name your Slack user.".to_owned(),
        ));
    };
    match obey(app, &caller, order).await {
        Ok(text) => Ok(Ok(text)),
        Err(error) if error.is_ours() => Err(match error {
            ObeyError::Decide(error) => error.into(),
            error => Problem::internal(error),
        }),
        Err(error) => Ok(Err(format!("Not done: {error}"))),
    }
}

fn caller_of(app: &App, user: &str) -> Option<Caller> {
    let name = app.config.notifications.slack.users.get(user)?;
    caller_named(&app.config.access, name)
}

/// Refuses what Slack did not sign.
fn believe(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let Some(secret) = &app.config.notifications.slack.signing_secret else {
        let detail = "`notifications.slack.signing_secret` is not configured, so nothing can be known to come from Slack";
        return Err(Problem::new(ProblemKind::Unauthorized, detail));
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (signature, timestamp) = (header("x-slack-signature"), header("x-slack-request-timestamp"));
    signature::check(secret.expose(), signature, timestamp, body, app.clock.now())
        .map_err(|error| Problem::new(ProblemKind::Unauthorized, error.to_string()))
}

/// A field of a form.
fn field(body: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(body)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemKind::InvalidRequest, detail)
}
