//! Executions: start, stop, redrive, describe, list, history.
//!
//! Tables: `engine.executions`, `engine.history`; `engine.frames` and `engine.frame_inputs` belong to the runtime. What is
//! answered here is read from Postgres, so nothing is visible before it is durable.

pub mod model;

pub use model::{ExecutionId, ExecutionStatus, ParentTask};
