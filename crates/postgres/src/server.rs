//! A server that is started, watched, restarted when it crashes, and stopped with its owner.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::account::{Account, NoAccount};
use crate::cluster::{self, Durability, InitError};
use crate::download::{self, Download, DownloadError};
use crate::find::{self, Binaries, FindError, Search, Wanted};
use crate::lock::{self, Lock, LockError};
use crate::place::{self, Place, PlaceError};
use crate::supervise::{self, Order, Started};
use crate::url;

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Everything goes below its `postgres` directory.
    pub data_dir: PathBuf,
    /// Where its programs are looked for.
    pub search: Search,
    /// What is fetched when there are none; none: nothing is.
    pub download: Option<Download>,
    /// How it is reached.
    pub reach: Reach,
    /// The database that is made if it is not there.
    pub database: String,
    /// Connections it accepts.
    pub connections_max: u32,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// By a Unix socket that only its user (and root) can open; where its path would be too long, as `Loopback`.
    #[default]
    Socket,
    /// By a free TCP port on 127.0.0.1, with a password.
    Loopback,
}

/// What happens while a server is set up, for people who wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A release is fetched from here.
    Downloading(String),
    /// These programs are used.
    Found(Binaries),
    /// A data directory is made: the first start.
    Initialising(PathBuf),
    /// A server that outlived its owner is stopped.
    StoppingLeftover(i32),
    /// The server starts; it may recover from a crash first.
    Starting,
}

/// A server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nobody to run it as.
    #[error(transparent)]
    Account(#[from] NoAccount),
    /// No place for its files.
    #[error("cannot prepare the embedded Postgres' directory")]
    Place(#[from] PlaceError),
    /// Another process runs on the same data.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// No programs.
    #[error(transparent)]
    Find(#[from] FindError),
    /// No programs, and none could be fetched.
    #[error("there is no Postgres on this machine, and none could be downloaded")]
    Download(#[from] DownloadError),
    /// No data directory.
    #[error("cannot make the embedded Postgres' data directory")]
    Init(#[from] InitError),
    /// The server ended while it started, or took too long.
    #[error("the embedded Postgres did not start: {reason}")]
    Server {
        /// What it said last.
        reason: String,
    },
    /// The server runs, but the database could not be made.
    #[error("cannot make the database `{database}`")]
    Database {
        /// Its name.
        database: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The system refused something.
    #[error("cannot {what}")]
    Io {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A running server. Dropped, it is stopped (fast: open transactions are rolled back), which blocks until it is.
#[derive(Debug)]
pub struct Server {
    url: String,
    orders: mpsc::Sender<Order>,
    supervisor: Option<JoinHandle<()>>,
    cluster: PathBuf,
    /// Held until after the server is stopped: fields are dropped after [`Drop::drop`].
    _lock: Lock,
}

impl Server {
    /// Starts the server on `settings.data_dir`, making what is missing. `progress` hears what takes time.
    ///
    /// The server is durable: `fsync` and page checksums are on. It ends with this process, whatever ends that: by [`Server::stop`],
    /// by `PDEATHSIG` on Linux when the process is killed, elsewhere by the next start, which stops what is left.
    pub async fn start(
        settings: Settings,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let database = settings.database.clone();
        let lock = blocking({
            let data_dir = settings.data_dir.clone();
            move || Locked::prepare(&data_dir)
        })
        .await?;
        let wanted = lock.wanted();
        let search = settings.search.clone();
        let found = blocking(move || Ok(find::find(&search, wanted)?)).await;
        let binaries = match (found, &settings.download) {
            (Err(StartError::Find(FindError::Nowhere { .. })), Some(release)) => {
                let fetching = |url: &str| progress(Progress::Downloading(url.to_owned()));
                download::download(release, wanted, fetching).await?
            }
            (found, _) => found?,
        };
        let (server, reached) = blocking(move || start(&settings, lock, &binaries, &progress)).await?;
        let made = make_database(&reached.url("postgres"), &database).await;
        made.map_err(|source| StartError::Database { database, source })?;
        Ok(server)
    }

    /// Connects as the superuser to the database of the settings. Stays the same when the server is restarted after a crash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's process, while it accepts connections.
    pub fn pid(&self) -> Option<u32> {
        cluster::ready_pid(&self.cluster)
    }

    /// Stops the server and returns when it is gone.
    pub async fn stop(self) {
        // Dropping blocks until the server is gone.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(supervisor) = self.supervisor.take() {
            let _ = supervisor.join();
        }
    }
}

/// The URL of the server that another process runs on this data directory; none when none does, or it can't be told.
pub fn running_url(data_dir: &Path, database: &str) -> Option<String> {
    let home = data_dir.join("postgres");
    let cluster = home.join("data");
    cluster::live_server(&cluster)?;
    cluster::ready_pid(&cluster)?;
    // Lines 4 to 6: port, socket directory, address.
    let lines = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let mut lines = lines.lines().skip(3);
    let port = lines.next()?.trim().parse().ok()?;
    let socket_directory = Some(lines.next()?.trim()).filter(|directory| !directory.is_empty());
    let reached = Reached {
        socket_directory: socket_directory.map(PathBuf::from),
        port,
        password: fs::read_to_string(home.join("password")).ok()?,
    };
    Some(reached.url(database))
}

/// How a started server is reached.
struct Reached {
    socket_directory: Option<PathBuf>,
    port: u16,
    password: String,
}

/// The port that names the socket's file. Sockets have directories of their own, so it need not differ.
const SOCKET_PORT: u16 = 5432;

impl Reached {
    fn url(&self, database: &str) -> String {
        match &self.socket_directory {
            Some(directory) => url::over_socket(directory, self.port, database),
            None => url::over_loopback(&self.password, self.port, database),
        }
    }

    fn settings(&self) -> Vec<String> {
        match &self.socket_directory {
            Some(directory) => vec![
                "listen_addresses=".to_owned(),
                format!("unix_socket_directories={}", directory.display()),
                format!("port={}", self.port),
            ],
            None => vec![
                "listen_addresses=127.0.0.1".to_owned(),
                "unix_socket_directories=".to_owned(),
                format!("port={}", self.port),
            ],
        }
    }
}

/// A data directory that is ours.
struct Locked {
    account: Account,
    place: Place,
    lock: Lock,
}

impl Locked {
    fn prepare(data_dir: &Path) -> Result<Self, StartError> {
        let account = Account::choose()?;
        let place = place::prepare(data_dir, account)?;
        let lock = lock::lock(&place.home)?;
        Ok(Self { account, place, lock })
    }

    fn wanted(&self) -> Wanted {
        cluster::major_version(&self.place.cluster).map_or(Wanted::Any, Wanted::Major)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StartError::Io {
            what: "start the server",
            source: error.into(),
        })?
}

fn start(
    settings: &Settings,
    locked: Locked,
    binaries: &Binaries,
    progress: &dyn Fn(Progress),
) -> Result<(Server, Reached), StartError> {
    let is_new = locked.wanted() == Wanted::Any;
    let Locked { account, place, lock } = locked;
    progress(Progress::Found(binaries.clone()));
    if is_new {
        progress(Progress::Initialising(place.cluster.clone()));
        init(binaries, account, &place)?;
    }
    if let Some(pid) = cluster::live_server(&place.cluster) {
        progress(Progress::StoppingLeftover(pid.as_raw_nonzero().get()));
        cluster::stop_leftover(&place.cluster);
    }
    let reached = reach(settings.reach, &place, account)?;

    progress(Progress::Starting);
    let mut arguments = vec!["-D".into(), place.cluster.clone().into_os_string()];
    let limits = format!("max_connections={}", settings.connections_max);
    for setting in reached.settings().into_iter().chain([limits]) {
        arguments.extend(["-c".into(), setting.into()]);
    }
    let program = binaries.program("postgres");
    let (orders, received) = mpsc::channel();
    let (ready, started) = mpsc::sync_channel(1);
    let supervised = Started {
        program,
        arguments,
        account,
        cluster: place.cluster.clone(),
    };
    let supervisor = std::thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(move || supervise::supervise(&supervised, &received, &ready))
        .map_err(|source| StartError::Io {
            what: "start a thread",
            source,
        })?;
    let server = Server {
        url: reached.url(&settings.database),
        orders,
        supervisor: Some(supervisor),
        cluster: place.cluster,
        _lock: lock,
    };
    match started.recv() {
        Ok(Ok(())) => Ok((server, reached)),
        Ok(Err(reason)) => Err(StartError::Server { reason }),
        Err(mpsc::RecvError) => Err(StartError::Server {
            reason: "its supervisor ended".to_owned(),
        }),
    }
}

/// Makes the data directory under another name first: one that is there is whole.
fn init(binaries: &Binaries, account: Account, place: &Place) -> Result<(), StartError> {
    let unfinished = place.home.join("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|source| StartError::Io {
            what: "remove an unfinished data directory",
            source,
        })?;
    }
    cluster::init(
        binaries,
        account,
        &unfinished,
        Some(&place.password_file),
        Durability::Kept,
    )?;
    fs::rename(&unfinished, &place.cluster).map_err(|source| StartError::Io {
        what: "name the data directory",
        source,
    })
}

fn reach(reach: Reach, place: &Place, account: Account) -> Result<Reached, StartError> {
    let socket_directory = match reach {
        Reach::Socket => place.socket_directory(account, SOCKET_PORT)?,
        Reach::Loopback => None,
    };
    let password = fs::read_to_string(&place.password_file).map_err(|source| StartError::Io {
        what: "read the server's password",
        source,
    })?;
    let port = match socket_directory {
        Some(_) => SOCKET_PORT,
        None => TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|source| StartError::Io {
                what: "find a free port",
                source,
            })?
            .port(),
    };
    Ok(Reached {
        socket_directory,
        port,
        password,
    })
}

async fn make_database(url: &str, database: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(database)
        .fetch_one(&mut connection)
        .await?;
    if !exists {
        let name = database.replace('"', "\"\"");
        connection
            .execute(AssertSqlSafe(format!("create database \"{name}\"")))
            .await?;
    }
    connection.close().await
}
