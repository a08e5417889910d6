//! Lambda: a function's ARN as the `Resource`, and `lambda:invoke`.
//!
//! A function is one that is configured to run here, else it is called by Lambda's Invoke API (API version 2015-03-31) wherever
//! that is configured.

use std::borrow::Cow;

use asl::json::Payload;
use asl::json::value::{Json, Object};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::aws::{Answer, CallError, Caller, Request, Service};
use super::errors::{self, Generation, Refusal, Wording};
use super::functions::{Functions, Returned};
use super::metadata::{self, Connection};
use super::{Reply, TaskError};
use crate::arn::Place;
use crate::limits::{FUNCTION_SECONDS_MAX, PAYLOAD_BYTES_MAX};

const LAMBDA: Service = Service {
    signing_name: "lambda",
    endpoint_prefix: "lambda",
    id: "Lambda",
    place: None,
    // The function's own time and that of the way there and back.
    seconds_max: FUNCTION_SECONDS_MAX + 30,
};

const WORDING: Wording = Wording {
    prefix: "Lambda",
    service: "AWSLambda",
    unmodelled: Cow::Borrowed("AWSLambdaException"),
    model: "lambda",
    generation: Generation::First,
};

/// A function as it was named: by name, partial ARN or ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FunctionName {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) qualifier: Option<String>,
}

impl FunctionName {
    /// Reads `NAME`, `NAME:QUALIFIER`, `ACCOUNT:function:NAME…` or an ARN.
    pub(super) fn read(text: &str, here: &Place) -> Self {
        let parts: Vec<&str> = text.split(':').collect();
        let (place, rest) = match parts.as_slice() {
            ["arn", _, "lambda", region, account, "function", rest @ ..] => {
                (Place::new(account, region), rest)
            }
            [account, "function", rest @ ..] => (Place::new(account, &here.region), rest),
            ["function", rest @ ..] | rest => (here.clone(), rest),
        };
        Self {
            place,
            name: rest.first().map(|name| (*name).to_owned()).unwrap_or_default(),
            qualifier: rest.get(1).map(|qualifier| (*qualifier).to_owned()),
        }
    }

    fn arn(&self, qualifier: &str) -> String {
        let Place { account, region } = &self.place;
        format!(
            "arn:{}:lambda:{region}:{account}:function:{}:{qualifier}",
            self.place.partition(),
            self.name
        )
    }
}

/// What is invoked, and how.
#[derive(Debug)]
struct Invoke {
    function: FunctionName,
    /// JSON text; empty for none.
    event: String,
    qualifier: Option<String>,
    invocation_type: Option<String>,
    log_type: Option<String>,
    client_context: Option<String>,
}

/// Why there is no result.
#[derive(Debug)]
enum InvokeError {
    /// The function failed and described how, in this JSON text.
    Function(String),
    /// Anything else.
    Task(TaskError),
}

/// Invokes functions.
#[derive(Debug)]
pub(super) struct Lambda {
    pub(super) caller: Caller,
    pub(super) functions: Functions,
}

impl Lambda {
    /// A function's ARN as the `Resource`: the event is the state's input, the result the function's.
    pub(super) async fn direct(
        &self,
        arn: &str,
        event: &Payload,
        here: &Place,
        now_ms: i64,
    ) -> Result<Reply, TaskError> {
        let function = FunctionName::read(arn, here);
        let invoke = Invoke {
            qualifier: function.qualifier.clone(),
            function,
            event: event.text().to_string(),
            invocation_type: None,
            log_type: None,
            client_context: None,
        };
        match self.invoke(&invoke, now_ms).await {
            Ok(answer) => Ok(Reply::Done(payload(text_of(&answer, arn)?)?)),
            // The error's text stays as the function wrote it.
            Err(InvokeError::Function(text)) => Err(function_error(&text, text.clone())),
            Err(InvokeError::Task(error)) => Err(error),
        }
    }

    /// `lambda:invoke`: the result is Lambda's response, with the payload as JSON.
    pub(super) async fn service(
        &self,
        parameters: &Payload,
        here: &Place,
        now_ms: i64,
    ) -> Result<Payload, TaskError> {
        let invoke = read_parameters(parameters.json(), here)?;
        match self.invoke(&invoke, now_ms).await {
            Ok(answer) => response(&answer),
            // Here AWS shows the error's JSON compactly.
            Err(InvokeError::Function(text)) => {
                let compact = payload(text.clone())?.json().to_string();
                Err(function_error(&text, compact))
            }
            Err(InvokeError::Task(error)) => Err(error),
        }
    }

    async fn invoke(&self, invoke: &Invoke, now_ms: i64) -> Result<Answer, InvokeError> {
        if self.functions.has(&invoke.function.name) {
            return self.invoke_local(invoke).await;
        }
        let call = self
            .caller
            .call(LAMBDA, &invoke.function.place, request(invoke), now_ms);
        let answer = match call.await {
            Ok(answer) => answer,
            Err(error @ CallError::NoEndpoint { .. }) => {
                let name = &invoke.function.name;
                let refusal = Refusal {
                    code: "ResourceNotFoundException".to_owned(),
                    request_id: None,
                    message: format!(
                        "Function not found: {}: no function `{name}` is configured (`[functions.{name}]`), and {error}",
                        invoke
                            .function
                            .arn(invoke.qualifier.as_deref().unwrap_or("$LATEST"))
                    ),
                };
                let request_id = uuid::Uuid::new_v4().to_string();
                return Err(InvokeError::Task(WORDING.failed(404, &request_id, &refusal)));
            }
            Err(error) => return Err(InvokeError::Task(WORDING.unanswered(&error))),
        };
        if !answer.status.is_success() {
            return Err(InvokeError::Task(
                WORDING.refused(&answer, &errors::json_refusal(&answer)),
            ));
        }
        if answer.header("x-amz-function-error").is_some() {
            return Err(InvokeError::Function(
                text_of(&answer, "lambda").map_err(InvokeError::Task)?,
            ));
        }
        Ok(answer)
    }

    async fn invoke_local(&self, invoke: &Invoke) -> Result<Answer, InvokeError> {
        let event = if invoke.event.is_empty() {
            "{}"
        } else {
            &invoke.event
        };
        match self.functions.call(&invoke.function.name, event).await {
            Some(Returned::Result(text)) => Ok(local_answer(text)),
            Some(Returned::Described(text)) => Err(InvokeError::Function(text)),
            Some(Returned::Broken { error, cause }) => Err(InvokeError::Task(errors::fail(error, cause))),
            None => Err(InvokeError::Task(errors::fail(
                "Lambda.ResourceNotFoundException",
                format!("Function not found: {}", invoke.function.name),
            ))),
        }
    }
}

fn request(invoke: &Invoke) -> Request {
    let mut headers = vec![("content-type".into(), "application/json".to_owned())];
    headers.push((
        "x-amz-invocation-type".into(),
        invoke
            .invocation_type
            .clone()
            .unwrap_or_else(|| "RequestResponse".to_owned()),
    ));
    if let Some(log_type) = &invoke.log_type {
        headers.push(("x-amz-log-type".into(), log_type.clone()));
    }
    if let Some(context) = &invoke.client_context {
        headers.push(("x-amz-client-context".into(), context.clone()));
    }
    let query = invoke.qualifier.as_deref().map_or_else(String::new, |qualifier| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("Qualifier", qualifier);
        format!("?{}", query.finish())
    });
    let name: String = url::form_urlencoded::byte_serialize(invoke.function.name.as_bytes()).collect();
    Request {
        method: Method::POST,
        path: format!("/2015-03-31/functions/{name}/invocations{query}"),
        host_prefix: String::new(),
        headers,
        body: Bytes::from(invoke.event.clone()),
    }
}

fn read_parameters(parameters: &Json, here: &Place) -> Result<Invoke, TaskError> {
    let text = |name: &str| parameters.get(name).and_then(Json::as_str).map(str::to_owned);
    let Some(function_name) = text("FunctionName") else {
        return Err(errors::fail(
            "States.Runtime",
            "The field 'FunctionName' is required in the parameters of lambda:invoke",
        ));
    };
    let function = FunctionName::read(&function_name, here);
    let event = match parameters.get("Payload") {
        // Lambda gives a function without a payload `{}`.
        None | Some(Json::Null) => String::new(),
        // A string is the payload's text itself.
        Some(Json::String(text)) => text.to_string(),
        Some(json) => json.to_string(),
    };
    Ok(Invoke {
        qualifier: text("Qualifier").or_else(|| function.qualifier.clone()),
        function,
        event,
        invocation_type: text("InvocationType"),
        log_type: text("LogType"),
        client_context: text("ClientContext"),
    })
}

/// Lambda's response as `lambda:invoke` gives it.
fn response(answer: &Answer) -> Result<Payload, TaskError> {
    let mut response = Object::new();
    if let Some(version) = answer.header("x-amz-executed-version") {
        response.insert("ExecutedVersion".into(), Json::from(version));
    }
    if let Some(log) = answer.header("x-amz-log-result") {
        response.insert("LogResult".into(), Json::from(log));
    }
    if !answer.body.is_empty() {
        response.insert(
            "Payload".into(),
            payload(text_of(answer, "lambda")?)?.json().clone(),
        );
    }
    metadata::add(&mut response, answer, Connection::Capital);
    response.insert("StatusCode".into(), Json::from(u64::from(answer.status.as_u16())));
    Ok(Payload::from_json(response.into()))
}

/// The failure of a function by its own description.
fn function_error(text: &str, cause: String) -> TaskError {
    let described: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    match described.get("errorType").and_then(|value| value.as_str()) {
        Some(error) => errors::fail(error, cause),
        None => errors::fail(
            "Lambda.Unknown",
            format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {text}"
            ),
        ),
    }
}

/// The payload's text, if it is not longer than a state's result may be. `resource` is what the failure names.
fn text_of(answer: &Answer, resource: &str) -> Result<String, TaskError> {
    if answer.body.len() > PAYLOAD_BYTES_MAX {
        return Err(errors::fail(
            "States.DataLimitExceeded",
            format!(
                "The state/task '{resource}' returned a result with a size exceeding the maximum number of bytes service limit."
            ),
        ));
    }
    String::from_utf8(answer.body.to_vec())
        .map_err(|_| errors::fail("Lambda.SdkClientException", "the function's payload is not UTF-8"))
}

fn payload(text: String) -> Result<Payload, TaskError> {
    let shown: String = text.chars().take(200).collect();
    let text = if text.trim().is_empty() {
        "null".to_owned()
    } else {
        text
    };
    Payload::from_text(text).map_err(|error| {
        errors::fail(
            "Lambda.SdkClientException",
            format!("the function's payload is not JSON: {error}: {shown}"),
        )
    })
}

/// What Lambda would have answered for a function that ran here.
fn local_answer(text: String) -> Answer {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-amz-executed-version", "$LATEST");
    set("x-amzn-remapped-content-length", "0");
    set("connection", "keep-alive");
    set("x-amzn-requestid", &uuid::Uuid::new_v4().to_string());
    set("content-length", &text.len().to_string());
    set("content-type", "application/json");
    Answer {
        status: StatusCode::OK,
        headers,
        body: Bytes::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_in_four_ways() {
        let here = Place::new("000000000000", "us-east-1");
        let read = |text: &str| {
            let name = FunctionName::read(text, &here);
            (
                name.place.account.to_string(),
                name.place.region.to_string(),
                name.name,
                name.qualifier,
            )
        };
        let name = |account: &str, region: &str, qualifier: Option<&str>| {
            (
                account.to_owned(),
                region.to_owned(),
                "f".to_owned(),
                qualifier.map(str::to_owned),
            )
        };
        assert_eq!(read("f"), name("000000000000", "us-east-1", None));
        assert_eq!(read("f:live"), name("000000000000", "us-east-1", Some("live")));
        assert_eq!(
            read("123456789012:function:f"),
            name("123456789012", "us-east-1", None)
        );
        assert_eq!(
            read("arn:aws:lambda:eu-west-1:123456789012:function:f:7"),
            name("123456789012", "eu-west-1", Some("7"))
        );
    }

    #[test]
    fn a_function_s_error_goes_by_its_type() {
        let error = function_error(r#"{"errorType": "Oops", "errorMessage": "m"}"#, "cause".into());
        assert_eq!(error.error.as_deref(), Some("Oops"));
        let error = function_error(r#"{"errorMessage": "m"}"#, "cause".into());
        assert_eq!(error.error.as_deref(), Some("Lambda.Unknown"));
        assert!(error.cause.unwrap().contains("did not return an error type"));
    }
}
