//! Signature Version 4, checked as AWS checks it: the request is signed again with the key's secret, and the two are compared.
//! Source: "Signature Version 4 for API requests", IAM user guide.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::{HeaderMap, request::Parts};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::caller::Authorization;
use super::error::{ApiError, ErrorCode};
use crate::limits::SIGNATURE_AGE_MS_MAX;

/// A key callers may sign with. When none is configured every key is taken, unchecked.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// The access key id.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// The account it belongs to, twelve digits; absent, the engine's default, or the id itself when that is twelve digits.
    #[serde(default)]
    pub account: Option<String>,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Checks the signature of a request whose body is at hand. `now_ms` since 1970.
pub(super) fn verify<'k>(
    keys: &'k [AccessKey],
    request: &Parts,
    body: &[u8],
    authorization: Option<&Authorization<'_>>,
    now_ms: i64,
) -> Result<&'k AccessKey, ApiError> {
    let authorization = authorization.ok_or_else(|| {
        ApiError::new(
            ErrorCode::MissingAuthenticationTokenException,
            "Missing Authentication Token",
        )
    })?;
    let key = keys
        .iter()
        .find(|key| key.id == authorization.access_key)
        .ok_or_else(|| {
            ApiError::new(
                ErrorCode::UnrecognizedClientException,
                "The security token included in the request is invalid.",
            )
        })?;
    let signed_at = request
        .headers
        .get("x-amz-date")
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| incomplete("Authorization header requires existence of an 'X-Amz-Date' header."))?;
    let signed_ms = read_date(signed_at)
        .ok_or_else(|| incomplete("Date must be in ISO-8601 'basic format'. See 'X-Amz-Date'."))?;
    if !signed_at.starts_with(authorization.date) {
        return Err(invalid(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
        ));
    }
    if (now_ms - signed_ms).abs() > SIGNATURE_AGE_MS_MAX {
        return Err(invalid(&format!(
            "Signature expired: {signed_at} is not within 15 minutes of the service's time"
        )));
    }
    let headers_signed: Vec<&str> = authorization.signed_headers.split(';').collect();
    if !headers_signed.contains(&"host") {
        return Err(invalid(
            "'Host' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    let canonical = canonical_request(request, body, &headers_signed);
    let scope = format!(
        "{}/{}/{}/aws4_request",
        authorization.date, authorization.region, authorization.service
    );
    let string_to_sign = format!(
        "AWS4-HMAC-SHA256\n{signed_at}\n{scope}\n{}",
        hex::encode(Sha256::digest(canonical.as_bytes()))
    );
    let since_1970 = Duration::from_millis(u64::try_from(signed_ms).unwrap_or(0));
    let signing_key = generate_signing_key(
        &key.secret,
        UNIX_EPOCH + since_1970,
        authorization.region,
        authorization.service,
    );
    let wanted = calculate_signature(signing_key, string_to_sign.as_bytes());
    if bool::from(wanted.as_bytes().ct_eq(authorization.signature.as_bytes())) {
        Ok(key)
    } else {
        Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details.",
        ))
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidSignatureException, message)
}

fn incomplete(message: &str) -> ApiError {
    ApiError::new(ErrorCode::IncompleteSignatureException, message)
}

/// `20260131T235959Z` in ms since 1970.
fn read_date(text: &str) -> Option<i64> {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
    Some(time.and_utc().timestamp_millis())
}

fn canonical_request(request: &Parts, body: &[u8], headers_signed: &[&str]) -> String {
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method,
        canonical_path(request.uri.path()),
        canonical_query(request)
    );
    for name in headers_signed {
        canonical.extend([*name, ":", &header_values(request, name), "\n"]);
    }
    let hash = hex::encode(Sha256::digest(body));
    format!("{canonical}\n{}\n{hash}", headers_signed.join(";"))
}

/// The values of a header, joined by commas, with runs of blanks as one.
fn header_values(request: &Parts, name: &str) -> String {
    // HTTP/2 has the host in the request's target.
    if name == "host" && !request.headers.contains_key(http::header::HOST) {
        return request
            .uri
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default();
    }
    let values: Vec<String> = all_of(&request.headers, name)
        .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    values.join(",")
}

fn all_of<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
}

/// The path, its segments encoded once more (every service but S3).
fn canonical_path(path: &str) -> String {
    let segments: Vec<String> = path
        .split('/')
        .map(|segment| encode(segment.as_bytes()))
        .collect();
    match segments.join("/") {
        path if path.is_empty() => "/".to_owned(),
        path => path,
    }
}

/// The query's parameters in order, encoded anew.
fn canonical_query(request: &Parts) -> String {
    let mut parameters: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(request.uri.query().unwrap_or("").as_bytes()) {
        *parameters
            .entry((encode(name.as_bytes()), encode(value.as_bytes())))
            .or_default() += 1;
    }
    let mut pairs = Vec::new();
    for ((name, value), count) in parameters {
        for _ in 0..count {
            pairs.push(format!("{name}={value}"));
        }
    }
    pairs.join("&")
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encode(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(*byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([*byte]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's guide ("Signature Version 4 test suite", `post-x-www-form-urlencoded` shaped after this API), signed by
    /// an independent signer: aws-sigv4's own request signing.
    fn signed(secret: &str, body: &'static str) -> (Parts, AccessKey) {
        use aws_credential_types::Credentials;
        use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
        use aws_sigv4::sign::v4;

        let identity = Credentials::new("AKID", secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("states")
            .time(UNIX_EPOCH + Duration::from_millis(NOW_MS))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let mut request = http::Request::post("http://127.0.0.1:8083/?b=2&a=1%20x")
            .header("host", "127.0.0.1:8083")
            .header("x-amz-target", "AWSStepFunctions.ListActivities")
            .body(body)
            .unwrap();
        let signable = SignableRequest::new(
            "POST",
            request.uri().to_string(),
            request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap())),
            SignableBody::Bytes(body.as_bytes()),
        )
        .unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        let key = AccessKey {
            id: "AKID".into(),
            secret: "secret".into(),
            account: None,
        };
        (request.into_parts().0, key)
    }

    /// 2026-01-01T00:00:00Z
    const NOW_MS: u64 = 1_767_225_600_000;

    fn check(request: &Parts, key: AccessKey, body: &str, now_ms: i64) -> Result<(), ErrorCode> {
        let authorization = Authorization::read(&request.headers).unwrap();
        verify(&[key], request, body.as_bytes(), authorization.as_ref(), now_ms)
            .map(drop)
            .map_err(|error| error.code)
    }

    #[test]
    fn a_good_signature_passes_and_everything_else_does_not() {
        let now = i64::try_from(NOW_MS).unwrap();
        let (request, key) = signed("secret", "{}");
        assert_eq!(check(&request, key.clone(), "{}", now), Ok(()));
        let invalid = Err(ErrorCode::InvalidSignatureException);
        assert_eq!(check(&request, key.clone(), "{ }", now), invalid, "another body");
        assert_eq!(
            check(&request, key.clone(), "{}", now + 16 * 60_000),
            invalid,
            "too old"
        );
        let (by_other_secret, _) = signed("guess", "{}");
        assert_eq!(
            check(&by_other_secret, key.clone(), "{}", now),
            invalid,
            "another secret"
        );
        let (mut changed, _) = signed("secret", "{}");
        changed
            .headers
            .insert("x-amz-target", "AWSStepFunctions.DeleteActivity".parse().unwrap());
        assert_eq!(check(&changed, key.clone(), "{}", now), invalid, "another target");
        let stranger = AccessKey {
            id: "OTHER".into(),
            ..key.clone()
        };
        assert_eq!(
            check(&request, stranger, "{}", now),
            Err(ErrorCode::UnrecognizedClientException)
        );
        let (mut unsigned, _) = signed("secret", "{}");
        unsigned.headers.remove(http::header::AUTHORIZATION);
        assert_eq!(
            check(&unsigned, key, "{}", now),
            Err(ErrorCode::MissingAuthenticationTokenException)
        );
    }
}
