//! A data directory: how one is made, and which version made it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};

use crate::account::Account;
use crate::find::Binaries;
use crate::limits::POLL_INTERVAL;
use crate::url::SUPERUSER;

/// A data directory could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    /// `initdb` could not be started.
    #[error("cannot run `{}`", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `initdb` ended with an error.
    #[error("`initdb` could not make `{}`: {output}", directory.display())]
    Failed {
        /// The data directory.
        directory: PathBuf,
        /// What it printed last.
        output: String,
    },
}

/// Runs `initdb` for an empty or missing `directory` whose parent belongs to `account`: checksums on, UTF-8, byte order
/// collation (the same on every system), the superuser `postgres` trusted on the Unix socket.
pub(crate) fn init(
    binaries: &Binaries,
    account: Account,
    directory: &Path,
    sync: Sync,
) -> Result<(), InitError> {
    let program = binaries.program("initdb");
    let mut command = Command::new(&program);
    command
        .arg("--pgdata")
        .arg(directory)
        .args([
            "--username",
            SUPERUSER,
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
        ])
        .args(["--encoding=UTF8", "--locale=C", "--data-checksums"])
        .stdin(Stdio::null())
        .current_dir("/");
    if sync == Sync::Never {
        command.arg("--no-sync");
    }
    let output = account
        .apply(&mut command)
        .output()
        .map_err(|source| InitError::Run { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(InitError::Failed {
        directory: directory.to_owned(),
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Whether a new data directory is written through to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    Never,
}

/// Whether the server of this data directory accepts connections, by what it writes itself into its lock file
/// (`postmaster.pid`, line 8; the same that `pg_ctl --wait` reads).
pub(crate) fn is_ready(directory: &Path) -> bool {
    fs::read_to_string(directory.join("postmaster.pid")).is_ok_and(|lines| {
        lines
            .lines()
            .nth(7)
            .is_some_and(|status| status.trim() == "ready")
    })
}

/// The process that serves this data directory, if one does. A `postmaster.pid` may be left by a server that was killed,
/// and its number may belong to any other process by now: only a process that works in this directory counts.
pub(crate) fn live_server(directory: &Path) -> Option<Pid> {
    let lines = fs::read_to_string(directory.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(lines.lines().next()?.trim().parse().ok()?)?;
    serves(pid, directory).then_some(pid)
}

/// A server makes its data directory its working directory.
#[cfg(target_os = "linux")]
fn serves(pid: Pid, directory: &Path) -> bool {
    let works_in = fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero()));
    works_in.is_ok_and(|works_in| {
        directory
            .canonicalize()
            .is_ok_and(|directory| works_in == directory)
    })
}

/// Servers of this crate are started with `-D DIRECTORY`.
#[cfg(not(target_os = "linux"))]
fn serves(pid: Pid, directory: &Path) -> bool {
    Command::new("ps")
        .args(["-o", "command=", "-p", &pid.as_raw_nonzero().to_string()])
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&*directory.to_string_lossy()))
}

/// Ends a server that outlived its parent, at once (`SIGQUIT`: its next start recovers from the write-ahead log), and
/// returns when it is gone.
pub(crate) fn stop_leftover(directory: &Path) {
    while let Some(pid) = live_server(directory) {
        let _ = rustix::process::kill_process(pid, Signal::QUIT);
        std::thread::sleep(POLL_INTERVAL);
    }
}
