//! Timestamps as the language writes and reads them.

use chrono::{DateTime, FixedOffset, SecondsFormat, TimeZone as _, Utc};

/// An ISO-8601 extended date-time with an offset (`2016-03-14T01:59:00Z`); nothing less is accepted.
pub(crate) fn parse(text: &str) -> Option<DateTime<FixedOffset>> {
    if text.as_bytes().get(10) != Some(&b'T') || text.ends_with('z') {
        return None;
    }
    DateTime::parse_from_rfc3339(text).ok()
}

/// The same in epoch milliseconds, rounded up so that a wait never ends early.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    let moment = parse(text)?;
    let rest = i64::from(moment.timestamp_subsec_nanos() % 1_000_000 > 0);
    Some(moment.timestamp_millis() + rest)
}

/// As the context object shows times: `2019-03-26T20:14:13.192Z`.
pub(crate) fn format_ms(ms: i64) -> String {
    match Utc.timestamp_millis_opt(ms).single() {
        Some(moment) => moment.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => String::new(),
    }
}
