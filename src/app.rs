//! Everything that requests and workers share, built once. A struct of doors; there are no statics.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::environments::Environments;
use crate::lifecycle::Lifecycle;
use crate::outbound::Outbound;
use crate::signals::Signals;
use crate::telemetry::Metrics;

/// The shared doors. Handlers get it as `State<Arc<App>>`.
#[derive(Debug, Clone)]
pub struct App {
    /// Postgres.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Every setting.
    pub config: Arc<Config>,
    /// Where templates are deployed, each with its door to Step Functions.
    pub environments: Environments,
    /// This process among the replicas, in what it holds and logs: host and process id, and chance against reuse.
    pub worker: String,
    /// Webhooks, SNS, CloudWatch.
    pub outbound: Outbound,
    /// Who in this process waits for what.
    pub signals: Signals,
    /// Prometheus metrics.
    pub metrics: Metrics,
    /// Spawning and shutting down.
    pub lifecycle: Lifecycle,
}

#[cfg(test)]
pub(crate) mod testing {
    //! An [`App`] for tests inside the crate.

    use super::*;
    use crate::clock::SystemClock;

    /// On a fresh database, with the default configuration.
    pub(crate) async fn app() -> Arc<App> {
        app_with(Config::default()).await
    }

    /// On a fresh database with the embedded engine behind the environment `default`, in this process.
    pub(crate) async fn app_with_engine() -> Arc<App> {
        let app = app().await;
        let config = signalbox_engine::EngineConfig::default();
        let engine = signalbox_engine::Engine::open(app.db.pool().clone(), config)
            .await
            .unwrap();
        let router = signalbox_engine::wire::router(engine, signalbox_engine::wire::Trust::Everybody);
        let transport = crate::step_functions::Transport::in_process(router);
        let environments = Environments::connect(&app.config, &transport, &app.metrics)
            .await
            .unwrap();
        Arc::new(App {
            environments,
            ..(*app).clone()
        })
    }

    /// On a fresh database, with this configuration.
    pub(crate) async fn app_with(config: Config) -> Arc<App> {
        let database = signalbox_postgres::testing::database().await;
        let db = Db::open(&database.url).unwrap();
        db.migrate().await.unwrap();
        Arc::new(App {
            db,
            clock: Arc::new(SystemClock),
            environments: Environments::default(),
            outbound: Outbound::from_config(&config).unwrap(),
            config: Arc::new(config),
            worker: uuid::Uuid::new_v4().to_string(),
            signals: Signals::new(),
            metrics: Metrics::new().unwrap(),
            lifecycle: Lifecycle::new(),
        })
    }
}
