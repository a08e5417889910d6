//! Write measurements, in the transaction of what they measure.

use super::model::{Datum, FinishedExecution};
use super::{rules, store};
use crate::db::{DbError, Tx};
use crate::environments::Target;

/// Records that an execution finished; nothing is written where the environment names no namespace.
pub async fn execution_finished(
    tx: &mut Tx,
    target: &Target,
    finished: &FinishedExecution<'_>,
) -> Result<(), DbError> {
    record(tx, target, &rules::of_execution(finished)).await
}

/// Records any measurements in the environment's namespace, if it names one.
pub async fn record(tx: &mut Tx, target: &Target, data: &[Datum]) -> Result<(), DbError> {
    let Some(namespace) = &target.policies.metrics_namespace else {
        return Ok(());
    };
    store::insert(tx, target.name.as_str(), namespace, data).await
}
