//! The Postgres binaries on this machine.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::limits::MAJOR_VERSION_MIN;

/// Where to look, beyond the usual places.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// A directory that holds `postgres` and `initdb`: when given, the only place that is looked at.
    pub directory: Option<PathBuf>,
    /// The value of `PATH`: its `postgres` and its `pg_config` come before the usual places.
    pub path: Option<OsString>,
}

/// A directory with the programs of one version of Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Holds `postgres` and `initdb`. Links are resolved.
    pub directory: PathBuf,
    /// The major version: 15 for 15.18.
    pub major: u32,
}

impl Binaries {
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// No binaries that could be used.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The directory that was asked for has no usable Postgres.
    #[error("`{}` is no directory with Postgres {MAJOR_VERSION_MIN} or later: {reason}", directory.display())]
    NotThere {
        /// The directory that was asked for.
        directory: PathBuf,
        /// What is wrong with it.
        reason: Unusable,
    },
    /// Nothing in any of the places; what was seen and refused is listed.
    #[error("no Postgres {wanted} on this machine{}", refused_text(refused))]
    Nowhere {
        /// The version that was looked for.
        wanted: Wanted,
        /// Directories that hold another version, or a broken one.
        refused: Vec<(PathBuf, Unusable)>,
    },
}

/// Which version will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// [`MAJOR_VERSION_MIN`] or later.
    Any,
    /// This one: a data directory that exists can be opened by its own major version only.
    Major(u32),
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Any => write!(formatter, "{MAJOR_VERSION_MIN} or later"),
            Wanted::Major(major) => write!(formatter, "{major} (which the data directory was made by)"),
        }
    }
}

/// Why a directory will not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// A program is missing.
    Missing(&'static str),
    /// `postgres --version` did not answer with a version.
    NoVersion(String),
    /// Another major version than the one wanted.
    Version(u32),
}

impl fmt::Display for Unusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Missing(program) => write!(formatter, "it has no `{program}`"),
            Unusable::NoVersion(answer) => write!(formatter, "`postgres --version` answered: {answer}"),
            Unusable::Version(major) => write!(formatter, "it is version {major}"),
        }
    }
}

/// The first directory, in this order, whose version is wanted: `search.directory` (and then nothing else), `postgres` on
/// `PATH`, `pg_config --bindir`, and where the packages of Debian, Red Hat, Homebrew and Postgres.app put it, newest first.
///
/// Runs `postgres --version` of each candidate: blocks for some milliseconds.
pub fn find(search: &Search, wanted: Wanted) -> Result<Binaries, FindError> {
    if let Some(directory) = &search.directory {
        return inspect(directory, wanted).map_err(|reason| FindError::NotThere {
            directory: directory.clone(),
            reason,
        });
    }
    let mut refused = Vec::new();
    for directory in candidates(search) {
        match inspect(&directory, wanted) {
            Ok(binaries) => return Ok(binaries),
            Err(Unusable::Missing(_)) => {}
            Err(reason) => refused.push((directory, reason)),
        }
    }
    Err(FindError::Nowhere { wanted, refused })
}

fn candidates(search: &Search) -> Vec<PathBuf> {
    let on_path = |name: &str| {
        std::env::split_paths(search.path.as_deref().unwrap_or_default())
            .map(|directory| directory.join(name))
            .find(|program| program.is_file())
    };
    let beside_postgres = on_path("postgres")
        .and_then(|program| program.canonicalize().ok())
        .and_then(|program| program.parent().map(Path::to_owned));
    let of_pg_config = on_path("pg_config").and_then(|program| {
        let output = Command::new(program).arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    });

    let mut directories: Vec<PathBuf> = beside_postgres.into_iter().chain(of_pg_config).collect();
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),
        ("/Applications/Postgres.app/Contents/Versions", ""),
    ] {
        directories.extend(versions_below(Path::new(parent), prefix));
    }
    directories
}

/// `parent/PREFIX*/bin`, the highest version first.
fn versions_below(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name
                .strip_prefix(prefix)?
                .trim_start_matches('@')
                .parse()
                .unwrap_or(0);
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, directory)| directory.is_dir())
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, directory)| directory).collect()
}

fn inspect(directory: &Path, wanted: Wanted) -> Result<Binaries, Unusable> {
    for program in ["postgres", "initdb"] {
        if !directory.join(program).is_file() {
            return Err(Unusable::Missing(program));
        }
    }
    let answer = match Command::new(directory.join("postgres")).arg("--version").output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let major = major_version(&answer).ok_or(Unusable::NoVersion(answer))?;
    let usable = match wanted {
        Wanted::Any => major >= MAJOR_VERSION_MIN,
        Wanted::Major(wanted) => major == wanted,
    };
    if !usable {
        return Err(Unusable::Version(major));
    }
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    Ok(Binaries { directory, major })
}

/// 15 from `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, 18 from `postgres (PostgreSQL) 18beta1`.
fn major_version(answer: &str) -> Option<u32> {
    let version = answer.split_once("(PostgreSQL)")?.1.trim_start();
    let digits = version
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(version.len());
    version.get(..digits)?.parse().ok()
}

fn refused_text(refused: &[(PathBuf, Unusable)]) -> String {
    refused
        .iter()
        .fold(String::new(), |mut text, (directory, reason)| {
            let _ = write!(text, "; `{}`: {reason}", directory.display());
            text
        })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn fake_postgres(directory: &Path, version: &str) {
        fs::create_dir_all(directory).unwrap();
        for program in ["postgres", "initdb"] {
            let file = directory.join(program);
            fs::write(
                &file,
                format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n"),
            )
            .unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn the_major_version_is_read_from_what_packagers_print() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_version("command not found"), None);
    }

    #[test]
    fn a_link_on_the_path_leads_to_the_directory_that_has_initdb_too() {
        let place = tempfile::tempdir().unwrap();
        fake_postgres(&place.path().join("lib/16/bin"), "16.4");
        let links = place.path().join("links");
        fs::create_dir(&links).unwrap();
        symlink(place.path().join("lib/16/bin/postgres"), links.join("postgres")).unwrap();

        let found = find(
            &Search {
                directory: None,
                path: Some(links.into()),
            },
            Wanted::Any,
        )
        .unwrap();

        assert_eq!(found.major, 16);
        assert_eq!(
            found.directory,
            place.path().join("lib/16/bin").canonicalize().unwrap()
        );
    }

    #[test]
    fn a_directory_asked_for_is_the_only_one_looked_at() {
        let place = tempfile::tempdir().unwrap();
        let error = find(
            &Search {
                directory: Some(place.path().to_owned()),
                path: Some("/usr/bin:/usr/local/bin".into()),
            },
            Wanted::Any,
        )
        .unwrap_err();
        assert!(error.to_string().contains("it has no `postgres`"), "{error}");
    }

    #[test]
    fn a_version_too_old_is_refused_by_name() {
        let place = tempfile::tempdir().unwrap();
        fake_postgres(place.path(), "13.9");
        let search = Search {
            directory: Some(place.path().to_owned()),
            path: None,
        };
        let error = find(&search, Wanted::Any).unwrap_err();
        assert!(error.to_string().ends_with("it is version 13"), "{error}");
    }

    #[test]
    fn a_data_directory_needs_its_own_major_version() {
        let place = tempfile::tempdir().unwrap();
        fake_postgres(place.path(), "16.4");
        let search = Search {
            directory: Some(place.path().to_owned()),
            path: None,
        };
        assert_eq!(find(&search, Wanted::Major(16)).unwrap().major, 16);
        find(&search, Wanted::Major(15)).unwrap_err();
    }
}
