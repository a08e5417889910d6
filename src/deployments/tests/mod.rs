//! Tests of a version before it gets traffic: executions of the version itself, by its ARN, with what is expected of them.
//!
//! Rows: `deployment_tests`, one per case; a case's execution has a name made from the deployment and the case, so starting it
//! twice starts it once. Nothing is simulated: a test runs the version in its environment, with its real side effects.

pub mod coverage;
pub mod junit;
pub mod matcher;
pub mod model;
pub(super) mod run;

pub use model::{TestCase, TestCaseError, TestExpectation, TestReport, TestResult, check_cases};
