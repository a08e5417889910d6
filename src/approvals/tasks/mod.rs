//! Human tasks: workflows that wait for a person's answer (`.waitForTaskToken`).
//!
//! Tables: `tasks`; `task_tokens`, apart, so that no listing can return a token: a token goes in at the intake, leaves with the
//! answer to the engine, and is never shown or logged.
//! Jobs: [`send::SendAnswer`] takes an answer to the engine, [`deadline::Deadline`] fails a task whose time is over.
//!
//! States: `open` → `claimed` (and back) → `completing` | `failing` (answered, on the way to the engine) → `completed` | `failed`,
//! or `gone` when the engine does not wait for it any more.
//!
//! Invariants: an answer is acknowledged once it is durable, and it reaches the engine however often the process dies. One
//! answer per task. A task whose workflow was stopped is found out when somebody answers it: the API has no way to ask about
//! a token that would not also reset its heartbeat.

mod answer;
pub mod deadline;
mod hold;
pub mod http;
mod intake;
mod list;
mod model;
mod rules;
pub mod send;
mod store;
