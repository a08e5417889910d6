//! Watching executions, by asking: what is open here and no longer running there has closed; what runs there and is not known here was
//! started past Signalbox. One ListExecutions for a thousand open executions, one DescribeExecution for each that closed, none for one
//! that goes on (docs/decisions/execution-monitor.md has the arithmetic).
//!
//! Every process runs this loop; a machine is swept by whoever holds its lease (`monitored_machines`), so replicas share the work and none
//! does it twice.

mod store;
mod sweep;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;

pub(super) use store::watch_soon;

use super::limits;
use super::plan::{self, Pace};
use super::wait::MACHINE_TOPIC;
use crate::app::App;
use crate::db::DbError;
use crate::environments::{EnvironmentName, Target};
use crate::templates;
use store::WatchedMachine;

/// Watches until the service shuts down.
pub async fn watch(app: Arc<App>) {
    let mut monitor = Monitor {
        app: Arc::clone(&app),
        rested: HashMap::new(),
        enrolled: None,
        counted: None,
    };
    let mut sweeps = FuturesUnordered::new();
    while !app.lifecycle.is_shutting_down() {
        match monitor
            .claim(limits::SWEEPS_IN_FLIGHT_MAX.saturating_sub(sweeps.len()))
            .await
        {
            Ok(machines) => {
                for machine in machines {
                    let app = Arc::clone(&app);
                    sweeps.push(async move {
                        let begun = Instant::now();
                        let arn = machine.state_machine_arn.clone();
                        let environment = machine.environment.clone();
                        sweep::sweep(&app, machine).await;
                        (arn, environment, begun.elapsed())
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "the machines to watch could not be read"),
        }
        let pause = monitor.pause();
        tokio::select! {
            Some((arn, environment, took)) = sweeps.next(), if !sweeps.is_empty() => {
                monitor.note(arn, &environment, took);
            }
            () = app.signals.arrival(pause) => {}
            () = app.lifecycle.soft_shutdown() => {}
        }
    }
    // What is at hand is finished: a lease that is given back needs not run out.
    while sweeps.next().await.is_some() {}
}

struct Monitor {
    app: Arc<App>,
    /// When this process may sweep a machine again that somebody waits for.
    rested: HashMap<String, Instant>,
    enrolled: Option<Instant>,
    counted: Option<Instant>,
}

impl Monitor {
    /// Machines that are due, or waited for by somebody in this process; at most `limit`.
    async fn claim(&mut self, limit: usize) -> Result<Vec<WatchedMachine>, DbError> {
        let now = Instant::now();
        if is_due(self.enrolled, now, limits::ENROL_INTERVAL) {
            self.enrol().await?;
            self.enrolled = Some(now);
        }
        if is_due(self.counted, now, limits::METRICS_INTERVAL) {
            self.count().await?;
            self.counted = Some(now);
        }
        if limit == 0 {
            return Ok(Vec::new());
        }
        let wanted: Vec<String> = self
            .app
            .signals
            .listened_to(MACHINE_TOPIC)
            .into_iter()
            .filter(|arn| self.rested.get(arn).is_none_or(|rested| now >= *rested))
            .collect();
        let mut conn = self.app.db.connection().await?;
        store::claim(
            &mut conn,
            &wanted,
            i64::try_from(limit).unwrap_or(1),
            self.app.clock.now(),
        )
        .await
    }

    /// Adds the machines of templates that came since, and drops those of deleted ones.
    async fn enrol(&mut self) -> Result<(), DbError> {
        let mut conn = self.app.db.connection().await?;
        let machines = templates::machines(&mut conn).await?;
        let watched: Vec<_> = machines
            .into_iter()
            .filter(|machine| {
                self.app
                    .environments
                    .target(&machine.environment)
                    .is_ok_and(|target| target.policies.monitoring_enabled)
            })
            .collect();
        store::enrol(&mut conn, &watched, self.app.clock.now()).await?;
        self.rested
            .retain(|arn, _| watched.iter().any(|machine| machine.state_machine_arn == *arn));
        Ok(())
    }

    async fn count(&self) -> Result<(), DbError> {
        let mut conn = self.app.db.connection().await?;
        let running = &self.app.metrics.executions_running;
        let counts = store::count_running(&mut conn).await?;
        running.reset();
        for (template, environment, count) in counts {
            running
                .with_label_values(&[template.as_str(), environment.as_str()])
                .set(count);
        }
        Ok(())
    }

    fn note(&mut self, arn: String, environment: &EnvironmentName, took: Duration) {
        if let Ok(target) = self.app.environments.target(environment) {
            let rest = plan::rested(pace(&self.app, target).waited, took);
            self.rested.insert(arn, Instant::now() + rest);
        }
    }

    /// How long to rest: less while somebody waits.
    fn pause(&self) -> Duration {
        if self.app.signals.listened_to(MACHINE_TOPIC).is_empty() {
            limits::MONITOR_TICK
        } else {
            limits::WAITED_INTERVAL_LOCAL
        }
    }
}

fn is_due(last: Option<Instant>, now: Instant, interval: Duration) -> bool {
    last.is_none_or(|last| now.duration_since(last) >= interval)
}

/// How often a target's machines are looked at.
fn pace(app: &App, target: &Target) -> Pace {
    let monitor = &app.config.monitor;
    if target.embedded {
        // Its listings are never late, and nobody counts its calls.
        return Pace {
            interval: Duration::from_millis(monitor.embedded_interval_ms),
            waited: limits::WAITED_INTERVAL_LOCAL,
            settling: Duration::ZERO,
            overlap: limits::WATERMARK_OVERLAP_LOCAL,
        };
    }
    Pace {
        interval: Duration::from_secs(monitor.interval_seconds),
        waited: limits::WAITED_INTERVAL_AWS,
        settling: Duration::from_secs(monitor.settling_seconds),
        overlap: limits::WATERMARK_OVERLAP,
    }
}

/// A time span of the standard library as chrono's.
fn delta(span: Duration) -> TimeDelta {
    TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)
}
