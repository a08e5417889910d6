//! The thread that a server is the child of: starts it, restarts it after a crash, stops it.
//!
//! It is a thread of its own because of Linux' `PDEATHSIG`, which is sent when the *thread* that spawned the child ends.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::account::Account;
use crate::cluster;
use crate::limits::{
    FAST_STOP_MAX, IMMEDIATE_STOP_MAX, LOG_LINES_KEPT, POLL_INTERVAL, RESTART_WAIT_MAX, RESTART_WAIT_MIN,
    START_ATTEMPTS_MAX, START_MAX,
};

/// What is started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) account: Account,
    pub(crate) cluster: PathBuf,
}

/// What the owner asks for.
#[derive(Debug)]
pub(crate) enum Order {
    Stop,
}

/// Runs the server until it is ordered to stop or its owner is gone. Tells `ready` once, when it accepts connections for the first
/// time, or why it does not.
pub(crate) fn supervise(started: &Started, orders: &Receiver<Order>, ready: &SyncSender<Result<(), String>>) {
    let mut told = false;
    let mut failures = 0_u32;
    loop {
        let (ended, was_ready) = run_once(started, orders, || {
            if !std::mem::replace(&mut told, true) {
                let _ = ready.send(Ok(()));
            }
        });
        let reason = match ended {
            Ended::Stopped => return,
            Ended::Crashed { reason } => reason,
        };
        failures = if was_ready { 1 } else { failures + 1 };
        if !told && failures >= START_ATTEMPTS_MAX {
            let _ = ready.send(Err(reason));
            return;
        }
        let wait = RESTART_WAIT_MIN
            .saturating_mul(1 << failures.min(10))
            .min(RESTART_WAIT_MAX);
        tracing::error!(
            reason,
            wait_ms = wait.as_millis(),
            "the embedded Postgres ended; it is started again"
        );
        match orders.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

enum Ended {
    Stopped,
    Crashed { reason: String },
}

/// One life of the server, and whether it ever accepted connections.
fn run_once(started: &Started, orders: &Receiver<Order>, mut on_ready: impl FnMut()) -> (Ended, bool) {
    let crashed = |reason: String| Ended::Crashed { reason };
    let (mut child, log) = match spawn(started) {
        Ok(spawned) => spawned,
        Err(error) => {
            return (
                crashed(format!("`{}`: {error}", started.program.display())),
                false,
            );
        }
    };
    let mut is_ready = false;
    let mut waited = Duration::ZERO;
    loop {
        if !is_ready && cluster::ready_pid(&started.cluster) == Some(child.id()) {
            is_ready = true;
            on_ready();
        }
        let ordered = orders.recv_timeout(POLL_INTERVAL);
        if !matches!(ordered, Err(RecvTimeoutError::Timeout)) {
            stop(&mut child);
            return (Ended::Stopped, is_ready);
        }
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => return (crashed(format!("{status}; {}", last_lines(&log))), is_ready),
            Err(error) => return (crashed(error.to_string()), is_ready),
        }
        if !is_ready {
            waited += POLL_INTERVAL;
            if waited >= START_MAX {
                stop(&mut child);
                let seconds = START_MAX.as_secs();
                return (
                    crashed(format!("not ready after {seconds} s; {}", last_lines(&log))),
                    false,
                );
            }
        }
    }
}

type Log = Arc<Mutex<VecDeque<String>>>;

fn spawn(started: &Started) -> io::Result<(Child, Log)> {
    cluster::disarm_stale_pid(&started.cluster)?;
    let mut command = Command::new(&started.program);
    command
        .args(&started.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .current_dir("/")
        // Ctrl-C in a terminal goes to the whole group: the server must outlive its users, which stop it.
        .process_group(0);
    started.account.apply(&mut command);
    die_with_parent(&mut command);
    let mut child = command.spawn()?;

    let log = Log::default();
    if let Some(stderr) = child.stderr.take() {
        let log = Arc::clone(&log);
        std::thread::Builder::new()
            .name("postgres log".to_owned())
            .spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    tracing::debug!(target: "postgres", "{line}");
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    if log.len() >= LOG_LINES_KEPT {
                        log.pop_front();
                    }
                    log.push_back(line);
                }
            })?;
    }
    Ok((child, log))
}

fn last_lines(log: &Log) -> String {
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
}

/// Fast (open transactions are rolled back, a checkpoint is written), then immediate, then killed.
fn stop(child: &mut Child) {
    for (signal, wait_max) in [
        (Signal::INT, FAST_STOP_MAX),
        (Signal::QUIT, IMMEDIATE_STOP_MAX),
        (Signal::KILL, Duration::MAX),
    ] {
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, signal);
        }
        let mut waited = Duration::ZERO;
        while waited < wait_max {
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => return,
            }
            std::thread::sleep(POLL_INTERVAL);
            waited += POLL_INTERVAL;
        }
    }
}

/// The kernel stops the child (fast) when this thread ends, also by `kill -9` of the process.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    #[expect(
        unsafe_code,
        reason = "pre_exec: the closure only makes two system calls and touches no memory of the parent"
    )]
    // SAFETY: between fork and exec only async-signal-safe work is allowed. `prctl` and `getppid` are plain system calls here (rustix
    // makes them without libc's locks), and an `Errno` becomes an `io::Error` without allocating.
    //
    // Std runs this after it changed the user, which would clear the setting.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
            // The parent may have died before the call above.
            if rustix::process::getppid() == Some(parent) {
                Ok(())
            } else {
                Err(rustix::io::Errno::SRCH.into())
            }
        });
    }
}

/// Elsewhere the next start stops what is left.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}
