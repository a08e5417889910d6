//! The mock file of AWS Step Functions Local: what named states answer in a test case, in place of what they call.
//!
//! An execution started at `<state machine's ARN>#<test case>` takes the answers of that case; states the case does not name
//! call what they always call. The file is read at each start, and the case stays with its execution as it was read then, so a
//! change of the file (or a restart of the engine) does not change an execution under way.
//!
//! Source: developer guide, "Using mocked service integrations for testing in Step Functions Local".

mod answer;
mod file;

pub use answer::answer;
pub use file::{MockError, MockFile};
