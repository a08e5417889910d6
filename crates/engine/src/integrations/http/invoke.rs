//! `http:invoke` (developer guide, "Call HTTPS APIs in Step Functions workflows").

use asl::json::Payload;
use asl::json::value::{Json, Object};
use bytes::Bytes;
use http::Method;
use url::Url;

use super::Http;
use super::exchange::{Names, Outgoing, pairs, shown};
use super::form::{self, Arrays};
use crate::arn::Place;
use crate::integrations::aws::Answer;
use crate::integrations::config::HttpConnection;
use crate::integrations::errors;
use crate::integrations::protocols::as_text;
use crate::integrations::sdk::within_limit;
use crate::integrations::{Exchange, GotResponse, Progress, SentRequest, TaskError};
use crate::limits::PAYLOAD_BYTES_MAX;

const FORM: &str = "application/x-www-form-urlencoded";

/// Headers an HTTP task can't set (developer guide, "HTTP Task definition": unsupported headers), in small letters.
const FORBIDDEN: &[&str] = &[
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];
const FORBIDDEN_BEGINNINGS: &[&str] = &["x-forwarded-", "x-amz-", "x-amzn-"];

pub(super) async fn invoke(
    http: &Http,
    parameters: &Json,
    progress: &Progress,
    here: &Place,
    now_ms: i64,
) -> Result<Payload, TaskError> {
    let connection = match connection_arn(parameters) {
        Some(arn) => Some(http.connection(arn)?),
        None => None,
    };
    let mut outgoing = outgoing(parameters, connection.map(|(_, connection)| connection), here)?;
    if let Some((name, connection)) = connection {
        http.authorize(&mut outgoing, name, connection, now_ms).await?;
    }
    let sent = progress.exchanged.as_ref().map(|_| sent(&outgoing));
    let answer = http.exchange(outgoing).await;
    if let (Some(tell), Some(request_with_secrets)) = (&progress.exchanged, sent) {
        tell(Exchange {
            request: sent_plainly(parameters, here)?,
            response: answer
                .as_ref()
                .ok()
                .map(|answer| got(answer, &request_with_secrets.protocol)),
            request_with_secrets,
        });
    }
    let answer = answer.map_err(|error| errors::fail("States.Http.Socket", error.to_string()))?;
    if !answer.status.is_success() {
        if let (Some((name, _)), 401) = (connection, answer.status.as_u16()) {
            http.forget_token(name);
        }
        let text = String::from_utf8_lossy(&answer.body);
        let cause = match &*text {
            "" => answer.status.canonical_reason().unwrap_or_default(),
            text => text,
        };
        let error = format!("States.Http.StatusCode.{}", answer.status.as_u16());
        return Err(errors::fail(error, cause));
    }
    within_limit(shown(&answer, Names::Small), "http")
}

/// A request as TestState shows it.
fn sent(outgoing: &Outgoing) -> SentRequest {
    let headers = outgoing.headers.iter();
    SentRequest {
        protocol: outgoing.url.scheme().to_owned(),
        method: outgoing.method.to_string(),
        url: outgoing.url.to_string(),
        headers: list(headers.map(|(name, value)| (name.as_str(), value.as_str()))),
        body: text_of(&outgoing.body),
    }
}

/// The same, as it would be without the connection.
fn sent_plainly(parameters: &Json, here: &Place) -> Result<SentRequest, TaskError> {
    Ok(sent(&outgoing(parameters, None, here)?))
}

fn got(answer: &Answer, protocol: &str) -> GotResponse {
    let headers = answer.headers.iter();
    GotResponse {
        protocol: protocol.to_owned(),
        status_code: answer.status.as_u16().to_string(),
        status_message: answer.status.canonical_reason().unwrap_or_default().to_owned(),
        headers: list(headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))),
        body: text_of(&answer.body),
    }
}

/// `[name: value, …]`, as the developer guide shows headers of TestState.
fn list<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>) -> String {
    let headers: Vec<String> = headers.map(|(name, value)| format!("{name}: {value}")).collect();
    format!("[{}]", headers.join(", "))
}

fn text_of(body: &[u8]) -> Option<String> {
    (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned())
}

/// `Authentication.ConnectionArn`, or `InvocationConfig.ConnectionArn` for private APIs.
fn connection_arn(parameters: &Json) -> Option<&str> {
    ["Authentication", "InvocationConfig"]
        .into_iter()
        .find_map(|name| parameters.get(name)?.get("ConnectionArn")?.as_str())
}

fn unfit(text: impl std::fmt::Display) -> TaskError {
    errors::fail("States.Runtime", text.to_string())
}

fn outgoing(
    parameters: &Json,
    connection: Option<&HttpConnection>,
    here: &Place,
) -> Result<Outgoing, TaskError> {
    let text = |name: &str| {
        parameters
            .get(name)
            .and_then(Json::as_str)
            .ok_or_else(|| unfit(format!("The field '{name}' is required but was missing")))
    };
    let method = text("Method")?;
    let method = Method::from_bytes(method.as_bytes())
        .ok()
        .filter(|method| {
            [
                Method::GET,
                Method::POST,
                Method::PUT,
                Method::DELETE,
                Method::PATCH,
                Method::OPTIONS,
                Method::HEAD,
            ]
            .contains(method)
        })
        .ok_or_else(|| unfit(format!("The value for the field 'Method' is not valid: {method}")))?;
    let endpoint = text("ApiEndpoint")?;
    let mut url = Url::parse(endpoint)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
        .ok_or_else(|| {
            unfit(format!(
                "The value for the field 'ApiEndpoint' is not a URL: {endpoint}"
            ))
        })?;
    let query = pairs(parameters.get("QueryParameters"));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let mut outgoing = Outgoing {
        method,
        url,
        headers: Vec::new(),
        body: Bytes::new(),
    };
    outgoing.set_header(
        "User-Agent",
        format!("Amazon|StepFunctions|HttpInvoke|{}", here.region),
    );
    outgoing.set_header("Range", format!("bytes=0-{PAYLOAD_BYTES_MAX}"));
    for (name, value) in headers(parameters)? {
        outgoing.set_header(&name, value);
    }
    add_body(&mut outgoing, parameters, connection)?;
    Ok(outgoing)
}

/// The given headers; several values of one go in one line.
fn headers(parameters: &Json) -> Result<Vec<(String, String)>, TaskError> {
    let given = parameters
        .get("Headers")
        .and_then(Json::as_object)
        .into_iter()
        .flat_map(Object::iter);
    given
        .map(|(name, value)| {
            let small = name.to_ascii_lowercase();
            if FORBIDDEN.contains(&small.as_str())
                || FORBIDDEN_BEGINNINGS
                    .iter()
                    .any(|beginning| small.starts_with(beginning))
            {
                return Err(unfit(format!(
                    "The header '{name}' is not supported by HTTP tasks"
                )));
            }
            let value = match value {
                Json::Array(values) => values.iter().map(as_text).collect::<Vec<_>>().join(","),
                value => as_text(value),
            };
            Ok((name.to_string(), value))
        })
        .collect()
}

fn add_body(
    outgoing: &mut Outgoing,
    parameters: &Json,
    connection: Option<&HttpConnection>,
) -> Result<(), TaskError> {
    let given = parameters.get("RequestBody").filter(|body| **body != Json::Null);
    let added = connection
        .map(|connection| &connection.body)
        .filter(|body| !body.is_empty());
    let body = match (given, added) {
        (None, None) => return Ok(()),
        (Some(body), None) => body.clone(),
        (given, Some(added)) => {
            let mut body = match given {
                None => Object::new(),
                Some(Json::Object(body)) => (**body).clone(),
                Some(_) => {
                    return Err(unfit(
                        "The connection's body needs a 'RequestBody' that is an object",
                    ));
                }
            };
            for (name, value) in added {
                body.insert(name.as_str().into(), Json::from(value.as_str()));
            }
            body.into()
        }
    };
    let transform = parameters.get("Transform");
    let encoding = transform
        .and_then(|transform| transform.get("RequestBodyEncoding"))
        .and_then(Json::as_str)
        .unwrap_or("NONE");
    outgoing.body = match (encoding, &body) {
        ("URL_ENCODED", Json::Object(members)) => {
            outgoing.set_header("Content-Type", FORM.to_owned());
            Bytes::from(form::encoded(members, arrays(transform)?))
        }
        ("URL_ENCODED", _) => return Err(unfit("A 'RequestBody' that is URL-encoded must be an object")),
        ("NONE", body) => {
            let is_json = outgoing
                .header("content-type")
                .is_none_or(|kind| kind.contains("json"));
            if outgoing.header("content-type").is_none() {
                outgoing.set_header("Content-Type", "application/json".to_owned());
            }
            Bytes::from(if is_json { body.to_string() } else { as_text(body) })
        }
        (other, _) => {
            return Err(unfit(format!(
                "The value for the field 'RequestBodyEncoding' is not valid: {other}"
            )));
        }
    };
    Ok(())
}

fn arrays(transform: Option<&Json>) -> Result<Arrays, TaskError> {
    let format = transform
        .and_then(|transform| transform.get("RequestEncodingOptions"))
        .and_then(|options| options.get("ArrayFormat"))
        .and_then(Json::as_str);
    match format {
        None => Ok(Arrays::Indices),
        Some(name) => Arrays::read(name).ok_or_else(|| {
            unfit(format!(
                "The value for the field 'ArrayFormat' is not valid: {name}"
            ))
        }),
    }
}
