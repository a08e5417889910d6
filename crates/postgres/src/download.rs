//! Postgres from a pinned release, for machines that have none: fetched once, checked, unpacked, kept.
//!
//! The releases are those of `theseus-rs/postgresql-binaries`; docs/decisions/embedded-postgres.md says why.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

use crate::find::{self, Binaries, FindError, Search, Wanted};
use crate::limits::{
    ARCHIVE_BYTES_MAX, CHECKSUM_BYTES_MAX, DOWNLOAD_CONNECT_MAX, DOWNLOAD_MAX, DOWNLOAD_SILENCE_MAX,
    UNPACKED_BYTES_MAX,
};

/// Where a release is fetched from and kept.
#[derive(Debug, Clone)]
pub struct Download {
    /// Holds `VERSION/ARCHIVE` and `VERSION/ARCHIVE.sha256`. [`GITHUB`] or a mirror of it.
    pub mirror: String,
    /// Where it is unpacked, in a directory of its own. The server's user must be able to get there.
    pub directory: PathBuf,
    /// Which release.
    pub release: Release,
}

/// A release of the binaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Such as `17.5.0`.
    pub version: String,
    /// SHA-256 of the archives, in hex, by target. An archive that is not listed is checked against the checksum that the release
    /// has beside it, which protects against damage, but not against who can change the release.
    pub checksums: Vec<(String, String)>,
}

/// Where the releases are.
pub const GITHUB: &str = "https://github.com/theseus-rs/postgresql-binaries/releases/download";

impl Release {
    /// The release that this version of the program was made for.
    pub fn pinned() -> Self {
        // No checksums are pinned: see docs/decisions/embedded-postgres.md.
        Self {
            version: "17.5.0".to_owned(),
            checksums: Vec::new(),
        }
    }

    fn major(&self) -> Option<u32> {
        self.version.split('.').next()?.parse().ok()
    }
}

/// A release could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// There are no binaries for this machine.
    #[error(
        "there are no Postgres binaries to download for this machine ({})",
        std::env::consts::ARCH
    )]
    Platform,
    /// The data directory was made by another version than the one that can be downloaded.
    #[error("the data directory was made by Postgres {wanted}, but only version {offered} can be downloaded")]
    Version {
        /// Of the data directory.
        wanted: u32,
        /// Of the release.
        offered: String,
    },
    /// The server did not give it.
    #[error("cannot download `{url}`")]
    Fetch {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It is larger than an archive of Postgres can be.
    #[error("`{url}` is larger than {bytes_max} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        bytes_max: u64,
    },
    /// What the release has as a checksum is none.
    #[error("`{url}` holds no SHA-256")]
    NoChecksum {
        /// Where it should be.
        url: String,
    },
    /// It is not what it should be.
    #[error("`{url}` is damaged or forged: its SHA-256 is {actual}, not {expected}")]
    Checksum {
        /// What was asked for.
        url: String,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// It could not be written or unpacked.
    #[error("cannot write below `{}`", directory.display())]
    Write {
        /// Where.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was unpacked, but does not work here.
    #[error("the downloaded Postgres does not work on this machine")]
    Unusable(#[source] FindError),
}

/// The binaries of the release: those that were fetched before, else fetched now. `fetching` hears the address before that.
pub async fn download(
    download: &Download,
    wanted: Wanted,
    fetching: impl FnOnce(&str),
) -> Result<Binaries, DownloadError> {
    let release = &download.release;
    if let Wanted::Major(wanted) = wanted
        && release.major() != Some(wanted)
    {
        return Err(DownloadError::Version {
            wanted,
            offered: release.version.clone(),
        });
    }
    let target = target().ok_or(DownloadError::Platform)?;
    let name = format!("postgresql-{}-{target}", release.version);
    let directory = download.directory.join(&name);
    if !directory.exists() {
        let url = format!(
            "{}/{}/{name}.tar.gz",
            download.mirror.trim_end_matches('/'),
            release.version
        );
        fetching(&url);
        let archive = fetch_checked(release, target, &url, &download.directory).await?;
        unpack(archive, &name, &download.directory).await?;
    }
    let search = Search {
        directory: Some(directory.join("bin")),
        path: None,
    };
    find::find(&search, wanted).map_err(DownloadError::Unusable)
}

/// This machine, as the archives' names have it.
fn target() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") if cfg!(target_env = "musl") => Some("x86_64-unknown-linux-musl"),
        ("linux", "x86_64") => Some("x86_64-unknown-linux-gnu"),
        ("linux", "aarch64") if cfg!(target_env = "musl") => Some("aarch64-unknown-linux-musl"),
        ("linux", "aarch64") => Some("aarch64-unknown-linux-gnu"),
        ("macos", "x86_64") => Some("x86_64-apple-darwin"),
        ("macos", "aarch64") => Some("aarch64-apple-darwin"),
        _ => None,
    }
}

async fn fetch_checked(
    release: &Release,
    target: &str,
    url: &str,
    directory: &Path,
) -> Result<PathBuf, DownloadError> {
    let fetch = |url: &str| {
        let url = url.to_owned();
        move |source| DownloadError::Fetch {
            url: url.clone(),
            source,
        }
    };
    let client = reqwest::Client::builder()
        .connect_timeout(DOWNLOAD_CONNECT_MAX)
        .read_timeout(DOWNLOAD_SILENCE_MAX)
        .timeout(DOWNLOAD_MAX)
        .build()
        .map_err(fetch(url))?;
    let pinned = release
        .checksums
        .iter()
        .find(|(pinned, _)| pinned == target)
        .map(|(_, sum)| sum.clone());
    let expected = match pinned {
        Some(pinned) => pinned,
        None => checksum_beside(&client, url).await?,
    };

    let write = |source| DownloadError::Write {
        directory: directory.to_owned(),
        source,
    };
    fs::create_dir_all(directory).map_err(write)?;
    let partial = directory.join(format!("{target}.partial"));
    let mut file = File::create(&partial).map_err(write)?;
    let mut digest = Sha256::new();
    let mut bytes = 0_u64;
    let mut answer = client
        .get(url)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(fetch(url))?;
    while let Some(chunk) = answer.chunk().await.map_err(fetch(url))? {
        bytes += chunk.len() as u64;
        if bytes > ARCHIVE_BYTES_MAX {
            return Err(DownloadError::TooLarge {
                url: url.to_owned(),
                bytes_max: ARCHIVE_BYTES_MAX,
            });
        }
        digest.update(&chunk);
        file.write_all(&chunk).map_err(write)?;
    }
    let actual = hex::encode(digest.finalize());
    if !actual.eq_ignore_ascii_case(&expected) {
        // Nothing that was not checked stays.
        fs::remove_file(&partial).map_err(write)?;
        return Err(DownloadError::Checksum {
            url: url.to_owned(),
            expected,
            actual,
        });
    }
    Ok(partial)
}

/// The checksum in `URL.sha256`: hex, then perhaps a file's name.
async fn checksum_beside(client: &reqwest::Client, url: &str) -> Result<String, DownloadError> {
    let url = format!("{url}.sha256");
    let fetch = |source| DownloadError::Fetch {
        url: url.clone(),
        source,
    };
    let mut answer = client
        .get(&url)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(fetch)?;
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(fetch)? {
        text.extend_from_slice(&chunk);
        if text.len() > CHECKSUM_BYTES_MAX {
            return Err(DownloadError::NoChecksum { url });
        }
    }
    let text = String::from_utf8_lossy(&text);
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    if word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(word.to_owned())
    } else {
        Err(DownloadError::NoChecksum { url })
    }
}

/// Unpacks under another name first: a directory that is there is whole.
async fn unpack(archive: PathBuf, name: &str, directory: &Path) -> Result<(), DownloadError> {
    let write = |source| DownloadError::Write {
        directory: directory.to_owned(),
        source,
    };
    let unfinished = directory.join("unfinished");
    let whole = directory.join(name);
    let unpacked = unfinished.join(name);
    let work = tokio::task::spawn_blocking(move || {
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        let plain = GzDecoder::new(File::open(&archive)?).take(UNPACKED_BYTES_MAX);
        // Refuses paths that lead out of the directory.
        tar::Archive::new(plain).unpack(&unfinished)?;
        fs::rename(&unpacked, &whole)?;
        fs::remove_dir_all(&unfinished)?;
        fs::remove_file(&archive)
    });
    work.await.map_err(|error| write(error.into()))?.map_err(write)
}
