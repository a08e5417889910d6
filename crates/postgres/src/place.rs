//! Where a server's files are, and that its user can get there.
//!
//! ```text
//! DATA_DIR/postgres/        belongs to the server's user, closed to others; holds the Unix socket
//!                  lock     which process runs the server
//!                  password of the superuser over TCP
//!                  data/    Postgres' own data directory
//! ```

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::account::Account;
use crate::limits::SOCKET_PATH_BYTES_MAX;

/// A server's files.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) home: PathBuf,
    pub(crate) cluster: PathBuf,
    pub(crate) password_file: PathBuf,
}

/// The directories could not be made, or the server's user can't get to them.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A directory or file could not be made.
    #[error("cannot make `{}`", path.display())]
    Make {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The user that the server runs as can't pass a directory above its data.
    #[error(
        "the server's user (id {user_id}) may not pass through `{}`: `chmod o+x` it, or choose another `--data-dir`, such as /var/lib/signalbox",
        directory.display()
    )]
    Impassable {
        /// The directory.
        directory: PathBuf,
        /// The user.
        user_id: u32,
    },
    /// The directory belongs to somebody else.
    #[error("`{}` belongs to the user with the id {owner}, but the server runs as the one with the id {user_id}", directory.display())]
    Foreign {
        /// The directory.
        directory: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it should be.
        user_id: u32,
    },
}

/// Makes what is missing below `data_dir`.
pub(crate) fn prepare(data_dir: &Path, account: Account) -> Result<Place, PlaceError> {
    let make = |path: &Path, source| PlaceError::Make {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(data_dir).map_err(|source| make(data_dir, source))?;
    let data_dir = data_dir.canonicalize().map_err(|source| make(data_dir, source))?;
    let home = data_dir.join("postgres");
    for directory in data_dir.ancestors() {
        if !account
            .may_pass(directory)
            .map_err(|source| make(directory, source))?
        {
            return Err(PlaceError::Impassable {
                directory: directory.to_owned(),
                user_id: account.user_id(),
            });
        }
    }
    own_directory(&home, account)?;

    let password_file = home.join("password");
    if !password_file.exists() {
        let write = || {
            let mut file: File = File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&password_file)?;
            file.write_all(uuid::Uuid::new_v4().simple().to_string().as_bytes())?;
            account.own(&password_file)
        };
        write().map_err(|source| make(&password_file, source))?;
    }
    Ok(Place {
        cluster: home.join("data"),
        home,
        password_file,
    })
}

/// Makes a directory that only the account can enter.
fn own_directory(directory: &Path, account: Account) -> Result<(), PlaceError> {
    let make = |source| PlaceError::Make {
        path: directory.to_owned(),
        source,
    };
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => account.own(directory).map_err(make)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(make(error)),
    }
    let owner = fs::metadata(directory).map_err(make)?.uid();
    if owner == account.user_id() {
        return Ok(());
    }
    // This process died after it made the directory and before it handed it over.
    if owner == rustix::process::geteuid().as_raw() && fs::read_dir(directory).map_err(make)?.next().is_none()
    {
        return account.own(directory).map_err(make);
    }
    Err(PlaceError::Foreign {
        directory: directory.to_owned(),
        owner,
        user_id: account.user_id(),
    })
}

impl Place {
    /// A directory whose path is short enough for a Unix socket: the home, else one in the system's directory for temporary files
    /// that belongs to the account; none when even that is too long.
    pub(crate) fn socket_directory(
        &self,
        account: Account,
        port: u16,
    ) -> Result<Option<PathBuf>, PlaceError> {
        let fits = |directory: &Path| {
            directory.join(format!(".s.PGSQL.{port}")).as_os_str().len() <= SOCKET_PATH_BYTES_MAX
        };
        if fits(&self.home) {
            return Ok(Some(self.home.clone()));
        }
        let hash = Sha256::digest(self.home.as_os_str().as_encoded_bytes());
        let name = format!("signalbox-{}", hex::encode(hash.get(..6).unwrap_or_default()));
        let directory = std::env::temp_dir().join(name);
        if !fits(&directory) {
            return Ok(None);
        }
        own_directory(&directory, account)?;
        Ok(Some(directory))
    }
}
