//! The door to Step Functions: AWS, the embedded engine, or anything else that speaks the API. Everything goes through
//! aws-sdk-sfn; the embedded engine is reached by a transport inside this process, so there is one code path for all.
//!
//! One method for each operation of the API that is used, named as there; plain types in and out. What the door adds:
//! - token buckets for each account, region and operation, so that the service stays below AWS's quotas, with reserves for what
//!   matters more ([`Priority`]);
//! - a timeout on everything and a bounded number of retries;
//! - one error type that says what the caller can do ([`ErrorKind`]), and its problem for clients (`http/step_functions.rs`);
//! - `signalbox_step_functions_calls_total`.
//!
//! Nothing here remembers what AWS said.

mod aliases;
mod client;
mod error;
mod executions;
pub mod faults;
mod history;
mod machines;
mod model;
mod operation;
mod tags;
mod tasks;
mod test_state;
#[cfg(test)]
mod tests;
mod throttle;
mod transport;
mod versions;

pub use client::StepFunctions;
pub use error::{ErrorKind, StepFunctionsError};
pub use model::*;
pub use operation::{Operation, Priority};
pub use throttle::{Limits, Throttle};
pub use transport::Transport;

pub(crate) use client::{Destination, connect, shared_config};
