//! What can go wrong with Postgres, told apart by what the caller can do about it.

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Postgres is down, restarting, out of connections, or the connection broke: the same call may succeed in a moment.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A named rule of the schema refused the change. The constraint's name is the rule's name.
    #[error("the database refused the change by the rule `{name}`")]
    Constraint {
        /// Name of the constraint or unique index.
        name: String,
        /// What Postgres said.
        #[source]
        source: sqlx::Error,
    },
    /// Two transactions ran into each other; the loser may be run again.
    #[error("the change ran into another one at the same time")]
    Contention(#[source] sqlx::Error),
    /// Anything else: a fault of this program or of the schema.
    #[error("the database failed")]
    Other(#[source] sqlx::Error),
}

impl DbError {
    /// Whether `rule` is what refused the change.
    pub fn is_constraint(&self, rule: &str) -> bool {
        matches!(self, Self::Constraint { name, .. } if name == rule)
    }

    /// Whether the same call may succeed later with nothing changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Contention(_))
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::Unavailable(error),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default().into_owned();
                match (code.as_str(), database.constraint()) {
                    (_, Some(name)) => Self::Constraint {
                        name: name.to_owned(),
                        source: error,
                    },
                    // class 40: serialization_failure, deadlock_detected
                    ("40001" | "40P01" | "55P03", None) => Self::Contention(error),
                    (code, None) if is_unavailable(code) => Self::Unavailable(error),
                    _ => Self::Other(error),
                }
            }
            _ => Self::Other(error),
        }
    }
}

/// SQLSTATE classes that say "not now" (PostgreSQL manual, appendix A): connection exceptions, insufficient resources,
/// operator intervention (shutdown, crash recovery, starting up).
fn is_unavailable(code: &str) -> bool {
    code.starts_with("08")
        || code.starts_with("53")
        || matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "58000" | "58030")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_ran_out_is_unavailable_and_a_missing_row_is_not() {
        assert!(DbError::from(sqlx::Error::PoolTimedOut).is_transient());
        assert!(!DbError::from(sqlx::Error::RowNotFound).is_transient());
    }

    #[test]
    fn a_server_that_is_starting_up_is_unavailable() {
        assert!(is_unavailable("57P03"));
        assert!(is_unavailable("08006"));
        assert!(!is_unavailable("42P01"));
    }
}
