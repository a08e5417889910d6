//! The registry's numbers, each with its unit, reason and source.

/// Characters of a template's name (AWS Step Functions: names of state machines).
pub(super) const NAME_LENGTH_MAX: usize = 80;

/// Seconds of a top-level `TimeoutSeconds` (Amazon States Language, "Timeouts"; the default AWS applies to tasks).
pub(super) const TIMEOUT_SECONDS_MAX: u32 = 99_999_999;

/// Attempts of a default Retry. Far above what helps against transient errors; it keeps a typing error from running for weeks.
pub(super) const RETRY_ATTEMPTS_MAX: u32 = 100;

/// Tags of a state machine (AWS Step Functions quota).
pub(super) const TAGS_MAX: usize = 50;

/// Characters of a tag's key (AWS tagging rules).
pub(super) const TAG_KEY_LENGTH_MAX: usize = 128;

/// Characters of a tag's value (AWS tagging rules).
pub(super) const TAG_VALUE_LENGTH_MAX: usize = 256;

/// Single changes that a diff lists; its text is complete all the same.
pub(super) const DIFF_CHANGES_MAX: usize = 1_000;

/// Environments that one registration may name.
pub(super) const REGISTRATION_ENVIRONMENTS_MAX: usize = 20;

/// Seconds of a default Retry: first interval and ceiling, with full jitter between (AWS Builders' Library, "Timeouts, retries, and backoff with jitter").
pub(super) const DEFAULT_RETRY_INTERVAL_SECONDS: u32 = 1;
/// See [`DEFAULT_RETRY_INTERVAL_SECONDS`].
pub(super) const DEFAULT_RETRY_MAX_DELAY_SECONDS: u32 = 60;
