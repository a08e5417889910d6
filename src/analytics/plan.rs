//! From rollups to analytics, pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::limits;
use super::model::{Analytics, Day, Evidence, Facts, RollupRow, TemplateInfo, Version};
use crate::executions::Histogram;

/// Sums of some rollups.
#[derive(Debug, Default)]
struct Sums {
    succeeded: i64,
    failed: i64,
    timed_out: i64,
    aborted: i64,
    duration_ms: i64,
    min_ms: Option<i64>,
    max_ms: Option<i64>,
    histogram: Histogram,
}

impl Sums {
    fn add(&mut self, row: &RollupRow) {
        self.succeeded += row.succeeded;
        self.failed += row.failed;
        self.timed_out += row.timed_out;
        self.aborted += row.aborted;
        self.duration_ms += row.duration_ms_sum;
        self.min_ms = match (self.min_ms, row.duration_ms_min) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.max_ms = self.max_ms.max(row.duration_ms_max);
    }

    fn closed(&self) -> i64 {
        self.succeeded + self.failed + self.timed_out + self.aborted
    }

    /// From the histogram, whose buckets are a little wide: held within the shortest and the longest that were measured.
    fn quantile_seconds(&self, quantile: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a year in milliseconds is exact in an f64"
        )]
        let exact = |ms: i64| ms as f64;
        let found = self.histogram.quantile(quantile).unwrap_or(0.0);
        let found = self.max_ms.map_or(found, |max| found.min(exact(max)));
        let found = self.min_ms.map_or(found, |min| found.max(exact(min)));
        rounded(found / 1_000.0, 3)
    }
}

/// Computes the analytics of a template.
pub(super) fn analytics(
    name: String,
    environment: Option<String>,
    days: u32,
    template_info: TemplateInfo,
    facts: &Facts,
) -> Analytics {
    let mut all = Sums::default();
    let mut by_day: BTreeMap<_, Sums> = BTreeMap::new();
    let mut by_version: BTreeMap<&str, Sums> = BTreeMap::new();
    for row in &facts.rollups {
        all.add(row);
        by_day.entry(row.day).or_default().add(row);
        by_version.entry(&row.version_arn).or_default().add(row);
    }
    for row in &facts.buckets {
        all.histogram.add(row.bucket, row.count);
        by_day
            .entry(row.day)
            .or_default()
            .histogram
            .add(row.bucket, row.count);
        by_version
            .entry(&row.version_arn)
            .or_default()
            .histogram
            .add(row.bucket, row.count);
    }
    let closed = all.closed();
    let rate = ratio(all.succeeded, closed) * 100.0;
    let average = ratio(all.duration_ms, closed) / 1_000.0;
    let advice = recommendations(rate, average, all.failed, closed);
    let (texts, evidence) = advice.into_iter().unzip();
    Analytics {
        workflow_name: name,
        analysis_period_days: days,
        environment,
        template_info,
        total_executions: closed + facts.running,
        running_executions: facts.running,
        successful_executions: all.succeeded,
        failed_executions: all.failed,
        timed_out_executions: all.timed_out,
        aborted_executions: all.aborted,
        success_rate_percent: rounded(rate, 2),
        avg_duration_seconds: rounded(average, 3),
        min_duration_seconds: seconds(all.min_ms.filter(|_| closed > 0)),
        max_duration_seconds: seconds(all.max_ms.filter(|_| closed > 0)),
        p50_duration_seconds: all.quantile_seconds(0.50),
        p95_duration_seconds: all.quantile_seconds(0.95),
        p99_duration_seconds: all.quantile_seconds(0.99),
        error_analysis: errors(facts),
        performance_trends: trends(&by_day),
        performance_score: score(rate, average, closed),
        recommendations: texts,
        recommendation_evidence: evidence,
        versions: versions(&by_version),
    }
}

fn trends(by_day: &BTreeMap<chrono::NaiveDate, Sums>) -> Vec<Day> {
    by_day
        .iter()
        .filter(|(_, sums)| sums.closed() > 0)
        .map(|(day, sums)| Day {
            day: *day,
            total: sums.closed(),
            succeeded: sums.succeeded,
            failed: sums.failed,
            timed_out: sums.timed_out,
            aborted: sums.aborted,
            p95_duration_seconds: sums.quantile_seconds(0.95),
        })
        .collect()
}

fn versions(by_version: &BTreeMap<&str, Sums>) -> Vec<Version> {
    by_version
        .iter()
        .filter(|(_, sums)| sums.closed() > 0)
        .map(|(version_arn, sums)| Version {
            version_arn: Some((*version_arn).to_owned()).filter(|arn| !arn.is_empty()),
            total: sums.closed(),
            succeeded: sums.succeeded,
            failed: sums.failed,
            timed_out: sums.timed_out,
            aborted: sums.aborted,
            p95_duration_seconds: sums.quantile_seconds(0.95),
        })
        .collect()
}

/// The most frequent errors first; those beyond [`limits::ERRORS_MAX`] in one sum.
fn errors(facts: &Facts) -> Map<String, Value> {
    let mut rows: Vec<_> = facts.errors.iter().filter(|row| row.count > 0).collect();
    rows.sort_by(|one, other| {
        other
            .count
            .cmp(&one.count)
            .then_with(|| one.error.cmp(&other.error))
    });
    let others: i64 = rows.iter().skip(limits::ERRORS_MAX).map(|row| row.count).sum();
    let mut errors: Map<String, Value> = rows
        .iter()
        .take(limits::ERRORS_MAX)
        .map(|row| (row.error.clone(), row.count.into()))
        .collect();
    if others > 0 {
        errors.insert(limits::OTHER_ERRORS.to_owned(), others.into());
    }
    errors
}

/// `int(min(50, rate / 2) + max(0, 50 - 2 * average))`; 0 while nothing has closed.
fn score(rate: f64, average_seconds: f64, closed: i64) -> i64 {
    if closed == 0 {
        return 0;
    }
    let points = (rate / 2.0).min(50.0) + (50.0 - average_seconds * 2.0).max(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "between 0 and 100, and cut as Python's int does"
    )]
    {
        points as i64
    }
}

/// The four recommendations of the `EnterpriseStepFunctionsManager` under its conditions; none while nothing has closed.
fn recommendations(rate: f64, average_seconds: f64, failed: i64, closed: i64) -> Vec<(String, Evidence)> {
    if closed == 0 {
        return Vec::new();
    }
    let evidence = |measure, value, bound| Evidence {
        measure,
        value: rounded(value, 3),
        bound,
        sample: closed,
    };
    let failures = ratio(failed, 1);
    let mut advice = Vec::new();
    if rate < 95.0 {
        advice.push((
            "Consider improving error handling and retry logic. Current success rate is below 95%."
                .to_owned(),
            evidence("success_rate_percent", rate, 95.0),
        ));
    }
    if average_seconds > 300.0 {
        advice.push((
            "Workflow duration is high. Consider optimizing task execution or implementing parallel processing."
                .to_owned(),
            evidence("avg_duration_seconds", average_seconds, 300.0),
        ));
    }
    if failed > 10 {
        advice.push((
            "High number of failed executions detected. Review error patterns and implement circuit breaker patterns."
                .to_owned(),
            evidence("failed_executions", failures, 10.0),
        ));
    }
    if rate > 98.0 && average_seconds < 60.0 {
        advice.push((
            "Excellent performance! Consider this workflow as a template for other critical processes."
                .to_owned(),
            evidence("success_rate_percent", rate, 98.0),
        ));
    }
    advice
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and milliseconds have far fewer digits than an f64 keeps"
)]
fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

fn seconds(milliseconds: Option<i64>) -> f64 {
    rounded(ratio(milliseconds.unwrap_or(0), 1_000), 3)
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "these figures are rounded, or sums of a few exact numbers"
)]
mod tests {
    use chrono::{DateTime, NaiveDate};

    use super::super::model::{BucketRow, ErrorRow};
    use super::*;

    fn info() -> TemplateInfo {
        TemplateInfo {
            created_at: DateTime::UNIX_EPOCH,
            total_executions: 0,
            workflow_type: "STANDARD".into(),
        }
    }

    fn row(day: u32, succeeded: i64, failed: i64, duration_ms_sum: i64) -> RollupRow {
        RollupRow {
            version_arn: String::new(),
            day: NaiveDate::from_ymd_opt(2026, 1, day).unwrap(),
            succeeded,
            failed,
            timed_out: 0,
            aborted: 0,
            duration_ms_sum,
            duration_ms_min: Some(100),
            duration_ms_max: Some(900),
        }
    }

    fn of(facts: &Facts) -> Analytics {
        analytics("t".into(), None, 7, info(), facts)
    }

    #[test]
    fn nothing_run_yet_gives_zeros_and_no_advice() {
        let none = of(&Facts::default());
        assert_eq!((none.total_executions, none.performance_score), (0, 0));
        assert!(none.recommendations.is_empty() && none.performance_trends.is_empty());
        assert_eq!(none.min_duration_seconds, 0.0);
    }

    #[test]
    fn rate_and_average_are_over_closed_executions() {
        let facts = Facts {
            rollups: vec![row(1, 3, 1, 2_000), row(2, 5, 1, 3_000)],
            running: 7,
            ..Facts::default()
        };
        let found = of(&facts);
        assert_eq!(found.total_executions, 17);
        assert_eq!(found.success_rate_percent, 80.0);
        assert_eq!(found.avg_duration_seconds, 0.5);
        assert_eq!(found.performance_trends.len(), 2);
        // int(min(50, 40) + max(0, 50 - 1)) = 89
        assert_eq!(found.performance_score, 89);
    }

    #[test]
    fn advice_comes_under_the_conditions_of_the_predecessor_with_its_evidence() {
        let slow = Facts {
            rollups: vec![row(1, 0, 11, 11 * 301_000)],
            ..Facts::default()
        };
        let found = of(&slow);
        assert_eq!(found.recommendations.len(), 3);
        assert_eq!(found.recommendation_evidence[2].measure, "failed_executions");
        assert_eq!(found.recommendation_evidence[2].value, 11.0);
        let good = Facts {
            rollups: vec![row(1, 100, 0, 100_000)],
            ..Facts::default()
        };
        assert!(of(&good).recommendations[0].starts_with("Excellent performance!"));
    }

    #[test]
    fn percentiles_come_from_the_histograms_of_all_days() {
        let bucket = |day, bucket, count| BucketRow {
            version_arn: String::new(),
            day: NaiveDate::from_ymd_opt(2026, 1, day).unwrap(),
            bucket,
            count,
        };
        let facts = Facts {
            rollups: vec![
                row(1, 95, 0, 95_000),
                RollupRow {
                    duration_ms_max: Some(9_990),
                    ..row(2, 5, 0, 50_000)
                },
            ],
            // Bucket 346 holds about 1 s, bucket 461 about 10 s.
            buckets: vec![bucket(1, 346, 95), bucket(2, 461, 5)],
            ..Facts::default()
        };
        let found = of(&facts);
        assert!(
            (found.p50_duration_seconds - 1.0).abs() < 0.02,
            "{}",
            found.p50_duration_seconds
        );
        assert!(
            (found.p99_duration_seconds - 10.0).abs() < 0.2,
            "{}",
            found.p99_duration_seconds
        );
        assert!(
            found.p99_duration_seconds <= found.max_duration_seconds,
            "the histogram's buckets are wider than what was measured"
        );
    }

    #[test]
    fn errors_beyond_the_limit_are_summed_up() {
        let errors = (0..150)
            .map(|n| ErrorRow {
                error: format!("E{n:03}"),
                count: 1,
            })
            .collect();
        let facts = Facts {
            errors,
            ..Facts::default()
        };
        let found = of(&facts).error_analysis;
        assert_eq!(found.len(), limits::ERRORS_MAX + 1);
        assert_eq!(found[limits::OTHER_ERRORS], 50);
    }
}
