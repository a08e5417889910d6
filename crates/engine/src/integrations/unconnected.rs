//! An engine that is connected to nothing: every task fails, and says so.

use std::sync::Arc;

use asl::eval::{FailureKind, TaskCall};
use asl::json::Payload;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Dispatch, Reply, TaskContext, TaskError};
use crate::runtime::Closed;

/// Refuses every task.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unconnected;

impl Dispatch for Unconnected {
    fn lane(&self, _call: &TaskCall) -> String {
        String::new()
    }

    fn invoke(
        &self,
        call: Arc<TaskCall>,
        _context: TaskContext,
    ) -> BoxFuture<'static, Result<Reply, TaskError>> {
        let refused = Err(refusal(&call));
        async move { refused }.boxed()
    }

    fn child_closed(&self, call: &TaskCall, _child: &Closed) -> Result<Payload, TaskError> {
        Err(refusal(call))
    }
}

fn refusal(call: &TaskCall) -> TaskError {
    TaskError {
        error: Some("States.Runtime".into()),
        cause: Some(format!("This engine is not connected to '{}'", call.resource.text()).into()),
        kind: FailureKind::Failed,
    }
}
