//! The evaluator: a machine, a frame and an event give the next frame, commands and history. Pure: what time it is and what is
//! random comes in with [`Env`].

mod amount;
mod choice;
pub mod command;
mod compute;
mod distributed;
pub mod env;
pub mod event;
mod fail;
mod flow;
pub mod frame;
pub mod history;
mod map;
pub mod map_run;
mod parallel;
mod pass;
mod place;
pub mod probe;
mod problem;
mod redrive;
mod retry;
mod run;
mod task;
pub(crate) mod time;
mod view;
mod wait;
mod wire;

pub use command::{Command, Failure, Outcome, Pattern, Resource, TaskCall, TaskId, TimerId};
pub use env::{Env, ExecutionFacts, MachineKind};
pub use event::{Event, FailureKind};
pub use frame::{Frame, Stepped};
pub use history::{Detail, ExecutionData, HistoryEvent, Iteration, StateType, TaskResource};
pub use map_run::{
    ChildInput, ItemReading, ItemSource, MapRunCall, OutputType, Planner, ResultWriting, Tolerance,
    Transformation,
};
pub use run::{start, step};
