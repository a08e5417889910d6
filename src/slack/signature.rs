//! Slack's signature of a request (Slack API, "Verifying requests from Slack"): HMAC-SHA256 over `v0:TIMESTAMP:BODY`.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How old or how far ahead a request's timestamp may be, seconds (Slack's own recommendation against replays).
const AGE_SECONDS_MAX: i64 = 5 * 60;

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    #[error("the request carries no signature of Slack")]
    Missing,
    #[error("the request's timestamp is more than five minutes off")]
    Stale,
    #[error("the request's signature is not Slack's")]
    Wrong,
}

/// Checks `x-slack-signature` and `x-slack-request-timestamp` for a body.
pub(super) fn check(
    secret: &str,
    signature: Option<&str>,
    timestamp: Option<&str>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), SignatureError> {
    let (Some(signature), Some(timestamp)) = (signature, timestamp) else {
        return Err(SignatureError::Missing);
    };
    let seconds: i64 = timestamp.parse().map_err(|_| SignatureError::Missing)?;
    if now.timestamp().abs_diff(seconds) > AGE_SECONDS_MAX.unsigned_abs() {
        return Err(SignatureError::Stale);
    }
    let given = signature
        .strip_prefix("v0=")
        .and_then(|hex| hex::decode(hex).ok())
        .ok_or(SignatureError::Wrong)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| SignatureError::Wrong)?;
    mac.update(format!("v0:{timestamp}:").as_bytes());
    mac.update(body);
    mac.verify_slice(&given).map_err(|_| SignatureError::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's documentation.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_documented_example_is_slacks() {
        let checked = check(
            SECRET,
            Some(SIGNATURE),
            Some("1531420618"),
            BODY.as_bytes(),
            at(1_531_420_700),
        );
        assert_eq!(checked, Ok(()));
    }

    #[test]
    fn an_old_a_changed_and_an_unsigned_request_are_refused() {
        let check = |signature, timestamp, body: &str, now| {
            check(SECRET, signature, timestamp, body.as_bytes(), at(now))
        };
        let (sign, time) = (Some(SIGNATURE), Some("1531420618"));
        assert_eq!(check(sign, time, BODY, 1_531_420_919), Err(SignatureError::Stale));
        assert_eq!(
            check(sign, time, "text=approve", 1_531_420_618),
            Err(SignatureError::Wrong)
        );
        assert_eq!(
            check(sign, Some("1531420619"), BODY, 1_531_420_618),
            Err(SignatureError::Wrong)
        );
        assert_eq!(
            check(None, time, BODY, 1_531_420_618),
            Err(SignatureError::Missing)
        );
    }
}
