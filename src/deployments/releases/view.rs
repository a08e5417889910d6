//! Releases as the API shows them.

use chrono::{DateTime, Utc};

use super::super::model::State;
use super::super::store::releases::{self, MemberRow, ReleaseRow};
use super::model::{ReleaseMember, ReleaseView, ScenarioReport};
use crate::app::App;
use crate::db::DbError;
use crate::ids::ReleaseId;

/// The release with its members.
pub(super) async fn find(app: &App, id: ReleaseId) -> Result<Option<ReleaseView>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    let Some(release) = releases::load(&mut conn, id).await? else {
        return Ok(None);
    };
    let members = releases::members(&mut conn, id).await?;
    Ok(Some(view(release, members)))
}

/// A page, newest first; one more than `limit`.
pub(super) async fn list(
    app: &App,
    before: Option<(DateTime<Utc>, String)>,
    limit: u32,
) -> Result<Vec<ReleaseView>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    let rows = releases::list(&mut conn, before, limit).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let members = releases::members(&mut conn, row.id).await?;
        views.push(view(row, members));
    }
    Ok(views)
}

fn view(release: ReleaseRow, members: Vec<MemberRow>) -> ReleaseView {
    let waiting = members
        .iter()
        .all(|member| member.state.as_deref() == Some(State::Succeeded.as_str()));
    let progress = release.scenario_state.0;
    let count = release.scenarios.0.len();
    let passed_count = progress
        .iter()
        .filter(|scenario| scenario.passed == Some(true))
        .count();
    let overall_status = if count == 0 {
        "none"
    } else if progress.iter().any(|scenario| scenario.passed == Some(false)) {
        "failed"
    } else if passed_count == count {
        "passed"
    } else if waiting {
        "running"
    } else {
        "waiting"
    };
    let state = match (release.state.as_str(), release.direction.as_str()) {
        ("success", _) => State::Succeeded,
        ("failed", _) => State::Failed,
        ("rolled_back", _) => State::RolledBack,
        (_, "back") => State::RollingBack,
        _ => State::Shifting,
    };
    ReleaseView {
        id: release.id.to_string(),
        deployment_id: release.id.to_string(),
        kind: release.kind,
        environment: release.environment,
        overall_status: release.state,
        state: state.as_str().to_owned(),
        strategy: release.strategy,
        workflows: members.into_iter().map(member).collect(),
        test_results: ScenarioReport {
            overall_status: overall_status.to_owned(),
            test_count: count,
            passed_count,
            test_results: progress,
        },
        error: release.error,
        requester: release.requester,
        started_at: release.created_at,
        finished_at: release.finished_at,
    }
}

fn member(row: MemberRow) -> ReleaseMember {
    let status = match row.state.as_deref().and_then(State::parse) {
        None => "waiting",
        Some(State::Succeeded) => "success",
        Some(State::RolledBack) => "rolled_back",
        Some(state) if state.is_finished() => "failed",
        Some(_) => "in_progress",
    };
    ReleaseMember {
        workflow_name: row.request.0.template,
        environment: row.request.0.environment.unwrap_or_else(|| "default".to_owned()),
        wave: row.wave,
        status: status.to_owned(),
        state: row.state,
        deployment_id: row.deployment.map(|id| id.to_string()),
        strategy: row.strategy,
        error: row.error,
    }
}
