//! Executions: start, stop, redrive, describe, list, history; and the answers to their tasks.
//!
//! Tables: `engine.executions`, `engine.history`; written by the journal, read here. What is answered is read from
//! Postgres, so nothing is visible before it is durable.

mod answer;
mod find;
mod history;
mod list;
pub mod model;
mod redrive;
pub(crate) mod retain;
mod start;
mod stop;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sqlx::PgPool;

use crate::clock::Clock;
use crate::machines::Machines;
use crate::runtime::Runtime;

pub use answer::AnswerError;
pub use find::{FindError, Redrivable};
pub use history::{HistoryPage, HistoryRequest, Order};
pub use list::{Listed, RedriveFilter, Scope};
pub use model::{Execution, ExecutionId, ExecutionStatus, ParentTask};
pub use redrive::RedriveError;
pub(crate) use start::read_input;
pub use start::{FinishedSync, StartError, StartExecution, Started};
pub use stop::StopError;

/// The executions of one engine. Cheap to clone.
#[derive(Clone)]
pub struct Executions {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    machines: Arc<Machines>,
    runtime: Runtime,
    /// Where the mock file is.
    mock_config: Option<Arc<Path>>,
}

impl Executions {
    /// Over these tables, driven by this runtime; test cases come from the mock file.
    pub fn new(
        pool: PgPool,
        clock: Arc<dyn Clock>,
        machines: Arc<Machines>,
        runtime: Runtime,
        mock_config: Option<Arc<Path>>,
    ) -> Self {
        Self {
            pool,
            clock,
            machines,
            runtime,
            mock_config,
        }
    }
}

impl fmt::Debug for Executions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executions").finish_non_exhaustive()
    }
}
