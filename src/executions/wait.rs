//! Wait until an execution has closed, for `Prefer: wait=N`.

use std::time::Duration;

use super::model::Execution;
use super::{limits, merge, store};
use crate::app::App;
use crate::db::DbError;

/// What the sweeps look for: the machines somebody waits for.
pub(super) const MACHINE_TOPIC: &str = "machine:";

/// Waits until `execution` has closed, at most `at_most`; gives how it stands then. Its machine is swept often meanwhile.
pub async fn until_closed(app: &App, execution: Execution, at_most: Duration) -> Result<Execution, DbError> {
    let deadline = tokio::time::Instant::now() + at_most;
    let mut listener = app.signals.listen(merge::topic(execution.id));
    let _interest = app
        .signals
        .listen(format!("{MACHINE_TOPIC}{}", execution.state_machine_arn));
    let mut execution = execution;
    loop {
        let mut conn = app.db.connection().await?;
        execution = store::load(&mut conn, execution.id).await?.unwrap_or(execution);
        drop(conn);
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        if execution.status.is_closed() || left.is_zero() || app.lifecycle.is_shutting_down() {
            return Ok(execution);
        }
        // The signal is only heard when this process does the sweep: look by itself now and then.
        listener.wait(left.min(limits::FEED_POLL)).await;
    }
}
