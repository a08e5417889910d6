//! Tests of a version before it gets traffic: executions of the version itself, by its ARN, with what is expected of them.
//!
//! Rows: `deployment_tests`, one per case; a case's execution has a name made from the deployment and the case, so starting it
//! twice starts it once. A test runs the version in its environment, with its real side effects, unless it has mocks: then the
//! definition is rehearsed inside this process ([`rehearse`]), and so are replays of past executions ([`replay`]).

pub mod coverage;
pub mod junit;
mod map_run;
pub mod matcher;
pub mod mocks;
pub mod model;
pub mod recording;
pub mod rehearse;
pub mod replay;
pub(super) mod run;
pub(super) mod sample;
pub mod trail;

pub use mocks::{Mock, MockSequence, MockedError, Mocks};
pub use model::{
    TestCase, TestCaseError, TestExpectation, TestMode, TestReport, TestResult, Tests, TestsWritten,
    check_cases,
};
pub use replay::{OnDifference, Replay, ReplayOutcome};
