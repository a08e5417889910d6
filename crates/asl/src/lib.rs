//! The Amazon States Language: parse, check, evaluate. No I/O, no clock, no async.

pub mod checks;
pub mod diagnostic;
pub mod eval;
pub mod intrinsics;
pub mod json;
pub mod jsonata;
pub mod limits;
pub mod machine;
pub mod paths;
mod suggest;
pub mod syntax;

pub use checks::{CheckOptions, Checked, check};
