//! Whom the server runs as: Postgres refuses to run as root, so that root hands over to an unprivileged user.

use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// The system user a server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// This process's own user, which is not root.
    Own,
    /// This process is root: the server becomes this user.
    Dropped { user_id: u32, group_id: u32 },
}

/// No user to hand over to.
#[derive(Debug, thiserror::Error)]
#[error(
    "this process is root, which Postgres refuses, and the system has neither a user `postgres` nor a user `nobody`"
)]
pub struct NoAccount;

impl Account {
    /// This process's own user; when that is root: `postgres`, else `nobody`.
    pub(crate) fn choose() -> Result<Account, NoAccount> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Account::Own);
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| {
                Some(Account::Dropped {
                    user_id: id_of(name, "-u")?,
                    group_id: id_of(name, "-g")?,
                })
            })
            .ok_or(NoAccount)
    }

    /// The command will run as this account. Std clears the supplementary groups of root when it changes the user.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match *self {
            Account::Own => command,
            Account::Dropped { user_id, group_id } => command.uid(user_id).gid(group_id),
        }
    }

    /// The file or directory will belong to this account.
    pub(crate) fn own(&self, path: &Path) -> io::Result<()> {
        match *self {
            Account::Own => Ok(()),
            Account::Dropped { user_id, group_id } => chown(path, Some(user_id), Some(group_id)),
        }
    }

    /// Whether this account may pass through the directory. Access control lists are not looked at.
    pub(crate) fn may_pass(&self, directory: &Path) -> io::Result<bool> {
        let Account::Dropped { user_id, group_id } = *self else {
            return Ok(true);
        };
        let metadata = std::fs::metadata(directory)?;
        let needed = if metadata.uid() == user_id {
            0o100
        } else if metadata.gid() == group_id {
            0o010
        } else {
            0o001
        };
        Ok(metadata.mode() & needed != 0)
    }

    /// The user id files of this account have.
    pub(crate) fn user_id(&self) -> u32 {
        match *self {
            Account::Own => rustix::process::geteuid().as_raw(),
            Account::Dropped { user_id, .. } => user_id,
        }
    }
}

fn id_of(name: &str, flag: &str) -> Option<u32> {
    let output = Command::new("id").args([flag, name]).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().parse().ok())?
}
