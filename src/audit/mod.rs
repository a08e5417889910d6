//! The audit trail: who did what, when and why, in an order nobody can change unseen.
//!
//! Tables: `audit_events` (append-only, a trigger refuses anything else), `audit_unsealed` (entries waiting for
//! their place), `audit_chain` (the place and the hash of each entry).
//! Jobs: [`seal::SealAudit`] gives waiting entries their place, once a second.
//!
//! Invariants: an entry is written in the transaction of what it tells of, so neither exists without the other.
//! `hash(n) = SHA-256(hash(n-1) ‖ canonical JSON of entry n)`. Sealing is apart from recording because a chain
//! extended inside every caller's transaction would make all of them wait for each other and could deadlock them
//! with their own row locks; `docs/decisions/audit-chain.md` has the reasoning and what it costs.
//!
//! Absent on purpose: changing, redacting or deleting entries. Secrets and execution data must not be recorded.

mod canonical;
mod chain;
pub mod http;
mod limits;
mod list;
mod model;
mod record;
pub mod seal;
mod store;
mod verify;

pub use canonical::canonical_json;
pub use model::{AuditEntry, SYSTEM_ACTOR};
pub use record::record;
