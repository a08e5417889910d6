//! Deployments: a new version gets traffic step by step, is judged, and is taken back by itself when it is worse.
//!
//! Everything is done with what Step Functions offers: a version per revision, one alias per template and environment, two
//! weights (developer guide, "State machine versions and aliases"). Callers start the alias and never notice.
//!
//! Tables: `deployments` (where each stands, and where its alias is to stand), `deployment_periods` (the weights in force),
//! `deployment_looks` (what the judge saw), `deployment_events` (the timeline), `deployment_calls`, `deployment_tests`,
//! `quarantined_versions`, `alias_watch` (idle aliases), `releases`, `release_members`, `deployment_presets`,
//! `template_slos`, `ignored_drifts`.
//! Jobs: [`advance::Advance`] moves one deployment, [`releases::advance::AdvanceRelease`] several as one,
//! [`recovery::CheckRecovery`] asks some minutes after a rollback whether it helped. Schedules: [`sweep::SweepAliases`] compares
//! idle aliases with what they are to serve, [`prune::PruneVersions`] deletes versions that nothing needs.
//!
//! Invariants:
//! - One deployment moves an alias at a time (a partial unique index).
//! - A step writes our records or calls Step Functions, never both; what the alias is, is asked and never remembered. What was
//!   decided is in `step/`, pure, with its proofs.
//! - An alias that someone else moved is never overwritten unless a person says so.
//! - Executions are compared only where the weights were known: outside of settling windows, between two readings.
//! - A state machine is never deleted: that would end its running executions.

pub mod act;
pub mod advance;
mod again;
mod alarms;
mod back;
mod change;
mod check;
mod converge;
mod drift;
mod find;
mod gate;
mod guards;
pub mod http;
pub mod judge;
mod limits;
mod look;
mod measured;
pub mod model;
mod observe;
mod past;
pub mod plan;
mod prepare;
mod presets;
mod promise;
pub mod prune;
pub mod recovery;
pub mod refusal;
pub mod releases;
pub mod request;
pub mod routing;
pub mod start;
pub mod status;
pub mod step;
mod store;
pub mod strategy;
pub mod sweep;
pub mod tests;
pub mod view;
pub mod waves;
pub mod words;
mod write;
