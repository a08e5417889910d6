//! Reads the file, and says exactly what is wrong with one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::Config;

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read the configuration `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML, or not ours.
    #[error("{0}")]
    Invalid(Box<Fault>),
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// From 1; none when the place is not known.
    pub line: Option<usize>,
    /// Dotted, such as `environments.production`; empty for the top.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// The name that was probably meant.
    pub meant: Option<String>,
    /// The text of the line.
    pub excerpt: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, ", line {line}")?;
        }
        if !self.key.is_empty() {
            write!(formatter, ", key `{}`", self.key)?;
        }
        write!(formatter, ": {}", self.message)?;
        if let Some(meant) = &self.meant {
            write!(formatter, "; did you mean `{meant}`?")?;
        }
        if !self.excerpt.is_empty() {
            write!(formatter, "\n    {}", self.excerpt.trim())?;
        }
        Ok(())
    }
}

/// The configuration in a file.
pub fn read(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text).map_err(ConfigError::Invalid)
}

fn parse(path: &Path, text: &str) -> Result<Config, Box<Fault>> {
    let fault = |key: String, error: &toml::de::Error| {
        let line = error
            .span()
            .map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        Box::new(Fault {
            path: path.to_owned(),
            line,
            key,
            message: error.message().to_owned(),
            meant: meant(error.message()),
            excerpt: line
                .and_then(|line| text.lines().nth(line - 1))
                .map(without_secret)
                .unwrap_or_default(),
        })
    };
    let document = toml::Deserializer::parse(text).map_err(|error| fault(String::new(), &error))?;
    serde_path_to_error::deserialize(document).map_err(|error| {
        let key = error.path().to_string();
        fault(if key == "." { String::new() } else { key }, error.inner())
    })
}

/// Parts of the names of settings whose values are not shown.
const HIDDEN: [&str; 8] = [
    "secret", "url", "sha256", "value", "api_key", "basic", "oauth", "password",
];

/// The line, with `***` for the value of a setting that may be secret.
fn without_secret(line: &str) -> String {
    match line.split_once('=') {
        Some((name, _)) if HIDDEN.iter().any(|part| name.contains(part)) => format!("{name}= ***"),
        Some(_) | None => line.to_owned(),
    }
}

/// The known name nearest to the unknown one, from serde's message:
/// ``unknown field `regoin`, expected one of `region`, `account` ``.
fn meant(message: &str) -> Option<String> {
    let (unknown, expected) = message.split_once(", expected ")?;
    let unknown = unknown.strip_prefix("unknown ")?.split('`').nth(1)?;
    let known = expected.split('`').skip(1).step_by(2);
    known
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Connection, Credentials, FunctionTarget, Role};

    fn fault(text: &str) -> Box<Fault> {
        parse(Path::new("signalbox.toml"), text).unwrap_err()
    }

    fn config(text: &str) -> Config {
        parse(Path::new("signalbox.toml"), text).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn an_empty_file_has_the_embedded_environment_and_every_default() {
        let config = config("");
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.engine.listen.to_string(), "127.0.0.1:8083");
        let (name, environment) = config.environments.iter().next().unwrap();
        assert_eq!(name.as_str(), "default");
        assert_eq!(environment.connection, Connection::Embedded);
        assert_eq!(environment.policies.alias, "live");
        assert!(environment.policies.rollback_enabled);
    }

    #[test]
    fn a_misspelt_field_is_named_with_its_line_its_key_and_what_was_meant() {
        let fault =
            fault("[server]\nlisten = '127.0.0.1:1'\n\n[environments.production]\nregoin = 'eu-west-1'\n");
        assert_eq!(fault.line, Some(5));
        assert_eq!(fault.key, "environments.production.regoin");
        assert_eq!(fault.meant.as_deref(), Some("region"));
        assert!(
            fault
                .to_string()
                .ends_with("did you mean `region`?\n    regoin = 'eu-west-1'"),
            "{fault}"
        );
    }

    #[test]
    fn a_misspelt_section_is_named() {
        let fault = fault("[sever]\nlisten = '127.0.0.1:1'\n");
        assert_eq!((fault.line, fault.meant.as_deref()), (Some(1), Some("server")));
    }

    #[test]
    fn a_secret_of_the_wrong_kind_is_not_printed() {
        let wrong = fault("[notifications.slack]\nsigning_secret = 12345\n");
        assert_eq!(wrong.excerpt, "signing_secret = ***");
        for line in [
            "[secrets.a]\nvalue = 12345\n",
            "[connections.a]\napi_key = { name = 'k', value = 12345 }\n",
        ] {
            let shown = fault(line).to_string();
            assert!(
                !shown.contains("12345\n") && !shown.ends_with("12345") && shown.contains("***"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_with_its_line() {
        let fault = fault("[jobs]\nconcurrency = 'many'\n");
        assert_eq!((fault.line, fault.key.as_str()), (Some(2), "jobs.concurrency"));
    }

    #[test]
    fn broken_toml_is_named_with_its_line() {
        assert_eq!(fault("[jobs]\nconcurrency = \n").line, Some(2));
    }

    #[test]
    fn an_environment_says_what_it_lacks() {
        let fault = fault("[environments.production]\nregion = 'eu-west-1'\n");
        assert_eq!(
            fault.message,
            "environment `production` needs an `account`, twelve digits"
        );
        assert!(fault.key.starts_with("environments"), "{fault}");
    }

    #[test]
    fn the_default_environment_takes_policies_but_no_account() {
        let policies = config("[environments.default]\napproval_required = true\n");
        assert!(
            policies
                .environments
                .iter()
                .next()
                .unwrap()
                .1
                .policies
                .approval_required
        );
        let fault = fault("[environments.default]\naccount = '123456789012'\n");
        assert!(fault.message.contains("is the embedded engine"), "{fault}");
    }

    #[test]
    fn a_namespace_that_cloudwatch_refuses_is_refused() {
        let fault = fault("[environments.default]\nmetrics_namespace = 'AWS/Mine'\n");
        assert!(fault.message.contains("must not begin with `AWS/`"), "{fault}");
    }

    #[test]
    fn an_external_id_without_a_role_is_refused() {
        let fault = fault("[environments.p]\nregion='r'\naccount='123456789012'\nexternal_id='x'\n");
        assert!(fault.message.contains("no `role_arn`"), "{fault}");
    }

    #[test]
    fn a_key_has_a_digest_a_role_and_a_name_of_its_own() {
        let digest = "ab".repeat(32);
        let key = |name: &str, roles: &str| {
            format!("[[access.keys]]\nname='{name}'\nsha256='{digest}'\nroles={roles}\n")
        };
        assert_eq!(
            config(&key("alice", "['deployer']")).access.keys[0].roles,
            [Role::Deployer]
        );
        assert!(fault(&key("alice", "[]")).message.contains("no role"));
        assert!(
            fault(&key("anonymous", "['admin']"))
                .message
                .contains("a name of its own")
        );
        assert!(
            fault(&(key("alice", "['admin']") + &key("alice", "['viewer']")))
                .message
                .contains("two keys")
        );
        assert_eq!(
            fault(&key("alice", "['deploier']")).meant.as_deref(),
            Some("deployer")
        );
        let fault = fault("[[access.keys]]\nname='alice'\nsha256='hunter2'\nroles=['admin']\n");
        assert_eq!(fault.line, Some(3));
        assert!(fault.message.contains("64 hex digits"), "{fault}");
    }

    #[test]
    fn a_function_is_a_command_or_a_url() {
        assert!(
            fault("[functions.F]\n")
                .message
                .contains("needs a `command` or a `url`")
        );
        assert!(
            fault("[functions.F]\nurl = 'load'\n")
                .message
                .contains("absolute URL")
        );
    }

    #[test]
    fn the_example_file_parses_and_shows_every_section() {
        let example = include_str!("../../deploy/signalbox.example.toml");
        // Commented settings show defaults and alternatives: they must parse as well.
        let everything: String = example
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n")
            .collect();
        assert_eq!(config(example).environments.iter().count(), 1);
        let config = config(&everything);
        let production = config
            .environments
            .iter()
            .find(|(name, _)| name.as_str() == "production")
            .unwrap()
            .1;
        let Connection::Remote(remote) = &production.connection else {
            panic!("remote")
        };
        assert!(matches!(
            remote.credentials,
            Credentials::AssumeRole {
                external_id: Some(_),
                ..
            }
        ));
        assert!(matches!(
            config.functions["ExtractData"].target,
            FunctionTarget::Command { .. }
        ));
        assert_eq!(config.access.keys.len(), 1);
        assert!(config.notifications.slack.signing_secret.is_some());
        assert!(!format!("{config:?}").contains("whsec_"), "secrets do not print");
    }
}
