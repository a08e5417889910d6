//! The download, against a mirror on this machine.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed test should panic")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{StatusCode, Uri};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use signalbox_postgres::download::{Download, Release};
use signalbox_postgres::{DownloadError, Progress, Reach, Search, Server, Settings, StartError};

/// A release that leads to this machine's own Postgres: its programs are links.
fn archive(name: &str, bin: &Path) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for program in ["postgres", "initdb"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o755);
        archive
            .append_link(&mut header, format!("{name}/bin/{program}"), bin.join(program))
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

struct Mirror {
    url: String,
    archives_served: Arc<AtomicUsize>,
}

/// Serves `archive` for every `.tar.gz`, and `checksum` for every `.sha256`.
async fn mirror(archive: Vec<u8>, checksum: Option<String>) -> Mirror {
    let archives_served = Arc::new(AtomicUsize::new(0));
    let served = Arc::clone(&archives_served);
    let router = Router::new().fallback(move |uri: Uri| {
        let answer = if uri.path().ends_with(".sha256") {
            checksum.clone().map(String::into_bytes)
        } else {
            served.fetch_add(1, Ordering::SeqCst);
            Some(archive.clone())
        };
        async move { answer.ok_or(StatusCode::NOT_FOUND) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "a test's server ends with its runtime")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    Mirror { url, archives_served }
}

fn installed() -> signalbox_postgres::Binaries {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
    let path = std::env::var_os("PATH");
    signalbox_postgres::find::find(
        &Search {
            directory: None,
            path,
        },
        signalbox_postgres::find::Wanted::Any,
    )
    .unwrap()
}

fn name(version: &str) -> String {
    let system = if cfg!(target_os = "macos") {
        "apple-darwin"
    } else {
        "unknown-linux-gnu"
    };
    format!("postgresql-{version}-{}-{system}", std::env::consts::ARCH)
}

fn place() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap()
}

/// On a machine whose only Postgres is not found: there is none on an empty search path, and the usual places hold another version
/// than the one of the data directory.
fn settings(place: &Path, mirror: &Mirror, version: &str, checksums: Vec<(String, String)>) -> Settings {
    Settings {
        data_dir: place.to_owned(),
        search: Search {
            directory: None,
            path: None,
        },
        download: Some(Download {
            mirror: mirror.url.clone(),
            directory: place.join("downloads"),
            release: Release {
                version: version.to_owned(),
                checksums,
            },
        }),
        reach: Reach::Socket,
        database: "signalbox".to_owned(),
        connections_max: 10,
    }
}

/// Makes the data directory look like one of a version that this machine does not have.
fn pretend_made_by(place: &Path, major: u32) {
    let cluster = place.join("postgres/data");
    std::fs::create_dir_all(&cluster).unwrap();
    std::fs::write(cluster.join("PG_VERSION"), format!("{major}\n")).unwrap();
    if rustix::process::geteuid().is_root() {
        let id = |flag| {
            let output = std::process::Command::new("id")
                .args([flag, "postgres"])
                .output()
                .unwrap();
            String::from_utf8(output.stdout)
                .unwrap()
                .trim()
                .parse::<u32>()
                .ok()
        };
        std::os::unix::fs::chown(place.join("postgres"), id("-u"), id("-g")).unwrap();
    }
}

async fn error(settings: Settings) -> DownloadError {
    match Server::start(settings, |_| {}).await {
        Err(StartError::Download(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_archive_that_is_not_what_its_checksum_says_is_thrown_away() {
    let place = place();
    pretend_made_by(place.path(), 99);
    let forged = mirror(
        b"forged".to_vec(),
        Some(format!("{}  some.tar.gz\n", "0".repeat(64))),
    )
    .await;
    let error = error(settings(place.path(), &forged, "99.1.0", Vec::new())).await;
    assert!(matches!(error, DownloadError::Checksum { .. }), "{error:?}");
    assert_eq!(
        std::fs::read_dir(place.path().join("downloads")).unwrap().count(),
        0
    );
}

#[tokio::test]
async fn a_pinned_checksum_goes_before_the_one_beside_the_archive() {
    let place = place();
    pretend_made_by(place.path(), 99);
    let archive = b"replaced, with a checksum to match".to_vec();
    let beside = hex::encode(Sha256::digest(&archive));
    let replaced = mirror(archive, Some(beside)).await;
    let target = name("").trim_start_matches("postgresql--").to_owned();
    let pinned = vec![(target, "1".repeat(64))];
    let error = error(settings(place.path(), &replaced, "99.1.0", pinned)).await;
    let DownloadError::Checksum { expected, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*expected, "1".repeat(64));
}

#[tokio::test]
async fn a_release_without_a_checksum_is_not_taken() {
    let place = place();
    pretend_made_by(place.path(), 99);
    let bare = mirror(b"anything".to_vec(), None).await;
    let error = error(settings(place.path(), &bare, "99.1.0", Vec::new())).await;
    assert!(matches!(error, DownloadError::Fetch { .. }), "{error:?}");
    assert_eq!(bare.archives_served.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_data_directory_of_another_version_is_not_opened_by_the_release() {
    let place = place();
    pretend_made_by(place.path(), 98);
    let any = mirror(Vec::new(), None).await;
    let error = error(settings(place.path(), &any, "99.1.0", Vec::new())).await;
    assert!(
        matches!(error, DownloadError::Version { wanted: 98, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_release_is_fetched_once_checked_unpacked_and_used() {
    let place = place();
    let installed = installed();
    let version = format!("{}.0.0", installed.major);
    let archive = archive(&name(&version), &installed.directory);
    let checksum = hex::encode(Sha256::digest(&archive));
    let mirror = mirror(archive, Some(checksum)).await;
    let download = settings(place.path(), &mirror, &version, Vec::new())
        .download
        .unwrap();
    for fetched in [true, false] {
        let mut heard = false;
        let binaries = signalbox_postgres::download::download(
            &download,
            signalbox_postgres::find::Wanted::Major(installed.major),
            |_| heard = true,
        )
        .await
        .unwrap();
        assert_eq!((heard, binaries.major), (fetched, installed.major));
    }
    assert_eq!(mirror.archives_served.load(Ordering::SeqCst), 1);
    assert!(
        place
            .path()
            .join("downloads")
            .join(name(&version))
            .join("bin/initdb")
            .exists()
    );
}

#[tokio::test]
async fn people_hear_that_something_is_downloaded() {
    let place = place();
    pretend_made_by(place.path(), 99);
    let bare = mirror(Vec::new(), None).await;
    let (sender, heard) = std::sync::mpsc::channel();
    let progress = move |progress| drop(sender.send(progress));
    Server::start(settings(place.path(), &bare, "99.1.0", Vec::new()), progress)
        .await
        .unwrap_err();
    let Ok(Progress::Downloading(url)) = heard.recv() else {
        panic!("nothing was heard")
    };
    assert!(
        url.ends_with(&format!("/99.1.0/{}.tar.gz", name("99.1.0"))),
        "{url}"
    );
}
