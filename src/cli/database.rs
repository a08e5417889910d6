//! The database of a command: the one that was given, or an embedded one that lives as long as the command.

use std::path::PathBuf;
use std::time::Duration;

use signalbox_postgres::download::{Download, GITHUB, Release};
use signalbox_postgres::{FindError, Progress, Reach, Search, Server, Settings, StartError};

use super::Failure;
use super::output::say;
use crate::config::{Config, default_data_dir};
use crate::db::{Db, DbError, MigrateError};

/// How long a given database may be away when a command starts: in a composition it starts beside us.
const AWAY_MAX: Duration = Duration::from_mins(1);

/// Pause between two tries of a database that is away.
const AWAY_PAUSE: Duration = Duration::from_millis(500);

/// Connections of an embedded server: the control plane's pool, the engine's, and some for people with `psql`.
const SPARE_CONNECTIONS: u32 = 24;

/// A database that can be connected to.
pub(super) struct Database {
    pub(super) url: String,
    /// Ours, to be stopped last.
    server: Option<Server>,
}

/// No data directory.
#[derive(Debug, thiserror::Error)]
#[error("no directory for data: neither `HOME` nor `XDG_DATA_HOME` is set; give one with `--data-dir`")]
pub(super) struct NoDataDir;

/// No Postgres to be had, and what to do.
#[derive(Debug, thiserror::Error)]
#[error(
    "{reason}\n\nAny one of these helps:\n  \
     docker run -d -p 5432:5432 -e POSTGRES_PASSWORD=signalbox postgres:17   and   \
     DATABASE_URL=postgres://postgres:signalbox@127.0.0.1:5432/postgres\n  \
     apt-get install postgresql   or   dnf install postgresql-server   or   brew install postgresql@17\n  \
     DATABASE_URL=postgres://…   for a server you have"
)]
struct NoPostgres {
    reason: String,
}

/// The configured database, or an embedded one below the data directory. `subdirectory` keeps commands apart that run side by side.
pub(super) async fn open(config: &Config, subdirectory: Option<&str>) -> Result<Database, Failure> {
    if let Some(url) = &config.postgres.url {
        return Ok(Database {
            url: url.expose().to_owned(),
            server: None,
        });
    }
    let data_dir = data_dir(config, subdirectory)?;
    let download = config.postgres.download.then(|| Download {
        mirror: config
            .postgres
            .download_mirror
            .clone()
            .unwrap_or_else(|| GITHUB.to_owned()),
        directory: data_dir.join("downloads"),
        release: Release::pinned(),
    });
    let settings = Settings {
        data_dir,
        download,
        search: Search {
            directory: config.postgres.binaries.clone(),
            path: config.surroundings.path.clone(),
        },
        reach: Reach::Socket,
        database: "signalbox".to_owned(),
        connections_max: config
            .postgres
            .connections_max
            .saturating_mul(2)
            .saturating_add(SPARE_CONNECTIONS),
    };
    let server = match Server::start(settings, |progress| say(&line(&progress))).await {
        Ok(server) => server,
        Err(error @ (StartError::Find(FindError::Nowhere { .. }) | StartError::Download(_))) => {
            return Err(Box::new(NoPostgres {
                reason: super::chain(&error),
            }));
        }
        Err(error) => return Err(Box::new(error)),
    };
    Ok(Database {
        url: server.url().to_owned(),
        server: Some(server),
    })
}

pub(super) fn data_dir(config: &Config, subdirectory: Option<&str>) -> Result<PathBuf, NoDataDir> {
    let directory = config
        .server
        .data_dir
        .clone()
        .or_else(default_data_dir)
        .ok_or(NoDataDir)?;
    Ok(subdirectory.map_or(directory.clone(), |subdirectory| directory.join(subdirectory)))
}

fn line(progress: &Progress) -> String {
    match progress {
        Progress::Downloading(url) => format!("No Postgres on this machine: downloading {url} …"),
        Progress::Found(binaries) => {
            format!("Postgres {} in {}", binaries.major, binaries.directory.display())
        }
        Progress::Initialising(directory) => format!("Making a database in {} …", directory.display()),
        Progress::StoppingLeftover(pid) => {
            format!("Stopping a Postgres that outlived its Signalbox (process {pid}) …")
        }
        Progress::Starting => "Starting Postgres …".to_owned(),
    }
}

impl Database {
    /// The control plane's pool on it, with the schema up to date. A database that is away is waited for.
    pub(super) async fn migrated(&self, config: &Config) -> Result<Db, Failure> {
        let db = Db::open_with(&self.url, config.postgres.connections_max)?;
        let mut waited = Duration::ZERO;
        loop {
            match db.migrate().await {
                Err(MigrateError::Connect(DbError::Unavailable(error))) if waited < AWAY_MAX => {
                    tracing::warn!(%error, "the database does not answer yet");
                    tokio::time::sleep(AWAY_PAUSE).await;
                    waited += AWAY_PAUSE;
                }
                migrated => {
                    migrated?;
                    return Ok(db);
                }
            }
        }
    }

    /// Stops the server, if it is ours.
    pub(super) async fn close(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}
