//! `[functions.NAME]`: Lambda functions of the embedded engine that run here. What they are is the engine's own affair.

pub use signalbox_engine::integrations::config::{Function, FunctionTarget};
