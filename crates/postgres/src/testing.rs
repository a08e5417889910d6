//! Postgres for tests: one server for the whole run, an empty database for each test.
//!
//! The first test process of a run starts the server, the others join it, whether they run one after another
//! (`cargo test`) or beside each other (`nextest`). The server ends by itself when the last of them is gone, also when that
//! one was killed: a small shell script is the server's parent, every test process holds the writing end of its FIFO, and
//! at the end of file the script stops the server. Nothing of this survives a test run but the pristine data directory
//! that the next run's server is copied from (`initdb` takes a second, a copy some milliseconds).
//!
//! The server is fast and forgetful: it never syncs to the disk.
//!
//! Everything here panics when it fails: it is called by tests only.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test without its database has failed"
)]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::account::Account;
use crate::cluster::{self, Durability};
use crate::find::{self, Binaries, Search, Wanted};
use crate::limits::{POLL_INTERVAL, TEST_CONNECTIONS_MAX, TEST_START_MAX};
use crate::server::{Reach, Server, Settings};
use crate::url;

/// An empty database on the test run's server. It goes with the server: there is nothing to clean up.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// Connects as the superuser over a Unix socket.
    pub url: String,
    /// The database's name on its server.
    pub name: String,
}

/// A fresh, empty database on the test run's own server, which is started if this is the first call of the run.
///
/// # Panics
///
/// When there is no Postgres on this machine or it does not start; the message says why.
pub async fn database() -> TestDatabase {
    let server = tokio::task::spawn_blocking(shared_server)
        .await
        .expect("joining the test server");
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&url::over_socket(&server.directory, PORT, "postgres"))
        .await
        .unwrap_or_else(|error| {
            panic!(
                "cannot connect to the test server in `{}`: {error}",
                server.directory.display()
            )
        });
    connection
        .execute(AssertSqlSafe(format!("create database {name}")))
        .await
        .unwrap_or_else(|error| panic!("cannot create the database `{name}`: {error}"));
    let _ = connection.close().await;
    TestDatabase {
        url: url::over_socket(&server.directory, PORT, &name),
        name,
    }
}

/// A durable server of a test's own, to be stopped, killed and started again. Removed with its data when dropped.
#[derive(Debug)]
pub struct TestServer {
    directory: PathBuf,
    url: String,
    server: Option<Server>,
}

/// A running server of the test's own: `fsync` is on, and nobody else uses it.
///
/// # Panics
///
/// When there is no Postgres on this machine or it does not start; the message says why.
pub async fn server() -> TestServer {
    server_in(std::env::temp_dir().join(format!("sb-own-{}", uuid::Uuid::new_v4().simple()))).await
}

/// The same, with its data in this directory, which is made and, in the end, removed.
///
/// # Panics
///
/// When there is no Postgres on this machine or it does not start; the message says why.
pub async fn server_in(directory: PathBuf) -> TestServer {
    DirBuilder::new()
        .mode(0o755)
        .create(&directory)
        .expect("the server's directory");
    let mut made = TestServer {
        directory,
        url: String::new(),
        server: None,
    };
    made.start().await;
    made
}

impl TestServer {
    /// The superuser's URL of the database `signalbox`; the same after each start.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts it again after [`TestServer::stop`].
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start(&mut self) {
        let settings = Settings {
            data_dir: self.directory.clone(),
            search: Search {
                directory: None,
                path: search_path(),
            },
            download: None,
            reach: Reach::Socket,
            database: "signalbox".to_owned(),
            connections_max: TEST_CONNECTIONS_MAX,
        };
        let server = Server::start(settings, |_| {}).await;
        let server = server.unwrap_or_else(|error| panic!("a test's own server: {error}"));
        server.url().clone_into(&mut self.url);
        self.server = Some(server);
    }

    /// Stops it, as an operator would; connections are ended.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// `kill -9`. It comes back by itself: its supervisor starts it again.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&self) {
        let pid = self.server.as_ref().and_then(Server::pid);
        let pid = pid.and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
        let _ = rustix::process::kill_process(pid.expect("the server runs"), rustix::process::Signal::KILL);
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.server.take());
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn search_path() -> Option<std::ffi::OsString> {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
    std::env::var_os("PATH")
}

/// Names the socket file only: the servers of this crate do not listen on TCP.
const PORT: u16 = 5432;

/// The run's server, as this process sees it.
struct Joined {
    /// Holds the socket, the FIFO and the data directory.
    directory: PathBuf,
    /// The server lives as long as some process holds this end open.
    _alive: File,
}

/// `$1` the run's directory, `$2` the program. Standard input is the FIFO. Each line names a file to make in `joined/`: a
/// process that sees its file knows that its writing end was counted before the end of file.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
run=$1
shift
( "$@" >"$run/log" 2>&1 </dev/null; : >"$run/exited" ) &
while read -r name; do : >"$run/joined/$name"; done
until [ -e "$run/exited" ]; do
  kill -QUIT "$(head -n 1 "$run/data/postmaster.pid")"
  sleep 0.1
done
rm -rf "$run"
"#;

fn shared_server() -> &'static Joined {
    static SERVER: OnceLock<Joined> = OnceLock::new();
    SERVER.get_or_init(|| {
        let account = Account::choose().unwrap_or_else(|error| panic!("{error}"));
        let home = home(account);
        let lock = File::create(home.join("lock")).expect("the lock of the test server");
        lock.lock().expect("the lock of the test server");
        join(&home).unwrap_or_else(|| {
            remove_runs(&home);
            start(&home, account)
        })
    })
}

/// `TMPDIR/sb-test-UID-HASH`: one for each user and workspace. Short, because the socket's path has a limit.
fn home(account: Account) -> PathBuf {
    let workspace = Sha256::digest(env!("CARGO_MANIFEST_DIR"));
    let hash = hex::encode(workspace.get(..4).unwrap_or_default());
    let name = format!("sb-test-{}-{hash}", rustix::process::geteuid().as_raw());
    let home = std::env::temp_dir().join(name);
    match DirBuilder::new().mode(0o700).create(&home) {
        Ok(()) => account
            .own(&home)
            .expect("handing the test server's directory over"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => panic!("cannot make `{}`: {error}", home.display()),
    }
    let owner = fs::symlink_metadata(&home)
        .expect("the test server's directory")
        .uid();
    // A process that made the directory may have died before it handed it over.
    if owner == rustix::process::geteuid().as_raw() {
        account
            .own(&home)
            .expect("handing the test server's directory over");
    } else {
        assert_eq!(
            owner,
            account.user_id(),
            "`{}` belongs to somebody else",
            home.display()
        );
    }
    home
}

/// Joins the server that runs; none when there is none, or when it is about to end.
fn join(home: &Path) -> Option<Joined> {
    let run = fs::read_to_string(home.join("current")).ok()?;
    let directory = home.join(run);
    let non_blocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut alive = OpenOptions::new()
        .write(true)
        .custom_flags(non_blocking)
        .open(directory.join("fifo"))
        .ok()?;
    let name = uuid::Uuid::new_v4().simple().to_string();
    alive.write_all(format!("{name}\n").as_bytes()).ok()?;
    let counted = directory.join("joined").join(&name);
    wait_until("the test server to count this process", || {
        // An empty write finds nothing out; a line that no one waits for does: `EPIPE` once the script is gone.
        counted.exists() || alive.write_all(b"ping\n").is_err()
    });
    (counted.exists() && !directory.join("exited").exists()).then_some(Joined {
        directory,
        _alive: alive,
    })
}

fn start(home: &Path, account: Account) -> Joined {
    let path = search_path();
    let binaries = find::find(
        &Search {
            directory: None,
            path,
        },
        Wanted::Any,
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let pristine = pristine(home, account, &binaries);

    let run = uuid::Uuid::new_v4().simple().to_string().split_off(24);
    let directory = home.join(&run);
    for made in [directory.clone(), directory.join("joined")] {
        DirBuilder::new()
            .mode(0o700)
            .create(&made)
            .expect("the test server's directory");
        account
            .own(&made)
            .expect("handing the test server's directory over");
    }
    let mut copy = Command::new("cp");
    copy.arg("-Rp")
        .arg(&pristine)
        .arg(directory.join("data"))
        .current_dir("/");
    assert!(
        account.apply(&mut copy).status().expect("cp").success(),
        "cannot copy the data directory"
    );

    let fifo = directory.join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .expect("mkfifo")
            .success(),
        "cannot make the FIFO"
    );
    // Opened for both, a FIFO does not wait for its other end.
    let both = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&fifo)
        .expect("the FIFO");
    let reading = File::open(&fifo).expect("the FIFO");
    let alive = OpenOptions::new().write(true).open(&fifo).expect("the FIFO");
    drop(both);

    let mut watchdog = Command::new("/bin/sh");
    watchdog
        .args(["-c", WATCHDOG, "signalbox-test-postgres"])
        .arg(&directory)
        .arg(binaries.program("postgres"))
        .arg("-D")
        .arg(directory.join("data"))
        .args(settings(&directory))
        .stdin(reading)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0);
    #[expect(
        clippy::zombie_processes,
        reason = "it outlives this process: that is what it is for"
    )]
    let _watchdog = account.apply(&mut watchdog).spawn().expect("/bin/sh");

    wait_until("the test server to start", || {
        let log = || fs::read_to_string(directory.join("log")).unwrap_or_default();
        assert!(
            !directory.join("exited").exists(),
            "the test server did not start: {}",
            log()
        );
        cluster::ready_pid(&directory.join("data")).is_some()
    });
    fs::write(home.join("current"), run).expect("the name of the test server");
    Joined {
        directory,
        _alive: alive,
    }
}

/// Every durability off: a test server's data need not survive it.
fn settings(directory: &Path) -> Vec<String> {
    [
        "listen_addresses=".to_owned(),
        format!("unix_socket_directories={}", directory.display()),
        format!("port={PORT}"),
        format!("max_connections={TEST_CONNECTIONS_MAX}"),
        "fsync=off".to_owned(),
        "synchronous_commit=off".to_owned(),
        "full_page_writes=off".to_owned(),
        "wal_level=minimal".to_owned(),
        "max_wal_senders=0".to_owned(),
    ]
    .into_iter()
    .flat_map(|setting| ["-c".to_owned(), setting])
    .collect()
}

/// The data directory that servers are copied from: made once for each version of Postgres.
fn pristine(home: &Path, account: Account, binaries: &Binaries) -> PathBuf {
    let pristine = home.join(format!("pristine-{}", binaries.major));
    if !pristine.exists() {
        let unfinished = home.join("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        cluster::init(binaries, account, &unfinished, None, Durability::Forgotten)
            .unwrap_or_else(|error| panic!("{error}"));
        fs::rename(&unfinished, &pristine).expect("naming the data directory");
    }
    pristine
}

/// Ends and removes what earlier runs left, if their script was killed too.
fn remove_runs(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let directory = entry.path();
        if directory.join("joined").exists() {
            cluster::stop_leftover(&directory.join("data"));
            let _ = fs::remove_dir_all(directory);
        }
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let mut waited = Duration::ZERO;
    while !condition() {
        assert!(waited < TEST_START_MAX, "waited too long for {what}");
        std::thread::sleep(POLL_INTERVAL);
        waited += POLL_INTERVAL;
    }
}
