//! What optimised integrations add to a response: `SdkHttpMetadata` and `SdkResponseMetadata`, as AWS's SDK for Java shows them.

use std::sync::Arc;

use asl::json::value::{Json, Object};
use http::HeaderMap;

use super::aws::Answer;

/// Whether a service's `Connection` header is shown with a capital, as Lambda sends it, or not, as all others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    Capital,
    Small,
}

/// Adds both to a response.
pub(super) fn add(response: &mut Object, answer: &Answer, connection: Connection) {
    let headers = shown(&answer.headers, connection);
    let mut all = Object::new();
    let mut single = Object::new();
    for (name, values) in &headers {
        let values: Vec<Json> = values.iter().map(|value| Json::from(value.as_str())).collect();
        if let Some(last) = values.last() {
            single.insert(name.clone(), last.clone());
        }
        all.insert(name.clone(), Json::array(values));
    }
    let mut http = Object::new();
    http.insert("AllHttpHeaders".into(), all.into());
    http.insert("HttpHeaders".into(), single.into());
    http.insert(
        "HttpStatusCode".into(),
        Json::from(u64::from(answer.status.as_u16())),
    );
    response.insert("SdkHttpMetadata".into(), http.into());
    let mut metadata = Object::new();
    metadata.insert("RequestId".into(), Json::from(answer.request_id().as_str()));
    response.insert("SdkResponseMetadata".into(), metadata.into());
}

/// The headers by the names AWS sends; on the way here they lost their capitals.
fn shown(headers: &HeaderMap, connection: Connection) -> Vec<(Arc<str>, Vec<String>)> {
    headers
        .keys()
        .map(|name| {
            let values = headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok().map(str::to_owned))
                .collect();
            (display_name(name.as_str(), connection).into(), values)
        })
        .collect()
}

/// A header's name with the capitals AWS gives it.
pub(super) fn display_name(name: &str, connection: Connection) -> String {
    match name {
        "connection" if connection == Connection::Small => "connection".to_owned(),
        "x-amzn-requestid" => "x-amzn-RequestId".to_owned(),
        "x-amzn-remapped-content-length" => "x-amzn-Remapped-Content-Length".to_owned(),
        "x-amz-crc32" | "x-amz-apigw-id" => name.to_owned(),
        other => other
            .split('-')
            .map(|word| {
                let mut letters = word.chars();
                letters
                    .next()
                    .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
            })
            .collect::<Vec<_>>()
            .join("-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_get_back_the_capitals_aws_gives_them() {
        for (name, shown) in [
            ("x-amz-executed-version", "X-Amz-Executed-Version"),
            ("x-amzn-trace-id", "X-Amzn-Trace-Id"),
            ("x-amzn-requestid", "x-amzn-RequestId"),
            ("content-length", "Content-Length"),
            ("connection", "Connection"),
        ] {
            assert_eq!(display_name(name, Connection::Capital), shown);
        }
        assert_eq!(display_name("connection", Connection::Small), "connection");
    }
}
