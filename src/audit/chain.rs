//! The hash chain: each entry's hash covers the entry and the hash before it. Pure.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::canonical::canonical_json;
use super::model::RecordedEntry;

/// A link of the chain: SHA-256, 32 bytes.
pub(super) type Hash = [u8; 32];

/// What stands before the first entry.
pub(super) const GENESIS: Hash = [0; 32];

/// `SHA-256(previous ‖ canonical JSON of the entry)`.
pub(super) fn link(previous: &Hash, entry: &RecordedEntry) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update(canonical_entry(entry).as_bytes());
    hasher.finalize().into()
}

/// The text that is hashed: every field a reader sees, time in microseconds since 1970 because that is what
/// Postgres keeps exactly.
fn canonical_entry(entry: &RecordedEntry) -> String {
    canonical_json(&json!({
        "id": entry.id,
        "at_us": entry.at.timestamp_micros(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "environment": entry.environment,
        "reason": entry.reason,
        "details": entry.details,
    }))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn entry() -> RecordedEntry {
        RecordedEntry {
            seq: 1,
            id: "aud_1".to_owned(),
            at: DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
            actor: "alice".to_owned(),
            action: "deployment.start".to_owned(),
            subject: "dep_1".to_owned(),
            environment: Some("default".to_owned()),
            reason: None,
            details: json!({"weight": 10}),
        }
    }

    #[test]
    fn every_field_of_an_entry_is_under_the_hash() {
        let changes: [fn(&mut RecordedEntry); 8] = [
            |e| e.id = "aud_2".to_owned(),
            |e| e.at += TimeDelta::microseconds(1),
            |e| e.actor = "mallory".to_owned(),
            |e| e.action = "deployment.abort".to_owned(),
            |e| e.subject = "dep_2".to_owned(),
            |e| e.environment = None,
            |e| e.reason = Some("because".to_owned()),
            |e| e.details = json!({"weight": 11}),
        ];
        let honest = link(&GENESIS, &entry());
        for change in changes {
            let mut changed = entry();
            change(&mut changed);
            assert_ne!(link(&GENESIS, &changed), honest, "{changed:?}");
        }
    }

    #[test]
    fn a_link_depends_on_the_one_before() {
        assert_ne!(link(&GENESIS, &entry()), link(&[1; 32], &entry()));
    }
}
