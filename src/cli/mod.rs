//! The command line: one file for each command.

mod database;
pub mod deploy;
mod doctor;
mod engine;
mod migrate;
mod openapi;
mod output;
mod serve;
pub mod validate;

use std::error::Error;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::clock::SystemClock;

/// What ends a command early: said to the user with its causes.
type Failure = Box<dyn Error + Send + Sync>;

/// The control plane for AWS Step Functions, with a Step Functions engine of its own.
#[derive(Debug, Parser)]
#[command(name = "signalbox", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything: the API, the workers, the embedded engine, and a Postgres unless one is given
    Serve(serve::Serve),
    /// Run the embedded Step Functions engine alone, for others to point at
    Engine(engine::Engine),
    /// Check definitions written in the Amazon States Language
    Validate(validate::ValidateArguments),
    /// Start a deployment at a running service, and watch it
    Deploy(deploy::Deploy),
    /// Bring the database's schemas up to date, and end
    Migrate(migrate::Migrate),
    /// Write the API's OpenAPI document
    Openapi(openapi::Openapi),
    /// Check the database and every environment, and say how to mend what is broken
    Doctor(doctor::Doctor),
}

/// Runs the command that this process was started with.
pub fn run() -> ExitCode {
    let command = Cli::parse().command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    // Boxed: a command's future holds everything that it sets up.
    let ended = runtime.block_on(async {
        match command {
            Command::Serve(serve) => Box::pin(serve.run()).await.map(|()| ExitCode::SUCCESS),
            Command::Engine(engine) => Box::pin(engine.run()).await.map(|()| ExitCode::SUCCESS),
            Command::Validate(arguments) => check(&arguments),
            Command::Deploy(deploy) => Box::pin(deploy.run()).await.map_err(Into::into),
            Command::Migrate(migrate) => Box::pin(migrate.run()).await.map(|()| ExitCode::SUCCESS),
            Command::Openapi(openapi) => openapi.run().map(|()| ExitCode::SUCCESS),
            Command::Doctor(doctor) => Box::pin(doctor.run()).await,
        }
    });
    ended.unwrap_or_else(|failure| failed(&*failure))
}

/// Checks definitions on this process's own streams.
fn check(arguments: &validate::ValidateArguments) -> Result<ExitCode, Failure> {
    let output = std::io::stdout();
    let mut streams = validate::Streams {
        input: &mut std::io::stdin().lock(),
        is_terminal: output.is_terminal(),
        output: &mut output.lock(),
        errors: &mut std::io::stderr().lock(),
    };
    let verdict = validate::validate(arguments, &SystemClock, &mut streams)?;
    Ok(ExitCode::from(verdict.exit_status()))
}

fn failed(failure: &(dyn Error + 'static)) -> ExitCode {
    output::complain(&format!("error: {}", chain(failure)));
    ExitCode::FAILURE
}

/// The failure and its causes, a line each.
fn chain(failure: &(dyn Error + 'static)) -> String {
    let mut text = failure.to_string();
    let mut next = failure.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some errors repeat their cause.
        if !text.ends_with(&cause_text) {
            text.push_str("\n  because: ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
