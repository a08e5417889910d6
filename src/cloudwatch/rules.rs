//! Which measurements an execution gives, and how they are batched. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::model::{Datum, FinishedExecution, Unit, Waiting};

/// Data in one request (CloudWatch API reference, PutMetricData: 1,000).
pub(super) const BATCH_DATA_MAX: usize = 1_000;

/// Bytes of data in one request, as JSON; CloudWatch takes 1 MB, and the wire form is shorter than JSON.
const BATCH_BYTES_MAX: usize = 900_000;

/// CloudWatch takes no older data (API reference, MetricDatum: two weeks); an hour is left for the way there.
const AGE_HOURS_MAX: i64 = 14 * 24 - 1;

/// What a finished execution gives: its duration and a count by status, and a count of errors if it failed.
pub(super) fn of_execution(finished: &FinishedExecution<'_>) -> Vec<Datum> {
    let workflow = ("WorkflowName".to_owned(), finished.template.to_owned());
    let status = ("Status".to_owned(), finished.status.to_owned());
    let datum = |name: &str, value: f64, unit: Unit, dimensions: Vec<(String, String)>| Datum {
        name: name.to_owned(),
        value,
        unit,
        dimensions,
        at: finished.stopped_at,
    };
    #[expect(clippy::cast_precision_loss, reason = "exact below 285,000 years")]
    let duration_seconds = finished.duration_ms as f64 / 1_000.0;
    let by_status = vec![workflow.clone(), status];
    let mut data = vec![
        datum(
            "ExecutionDuration",
            duration_seconds,
            Unit::Seconds,
            by_status.clone(),
        ),
        datum("ExecutionCount", 1.0, Unit::Count, by_status),
    ];
    if matches!(finished.status, "FAILED" | "TIMED_OUT") {
        data.push(datum("ExecutionErrors", 1.0, Unit::Count, vec![workflow]));
    }
    data
}

/// How many of the first data go into one request.
pub(super) fn batch(waiting: &[Waiting]) -> usize {
    let mut bytes = 0;
    waiting
        .iter()
        .take(BATCH_DATA_MAX)
        .take_while(|waiting| {
            bytes += waiting.bytes;
            bytes <= BATCH_BYTES_MAX
        })
        .count()
}

/// Data measured before this are refused by CloudWatch.
pub(super) fn too_old(now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::hours(AGE_HOURS_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finished(status: &str) -> FinishedExecution<'_> {
        FinishedExecution {
            template: "orders",
            status,
            duration_ms: 1_500,
            stopped_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_execution_gives_its_duration_and_a_count_and_an_error_only_if_it_failed() {
        let names = |status| {
            of_execution(&finished(status))
                .into_iter()
                .map(|datum| datum.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(names("SUCCEEDED"), ["ExecutionDuration", "ExecutionCount"]);
        assert_eq!(
            names("FAILED"),
            ["ExecutionDuration", "ExecutionCount", "ExecutionErrors"]
        );
        assert_eq!(names("ABORTED"), ["ExecutionDuration", "ExecutionCount"]);
    }

    #[test]
    fn errors_are_counted_by_workflow_alone() {
        let errors = of_execution(&finished("FAILED")).pop().unwrap();
        assert_eq!(
            errors.dimensions,
            [("WorkflowName".to_owned(), "orders".to_owned())]
        );
    }

    proptest! {
        #[test]
        fn a_batch_fits_one_request_and_is_never_empty(sizes in proptest::collection::vec(1..200_000_usize, 1..1_500)) {
            let datum = of_execution(&finished("SUCCEEDED")).remove(0);
            let waiting: Vec<Waiting> =
                sizes.iter().map(|bytes| Waiting { seq: 0, bytes: *bytes, datum: datum.clone() }).collect();
            let count = batch(&waiting);
            prop_assert!((1..=BATCH_DATA_MAX).contains(&count));
            prop_assert!(sizes[..count].iter().sum::<usize>() <= BATCH_BYTES_MAX);
        }
    }
}
