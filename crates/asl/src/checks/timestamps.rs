//! RFC 3339 as AWS reads it: a `T`, a `Z` or an offset, both in upper case, and a day that exists.

use chrono::{DateTime, FixedOffset};

/// Reads a timestamp; otherwise says what to write.
pub(super) fn parse(text: &str) -> Result<DateTime<FixedOffset>, String> {
    let example = "Write it like 2030-01-31T08:00:00Z.";
    if text.contains(['t', 'z']) {
        return Err(format!("T and Z must be in upper case. {example}"));
    }
    if !text.contains('T') {
        return Err(format!("Date and time are separated by T. {example}"));
    }
    DateTime::parse_from_rfc3339(text).map_err(|error| match error.to_string().as_str() {
        "premature end of input" => format!("The time or its zone is incomplete. {example}"),
        "input is out of range" => format!("There is no such day or time. {example}"),
        _ => example.to_owned(),
    })
}

/// The timestamp that was meant: in upper case, with a `T`, in UTC where no zone is named.
pub(super) fn near(text: &str) -> Option<String> {
    let joined = text.trim().to_ascii_uppercase().replacen(' ', "T", 1);
    [
        joined.clone(),
        format!("{joined}Z"),
        format!("{joined}T00:00:00Z"),
    ]
    .into_iter()
    .find(|candidate| parse(candidate).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{near, parse};

    #[test]
    fn what_was_meant_is_told_where_it_is_a_day() {
        assert_eq!(near("2030-01-31t08:00:00z").unwrap(), "2030-01-31T08:00:00Z");
        assert_eq!(near("2030-01-31 08:00:00").unwrap(), "2030-01-31T08:00:00Z");
        assert_eq!(near("2030-01-31").unwrap(), "2030-01-31T00:00:00Z");
        assert_eq!(near("2030-02-31"), None);
        assert_eq!(near("soon"), None);
    }

    #[test]
    fn only_complete_upper_case_timestamps_of_real_days_are_read() {
        for good in [
            "2030-01-31T08:00:00Z",
            "2030-01-31T08:00:00.123Z",
            "2024-02-29T23:59:59+02:00",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "2030-02-30T08:00:00Z",
            "2030-01-31",
            "2030-01-31 08:00:00Z",
            "2030-01-31t08:00:00z",
            "soon",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
