//! A Postgres server that comes with the program: found on the machine or downloaded, supervised, and a server of its
//! own for a test run.
//!
//! - [`find`]: the binaries on this machine, version 14 or later.
//! - [`download`]: those of a pinned release, for a machine that has none.
//! - [`Server`]: started, watched, restarted when it crashes, stopped with its owner.
//! - [`testing`]: one server for a whole test run, a fresh database for each test.
//!
//! Works on Unix (Linux, macOS). The only configuration is what the caller passes: this crate does not read settings from
//! the environment (outside of [`testing`], whose callers have none).

mod account;
mod cluster;
pub mod download;
pub mod find;
pub mod limits;
mod lock;
mod place;
mod server;
mod supervise;
pub mod testing;
mod url;

pub use account::NoAccount;
pub use cluster::InitError;
pub use download::{Download, DownloadError};
pub use find::{Binaries, FindError, Search};
pub use lock::LockError;
pub use place::PlaceError;
pub use server::{Progress, Reach, Server, Settings, StartError, running_url};
