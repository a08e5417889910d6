//! `signalbox engine`: the embedded Step Functions engine alone. And how any command opens one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use clap::Args;
use signalbox_engine::EngineConfig;
use signalbox_engine::clock::SystemClock;
use signalbox_engine::integrations::config::{Credentials, Endpoints, HttpTasks};
use signalbox_engine::integrations::{IntegrationsConfig, Services};
use signalbox_engine::wire::{self, Trust};
use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpListener;

use super::output::say;
use super::{Failure, database};
use crate::config::{Config, DatabaseFlags, EMBEDDED_ACCOUNT, EMBEDDED_REGION, Flags};
use crate::lifecycle::{self, Lifecycle};
use crate::limits;
use crate::telemetry::logs::{self, LogFormat};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Run the embedded Step Functions engine alone, for others to point at
#[derive(Debug, Args)]
pub(super) struct Engine {
    /// Address of the endpoint [default: 127.0.0.1:8083]
    #[arg(long, env = "SIGNALBOX_ENGINE_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The configuration file (TOML): functions, access keys of the engine
    #[arg(long, env = "SIGNALBOX_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Mock file of AWS Step Functions Local, for executions started at `<ARN>#<test case>`
    #[arg(long, env = "SFN_MOCK_CONFIG", value_name = "FILE")]
    mock_config: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseFlags,
    /// What is logged, such as `info` or `warn,signalbox_engine=debug` [default: info,sqlx=warn]
    #[arg(long, env = "SIGNALBOX_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How a log line looks [default: pretty]
    #[arg(long, env = "SIGNALBOX_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,
}

impl Engine {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = Config::load(&Flags {
            config: self.config,
            engine_listen: self.listen,
            mock_config: self.mock_config,
            database: self.database,
            log: self.log,
            log_format: self.log_format,
            listen: None,
        })?;
        logs::init(config.telemetry.log_format, &config.telemetry.log_filter)?;
        refuse_open_address(&config)?;
        let listener = bind(config.engine.listen).await?;
        let database = database::open(&config, Some("engine")).await?;
        let engine = open(&database.url, &config).await?;
        let lifecycle = Lifecycle::new();
        let address = serve_engine(&lifecycle, &engine, listener)?;
        say(&format!("  Step Functions  http://{address}"));
        say(&format!(
            "\nTry:\n  aws stepfunctions list-state-machines --endpoint-url http://{address} --region {EMBEDDED_REGION}"
        ));

        lifecycle::termination_signal().await;
        lifecycle.finish(lifecycle::termination_signal()).await;
        engine.shutdown().await;
        engine.pool().close().await;
        database.close().await;
        Ok(())
    }
}

/// The engine's endpoint would be open to everybody who can reach it.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{address}` is not a loopback address, and without [[engine.access_keys]] everybody who reaches it could run anything: add a key, or listen on 127.0.0.1"
)]
struct OpenAddress {
    address: SocketAddr,
}

/// Without keys the endpoint takes any signature, so only this machine may reach it.
pub(super) fn refuse_open_address(config: &Config) -> Result<(), Failure> {
    let address = config.engine.listen;
    if config.engine.access_keys.is_empty() && !address.ip().is_loopback() {
        return Err(Box::new(OpenAddress { address }));
    }
    Ok(())
}

/// The engine on this database, driving executions as soon as no other process does.
pub(super) async fn open(url: &str, config: &Config) -> Result<Arc<signalbox_engine::Engine>, Failure> {
    let options = url
        .parse::<PgConnectOptions>()?
        .application_name("signalbox-engine");
    let pool = signalbox_engine::pool::options(config.postgres.connections_max)
        .acquire_timeout(limits::DATABASE_ACQUIRE_TIMEOUT)
        .connect_lazy_with(options);
    let access_keys = config
        .engine
        .access_keys
        .iter()
        .map(|key| wire::signature::AccessKey {
            id: key.id.clone(),
            secret: key.secret.expose().to_owned(),
            account: key.account.clone(),
        });
    let services = Services::new(integrations(config), Arc::new(SystemClock))?;
    let engine = EngineConfig {
        dispatch: Arc::new(services),
        region: EMBEDDED_REGION.to_owned(),
        account: EMBEDDED_ACCOUNT.to_owned(),
        access_keys: access_keys.collect(),
        shards: config.engine.shards,
        mock_config: config.engine.mock_config.clone(),
        retention_ms: i64::from(config.engine.retention_days.get()) * DAY_MS,
        ..EngineConfig::default()
    };
    Ok(signalbox_engine::Engine::open(pool, engine).await?)
}

/// What tasks may call: the configured functions, and services where the SDKs' variables say, signed with their key.
fn integrations(config: &Config) -> IntegrationsConfig {
    IntegrationsConfig {
        functions: config.functions.clone(),
        topics: config.topics.clone(),
        connections: config.connections.clone(),
        http_tasks: HttpTasks {
            private_addresses: config
                .http_tasks
                .private_addresses
                .unwrap_or(config.engine.access_keys.is_empty()),
        },
        endpoints: Endpoints {
            general: config.aws_endpoints.general().map(ToOwned::to_owned),
            by_service: config
                .aws_endpoints
                .by_service()
                .map(|(service, url)| (service.to_owned(), url.to_owned()))
                .collect(),
        },
        credentials: config.surroundings.aws_key.as_ref().map(|key| Credentials {
            access_key: key.id.clone(),
            secret: key.secret.expose().to_owned(),
            session_token: key.session_token.as_ref().map(|token| token.expose().to_owned()),
        }),
    }
}

/// Serves the engine's API on an address until the soft shutdown. The address it got.
pub(super) fn serve_engine(
    lifecycle: &Lifecycle,
    engine: &Arc<signalbox_engine::Engine>,
    listener: TcpListener,
) -> Result<SocketAddr, Failure> {
    let router = wire::router(Arc::clone(engine), Trust::Nobody);
    serve(lifecycle, "step functions", router, listener)
}

/// Takes an address. Done before anything else is set up, so that one that is taken is said at once.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    Ok(TcpListener::bind(address)
        .await
        .map_err(|source| CannotListen { address, source })?)
}

/// Serves a router until the soft shutdown. The address it got.
pub(super) fn serve(
    lifecycle: &Lifecycle,
    name: &'static str,
    router: Router,
    listener: TcpListener,
) -> Result<SocketAddr, Failure> {
    let address = listener.local_addr()?;
    let soft = lifecycle.soft_token();
    lifecycle.spawn(name, async move {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(listener, service)
            .with_graceful_shutdown(soft.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, name, "stopped to serve");
        }
    });
    Ok(address)
}

/// The address is taken, or not ours.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`")]
struct CannotListen {
    address: SocketAddr,
    source: std::io::Error,
}
