//! Deployments.
pub mod judge;
pub mod model;
pub mod step;
pub mod strategy;
pub mod tests;
pub mod waves;
