//! `apigateway:invoke` (developer guide, "Call API Gateway").

use asl::json::Payload;
use asl::json::value::Json;
use bytes::Bytes;
use http::Method;
use url::Url;

use super::Http;
use super::exchange::{Names, Outgoing, pairs, shown};
use crate::arn::Place;
use crate::integrations::TaskError;
use crate::integrations::errors;
use crate::integrations::sdk::within_limit;

pub(super) async fn invoke(
    http: &Http,
    parameters: &Json,
    here: &Place,
    now_ms: i64,
) -> Result<Payload, TaskError> {
    let outgoing = outgoing(http, parameters, here, now_ms)?;
    let answer = http
        .exchange(outgoing)
        .await
        .map_err(|error| errors::fail("ApiGateway.SdkClientException", error.to_string()))?;
    if !answer.status.is_success() {
        return Err(errors::fail(
            format!("ApiGateway.{}", answer.status.as_u16()),
            String::from_utf8_lossy(&answer.body).into_owned(),
        ));
    }
    within_limit(shown(&answer, Names::Capitals), "apigateway")
}

fn outgoing(http: &Http, parameters: &Json, here: &Place, now_ms: i64) -> Result<Outgoing, TaskError> {
    let text = |name: &str| parameters.get(name).and_then(Json::as_str);
    let missing = |name: &str| {
        errors::fail(
            "States.Runtime",
            format!("The field '{name}' is required but was missing"),
        )
    };
    let endpoint = text("ApiEndpoint").ok_or_else(|| missing("ApiEndpoint"))?;
    let method = text("Method").ok_or_else(|| missing("Method"))?;
    let invalid = |what: &str| errors::fail("States.Runtime", format!("not a valid {what}"));
    let mut url = url(endpoint, text("Stage"), text("Path")).ok_or_else(|| invalid("ApiEndpoint"))?;
    let query = pairs(parameters.get("QueryParameters"));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let mut outgoing = Outgoing {
        method: Method::from_bytes(method.as_bytes()).map_err(|_| invalid("Method"))?,
        url,
        headers: pairs(parameters.get("Headers")),
        body: Bytes::new(),
    };
    if let Some(body) = parameters.get("RequestBody") {
        let is_kept = *body != Json::Null || parameters.get("AllowNullValues") == Some(&Json::Bool(true));
        if is_kept {
            outgoing.body = Bytes::from(body.to_string());
        }
        if outgoing.header("content-type").is_none() {
            outgoing.set_header("Content-Type", "application/json".to_owned());
        }
    }
    if matches!(text("AuthType"), Some("IAM_ROLE" | "RESOURCE_POLICY")) {
        sign(http, &mut outgoing, here, now_ms)?;
    }
    Ok(outgoing)
}

/// `https://HOST/STAGE/PATH`. Stand-ins that keep their APIs below `/restapis/ID` have a word between stage and path.
fn url(endpoint: &str, stage: Option<&str>, path: Option<&str>) -> Option<Url> {
    let mut url = if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("https://{endpoint}")
    };
    let mut parts = vec![stage.unwrap_or_default()];
    if endpoint.contains("/restapis/") {
        parts.push("_user_request_");
    }
    parts.push(path.unwrap_or_default());
    for part in parts {
        let part = part.trim_start_matches('/');
        if !part.is_empty() {
            url = format!("{}/{part}", url.trim_end_matches('/'));
        }
    }
    Url::parse(&url).ok().filter(Url::has_host)
}

/// Signs as the role that calls, for APIs with IAM authorization.
fn sign(http: &Http, outgoing: &mut Outgoing, here: &Place, now_ms: i64) -> Result<(), TaskError> {
    let mut request = http::Request::builder()
        .method(outgoing.method.clone())
        .uri(outgoing.url.as_str());
    for (name, value) in &outgoing.headers {
        request = request.header(name, value);
    }
    let signed = request
        .body(outgoing.body.clone())
        .map_err(|error| error.to_string())
        .and_then(|mut request| {
            http.caller.sign_for("execute-api", &mut request, here, now_ms)?;
            Ok(request)
        })
        .map_err(|error| errors::fail("ApiGateway.SdkClientException", error))?;
    outgoing.headers = signed
        .headers()
        .iter()
        .filter(|(name, _)| **name != http::header::HOST)
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_and_path_follow_the_endpoint() {
        let url = |endpoint, stage, path| url(endpoint, stage, path).unwrap().to_string();
        assert_eq!(
            url(
                "id.execute-api.us-east-1.amazonaws.com",
                Some("prod"),
                Some("/a/b")
            ),
            "https://id.execute-api.us-east-1.amazonaws.com/prod/a/b"
        );
        assert_eq!(
            url("http://localhost:4566/restapis/id", Some("s"), Some("p")),
            "http://localhost:4566/restapis/id/s/_user_request_/p"
        );
        assert_eq!(url("http://h", None, None), "http://h/");
    }
}
