//! Signalbox: the control plane for AWS Step Functions. docs/ARCHITECTURE.md has the map; this is the list of rooms, bottom up.
//! A module may use those above it in this list, never those below (`tests/tidy.rs` checks).

// ground
pub mod clock;
pub mod config;
pub mod ids;
pub mod limits;
pub mod region;
pub mod schema;
pub mod telemetry;
// the outside world, one door each
pub mod db;
pub mod outbound;
pub mod step_functions;
// shared by features
pub mod app;
pub mod http;
pub mod jobs;
pub mod lifecycle;
pub mod signals;
// features: one folder per noun
pub mod access;
pub mod analytics;
pub mod approvals;
pub mod audit;
pub mod cloudwatch;
pub mod deployments;
pub mod environments;
pub mod executions;
pub mod notifications;
pub mod policies;
pub mod slack;
pub mod templates;
// index: one line per thing
pub mod routes;
pub mod workers;
// the command line
pub mod cli;
