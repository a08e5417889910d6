//! Named strategies and analysis templates.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::check::{analysis_faults, strategy_faults};
use super::super::judge::Analysis;
use super::super::presets::{self, PresetError, PresetKind};
use super::super::request::Fault;
use super::super::store::presets::PresetRow;
use super::super::strategy::Strategy;
use crate::app::App;
use crate::http::{Caller, Json, Path, Precondition, Problem, ProblemKind, etag};

/// A strategy or an analysis that is kept under a name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PresetView {
    /// Its name.
    id: String,
    /// The strategy, of a strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Strategy>)]
    strategy: Option<serde_json::Value>,
    /// The analysis, of an analysis template.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Analysis>)]
    analysis: Option<serde_json::Value>,
    /// Counts its changes; the ETag.
    version: i32,
    /// Who changed it last.
    updated_by: String,
    /// When.
    updated_at: DateTime<Utc>,
}

impl PresetView {
    fn of(kind: PresetKind, row: PresetRow) -> Self {
        let (strategy, analysis) = match kind {
            PresetKind::Strategy => (Some(row.body.0), None),
            PresetKind::Analysis => (None, Some(row.body.0)),
        };
        Self {
            id: row.name,
            strategy,
            analysis,
            version: row.version,
            updated_by: row.updated_by,
            updated_at: row.updated_at,
        }
    }
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PresetsView {
    /// By name.
    data: Vec<PresetView>,
}

async fn all(app: &App, kind: PresetKind) -> Result<Json<PresetsView>, Problem> {
    let rows = presets::list(app, kind).await?;
    let data = rows.into_iter().map(|row| PresetView::of(kind, row)).collect();
    Ok(Json(PresetsView { data }))
}

async fn one(app: &App, kind: PresetKind, name: &str, seen: &Precondition) -> Result<Response, Problem> {
    let row = presets::find(app, kind, name)
        .await?
        .ok_or_else(|| unknown(kind, name))?;
    let version = i64::from(row.version);
    if seen.is_known(version) {
        return Ok((StatusCode::NOT_MODIFIED, [etag(version)]).into_response());
    }
    Ok(([etag(version)], Json(PresetView::of(kind, row))).into_response())
}

async fn put(
    app: &App,
    (kind, name): (PresetKind, &str),
    body: (&serde_json::Value, Vec<Fault>),
    seen: &Precondition,
    caller: &Caller,
) -> Result<Response, Problem> {
    let known = presets::find(app, kind, name).await?.map(|row| row.version);
    seen.check_change(known.map(i64::from))
        .map_err(|unmet| unmet.problem(&format!("`{name}`")))?;
    let row = presets::put(app, (kind, name), body, known.unwrap_or_default(), &caller.name).await?;
    let status = if known.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let version = i64::from(row.version);
    Ok((status, [etag(version)], Json(PresetView::of(kind, row))).into_response())
}

async fn remove(
    app: &App,
    (kind, name): (PresetKind, &str),
    seen: &Precondition,
    caller: &Caller,
) -> Result<StatusCode, Problem> {
    let row = presets::find(app, kind, name)
        .await?
        .ok_or_else(|| unknown(kind, name))?;
    seen.check_change(Some(row.version.into()))
        .map_err(|unmet| unmet.problem(&format!("`{name}`")))?;
    presets::remove(app, (kind, name), row.version, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn unknown(kind: PresetKind, name: &str) -> Problem {
    PresetError::Unknown {
        kind,
        name: name.to_owned(),
    }
    .into()
}

/// The strategies that are kept.
#[utoipa::path(get, path = "/v1/strategies", tag = "deployments", responses(
    (status = 200, description = "All of them", body = PresetsView)))]
pub(super) async fn list_strategies(State(app): State<Arc<App>>) -> Result<Json<PresetsView>, Problem> {
    all(&app, PresetKind::Strategy).await
}

/// A strategy that deployments may name: `"strategy": "<id>"`.
#[utoipa::path(get, path = "/v1/strategies/{id}", tag = "deployments", params(("id" = String, Path)), responses(
    (status = 200, description = "The strategy, with its ETag", body = PresetView),
    (status = 404, description = "No such strategy", body = Problem)))]
pub(super) async fn get_strategy(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    seen: Precondition,
) -> Result<Response, Problem> {
    one(&app, PresetKind::Strategy, &id, &seen).await
}

/// Keeps a strategy under a name. One that exists takes `If-Match`.
#[utoipa::path(put, path = "/v1/strategies/{id}", tag = "deployments", params(("id" = String, Path)),
    request_body = Strategy, responses(
    (status = 200, description = "Changed", body = PresetView),
    (status = 201, description = "New", body = PresetView),
    (status = 412, description = "Somebody changed it meanwhile", body = Problem),
    (status = 422, description = "It can't be followed", body = Problem),
    (status = 428, description = "It exists: `If-Match` is missing", body = Problem)))]
pub(super) async fn put_strategy(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    seen: Precondition,
    Json(strategy): Json<Strategy>,
) -> Result<Response, Problem> {
    let body = serde_json::to_value(&strategy).map_err(Problem::internal)?;
    let faults = strategy_faults(&strategy);
    put(&app, (PresetKind::Strategy, &id), (&body, faults), &seen, &caller).await
}

/// Forgets a strategy. Deployments that took it keep their copy.
#[utoipa::path(delete, path = "/v1/strategies/{id}", tag = "deployments", params(("id" = String, Path)), responses(
    (status = 204, description = "Forgotten"),
    (status = 404, description = "No such strategy", body = Problem),
    (status = 428, description = "`If-Match` is missing", body = Problem)))]
pub(super) async fn delete_strategy(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    seen: Precondition,
) -> Result<StatusCode, Problem> {
    remove(&app, (PresetKind::Strategy, &id), &seen, &caller).await
}

/// The analysis templates that are kept.
#[utoipa::path(get, path = "/v1/analysis-templates", tag = "deployments", responses(
    (status = 200, description = "All of them", body = PresetsView)))]
pub(super) async fn list_analyses(State(app): State<Arc<App>>) -> Result<Json<PresetsView>, Problem> {
    all(&app, PresetKind::Analysis).await
}

/// An analysis that deployments may name: `"analysis_template": "<id>"`.
#[utoipa::path(get, path = "/v1/analysis-templates/{id}", tag = "deployments", params(("id" = String, Path)), responses(
    (status = 200, description = "The analysis, with its ETag", body = PresetView),
    (status = 404, description = "No such analysis template", body = Problem)))]
pub(super) async fn get_analysis_template(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    seen: Precondition,
) -> Result<Response, Problem> {
    one(&app, PresetKind::Analysis, &id, &seen).await
}

/// Keeps an analysis under a name. One that exists takes `If-Match`.
#[utoipa::path(put, path = "/v1/analysis-templates/{id}", tag = "deployments", params(("id" = String, Path)),
    request_body = Analysis, responses(
    (status = 200, description = "Changed", body = PresetView),
    (status = 201, description = "New", body = PresetView),
    (status = 412, description = "Somebody changed it meanwhile", body = Problem),
    (status = 422, description = "A setting is out of its range", body = Problem),
    (status = 428, description = "It exists: `If-Match` is missing", body = Problem)))]
pub(super) async fn put_analysis_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    seen: Precondition,
    Json(analysis): Json<Analysis>,
) -> Result<Response, Problem> {
    let body = serde_json::to_value(&analysis).map_err(Problem::internal)?;
    let faults = analysis_faults(&app, &analysis, "");
    put(&app, (PresetKind::Analysis, &id), (&body, faults), &seen, &caller).await
}

/// Forgets an analysis template. Deployments that took it keep their copy.
#[utoipa::path(delete, path = "/v1/analysis-templates/{id}", tag = "deployments", params(("id" = String, Path)), responses(
    (status = 204, description = "Forgotten"),
    (status = 404, description = "No such analysis template", body = Problem),
    (status = 428, description = "`If-Match` is missing", body = Problem)))]
pub(super) async fn delete_analysis_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    seen: Precondition,
) -> Result<StatusCode, Problem> {
    remove(&app, (PresetKind::Analysis, &id), &seen, &caller).await
}

impl From<PresetError> for Problem {
    fn from(error: PresetError) -> Self {
        let text = error.to_string();
        match error {
            PresetError::Invalid { faults, .. } => Self::invalid_fields(
                text,
                faults.into_iter().map(|fault| (fault.pointer, fault.message)),
            ),
            PresetError::Unknown { .. } => Self::new(ProblemKind::NotFound, text),
            PresetError::Changed { .. } => Self::new(ProblemKind::PreconditionFailed, text),
            PresetError::Database(error) => error.into(),
        }
    }
}
