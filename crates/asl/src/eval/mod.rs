//! The evaluator: a machine, a frame and an event give the next frame, commands and history. Pure: what time it is and what is
//! random comes in with [`Env`].

pub mod command;
pub mod env;
pub mod event;
pub mod frame;
pub mod history;

pub use command::{Command, Failure, Outcome, Pattern, Resource, TaskCall, TaskId, TimerId};
pub use env::{Env, ExecutionFacts, MachineKind};
pub use event::{Event, FailureKind};
pub use frame::{Frame, Stepped};
pub use history::{Detail, ExecutionData, HistoryEvent, Iteration, StateType, TaskResource};
