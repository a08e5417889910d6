//! What every endpoint shares: extractors whose rejections are problems, the problem document, the caller, the layers.
//! Knows no feature's code.

mod caller;
mod dry_run;
pub mod idempotency;
mod json;
pub mod layers;
mod params;
mod precondition;
mod problem;
mod request_context;
mod step_functions;

pub use crate::config::Role;
pub use caller::Caller;
pub use dry_run::{DryRun, Effect};
pub use idempotency::IdempotencyToken;
pub use json::Json;
pub use params::{Path, Query};
pub use precondition::{Precondition, Unmet, etag};
pub use problem::{ErrorItem, Problem, ProblemKind};
pub use request_context::request_id;
