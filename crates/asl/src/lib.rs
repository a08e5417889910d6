//! The Amazon States Language: parse, check, evaluate. No I/O, no clock, no async.

pub mod eval;
pub mod json;
pub mod limits;
