//! What the embedded engine counts by itself, shown among the metrics when they are asked for.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts};
use signalbox_engine::Engine;

/// `signalbox_engine_log_records_total`.
pub struct EngineCollector {
    engine: Arc<Engine>,
    log_records: IntCounterVec,
}

impl EngineCollector {
    /// Of this engine. Fails only if the metric's name were no name.
    pub fn new(engine: Arc<Engine>) -> Result<Self, prometheus::Error> {
        let opts = Opts::new(
            "signalbox_engine_log_records_total",
            "Records for CloudWatch Logs that machines with logging asked for",
        );
        Ok(Self {
            engine,
            log_records: IntCounterVec::new(opts, &["outcome"])?,
        })
    }
}

impl Collector for EngineCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.log_records.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let counts = self.engine.log_counts();
        for (outcome, count) in [("written", counts.written), ("dropped", counts.dropped)] {
            let shown = self.log_records.with_label_values(&[outcome]);
            // Two scrapes at once may both see the same growth; neither may go back.
            shown.inc_by(count.saturating_sub(shown.get()));
        }
        self.log_records.collect()
    }
}
