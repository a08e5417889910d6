//! Settings that can also be given on the command line and as environment variables; both win over the file.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Config, Secret};
use crate::telemetry::logs::LogFormat;

/// The flags that every command with a configuration takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// The configuration file (TOML)
    #[arg(long, env = "SIGNALBOX_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address of the API and the metrics [default: 127.0.0.1:8080]
    #[arg(long, env = "SIGNALBOX_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Address of the embedded Step Functions endpoint [default: 127.0.0.1:8083]
    #[arg(long, env = "SIGNALBOX_ENGINE_LISTEN", value_name = "ADDRESS")]
    pub engine_listen: Option<SocketAddr>,
    /// Mock file of AWS Step Functions Local, for executions started at `<ARN>#<test case>`
    #[arg(long, env = "SFN_MOCK_CONFIG", value_name = "FILE")]
    pub mock_config: Option<PathBuf>,
    /// Which database, and where things are on disk.
    #[command(flatten)]
    pub database: DatabaseFlags,
    /// What is logged, such as `info` or `warn,signalbox=debug` [default: info,sqlx=warn]
    #[arg(long, env = "SIGNALBOX_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How a log line looks [default: pretty]
    #[arg(long, env = "SIGNALBOX_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
}

/// Which database.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DatabaseFlags {
    /// Everything on disk [default: `/var/lib/signalbox` for root, else below the user's data directory]
    #[arg(long, env = "SIGNALBOX_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Use this Postgres instead of an embedded one
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<Secret>,
    /// Directory of the programs `postgres` and `initdb` for the embedded server
    #[arg(long, env = "SIGNALBOX_POSTGRES_BINARIES", value_name = "DIRECTORY")]
    pub postgres_binaries: Option<PathBuf>,
    /// Where Postgres is downloaded from when the machine has none
    #[arg(long, env = "SIGNALBOX_POSTGRES_MIRROR", value_name = "URL")]
    pub postgres_mirror: Option<String>,
    /// Never download Postgres
    #[arg(long, env = "SIGNALBOX_NO_DOWNLOAD")]
    pub no_download: bool,
}

impl Flags {
    pub(super) fn apply(&self, config: &mut Config) {
        let given = self.clone();
        set(&mut config.server.listen, given.listen);
        set(&mut config.engine.listen, given.engine_listen);
        set_some(&mut config.engine.mock_config, given.mock_config);
        set(&mut config.telemetry.log_filter, given.log);
        set(&mut config.telemetry.log_format, given.log_format);
        let database = given.database;
        set_some(&mut config.server.data_dir, database.data_dir);
        set_some(&mut config.postgres.url, database.database_url);
        set_some(&mut config.postgres.binaries, database.postgres_binaries);
        set_some(&mut config.postgres.download_mirror, database.postgres_mirror);
        config.postgres.download &= !database.no_download;
    }
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

fn set_some<T>(setting: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *setting = given;
    }
}
