//! Who calls: account and region from the scope of the signature, and whether the signature has to be right.

use std::sync::Arc;

use http::HeaderMap;

use super::error::{ApiError, ErrorCode};
use crate::arn::Place;

/// The one who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Where the ARNs made for this request are.
    pub place: Place,
}

/// The parts of an `Authorization` header of Signature Version 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    pub(super) access_key: &'a str,
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) signed_headers: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// The header's parts; none when the request carries no such header.
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Option<Self>, ApiError> {
        let Some(value) = headers.get(http::header::AUTHORIZATION) else {
            return Ok(None);
        };
        value
            .to_str()
            .ok()
            .and_then(Self::parse)
            .map(Some)
            .ok_or_else(|| {
                ApiError::new(
                    ErrorCode::IncompleteSignatureException,
                    "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters of AWS4-HMAC-SHA256.",
                )
            })
    }

    fn parse(value: &'a str) -> Option<Self> {
        let parameters = value.strip_prefix("AWS4-HMAC-SHA256")?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for parameter in parameters.split(',') {
            match parameter.trim().split_once('=')? {
                ("Credential", value) => credential = Some(value),
                ("SignedHeaders", value) => signed_headers = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => return None,
            }
        }
        // The access key itself may hold slashes, the rest of the scope can't.
        let mut scope = credential?.rsplitn(5, '/');
        let (terminator, service, region, date, access_key) = (
            scope.next()?,
            scope.next()?,
            scope.next()?,
            scope.next()?,
            scope.next()?,
        );
        if terminator != "aws4_request" || access_key.is_empty() || region.is_empty() {
            return None;
        }
        Some(Self {
            access_key,
            date,
            region,
            service,
            signed_headers: signed_headers?,
            signature: signature?,
        })
    }
}

/// The caller by the signature's scope: an access key of twelve digits stands for that account.
pub(super) fn identify(
    authorization: Option<&Authorization<'_>>,
    key_account: Option<&str>,
    default: &Place,
) -> Caller {
    let Some(authorization) = authorization else {
        return Caller {
            place: default.clone(),
        };
    };
    let key = authorization.access_key;
    let account: Arc<str> = if let Some(account) = key_account {
        account.into()
    } else if key.len() == 12 && key.bytes().all(|b| b.is_ascii_digit()) {
        key.into()
    } else {
        default.account.clone()
    };
    Caller {
        place: Place {
            account,
            region: authorization.region.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn account_and_region_come_from_the_scope() {
        let default = Place::new("000000000000", "us-east-1");
        let of = |key: &str| {
            let headers = headers(&format!(
                "AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/states/aws4_request, SignedHeaders=host, Signature=ab"
            ));
            let authorization = Authorization::read(&headers).unwrap();
            identify(authorization.as_ref(), None, &default).place
        };
        assert_eq!(of("000000000002"), Place::new("000000000002", "eu-west-1"));
        assert_eq!(of("AKIAIOSFODNN"), Place::new("000000000000", "eu-west-1"));
        assert_eq!(identify(None, None, &default).place, default);
    }

    #[test]
    fn a_header_that_is_no_signature_is_refused() {
        for bad in [
            "Basic abc",
            "AWS4-HMAC-SHA256 Credential=a/b",
            "AWS4-HMAC-SHA256 Credential=a/1/r/s/x, SignedHeaders=h, Signature=s",
        ] {
            let error = Authorization::read(&headers(bad)).unwrap_err();
            assert_eq!(error.code, ErrorCode::IncompleteSignatureException, "{bad}");
        }
    }
}
