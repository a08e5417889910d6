//! The Prometheus registry and every metric of the control plane; docs/METRICS.md lists them for people.

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Seconds of an HTTP request: from a cache hit to the request timeout.
const HTTP_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Seconds of an execution: from an Express run of milliseconds to a day.
const EXECUTION_BUCKETS: &[f64] = &[
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0,
];

/// Every metric, with the registry that `/metrics` prints. Clones share the same values.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// Executions that closed, by template, environment and final status.
    pub executions_total: IntCounterVec,
    /// Start to close of executions, seconds, by template.
    pub execution_duration_seconds: HistogramVec,
    /// Executions known to be open, by template and environment.
    pub executions_running: IntGaugeVec,
    /// Deployments that ended, by strategy and outcome.
    pub deployments_total: IntCounterVec,
    /// HTTP requests, by method, route pattern and status.
    pub http_requests_total: IntCounterVec,
    /// Seconds from the request's first byte to the response's head, by method and route pattern.
    pub http_request_duration_seconds: HistogramVec,
    /// Calls of the Step Functions API, by operation and outcome (`ok`, `throttled`, or the error's kind).
    pub step_functions_calls_total: IntCounterVec,
    /// Background jobs, by kind and state.
    pub jobs: IntGaugeVec,
}

impl Metrics {
    /// A registry with every metric in it. Fails only if two metrics had the same name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let metrics = Self {
            executions_total: counter(
                &registry,
                "signalbox_executions_total",
                "Executions that closed",
                &["template", "environment", "status"],
            )?,
            execution_duration_seconds: histogram(
                &registry,
                "signalbox_execution_duration_seconds",
                "Start to close of executions, seconds",
                EXECUTION_BUCKETS,
                &["template"],
            )?,
            executions_running: gauge(
                &registry,
                "signalbox_executions_running",
                "Executions known to be open",
                &["template", "environment"],
            )?,
            deployments_total: counter(
                &registry,
                "signalbox_deployments_total",
                "Deployments that ended",
                &["strategy", "outcome"],
            )?,
            http_requests_total: counter(
                &registry,
                "signalbox_http_requests_total",
                "HTTP requests answered",
                &["method", "route", "status"],
            )?,
            http_request_duration_seconds: histogram(
                &registry,
                "signalbox_http_request_duration_seconds",
                "Request to response head, seconds",
                HTTP_BUCKETS,
                &["method", "route"],
            )?,
            step_functions_calls_total: counter(
                &registry,
                "signalbox_step_functions_calls_total",
                "Calls of the Step Functions API",
                &["operation", "outcome"],
            )?,
            jobs: gauge(&registry, "signalbox_jobs", "Background jobs", &["kind", "state"])?,
            registry,
        };
        let build = gauge(
            &metrics.registry,
            "signalbox_build_info",
            "The running build; the value is always 1",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        metrics.registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(metrics)
    }

    /// The registry, for a metric that belongs to one feature.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauge(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    let metric = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_printed() {
        let metrics = Metrics::new().unwrap();
        metrics
            .executions_total
            .with_label_values(&["orders", "default", "SUCCEEDED"])
            .inc();
        let text = metrics.render().unwrap();
        assert!(
            text.contains(
                r#"signalbox_executions_total{environment="default",status="SUCCEEDED",template="orders"} 1"#
            ),
            "{text}"
        );
        assert!(text.contains("signalbox_build_info"));
    }
}
