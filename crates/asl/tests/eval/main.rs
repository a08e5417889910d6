//! Whole executions through `start` and `step`, with scripted tasks and a clock of their own. Every run happens twice: once with
//! its frame in memory, once with the frame written down and read back after each step; both must do the same.
#![expect(clippy::unwrap_used, reason = "a failed test should panic")]

mod choices;
mod distributed;
mod errors;
mod flow;
mod harness;
mod jsonata;
mod maps;
mod odd_inputs;
mod paths;
mod probe;
mod redrive;
mod tasks;
