//! `GET /v1/deliveries`, redelivery, and the webhook secrets this installation made.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::{self, Filter};
use super::model::{Delivery, DeliveryState, Kind};
use super::redeliver::{RedeliverError, redeliver};
use super::secrets::{OwnSecret, Purpose, own_secret, rotate};
use super::signature::SigningKey;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::paging::{Page, PageQuery, decode_cursor};
use crate::http::{Caller, Json, Path, Problem, ProblemKind, Query};
use crate::ids::DeliveryId;

/// The outbox's routes.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_deliveries))
        .routes(routes!(get_delivery))
        .routes(routes!(redeliver_delivery))
        .routes(routes!(redeliver_webhook))
        .routes(routes!(list_webhook_secrets))
        .routes(routes!(rotate_webhook_secrets))
}

/// Filter and page of a listing of deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `webhook`, `sns` or `slack`.
    kind: Option<Kind>,
    /// `pending`, `delivered` or `dead`: the dead letters.
    state: Option<DeliveryState>,
    /// What it is about: an execution's, deployment's or approval's id.
    subject: Option<String>,
    /// Event type, such as `deployment.failed`.
    event: Option<String>,
    /// Most deliveries to return, 1..=500; 50 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One message on its way to one destination. Its body is not shown: it may hold a personal link.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryView {
    id: DeliveryId,
    /// The same at each attempt and for each destination: `webhook-id`, and the CloudEvent's `id`.
    event_id: String,
    event: String,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    kind: Kind,
    /// A URL without its query, a topic's ARN, a channel's name, or `person:` and a name.
    destination: String,
    state: DeliveryState,
    attempts: i32,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_attempt_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<DateTime<Utc>>,
    /// HTTP status of the last attempt, if anybody answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        // Callers put tokens into the query of their callback URLs.
        let destination = match delivery.kind {
            Kind::Webhook => delivery
                .destination
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned(),
            Kind::Sns | Kind::Slack => delivery.destination,
        };
        Self {
            id: delivery.id,
            event_id: delivery.event_id,
            event: delivery.event_type,
            subject: delivery.subject,
            environment: delivery.environment,
            kind: delivery.kind,
            destination,
            state: delivery.state,
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            last_attempt_at: delivery.last_attempt_at,
            next_attempt_at: delivery.next_attempt_at,
            delivered_at: delivery.delivered_at,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
        }
    }
}

/// Lists deliveries, newest first.
#[utoipa::path(get, path = "/v1/deliveries", tag = "notifications", params(ListQuery), responses(
    (status = 200, description = "A page of deliveries", body = Page<DeliveryView>),
    (status = 422, description = "A parameter is not valid", body = Problem)))]
async fn list_deliveries(
    State(app): State<Arc<App>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let filter = Filter {
        kind: query.kind,
        state: query.state,
        subject: query.subject,
        event: query.event,
    };
    let fingerprint = format!("deliveries {filter:?}");
    let before: Option<i64> = decode_cursor(page.cursor.as_deref(), &fingerprint)?;
    let rows = list::list(&app.db, &filter, before, i64::from(page.limit()) + 1).await?;
    Ok(Json(
        Page::from_rows(rows, page.limit(), &fingerprint, |row| row.seq).map(DeliveryView::from),
    ))
}

/// One delivery.
#[utoipa::path(get, path = "/v1/deliveries/{id}", tag = "notifications", params(("id" = DeliveryId, Path)), responses(
    (status = 200, description = "The delivery", body = DeliveryView),
    (status = 404, description = "There is none with this id", body = Problem)))]
async fn get_delivery(
    State(app): State<Arc<App>>,
    Path(id): Path<DeliveryId>,
) -> Result<Json<DeliveryView>, Problem> {
    let found = list::find(&app.db, id)
        .await?
        .ok_or(RedeliverError::NotFound { id })?;
    Ok(Json(found.into()))
}

/// Sends a delivered or dead delivery once more, with the same event id and body, for three fresh days.
#[utoipa::path(post, path = "/v1/deliveries/{id}/redeliver", tag = "notifications", params(("id" = DeliveryId, Path)), responses(
    (status = 202, description = "It is pending again", body = DeliveryView),
    (status = 404, description = "There is none with this id", body = Problem),
    (status = 409, description = "It is still pending", body = Problem)))]
async fn redeliver_delivery(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<DeliveryId>,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let delivery = redeliver(&app.db, id, &caller.name, app.clock.now()).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

/// The same for webhooks, under the name that webhook services use.
#[utoipa::path(post, path = "/v1/webhook-deliveries/{id}/redeliver", tag = "notifications", params(("id" = DeliveryId, Path)), responses(
    (status = 202, description = "It is pending again", body = DeliveryView),
    (status = 404, description = "There is none with this id", body = Problem),
    (status = 409, description = "It is still pending", body = Problem)))]
async fn redeliver_webhook(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<DeliveryId>,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let found = list::find(&app.db, id).await?;
    if found.is_none_or(|delivery| delivery.kind != Kind::Webhook) {
        return Err(RedeliverError::NotFound { id }.into());
    }
    redeliver_delivery(State(app), caller, Path(id)).await
}

impl From<RedeliverError> for Problem {
    fn from(error: RedeliverError) -> Self {
        let detail = error.to_string();
        match error {
            RedeliverError::NotFound { .. } => Self::new(ProblemKind::NotFound, detail),
            RedeliverError::Pending { .. } => Self::new(ProblemKind::Conflict, detail),
            RedeliverError::Database(error) => error.into(),
        }
    }
}

/// A secret that webhooks are signed with.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookSecret {
    /// Counts from 1; the newest two sign.
    generation: i32,
    /// `whsec_` and base64, for the receiver's library.
    secret: String,
    created_at: DateTime<Utc>,
}

/// The live secrets.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookSecrets {
    /// Newest first. Empty when `notifications.webhook_secrets` configures them: those are not shown.
    data: Vec<WebhookSecret>,
}

impl From<Vec<OwnSecret>> for WebhookSecrets {
    fn from(secrets: Vec<OwnSecret>) -> Self {
        let data = secrets
            .into_iter()
            .map(|own| WebhookSecret {
                generation: own.generation,
                secret: SigningKey::from_bytes(own.secret).to_text(),
                created_at: own.created_at,
            })
            .collect();
        Self { data }
    }
}

/// Shows the secrets that webhooks are signed with, where this installation made them. Admins only.
#[utoipa::path(get, path = "/v1/webhook-secrets", tag = "notifications", responses(
    (status = 200, description = "The live secrets", body = WebhookSecrets),
    (status = 403, description = "Not an admin", body = Problem)))]
async fn list_webhook_secrets(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<WebhookSecrets>, Problem> {
    caller.require(crate::config::Role::Admin)?;
    if !app.config.notifications.webhook_secrets.is_empty() {
        return Ok(Json(WebhookSecrets { data: Vec::new() }));
    }
    Ok(Json(
        own_secret(&app.db, Purpose::Webhooks, app.clock.now())
            .await?
            .into(),
    ))
}

/// Makes a new secret; the one before signs too until the next rotation. Admins only.
#[utoipa::path(post, path = "/v1/webhook-secrets/rotate", tag = "notifications", responses(
    (status = 200, description = "The live secrets", body = WebhookSecrets),
    (status = 403, description = "Not an admin", body = Problem),
    (status = 409, description = "The secrets are configured", body = Problem)))]
async fn rotate_webhook_secrets(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<WebhookSecrets>, Problem> {
    caller.require(crate::config::Role::Admin)?;
    if !app.config.notifications.webhook_secrets.is_empty() {
        let detail = "the secrets are configured in `notifications.webhook_secrets`; rotate them there";
        return Err(Problem::new(ProblemKind::Conflict, detail));
    }
    let secrets = rotate(&app.db, Purpose::Webhooks, app.clock.now()).await?;
    let mut tx = app.db.begin().await?;
    let entry = AuditEntry {
        actor: caller.name,
        action: "webhook_secret.rotate",
        subject: "webhook-secrets".to_owned(),
        environment: None,
        reason: None,
        details: serde_json::json!({"generation": secrets.first().map(|newest| newest.generation)}),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(Json(secrets.into()))
}
