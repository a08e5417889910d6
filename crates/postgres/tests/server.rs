//! A supervised server: durable, one at a time, gone with its owner, back after a crash.

#![expect(clippy::unwrap_used, reason = "a failed test should panic")]

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use signalbox_postgres::{Progress, Reach, Search, Server, Settings, StartError};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

fn settings(data_dir: &Path) -> Settings {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
    let path = std::env::var_os("PATH");
    Settings {
        data_dir: data_dir.to_owned(),
        search: Search {
            directory: None,
            path,
        },
        download: None,
        reach: Reach::Socket,
        database: "signalbox".to_owned(),
        connections_max: 20,
    }
}

/// A directory that an unprivileged user can get to.
fn directory() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new()
        .permissions(permissions)
        .tempdir()
        .unwrap()
}

async fn started(data_dir: &Path) -> Server {
    Server::start(settings(data_dir), |_| {}).await.unwrap()
}

async fn connected(server: &Server) -> PgConnection {
    PgConnection::connect(server.url()).await.unwrap()
}

fn kill(pid: u32) {
    rustix::process::kill_process(pid_of(pid), Signal::KILL).unwrap();
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).unwrap()
}

async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn setting(connection: &mut PgConnection, name: &str) -> String {
    sqlx::query("select current_setting($1)")
        .bind(name)
        .fetch_one(connection)
        .await
        .unwrap()
        .get(0)
}

#[tokio::test]
async fn what_was_written_is_there_after_a_stop_and_a_start() {
    let place = directory();
    let server = started(place.path()).await;
    let mut connection = connected(&server).await;
    assert_eq!(setting(&mut connection, "fsync").await, "on");
    assert_eq!(setting(&mut connection, "data_checksums").await, "on");
    assert_eq!(setting(&mut connection, "listen_addresses").await, "");
    connection
        .execute("create table kept as select 42 as answer")
        .await
        .unwrap();
    let pid = server.pid().unwrap();
    server.stop().await;
    assert!(
        rustix::process::test_kill_process(pid_of(pid)).is_err(),
        "the server is gone"
    );

    let server = started(place.path()).await;
    let row = connected(&server)
        .await
        .fetch_one("select answer from kept")
        .await
        .unwrap();
    assert_eq!(row.get::<i32, _>(0), 42);
}

#[tokio::test]
async fn a_server_that_is_killed_comes_back_with_every_committed_row() {
    let place = directory();
    let server = started(place.path()).await;
    connected(&server)
        .await
        .execute("create table kept as select 42 as answer")
        .await
        .unwrap();
    let killed = server.pid().unwrap();
    kill(killed);
    until(|| server.pid().is_some_and(|pid| pid != killed)).await;
    let row = connected(&server)
        .await
        .fetch_one("select answer from kept")
        .await
        .unwrap();
    assert_eq!(row.get::<i32, _>(0), 42);
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_and_told_by_whom() {
    let place = directory();
    let _server = started(place.path()).await;
    let error = Server::start(settings(place.path()), |_| {}).await.unwrap_err();
    assert!(matches!(error, StartError::Lock(_)), "{error:?}");
    assert!(
        error
            .to_string()
            .contains(&format!("in use by the process {}", std::process::id())),
        "{error}"
    );
}

#[tokio::test]
async fn the_first_start_says_what_it_does_and_the_second_has_less_to_do() {
    let place = directory();
    let (sender, said) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let sender = sender.clone();
        let server = Server::start(settings(place.path()), move |progress| {
            sender.send(progress).unwrap();
        })
        .await
        .unwrap();
        server.stop().await;
    }
    let said: Vec<_> = said.try_iter().collect();
    let initialised = said
        .iter()
        .filter(|progress| matches!(progress, Progress::Initialising(_)))
        .count();
    let starting = said
        .iter()
        .filter(|progress| **progress == Progress::Starting)
        .count();
    assert_eq!((initialised, starting), (1, 2), "{said:?}");
}

#[tokio::test]
async fn over_tcp_it_listens_on_loopback_and_wants_its_password() {
    let place = directory();
    let server = Server::start(
        Settings {
            reach: Reach::Loopback,
            ..settings(place.path())
        },
        |_| {},
    )
    .await
    .unwrap();
    let mut connection = connected(&server).await;
    assert_eq!(setting(&mut connection, "listen_addresses").await, "127.0.0.1");
    let (user, rest) = server
        .url()
        .split_once(':')
        .map(|(scheme, rest)| (scheme, rest.split_once('@').unwrap().1))
        .unwrap();
    let without = format!("{user}://postgres:wrong@{rest}");
    let refused = PgConnection::connect(&without).await.unwrap_err();
    assert!(
        refused.to_string().contains("password authentication failed"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_data_directory_with_a_long_path_gets_its_socket_elsewhere() {
    let place = directory();
    let deep = place
        .path()
        .join("a-name-that-takes-much-of-what-a-socket-may-have".repeat(2));
    let server = started(&deep).await;
    assert!(!server.url().contains("a-name-that-takes"), "{}", server.url());
    connected(&server).await.execute("select 1").await.unwrap();
}

#[tokio::test]
async fn a_pid_file_left_by_a_crash_whose_number_belongs_to_another_program_is_no_obstacle() {
    let place = directory();
    let server = started(place.path()).await;
    let file = place.path().join("postgres/data/postmaster.pid");
    let lines = std::fs::read_to_string(&file).unwrap();
    server.stop().await;
    // A process of the server's own user that is no server: what a reused number looks like.
    let mut other = std::process::Command::new("sleep");
    other.arg("600");
    let owner =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(place.path().join("postgres")).unwrap());
    if rustix::process::geteuid().is_root() {
        std::os::unix::process::CommandExt::uid(&mut other, owner);
    }
    let mut other = other.spawn().unwrap();
    let rest = lines.split_once('\n').unwrap().1;
    std::fs::write(&file, format!("{}\n{rest}", other.id())).unwrap();

    let server = started(place.path()).await;
    connected(&server).await.execute("select 1").await.unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn root_is_told_which_directory_the_server_can_not_pass() {
    use std::os::unix::fs::PermissionsExt as _;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let error = Server::start(settings(&place.path().join("data")), |_| {})
        .await
        .unwrap_err();
    let StartError::Place(reason) = &error else {
        panic!("{error:?}")
    };
    assert!(
        reason
            .to_string()
            .contains(&format!("may not pass through `{}`", place.path().display())),
        "{reason}"
    );
}

/// Run by the test below in a process of its own, which it then kills: prints the server's process id and waits.
#[tokio::test]
#[ignore = "only the owner that `a_server_ends_with_its_killed_owner` starts"]
async fn owner() {
    #[expect(clippy::disallowed_methods, reason = "how a test tells its child where")]
    let data_dir = std::env::var_os("OWNER_DATA_DIR").unwrap();
    let server = started(Path::new(&data_dir)).await;
    connected(&server)
        .await
        .execute("create table if not exists kept as select 42 as answer")
        .await
        .unwrap();
    std::fs::write(
        Path::new(&data_dir).join("pid"),
        server.pid().unwrap().to_string(),
    )
    .unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_server_ends_with_its_killed_owner_and_the_next_owner_finds_everything() {
    let place = directory();
    let mut owner = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "owner"])
        .env("OWNER_DATA_DIR", place.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut pid = None;
    until(|| {
        pid = std::fs::read_to_string(place.path().join("pid"))
            .ok()
            .and_then(|pid| pid.parse::<u32>().ok());
        pid.is_some()
    })
    .await;
    owner.kill().unwrap();
    owner.wait().unwrap();

    let server = started(place.path()).await;
    assert_ne!(server.pid(), pid);
    let row = connected(&server)
        .await
        .fetch_one("select answer from kept")
        .await
        .unwrap();
    assert_eq!(row.get::<i32, _>(0), 42);
}
