//! What the process finds around it: search path, home, default directories.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Secret;

/// An access key of AWS from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsKey {
    /// `AWS_ACCESS_KEY_ID`.
    pub id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret: Secret,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<Secret>,
}

/// Facts of the process's surroundings that are no settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `PATH`.
    pub path: Option<OsString>,
    /// `AWS_ACCESS_KEY_ID` and what belongs to it: what the embedded engine signs its calls with.
    pub aws_key: Option<AwsKey>,
    /// This machine's or container's name; empty when it has none that is known.
    pub host: String,
}

impl Surroundings {
    pub(super) fn from_process() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .or_else(|| text("HOSTNAME"))
            .unwrap_or_default();
        let aws_key = || {
            Some(AwsKey {
                id: text("AWS_ACCESS_KEY_ID")?,
                secret: Secret::new(text("AWS_SECRET_ACCESS_KEY")?),
                session_token: text("AWS_SESSION_TOKEN").map(Secret::new),
            })
        };
        Self {
            aws_key: aws_key(),
            path: variable("PATH"),
            host: host.trim().to_owned(),
        }
    }
}

/// Where data goes when nobody says: `/var/lib/signalbox` for root, else `signalbox` below the user's data directory (XDG;
/// `Application Support` on macOS). None when there is no home either.
pub fn default_data_dir() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/lib/signalbox"));
    }
    let home = || variable("HOME").map(PathBuf::from);
    let base = if cfg!(target_os = "macos") {
        home()?.join("Library/Application Support")
    } else {
        // A relative XDG_DATA_HOME is to be ignored (XDG Base Directory Specification).
        variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .filter(|directory| directory.is_absolute())
            .or_else(|| Some(home()?.join(".local/share")))?
    };
    Some(base.join("signalbox"))
}

pub(super) fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}

fn variable(name: &str) -> Option<OsString> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the configuration's own look at the environment"
    )]
    std::env::var_os(name).filter(|value| !value.is_empty())
}
