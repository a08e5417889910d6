//! Several deployments as one: a release deploys several templates to one environment in the order of their dependencies, a
//! rolling deployment one template to several environments in waves. One status, scenarios afterwards, rollback of all.
//!
//! Tables: `releases`, `release_members`. Job: [`advance::AdvanceRelease`]. What to do next is decided in `waves.rs`.

pub mod advance;
mod check;
pub(super) mod http;
pub mod model;
pub(super) mod rolling;
pub(super) mod scenario;
pub(super) mod start;
mod view;
