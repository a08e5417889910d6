//! Deployments.
pub mod judge;
