//! `[functions.NAME]`

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// A Lambda function of the embedded engine that runs here: a command or a URL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FunctionFields")]
pub struct Function {
    /// What is called.
    pub target: FunctionTarget,
    /// How long a call may take, seconds. Default 900, Lambda's own limit.
    pub timeout_seconds: u64,
}

/// How a function is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionTarget {
    /// `command = ["python3", "extract.py"]`: the event on standard input, the result on standard output; an exit status
    /// other than 0 is an error.
    Command {
        /// The program and its arguments; never empty.
        command: Vec<String>,
        /// Where it runs. Default: the directory `signalbox` was started in.
        directory: Option<PathBuf>,
        /// Variables added to its environment.
        environment: BTreeMap<String, String>,
    },
    /// `url = "http://127.0.0.1:9000/load"`: POST of the event, JSON back.
    Url {
        /// Where the event is posted.
        url: String,
    },
}

/// Lambda's longest timeout, seconds (Lambda quotas).
const TIMEOUT_SECONDS_DEFAULT: u64 = 900;

/// The fields as they are written; [`Function`] has the rule that exactly one of `command` and `url` is there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionFields {
    command: Option<Vec<String>>,
    url: Option<String>,
    directory: Option<PathBuf>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    timeout_seconds: Option<u64>,
}

impl TryFrom<FunctionFields> for Function {
    type Error = &'static str;

    fn try_from(fields: FunctionFields) -> Result<Self, Self::Error> {
        let target = match (fields.command, fields.url) {
            (Some(command), None) if command.is_empty() => return Err("`command` needs a program"),
            (Some(command), None) => FunctionTarget::Command {
                command,
                directory: fields.directory,
                environment: fields.environment,
            },
            (None, Some(_)) if fields.directory.is_some() || !fields.environment.is_empty() => {
                return Err("`directory` and `environment` belong to `command`, not to `url`");
            }
            (None, Some(url)) if url::Url::parse(&url).is_ok_and(|url| url.has_host()) => {
                FunctionTarget::Url { url }
            }
            (None, Some(_)) => {
                return Err("`url` takes an absolute URL, such as `http://127.0.0.1:9000/load`");
            }
            (None, None) => return Err("a function needs a `command` or a `url`"),
            (Some(_), Some(_)) => return Err("a function has a `command` or a `url`, not both"),
        };
        Ok(Self {
            target,
            timeout_seconds: fields.timeout_seconds.unwrap_or(TIMEOUT_SECONDS_DEFAULT),
        })
    }
}
