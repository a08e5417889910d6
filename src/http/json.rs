//! JSON in and out. In: what can't be read is a problem that says where. Out: plain `application/json`.

use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ErrorItem, Problem, ProblemKind};

/// A JSON body. As an extractor it answers 400 `invalid_json` with line and column for text that is not JSON, 422
/// `invalid_request` naming the field for JSON of another shape, 413 for too much of it, 415 for another content type.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if let Some(content_type) = request.headers().get(header::CONTENT_TYPE) {
            let content_type = content_type.to_str().unwrap_or_default();
            if !is_json(content_type) {
                return Err(Problem::new(
                    ProblemKind::UnsupportedMediaType,
                    format!(
                        "the body must be JSON, but its content type is `{content_type}`; send `Content-Type: application/json`"
                    ),
                ));
            }
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(
                    ProblemKind::PayloadTooLarge,
                    "the body is larger than this endpoint takes",
                )
            } else {
                Problem::new(ProblemKind::InvalidRequest, rejection.body_text())
            }
        })?;
        parse(&body).map(Self)
    }
}

/// Reads `body`; an empty one counts as `{}`, so that a POST whose fields are all optional needs none.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.iter().all(u8::is_ascii_whitespace) {
        b"{}"
    } else {
        body
    };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        from_serde(error.inner(), Some(&path))
    })?;
    deserializer.end().map_err(|error| from_serde(&error, None))?;
    Ok(value)
}

fn from_serde(error: &serde_json::Error, path: Option<&str>) -> Problem {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    if !error.is_data() {
        return Problem::new(
            ProblemKind::InvalidJson,
            format!("the body is not JSON at line {line}, column {column}: {message}"),
        )
        .with("line", line)
        .with("column", column);
    }
    let pointer = path.filter(|path| *path != ".").map(pointer_of);
    let place = pointer
        .as_deref()
        .map_or_else(String::new, |pointer| format!("`{pointer}`: "));
    Problem::new(ProblemKind::InvalidRequest, format!("{place}{message}")).with_errors(vec![ErrorItem {
        pointer: Some(pointer.unwrap_or_default()),
        line: u32::try_from(line).ok(),
        column: u32::try_from(column).ok(),
        ..ErrorItem::new("invalid_field", message)
    }])
}

/// `steps[0].weight` as the JSON Pointer `/steps/0/weight` (RFC 6901).
fn pointer_of(path: &str) -> String {
    path.split(['.', '['])
        .flat_map(|part| ["/", part.trim_end_matches(']')])
        .collect()
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only its type matters")]
        steps: Vec<Step>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Step {
        #[expect(dead_code, reason = "only its type matters")]
        weight: u8,
    }

    #[test]
    fn text_that_is_not_json_is_answered_with_its_place() {
        let problem = parse::<Body>(b"{\n  \"steps\": [,]\n}").unwrap_err();
        assert_eq!(problem.kind(), ProblemKind::InvalidJson);
        assert!(
            problem.detail().contains("line 2, column 13"),
            "{}",
            problem.detail()
        );
    }

    #[test]
    fn an_unknown_field_is_named() {
        let problem = parse::<Body>(br#"{"steps": [{"weight": 1, "wait": 2}]}"#).unwrap_err();
        assert_eq!(problem.kind(), ProblemKind::InvalidRequest);
        assert!(
            problem.detail().contains("/steps/0") && problem.detail().contains("`wait`"),
            "{}",
            problem.detail()
        );
    }

    #[test]
    fn what_follows_the_document_is_refused() {
        assert_eq!(
            parse::<serde_json::Value>(b"{} {}").unwrap_err().kind(),
            ProblemKind::InvalidJson
        );
    }
}
