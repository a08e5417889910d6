//! Express executions at AWS: nobody can list or describe them, but CloudWatch counts them by version and minute. Whole minutes
//! within a weight period are compared; the newest are left out, because they are still being counted.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};

use super::judge::{ArmCounts, Period, Tally};
use super::limits::MEASURED_LAG;
use super::store::evidence::{self, Stretch};
use super::store::facts;
use super::store::record::Record;
use crate::app::App;
use crate::cloudwatch::{StatesMetric, sums};
use crate::db::DbError;
use crate::environments::Target;

/// How an execution may end, and whether that is a failure.
const ENDS: [(&str, bool); 3] = [
    ("ExecutionsSucceeded", false),
    ("ExecutionsFailed", true),
    ("ExecutionsTimedOut", true),
];

/// The beginning of its minute.
pub(super) fn minute(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at)
}

/// What CloudWatch counted in each weight period so far; nothing for Standard executions, and for the embedded engine, which
/// sends CloudWatch nothing. What CloudWatch does not tell is not counted: it stands in the log, and the step lacks samples.
pub(super) async fn read(
    app: &App,
    target: &Target,
    record: &Record,
    now: DateTime<Utc>,
) -> Result<Vec<Period>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    if target.embedded || !facts::is_express(&mut conn, &record.template).await? {
        return Ok(Vec::new());
    }
    let stretches = evidence::stretches(&mut conn, record.id).await?;
    drop(conn);
    let (Some(first), Some(stable), Some(canary)) =
        (stretches.first(), &record.from_version, &record.to_version)
    else {
        return Ok(Vec::new());
    };
    let machine = target.state_machine_arn(&record.template);
    let metrics: Vec<_> = [stable, canary]
        .into_iter()
        .flat_map(|version| {
            let number = version.rsplit(':').next().unwrap_or_default().to_owned();
            let machine = machine.clone();
            ENDS.map(|(name, _)| StatesMetric {
                name,
                dimensions: vec![("StateMachineArn", machine.clone()), ("Version", number.clone())],
            })
        })
        .collect();
    match sums(app, target, &metrics, (minute(first.valid_from), now)).await {
        Ok(series) => Ok(periods(&stretches, &series, now)),
        Err(error) => {
            tracing::warn!(environment = %target.name, %error, "Express executions could not be counted");
            Ok(Vec::new())
        }
    }
}

/// One period per stretch of one weight. `series`: the stable version's ends, then the canary's.
fn periods(stretches: &[Stretch], series: &[Vec<(DateTime<Utc>, f64)>], now: DateTime<Utc>) -> Vec<Period> {
    stretches
        .iter()
        .map(|stretch| {
            let begins = minute(stretch.valid_from + TimeDelta::seconds(59));
            let ends = minute(stretch.valid_until.unwrap_or(now).min(now - MEASURED_LAG));
            let arm = |first: usize| {
                let mut tally = Tally::default();
                for (place, (_, is_failure)) in ENDS.iter().enumerate() {
                    let points = series.get(first + place).into_iter().flatten();
                    let within = points.filter(|point| (begins..ends).contains(&point.0));
                    let count = whole(within.map(|point| point.1).sum());
                    tally.closed += count;
                    tally.failed += if *is_failure { count } else { 0 };
                }
                ArmCounts {
                    tally,
                    ..ArmCounts::default()
                }
            };
            Period {
                weight: stretch.weight(),
                stable: arm(0),
                canary: arm(ENDS.len()),
            }
        })
        .collect()
}

/// CloudWatch adds in floating point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of counts: not negative, far below 2^53"
)]
fn whole(sum: f64) -> u64 {
    sum.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn only_whole_minutes_of_a_weight_that_are_counted_to_their_end_count() {
        let stretches = [
            Stretch::new(10, at("2026-11-23T10:00:30Z"), Some(at("2026-11-23T10:03:10Z"))),
            Stretch::new(50, at("2026-11-23T10:03:40Z"), None),
        ];
        let every_minute: Vec<_> = (0..10)
            .map(|minute| (at("2026-11-23T10:00:00Z") + TimeDelta::minutes(minute), 10.0))
            .collect();
        let none = Vec::new();
        let series = [
            every_minute.clone(),
            none.clone(),
            none.clone(),
            none.clone(),
            every_minute,
            none,
        ];
        let found = periods(&stretches, &series, at("2026-11-23T10:08:20Z"));
        let tallies: Vec<_> = found
            .iter()
            .map(|period| {
                (
                    period.weight,
                    period.stable.tally.closed,
                    period.canary.tally.failed,
                )
            })
            .collect();
        // 10:01 and 10:02 at ten percent; 10:04 and 10:05 at fifty: the last two minutes are still being counted.
        assert_eq!(tallies, [(10, 20, 20), (50, 20, 20)]);
    }
}
