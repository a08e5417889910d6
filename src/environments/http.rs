//! Endpoints of environments.

use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{EnvironmentName, EnvironmentView, UnknownEnvironment};
use crate::app::App;
use crate::db::paging::Page;
use crate::http::{Caller, Json, Path, Problem, ProblemKind, Role};

/// The endpoints of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_environments))
        .routes(routes!(get_environment))
}

/// Every environment, by name. There are as many as the configuration has: one page.
#[utoipa::path(get, path = "/v1/environments", tag = "environments", responses((status = 200, body = Page<EnvironmentView>)))]
async fn list_environments(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Page<EnvironmentView>>, Problem> {
    caller.require(Role::Viewer)?;
    let data = app
        .environments
        .iter()
        .map(|target| EnvironmentView::from(&**target))
        .collect();
    Ok(Json(Page {
        data,
        next_cursor: None,
        has_more: false,
    }))
}

/// One environment.
#[utoipa::path(get, path = "/v1/environments/{environment}", tag = "environments",
    params(("environment" = EnvironmentName, Path)),
    responses((status = 200, body = EnvironmentView), (status = 404, body = Problem)))]
async fn get_environment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<EnvironmentName>,
) -> Result<Json<EnvironmentView>, Problem> {
    caller.require(Role::Viewer)?;
    Ok(Json(EnvironmentView::from(&**app.environments.target(&name)?)))
}

impl From<UnknownEnvironment> for Problem {
    fn from(error: UnknownEnvironment) -> Self {
        Self::new(ProblemKind::NotFound, error.to_string())
    }
}
