//! Reads what CloudWatch counted: sums by the minute.

use std::collections::HashMap;

use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use chrono::{DateTime, Utc};

use crate::app::App;
use crate::environments::Target;

/// Seconds of a period: what Step Functions' own metrics are kept by.
const PERIOD_SECONDS: i32 = 60;

/// Pages of one answer: a page has 100,800 values, and a day of one metric has 1,440.
const PAGES_MAX: usize = 5;

/// A metric of `AWS/States`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatesMetric<'a> {
    /// For example `ExecutionsFailed`.
    pub name: &'a str,
    /// Name and value.
    pub dimensions: Vec<(&'a str, String)>,
}

/// CloudWatch did not tell.
#[derive(Debug, thiserror::Error)]
#[error("CloudWatch did not tell the metrics: {0}")]
pub struct ReadError(String);

/// A client for the environment's account and region.
pub fn client(app: &App, target: &Target) -> aws_sdk_cloudwatch::Client {
    let mut settings = aws_sdk_cloudwatch::config::Builder::from(&target.aws);
    if let Some(url) = app.config.aws_endpoints.of("CLOUDWATCH") {
        settings = settings.endpoint_url(url);
    }
    aws_sdk_cloudwatch::Client::from_conf(settings.build())
}

/// `GetMetricData`: for each metric its sums by the minute, oldest first, within `from..until`. Minutes without data are absent.
pub async fn sums(
    app: &App,
    target: &Target,
    metrics: &[StatesMetric<'_>],
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Vec<(DateTime<Utc>, f64)>>, ReadError> {
    let client = client(app, target);
    let queries: Vec<_> = metrics.iter().zip(0..).map(query).collect();
    let mut found: HashMap<String, Vec<(DateTime<Utc>, f64)>> = HashMap::new();
    let mut next_token = None;
    for _ in 0..PAGES_MAX {
        let answer = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.clone()))
            .start_time(SdkTime::from_secs(from.timestamp()))
            .end_time(SdkTime::from_secs(until.timestamp()))
            .set_next_token(next_token)
            .send()
            .await
            .map_err(|error| ReadError(aws_sdk_cloudwatch::error::DisplayErrorContext(&error).to_string()))?;
        for result in answer.metric_data_results() {
            let points = result
                .timestamps()
                .iter()
                .zip(result.values())
                .filter_map(|(at, value)| Some((DateTime::from_timestamp(at.secs(), 0)?, *value)));
            let id = result.id().unwrap_or_default().to_owned();
            found.entry(id).or_default().extend(points);
        }
        next_token = answer.next_token().map(ToOwned::to_owned);
        if next_token.is_none() {
            break;
        }
    }
    Ok((0..metrics.len())
        .map(|number| {
            let mut points = found.remove(&format!("m{number}")).unwrap_or_default();
            points.sort_by_key(|point| point.0);
            points
        })
        .collect())
}

fn query((metric, number): (&StatesMetric<'_>, usize)) -> MetricDataQuery {
    let dimensions = metric
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(*name).value(value).build())
        .collect();
    let metric = Metric::builder()
        .namespace("AWS/States")
        .metric_name(metric.name)
        .set_dimensions(Some(dimensions))
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(PERIOD_SECONDS)
        .stat("Sum")
        .build();
    MetricDataQuery::builder()
        .id(format!("m{number}"))
        .metric_stat(stat)
        .build()
}
