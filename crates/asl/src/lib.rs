//! The Amazon States Language: parse, check, evaluate. No I/O, no clock, no async.

pub mod eval;
pub mod intrinsics;
pub mod json;
pub mod jsonata;
pub mod limits;
pub mod machine;
pub mod paths;
