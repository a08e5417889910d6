//! `/a/{signed}`: GET shows the question, POST decides. No key: the link is the proof of who it is.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::decide::{Decide, DecideError, decide};
use super::super::link::{self, LinkError};
use super::super::model::{ApprovalState, Via, Vote};
use super::super::{list, page, rules};
use super::COMMENT_CHARS_MAX;
use crate::access::{Caller, caller_named};
use crate::app::App;
use crate::db::DbError;
use crate::http::{Path, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show_link, decide_by_link))
}

/// Shows what a personal link asks. Decides nothing: mail scanners open links too.
#[utoipa::path(get, path = "/a/{signed}", tag = "approvals", params(("signed" = String, Path)), responses(
    (status = 200, description = "The question, with a form", body = String, content_type = "text/html"),
    (status = 404, description = "The link is not one of this service", body = String, content_type = "text/html"),
    (status = 410, description = "The link has expired", body = String, content_type = "text/html")))]
async fn show_link(State(app): State<Arc<App>>, Path(signed): Path<String>) -> Result<Response, Problem> {
    let (link, caller) = match open(&app, &signed).await? {
        Ok(opened) => opened,
        Err(refused) => return Ok(refused),
    };
    let Some((facts, _)) = list::find(&app.db, link.approval).await? else {
        return Ok(not_found());
    };
    let refused = rules::may_decide(&facts, &app.config.approvals.groups, &caller).err();
    let refused = refused.map(|refusal| refusal.to_string());
    Ok(answer(
        StatusCode::OK,
        page::question(&facts, &caller.name, refused.as_deref()),
    ))
}

/// The form of the page.
#[derive(Debug, Deserialize, ToSchema)]
struct LinkDecision {
    decision: Vote,
    /// The digest of the plan that the page showed.
    digest: String,
    comment: Option<String>,
}

/// Decides in the name of the person the link was made for.
#[utoipa::path(post, path = "/a/{signed}", tag = "approvals", params(("signed" = String, Path)),
    request_body(content = LinkDecision, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "It counts", body = String, content_type = "text/html"),
    (status = 403, description = "The person may not decide this", body = String, content_type = "text/html"),
    (status = 404, description = "The link is not one of this service", body = String, content_type = "text/html"),
    (status = 409, description = "The plan has changed, or it is decided already", body = String, content_type = "text/html"),
    (status = 410, description = "The link has expired", body = String, content_type = "text/html")))]
async fn decide_by_link(
    State(app): State<Arc<App>>,
    Path(signed): Path<String>,
    Form(form): Form<LinkDecision>,
) -> Result<Response, Problem> {
    let (link, caller) = match open(&app, &signed).await? {
        Ok(opened) => opened,
        Err(refused) => return Ok(refused),
    };
    let comment = form
        .comment
        .map(|text| text.chars().take(COMMENT_CHARS_MAX).collect::<String>());
    let command = Decide {
        approval: link.approval,
        digest: form.digest,
        vote: form.decision,
        comment: comment.filter(|text| !text.trim().is_empty()),
        via: Via::Link,
    };
    match decide(&app, &caller, command).await {
        Ok(decided) => {
            let text = match decided.state {
                ApprovalState::Approved => "Approved. What waited for it goes on.",
                ApprovalState::Rejected => "Rejected.",
                ApprovalState::Pending | ApprovalState::Expired | ApprovalState::Cancelled => {
                    "Your decision counts. More people have to agree."
                }
            };
            Ok(answer(StatusCode::OK, page::message("Thank you", text)))
        }
        Err(DecideError::Database(error)) => Err(error.into()),
        Err(refused) => {
            let text = refused.to_string();
            let status = Problem::from(refused).kind().status();
            Ok(answer(status, page::message("Not decided", &text)))
        }
    }
}

/// The link and the person it stands for, or the page that says what is wrong with it.
async fn open(app: &App, signed: &str) -> Result<Result<(link::Link, Caller), Response>, DbError> {
    let link = match link::keys(app).await?.verify(signed, app.clock.now()) {
        Ok(link) => link,
        Err(LinkError::Forged) => return Ok(Err(not_found())),
        Err(error @ LinkError::Expired) => {
            return Ok(Err(answer(
                StatusCode::GONE,
                page::message("Expired", &error.to_string()),
            )));
        }
    };
    Ok(match caller_named(&app.config.access, &link.person) {
        Some(caller) => Ok((link, caller)),
        None => Err(not_found()),
    })
}

fn not_found() -> Response {
    answer(
        StatusCode::NOT_FOUND,
        page::message("Not found", &LinkError::Forged.to_string()),
    )
}

/// A page that no other site can frame, no cache keeps, and whose address (a secret) no other site is told.
fn answer(status: StatusCode, page: String) -> Response {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
        ),
    ];
    (status, headers, Html(page)).into_response()
}
