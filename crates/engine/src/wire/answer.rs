//! Answers: a JSON body of AWS JSON 1.0, and the types its members have on the wire.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// An answer that has this JSON text as its body.
pub(super) fn raw(status: StatusCode, text: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

/// Milliseconds since the epoch; on the wire seconds with a fraction, as AWS JSON has timestamps. Step Functions writes them as
/// Java writes a double, `1.701967538123E9`, which shows where an answer's length does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl From<chrono::DateTime<chrono::Utc>> for Timestamp {
    fn from(time: chrono::DateTime<chrono::Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        java_double(self.0)
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// `Double.toString` of so many thousandths.
fn java_double(ms: i64) -> serde_json::Result<Box<RawValue>> {
    let digits = ms.unsigned_abs().to_string();
    // Below 10^7 Java writes no exponent.
    let text = match digits.len().checked_sub(4) {
        Some(exponent) if exponent >= 7 => {
            let (first, rest) = digits.split_at(1);
            let rest = rest.trim_end_matches('0');
            let rest = if rest.is_empty() { "0" } else { rest };
            let sign = if ms < 0 { "-" } else { "" };
            format!("{sign}{first}.{rest}E{exponent}")
        }
        #[expect(clippy::cast_precision_loss, reason = "the number has ten digits at most")]
        _ => format!("{:?}", ms as f64 / 1000.0),
    };
    RawValue::from_string(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_written_as_java_writes_doubles() {
        for (ms, text) in [
            (1_701_967_538_123, "1.701967538123E9"),
            (1_701_967_538_100, "1.7019675381E9"),
            (1_000_000_000_000, "1.0E9"),
            (10_000_000_000, "1.0E7"),
            (9_999_999_999, "9999999.999"),
            (-1_701_967_538_123, "-1.701967538123E9"),
            (1_500, "1.5"),
            (0, "0.0"),
        ] {
            assert_eq!(serde_json::to_string(&Timestamp(ms)).unwrap(), text);
            let read: f64 = serde_json::from_str(text).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let wanted = ms as f64 / 1000.0;
            assert!((read - wanted).abs() < 1e-9);
        }
    }
}

/// An answer without members.
#[derive(Debug, Serialize)]
pub struct Empty {}
