//! `[postgres]`

use std::path::PathBuf;

use serde::Deserialize;

use super::Secret;
use crate::limits;

/// Which database. Without `url`, Signalbox runs a Postgres of its own below the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Postgres {
    /// Use this server: `postgres://user:password@host:5432/database`. Default none: an embedded one. Overridden by
    /// `DATABASE_URL`.
    pub url: Option<Secret>,
    /// Directory of the programs `postgres` and `initdb` for the embedded server, version 14 or later. Default: the first
    /// on `PATH` or in the usual places.
    pub binaries: Option<PathBuf>,
    /// Whether a pinned release is downloaded when there is no Postgres on the machine. Default true.
    pub download: bool,
    /// Where that release is downloaded from. Default: the releases of `theseus-rs/postgresql-binaries` on GitHub.
    pub download_mirror: Option<String>,
    /// Connections of the control plane's pool. Default 16. The embedded engine has as many of its own.
    pub connections_max: u32,
}

impl Default for Postgres {
    fn default() -> Self {
        Self {
            url: None,
            binaries: None,
            download: true,
            download_mirror: None,
            connections_max: limits::DATABASE_CONNECTIONS_MAX,
        }
    }
}
