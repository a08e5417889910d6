//! One process at a time on a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// The lock on a data directory; free again when it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The data directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the data directory `{}` is in use by the process {pid}: stop that one, or give this one another `--data-dir`", directory.display())]
    Taken {
        /// The data directory.
        directory: PathBuf,
        /// The process that has it, by what it wrote; `unknown` when it had no time to.
        pid: String,
    },
    /// The file could not be opened, written or locked.
    #[error("cannot lock `{}`", file.display())]
    Io {
        /// The lock's file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Locks `directory` by the file `lock` in it, which names this process.
pub(crate) fn lock(directory: &Path) -> Result<Lock, LockError> {
    let path = directory.join("lock");
    let io = |source| LockError::Io {
        file: path.clone(),
        source,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(io)?;
            let pid = if pid.trim().is_empty() {
                "unknown"
            } else {
                pid.trim()
            };
            return Err(LockError::Taken {
                directory: directory.to_owned(),
                pid: pid.to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(io(source)),
    }
    file.set_len(0).map_err(io)?;
    file.rewind().map_err(io)?;
    writeln!(file, "{}", std::process::id()).map_err(io)?;
    Ok(Lock { _file: file })
}
