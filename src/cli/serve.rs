//! `signalbox serve`: everything in one process.
//!
//! Up: Postgres → schemas → engine → environments → workers → API. Down, at SIGTERM or Ctrl-C, the other way: requests and jobs at
//! hand are finished (a second signal drops them), then the engine makes what it did durable, then Postgres stops.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;

use super::output::say;
use super::{Failure, database, engine};
use crate::app::App;
use crate::clock::SystemClock;
use crate::config::{Config, Flags};
use crate::environments::Environments;
use crate::lifecycle::{self, Lifecycle};
use crate::outbound::Outbound;
use crate::signals::Signals;
use crate::step_functions::Transport;
use crate::telemetry::{EngineCollector, Metrics, logs};
use crate::{jobs, routes, workers};

/// Run everything: the API, the workers, the embedded engine, and a Postgres unless one is given
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    flags: Flags,
}

/// The API would be open to everybody who can reach it.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{address}` is not a loopback address, and without [[access.keys]] in the configuration everybody who reaches it could do everything: add a key, or listen on 127.0.0.1"
)]
struct OpenAddress {
    address: SocketAddr,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = Config::load(&self.flags)?;
        logs::init(config.telemetry.log_format, &config.telemetry.log_filter)?;
        let address = config.server.listen;
        if config.access.keys.is_empty() && !address.ip().is_loopback() {
            return Err(Box::new(OpenAddress { address }));
        }
        engine::refuse_open_address(&config)?;

        say(&format!("Signalbox {}", env!("CARGO_PKG_VERSION")));
        let (api, step_functions) = (
            engine::bind(address).await?,
            engine::bind(config.engine.listen).await?,
        );
        let database = database::open(&config, None).await?;
        let db = database.migrated(&config).await?;
        let engine = engine::open(&database.url, &config).await?;
        let in_process =
            signalbox_engine::wire::router(Arc::clone(&engine), signalbox_engine::wire::Trust::Everybody);
        let metrics = Metrics::new()?;
        metrics
            .registry()
            .register(Box::new(EngineCollector::new(Arc::clone(&engine))?))?;
        let environments =
            Environments::connect(&config, &Transport::in_process(in_process), &metrics).await?;
        let lifecycle = Lifecycle::new();
        let app = Arc::new(App {
            db,
            clock: Arc::new(SystemClock),
            environments,
            worker: worker_name(&config.surroundings.host),
            outbound: Outbound::from_config(&config)?,
            signals: Signals::new(),
            metrics,
            lifecycle: lifecycle.clone(),
            config: Arc::new(config),
        });
        workers::start(&app);
        let api = engine::serve(&lifecycle, "api", routes::router(Arc::clone(&app)), api)?;
        let step_functions = engine::serve_engine(&lifecycle, &engine, step_functions)?;
        welcome(&app.config, api, step_functions);

        lifecycle::termination_signal().await;
        tracing::info!("finishing what is at hand; a second signal drops it");
        lifecycle.finish(lifecycle::termination_signal()).await;
        if let Err(error) = jobs::release(&app).await {
            tracing::warn!(%error, "could not give back unfinished jobs: others take them when their leases run out");
        }
        engine.shutdown().await;
        engine.pool().close().await;
        app.db.close().await;
        database.close().await;
        tracing::info!("ended");
        Ok(())
    }
}

/// Names this process among the replicas: which machine and process, and chance, since containers are all process 1.
fn worker_name(host: &str) -> String {
    format!("{host}:{}:{:08x}", std::process::id(), rand::random::<u32>())
}

fn welcome(config: &Config, api: SocketAddr, step_functions: SocketAddr) {
    say(&format!("  API             http://{api}"));
    say(&format!("  Documentation   http://{api}/docs/"));
    say(&format!("  Step Functions  http://{step_functions}"));
    if config.access.keys.is_empty() {
        say("  Access          open to everybody on this machine, since no [[access.keys]] are configured");
    } else {
        say(&format!("  Access          {} keys", config.access.keys.len()));
    }
    say("\nTry:");
    let key = if config.access.keys.is_empty() {
        ""
    } else {
        " -H \"authorization: Bearer $KEY\""
    };
    say(&format!(
        "  curl -s http://{api}/v1/templates{key} -H 'content-type: application/json' \\"
    ));
    say(
        r#"    -d '{"name":"hello","definition":{"StartAt":"Hi","States":{"Hi":{"Type":"Pass","Result":"Hello!","End":true}}}}'"#,
    );
    say(&format!(
        "  curl -s http://{api}/v1/templates/hello/executions{key} -H 'content-type: application/json' -H 'prefer: wait=5' -d '{{}}'\n"
    ));
}
