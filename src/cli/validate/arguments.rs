//! What `signalbox validate` can be told on the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Checks definitions written in the Amazon States Language.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Files to check: JSON, YAML, CloudFormation or SAM templates; folders, patterns such as `workflows/**/*.asl.json`, `-` for
    /// standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The type of the state machines, where no template says it: Express takes less than Standard.
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t = Kind::Standard)]
    pub kind: Kind,
    /// Leave out what is less grave.
    #[arg(long, value_enum, ignore_case = true, value_name = "LEVEL", default_value_t = Level::Info)]
    pub severity: Level,
    /// Fail for what is this grave or graver.
    #[arg(long, value_enum, ignore_case = true, value_name = "LEVEL", default_value_t = Level::Error)]
    pub deny: Level,
    /// A rule set to apply, in JSON or YAML: {lints, rules}, as PUT /v1/rule-sets takes it.
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Apply the fixes that are certain to the files; `--fix=likely` the good guesses, too.
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "certain")]
    pub fix: Option<Fix>,
    /// With --fix: print what would change, and change nothing.
    #[arg(long, requires = "fix")]
    pub dry_run: bool,
    /// Where a Signalbox serves its pages about diagnostics; SARIF links to them.
    #[arg(long, value_name = "URL")]
    pub docs_url: Option<String>,
    /// Leave colours out.
    #[arg(long, env = "NO_COLOR", value_parser = clap::builder::FalseyValueParser::new(), hide_env = true)]
    pub no_color: bool,
}

/// How to print what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Excerpts for people.
    Text,
    /// An array with one object for each file.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations by GitHub Actions' workflow commands.
    Github,
}

/// The type of a state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Durable, up to a year.
    Standard,
    /// Up to five minutes.
    Express,
}

/// How grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// AWS, or the rule set, refuses it.
    #[value(alias = "errors")]
    Error,
    /// It runs, but probably not as it should.
    #[value(alias = "warnings")]
    Warning,
    /// Worth knowing.
    Info,
}

/// Which fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fix {
    /// Those with no other reading.
    Certain,
    /// Good guesses, too.
    Likely,
}
