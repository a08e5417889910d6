//! `signalbox doctor`: looks at the database and at every environment as `serve` would use them, changes nothing, and says how to mend what
//! is broken.

mod database;
mod finding;
mod target;

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::Failure;
use super::output::say;
use crate::clock::SystemClock;
use crate::config::{Config, Connection, Flags};
use crate::environments::Environments;
use crate::step_functions::Transport;
use crate::telemetry::Metrics;
use finding::{Finding, State};

/// Check the database and every environment, and say how to mend what is broken
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    flags: Flags,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How to print what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each check, and what to do about those that failed.
    Text,
    /// An array with an object for each check.
    Json,
}

impl Doctor {
    /// Ends with 1 when something is broken; a warning is not.
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let config = Config::load(&self.flags)?;
        let clock = SystemClock;
        let mut findings = vec![access(&config)];
        let db = database::check(&config, &clock, &mut findings).await;

        // The embedded engine runs in another process, if at all: it is asked over TCP, so nothing has to answer in this one.
        let nowhere = Transport::in_process(axum::Router::new());
        let metrics = Metrics::new()?;
        let environments = Environments::connect(&config, &nowhere, &metrics).await?;
        for target in environments.iter() {
            let target = if target.embedded {
                target::over_tcp(&config, target, &metrics).await
            } else {
                (**target).clone()
            };
            if target::check(&target, &clock, &mut findings).await
                && let Some(db) = &db
            {
                target::check_aliases(&target, db, &mut findings).await;
            }
        }

        match self.format {
            Format::Text => findings.iter().for_each(|finding| say(&finding.as_text())),
            Format::Json => say(&serde_json::to_string_pretty(&findings)?),
        }
        let broken = findings.iter().any(|finding| finding.state == State::Broken);
        Ok(if broken {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

fn access(config: &Config) -> Finding {
    let remotes = config
        .environments
        .iter()
        .filter(|(_, environment)| matches!(environment.connection, Connection::Remote(_)))
        .count();
    match (config.access.keys.len(), config.server.listen.ip().is_loopback()) {
        (0, false) => Finding::broken(
            "access",
            format!(
                "`serve` refuses to listen on {} without [[access.keys]]",
                config.server.listen
            ),
            "add a key to the configuration, or listen on 127.0.0.1",
        ),
        (0, true) if remotes > 0 => Finding::warning(
            "access",
            "no [[access.keys]]: everybody on this machine may deploy to every environment".to_owned(),
            "add a key to the configuration",
        ),
        (0, true) => Finding::ok("access", "open to everybody on this machine".to_owned()),
        (keys, _) => Finding::ok("access", format!("{keys} keys")),
    }
}
