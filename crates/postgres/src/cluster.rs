//! A data directory: how one is made, which version made it, and who serves it.

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
pub enum InitError {
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
        /// What it printed.
        output: String,
    },
}

/// Whether a new data directory is written through to the disk before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Kept,
    Forgotten,
}

/// Runs `initdb` for an empty or missing `directory` whose parent belongs to `account`: checksums on, UTF-8, byte order
/// collation (the same on every system). The superuser `postgres` is trusted on the Unix socket, whose directory only the
/// account can enter, and needs the password in `password_file` over TCP, if there is one.
pub(crate) fn init(
    binaries: &Binaries,
    account: Account,
    directory: &Path,
    password_file: Option<&Path>,
    durability: Durability,
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
    if let Some(file) = password_file {
        command.arg("--pwfile").arg(file);
    }
    if durability == Durability::Forgotten {
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

/// The major version that made the data directory, from its `PG_VERSION`; none when there is no data directory.
pub(crate) fn major_version(directory: &Path) -> Option<u32> {
    fs::read_to_string(directory.join("PG_VERSION"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// The process that accepts connections for this data directory, by what it writes itself into its lock file
/// (`postmaster.pid`, line 8; the same that `pg_ctl --wait` reads).
pub(crate) fn ready_pid(directory: &Path) -> Option<u32> {
    let lines = fs::read_to_string(directory.join("postmaster.pid")).ok()?;
    let mut lines = lines.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    (lines.nth(6)?.trim() == "ready").then_some(pid)
}

/// The process that serves this data directory, if one does. A `postmaster.pid` may be left by a server that was killed,
/// and its number may belong to any other process by now: only a process that works in this directory counts.
pub(crate) fn live_server(directory: &Path) -> Option<Pid> {
    let pid = recorded_pid(directory)?;
    serves(pid, directory).then_some(pid)
}

fn recorded_pid(directory: &Path) -> Option<Pid> {
    let lines = fs::read_to_string(directory.join("postmaster.pid")).ok()?;
    Pid::from_raw(lines.lines().next()?.trim().parse().ok()?)
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

/// Makes a stale `postmaster.pid` harmless whose number belongs to another program by now: a server would take that for its
/// predecessor and refuse to start. Only the number is replaced, by this process's, which a server that is started by this process
/// knows to be no server. The rest stays: by it the server sees whether processes of its predecessor are still at work, which
/// must end first. The caller holds the data directory's lock.
pub(crate) fn disarm_stale_pid(directory: &Path) -> io::Result<()> {
    let Some(pid) = recorded_pid(directory) else {
        return Ok(());
    };
    if serves(pid, directory) || rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return Ok(());
    }
    let file = directory.join("postmaster.pid");
    let lines = fs::read_to_string(&file)?;
    let rest = lines.split_once('\n').map_or("", |(_, rest)| rest);
    fs::write(&file, format!("{}\n{rest}", std::process::id()))
}

/// Ends a server that outlived its parent, at once (`SIGQUIT`: its next start recovers from the write-ahead log), and
/// returns when it is gone.
pub(crate) fn stop_leftover(directory: &Path) {
    while let Some(pid) = live_server(directory) {
        let _ = rustix::process::kill_process(pid, Signal::QUIT);
        std::thread::sleep(POLL_INTERVAL);
    }
}
