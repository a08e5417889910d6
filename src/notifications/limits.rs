//! The outbox's numbers.

/// How long a delivery is tried before it is dead, seconds: three days, so that a weekend's outage loses nothing.
pub(super) const RETRY_SECONDS_MAX: i64 = 3 * 24 * 3_600;

/// Wait after the first failed attempt, seconds; each further wait is four times the one before.
pub(super) const RETRY_BASE_SECONDS: i64 = 5;

/// Longest wait between two attempts, seconds.
pub(super) const RETRY_WAIT_SECONDS_MAX: i64 = 12 * 3_600;

/// Longest `Retry-After` of a receiver that is honoured, seconds.
pub(super) const RETRY_AFTER_SECONDS_MAX: u64 = 24 * 3_600;

/// Characters of an error or answer that are kept with the delivery.
pub(super) const ERROR_CHARS_MAX: usize = 500;

/// SNS subject, characters (SNS API reference, Publish: less than 100, no line breaks, no control characters).
pub(super) const SNS_SUBJECT_CHARS_MAX: usize = 99;

/// SNS message, bytes of UTF-8 (SNS API reference, Publish: 256 KiB).
pub(super) const SNS_MESSAGE_BYTES_MAX: usize = 262_144;

/// A member's text in a message that had to be shortened, characters.
pub(super) const SHORTENED_CHARS: usize = 1_024;

/// Slack's limit for a section's text, characters (Block Kit reference: 3,000).
pub(super) const SLACK_TEXT_CHARS_MAX: usize = 2_900;
