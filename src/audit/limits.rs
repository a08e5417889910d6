//! The audit trail's numbers.

/// Entries sealed per transaction: a second's worth on a very busy day, and still a short statement.
pub(super) const SEAL_BATCH: u32 = 1_000;

/// Links read at once while the chain is walked: bounds memory (an entry is about 1 KB).
pub(super) const VERIFY_BATCH: u32 = 1_000;
