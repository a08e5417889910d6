//! `/docs/diagnostics`: a page about each code of the checks, for browsers as HTML and for others as Markdown.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use pulldown_cmark::{Options, Parser, html};

use crate::http::{Path, Problem, ProblemKind};
use crate::policies::DOCUMENTATION_PATH;

/// Every code, with a link to its page.
#[utoipa::path(get, path = "/docs/diagnostics", tag = "templates", responses(
    (status = 200, description = "HTML, or Markdown with `Accept: text/markdown`", body = String)))]
pub(super) async fn list_diagnostics(headers: HeaderMap) -> Response {
    let mut markdown = "# Diagnostics\n\nWhat the checks say about definitions, code by code.\n\n| code | severity | |\n|---|---|---|\n".to_owned();
    for page in asl::diagnostic::pages() {
        let line = format!(
            "| [{code}]({DOCUMENTATION_PATH}/{code}) | {} | {} |\n",
            page.code.severity(),
            page.title,
            code = page.code,
        );
        markdown.push_str(&line);
    }
    answer(&headers, "Diagnostics", &markdown)
}

/// The page about a code.
#[utoipa::path(get, path = "/docs/diagnostics/{code}", tag = "templates", params(("code" = String, Path, description = "A code, such as `TASK_NO_TIMEOUT`; case does not matter")), responses(
    (status = 200, description = "HTML, or Markdown with `Accept: text/markdown`", body = String),
    (status = 404, description = "No such code", body = Problem)))]
pub(super) async fn get_diagnostic(
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let wanted = code.to_ascii_uppercase().replace('-', "_");
    let code = asl::Code::ALL
        .iter()
        .find(|known| known.as_str() == wanted)
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::NotFound,
                "there is no such code; /docs/diagnostics lists them",
            )
        })?;
    let page = asl::diagnostic::page(*code);
    Ok(answer(&headers, code.as_str(), &page.markdown))
}

fn answer(headers: &HeaderMap, title: &str, markdown: &str) -> Response {
    let wants_markdown = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/markdown") || accept.contains("text/plain"));
    if wants_markdown {
        let content_type = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")];
        return (StatusCode::OK, content_type, markdown.to_owned()).into_response();
    }
    let mut body = String::new();
    html::push_html(&mut body, Parser::new_ext(markdown, Options::ENABLE_TABLES));
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} – Signalbox</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <p><a href=\"{DOCUMENTATION_PATH}\">All diagnostics</a></p>{body}</body></html>"
    ))
    .into_response()
}

const STYLE: &str = "body{max-width:52rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color-scheme:light dark}\
     pre{padding:.75rem;overflow:auto;background:#8882;border-radius:4px}code{font-size:.9em}\
     table{border-collapse:collapse}td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #8884}";
