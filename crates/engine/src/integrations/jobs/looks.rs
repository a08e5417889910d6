//! How a job is asked after: at first often, later less often. A look that fails is not the job's end.

use std::time::Duration;

use crate::integrations::TaskError;
use crate::limits::{JOB_POLL_FAILURES_MAX, JOB_POLL_MS_FIRST, JOB_POLL_MS_MAX};

/// The looks at one job.
#[derive(Debug)]
pub(in crate::integrations) struct Looks {
    wait_ms: u64,
    /// How many failed in a row.
    failures: u32,
}

impl Looks {
    pub(in crate::integrations) fn begin() -> Self {
        Self {
            wait_ms: JOB_POLL_MS_FIRST,
            failures: 0,
        }
    }

    /// Waits until it is time for the next.
    pub(in crate::integrations) async fn wait(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.wait_ms)).await;
        self.wait_ms = (self.wait_ms * 3 / 2).min(JOB_POLL_MS_MAX);
    }

    /// What a look found; `None` when it failed and another is to be made, an error when too many failed in a row.
    pub(in crate::integrations) fn found<T>(
        &mut self,
        looked: Result<T, TaskError>,
    ) -> Result<Option<T>, TaskError> {
        match looked {
            Ok(found) => {
                self.failures = 0;
                Ok(Some(found))
            }
            Err(_) if self.failures < JOB_POLL_FAILURES_MAX => {
                self.failures += 1;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
