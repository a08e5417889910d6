//! The Amazon States Language: parse, check, evaluate. No I/O, no clock, no async.

pub mod checks;
pub mod diagnostic;
pub mod eval;
pub mod fixes;
pub mod intrinsics;
pub mod items;
pub mod json;
pub mod jsonata;
pub mod limits;
pub mod machine;
pub mod paths;
mod random;
mod suggest;
pub mod syntax;

pub use checks::{CheckOptions, Checked, Diagnosis, check, diagnose};
pub use diagnostic::{
    Code, Confidence, Diagnostic, Fix, PatchOperation, Region, Severity, invalid_definition_message,
};
pub use eval::MachineKind;
pub use machine::Machine;
