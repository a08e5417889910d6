//! Gates that wait for people, and human tasks of running workflows.
//!
//! Tables: `approvals` (one row per gate of a subject), `approval_decisions`, `approval_delegations`, `approval_digests`
//! (what was asked about in each round); `tasks`, `task_tokens` (see [`tasks`]).
//! Jobs: [`announce::Announce`] tells whoever is asked, [`expire::Expire`] closes or escalates in time.
//!
//! Invariants: an approval is for one digest. Whoever waits for it calls [`ask`] again and again with the plan as it is
//! now; a plan with another digest opens a new round, pending again, and what was decided before stays as history. A
//! decision, its audit entry and the wake-up of whoever waits are one transaction. One person decides once per level, and
//! the excluded (who asked, who wrote it) can't come in by delegation. With every caller `anonymous` nobody counts as
//! another person: [`obstacles`] says so beforehand.

pub mod announce;
mod ask;
mod decide;
mod delegate;
mod escalate;
pub mod expire;
pub mod http;
mod link;
mod list;
mod model;
mod page;
mod people;
mod rules;
mod store;
pub mod tasks;
mod withdraw;

pub use ask::{ask, plan_digest};
pub use decide::{Decide, DecideError, Decided, decide};
pub use list::{standing, standings};
pub use model::{
    ApprovalState, Approver, Exclusion, Gate, GateMoment, InvalidApprover, Level, OnExpire, Question,
    Standing, Via, Vote, Wake,
};
pub use people::obstacles;
pub use rules::{Refusal, gate_faults};
pub use withdraw::withdraw;
