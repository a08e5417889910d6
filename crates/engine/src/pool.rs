//! The connections that the engine's requests read with. The journal and the driver have their own besides.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgPoolOptions;

use crate::limits;

/// Options of the pool for [`crate::Engine::open`].
///
/// A connection that was used a moment ago is taken as it is; asking each time whether it lives would double the way to
/// Postgres. One that has rested is asked.
pub fn options(connections_max: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections_max)
        .test_before_acquire(false)
        .before_acquire(|connection, rested| {
            Box::pin(async move {
                if rested.idle_for > Duration::from_millis(limits::CONNECTION_TRUSTED_MS) {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}
