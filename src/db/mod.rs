//! Postgres: the pool, transactions, errors and paging. Nothing else in the tree opens a connection.
//!
//! Tables live in the schema `signalbox`, which is first on every connection's search path, so SQL names tables plainly.
//! There is no repository trait: the database in tests is Postgres too.

mod error;
pub mod paging;

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::{PgConnection, Postgres};

pub use error::DbError;

use crate::limits;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The name of the control plane's schema.
pub const SCHEMA: &str = "signalbox";

/// The control plane's database.
#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
}

impl Db {
    /// Prepares a pool on `url`. Nothing is connected until the first use, so this succeeds while Postgres is down.
    pub fn open(url: &str) -> Result<Self, DbError> {
        Self::open_with(url, limits::DATABASE_CONNECTIONS_MAX)
    }

    /// As [`Db::open`], with at most so many connections.
    pub fn open_with(url: &str, connections_max: u32) -> Result<Self, DbError> {
        let options = url
            .parse::<PgConnectOptions>()?
            .application_name("signalbox")
            .options([("search_path", SCHEMA)]);
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(limits::DATABASE_ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Brings the schema up to date. Safe to run from several replicas at once (an advisory lock is held meanwhile).
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        sqlx::query("create schema if not exists signalbox")
            .execute(&self.pool)
            .await
            .map_err(|source| MigrateError::Connect(source.into()))?;
        MIGRATIONS.run(&self.pool).await.map_err(MigrateError::Run)
    }

    /// Whether every migration of this program was applied.
    pub async fn is_migrated(&self) -> Result<bool, DbError> {
        let applied: Result<Vec<i64>, _> =
            sqlx::query_scalar("select version from _sqlx_migrations where success")
                .fetch_all(&self.pool)
                .await;
        match applied {
            Ok(applied) => Ok(MIGRATIONS
                .iter()
                .all(|migration| applied.contains(&migration.version))),
            // 42P01, undefined_table: no migration ever ran.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a transaction. It is rolled back unless [`Tx::commit`] is called. Never keep one open across a call to AWS.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        Ok(Tx {
            inner: self.pool.begin().await?,
        })
    }

    /// Hears notifications on `channel` from now on, on a connection of its own.
    pub async fn listen(&self, channel: &str) -> Result<PgListener, DbError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(channel).await?;
        Ok(listener)
    }

    /// A connection, for reads and single writes that need no transaction.
    pub async fn connection(&self) -> Result<PoolConnection<Postgres>, DbError> {
        Ok(self.pool.acquire().await?)
    }

    /// The pool, for reads that need no transaction.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whether Postgres answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes every connection, after those in use were given back.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// An open transaction. Who takes `&mut Tx` writes, in the caller's transaction.
#[derive(Debug)]
pub struct Tx {
    inner: sqlx::Transaction<'static, sqlx::Postgres>,
}

impl Tx {
    /// The connection, to run SQL on.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// Lets everything that is read in this transaction see one moment. Must come before the first statement.
    pub async fn read_one_snapshot(&mut self) -> Result<(), DbError> {
        sqlx::query("set transaction isolation level repeatable read, read only")
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Makes everything written in this transaction durable.
    pub async fn commit(self) -> Result<(), DbError> {
        Ok(self.inner.commit().await?)
    }
}

/// The schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Postgres could not be reached or refused to create the schema.
    #[error("could not create the schema `signalbox`")]
    Connect(#[source] DbError),
    /// A migration failed, or the database was migrated by a newer version of this program.
    #[error("could not apply the migrations of the schema `signalbox`")]
    Run(#[source] sqlx::migrate::MigrateError),
}
