//! `signalbox openapi`: the API's document, as the handlers have it.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::output::say;
use crate::routes;

/// Write the API's OpenAPI document
#[derive(Debug, Args)]
pub(super) struct Openapi {
    /// Where to; standard output when absent
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Openapi {
    pub(super) fn run(self) -> Result<(), Failure> {
        let document = routes::openapi().to_pretty_json()?;
        match self.output {
            Some(file) => std::fs::write(file, document + "\n")?,
            None => say(&document),
        }
        Ok(())
    }
}
