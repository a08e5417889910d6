//! State tests: one state of a definition run on its own, with what it works on given and what it calls mocked (TestState).
//!
//! Nothing is kept: no machine, no execution, no history. The state runs in [`asl::eval::probe`], the evaluator of executions
//! held at a single state; a Task without a mock is called like any other.
//!
//! `rules` says what may be asked, `context` reads a given context object, `schema` compares a mock with the answers of AWS's
//! own services, `run` brings it all together.
//!
//! Source: API reference, "TestState"; developer guide, "Testing state machines with TestState API".

mod context;
mod definition;
mod model;
mod rules;
mod run;
mod schema;

pub use model::{Configuration, MockInput, StateTest, Tested, ValidationMode};
pub use rules::RuleError;
pub use run::TestError;
pub(crate) use run::run;
