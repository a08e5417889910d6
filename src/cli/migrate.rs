//! `signalbox migrate`: brings both schemas up to date, so that a deployment can do it apart from starting.

use clap::Args;

use super::output::say;
use super::{Failure, database};
use crate::config::{Config, Flags};
use crate::telemetry::logs;

/// Bring the database's schemas up to date, and end
#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    flags: Flags,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = Config::load(&self.flags)?;
        logs::init(config.telemetry.log_format, &config.telemetry.log_filter)?;
        let database = database::open(&config, None).await?;
        let db = database.migrated(&config).await?;
        signalbox_engine::migrate(db.pool()).await?;
        db.close().await;
        database.close().await;
        say("The schemas `signalbox` and `engine` are up to date.");
        Ok(())
    }
}
