//! Single values: numbers, moments, bytes, as text and as JSON.

use asl::json::value::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalogue::Scalar;
use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeZone as _, Utc};

use super::Unfit;

/// How a moment is written where the model does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Seconds since 1970.
    Unix,
    /// `2026-01-15T10:00:00Z`
    Iso,
    /// `Thu, 15 Jan 2026 10:00:00 GMT`
    Http,
}

impl Moment {
    /// What the model says, else what the place's default is.
    pub(super) fn of(scalar: Scalar, default: Self) -> Self {
        match scalar {
            Scalar::TimestampUnix => Self::Unix,
            Scalar::TimestampIso => Self::Iso,
            Scalar::TimestampHttp => Self::Http,
            _ => default,
        }
    }

    fn text(self, moment: DateTime<Utc>) -> String {
        match self {
            Self::Unix => unix(moment),
            Self::Iso => moment.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            Self::Http => moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        }
    }
}

fn unix(moment: DateTime<Utc>) -> String {
    match moment.timestamp_subsec_millis() {
        0 => moment.timestamp().to_string(),
        ms => format!("{}.{ms:03}", moment.timestamp()),
    }
}

/// The kind of a value, in AWS's words.
pub(super) fn wanted(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String | Scalar::Blob => "a STRING",
        Scalar::Boolean => "a BOOLEAN",
        Scalar::Integer | Scalar::Long => "an INTEGER",
        Scalar::Float | Scalar::Double => "a NUMBER",
        Scalar::Timestamp | Scalar::TimestampIso | Scalar::TimestampUnix | Scalar::TimestampHttp => {
            "a TIMESTAMP"
        }
        Scalar::Document => "a JSON value",
    }
}

/// A given value as JSON has it on the wire.
pub(super) fn to_json(scalar: Scalar, name: &str, value: &Json) -> Result<Json, Unfit> {
    let unfit = || Unfit::Kind {
        name: name.to_owned(),
        wanted: wanted(scalar),
    };
    Ok(match scalar {
        Scalar::Document => value.clone(),
        Scalar::String => Json::from(plain(value).as_str()),
        Scalar::Blob => Json::from(STANDARD.encode(plain(value)).as_str()),
        Scalar::Boolean => Json::Bool(boolean(value).ok_or_else(unfit)?),
        Scalar::Integer | Scalar::Long | Scalar::Float | Scalar::Double => {
            Json::Number(number(value).ok_or_else(unfit)?)
        }
        Scalar::Timestamp | Scalar::TimestampIso | Scalar::TimestampUnix | Scalar::TimestampHttp => {
            let moment = moment(value).ok_or_else(unfit)?;
            match Moment::of(scalar, Moment::Unix) {
                Moment::Unix => unix(moment).parse().map(Json::Number).map_err(|_| unfit())?,
                form => Json::from(form.text(moment).as_str()),
            }
        }
    })
}

/// A given value as text: in forms, XML, headers, paths and queries.
pub(super) fn to_text(scalar: Scalar, name: &str, value: &Json, default: Moment) -> Result<String, Unfit> {
    let unfit = || Unfit::Kind {
        name: name.to_owned(),
        wanted: wanted(scalar),
    };
    Ok(match scalar {
        Scalar::String | Scalar::Document => plain(value),
        Scalar::Blob => STANDARD.encode(plain(value)),
        Scalar::Boolean => boolean(value).ok_or_else(unfit)?.to_string(),
        Scalar::Integer | Scalar::Long | Scalar::Float | Scalar::Double => {
            number(value).ok_or_else(unfit)?.to_string()
        }
        Scalar::Timestamp | Scalar::TimestampIso | Scalar::TimestampUnix | Scalar::TimestampHttp => {
            Moment::of(scalar, default).text(moment(value).ok_or_else(unfit)?)
        }
    })
}

/// Text as it is, everything else as its JSON.
pub(super) fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn boolean(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(flag) => Some(*flag),
        Json::String(text) => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

fn number(value: &Json) -> Option<serde_json::Number> {
    match value {
        Json::Number(number) => Some(number.clone()),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A moment as definitions write it: ISO 8601, or seconds since 1970.
pub(super) fn moment(value: &Json) -> Option<DateTime<Utc>> {
    match value {
        Json::Number(number) => from_seconds(number.as_f64()?),
        Json::String(text) => from_text(text),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "ms since 1970 of any date that chrono knows are far below 2^63"
)]
fn from_seconds(seconds: f64) -> Option<DateTime<Utc>> {
    Utc.timestamp_millis_opt((seconds * 1000.0).round() as i64)
        .single()
}

fn from_text(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc2822(text))
        .map(|moment| moment.to_utc())
        .ok()
        .or_else(|| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                .ok()
                .map(|moment| moment.and_utc())
        })
        .or_else(|| text.parse().ok().and_then(from_seconds))
}

/// A value of an answer's JSON as the SDK shows it.
pub(super) fn from_json(scalar: Scalar, value: &Json) -> Json {
    match (scalar, value) {
        (Scalar::Blob, Json::String(text)) => STANDARD
            .decode(text.as_bytes())
            .map_or_else(|_| value.clone(), |bytes| shown_bytes(&bytes)),
        (scalar, value) if scalar.is_timestamp() => shown_moment(value).unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    }
}

/// A value of an answer's text (an element, a header) as the SDK shows it.
pub(super) fn from_text_of(scalar: Scalar, text: &str) -> Json {
    match scalar {
        Scalar::Boolean => match text.trim() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => Json::from(text),
        },
        Scalar::Integer | Scalar::Long | Scalar::Float | Scalar::Double => text
            .trim()
            .parse()
            .map_or_else(|_| Json::from(text), Json::Number),
        scalar => from_json(scalar, &Json::from(text)),
    }
}

fn shown_moment(value: &Json) -> Option<Json> {
    Some(Json::from(Moment::Iso.text(moment(value)?).as_str()))
}

/// Bytes as they are shown: as text where they are text, else in Base64.
pub(super) fn shown_bytes(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => Json::from(text),
        Err(_) => Json::from(STANDARD.encode(bytes).as_str()),
    }
}
