//! One look: count the executions, read alarms and guards, judge, keep what was seen.

use crate::app::App;
use crate::db::DbError;
use crate::environments::Target;

use super::judge::{Baseline, Demand, Evidence, Period, Reading, Tally, Verdict, judge};
use super::store::evidence::{self, Sample};
use super::store::record::Record;
use super::{alarms, guards};

/// What a look gave.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) evidence: Evidence,
    pub(super) reading: Reading,
    pub(super) verdict: Verdict,
}

/// Counts and judges; keeps nothing.
pub(super) async fn look(app: &App, target: &Target, record: &Record) -> Result<Look, DbError> {
    let analysis = &record.analysis.0;
    let (alarms, outside) = futures::try_join!(
        alarms::read(app, target, record),
        guards::read(app, target, record)
    )?;
    let now = app.clock.now();
    let alias_arn = target.alias_arn(&record.template);
    let tolerance = i64::from(analysis.slow_tolerance_ms);
    let baseline = baseline(&record.baseline, tolerance);
    let mut conn = app.db.pool().acquire().await?;
    let sample = Sample {
        record,
        alias_arn: &alias_arn,
        overdue_after_ms: baseline.map(|baseline| baseline.overdue_after_ms),
        slow_tolerance_ms: tolerance,
        now,
    };
    let periods = evidence::periods(&mut conn, &sample).await?;
    let (seen, canary_aborted) = evidence::canary_total(&mut conn, record, &alias_arn).await?;
    let measured = outside.measured();
    let counted = measured.iter().fold(Tally::default(), |sum, period| Tally {
        closed: sum.closed + period.canary.tally.closed,
        failed: sum.failed + period.canary.tally.failed,
    });
    // CloudWatch counts executions that were seen here too, so the two are never added.
    let canary = if counted.closed > seen.closed {
        counted
    } else {
        seen
    };
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    let evidence = Evidence {
        periods,
        canary,
        canary_aborted,
        history: Tally {
            closed: count(record.history_closed),
            failed: count(record.history_failed),
        },
        baseline,
        new_errors: evidence::new_errors(&mut conn, record).await?,
        alarms,
        guards: outside.readings(),
        budget: outside.budget(),
        measured,
    };
    let reading = judge(analysis, &evidence);
    let verdict = verdict(record, &evidence, &reading);
    Ok(Look {
        evidence,
        reading,
        verdict,
    })
}

/// The verdict for the step at hand.
fn verdict(record: &Record, evidence: &Evidence, reading: &Reading) -> Verdict {
    if !record.monitoring_enabled {
        return Verdict::Pass;
    }
    let demand = record
        .deployment()
        .course_step()
        .map_or(Demand::default(), |step| Demand {
            min_samples: step.min_samples,
            health: step.evidence_of_health,
        });
    let last = |periods: &[Period]| {
        periods
            .last()
            .map(|period| period.canary.tally)
            .unwrap_or_default()
    };
    let (seen, counted) = (last(&evidence.periods), last(&evidence.measured));
    let here = if counted.closed > seen.closed {
        counted
    } else {
        seen
    };
    reading.verdict(demand, here)
}

/// Keeps the look; an unchanged one is not kept again.
pub(super) async fn keep(app: &App, record: &Record, look: &Look) -> Result<(), DbError> {
    let mut conn = app.db.pool().acquire().await?;
    evidence::add_look(
        &mut conn,
        record,
        &look.evidence,
        &look.reading,
        &look.verdict,
        app.clock.now(),
    )
    .await
}

/// The frozen durations, if there are enough.
fn baseline(durations: &[i64], tolerance_ms: i64) -> Option<Baseline> {
    let place = durations.len().checked_mul(99)? / 100;
    let p99 = durations.get(place).or_else(|| durations.last())?;
    let size = u32::try_from(durations.len()).ok()?;
    Some(Baseline {
        size,
        overdue_after_ms: p99.saturating_add(tolerance_ms),
    })
}
