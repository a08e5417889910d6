//! Amazon Resource Names of Step Functions: read from requests, built for answers.
//!
//! Shapes (AWS guide, "Actions, resources, and condition keys for AWS Step Functions"):
//! `arn:PARTITION:states:REGION:ACCOUNT:stateMachine:NAME[:VERSION|:ALIAS]`, `…:execution:MACHINE:NAME`,
//! `…:express:MACHINE:NAME:ID`, `…:activity:NAME`, `…:mapRun:MACHINE/LABEL:ID`.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// Where a resource lives: an account in a region. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Twelve digits.
    pub account: Arc<str>,
    /// For instance `us-east-1`.
    pub region: Arc<str>,
}

impl Place {
    /// A place by its account and region.
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
        }
    }

    /// `aws`, `aws-cn` or `aws-us-gov`, as the region's name tells.
    pub fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    fn states(&self, rest: impl fmt::Display) -> String {
        format!(
            "arn:{}:states:{}:{}:{rest}",
            self.partition(),
            self.region,
            self.account
        )
    }

    /// The ARN of a state machine without a qualifier.
    pub fn machine(&self, name: &str) -> String {
        self.states(format_args!("stateMachine:{name}"))
    }

    /// The ARN of one published version.
    pub fn version(&self, name: &str, version: i64) -> String {
        self.states(format_args!("stateMachine:{name}:{version}"))
    }

    /// The ARN of an alias.
    pub fn alias(&self, name: &str, alias: &str) -> String {
        self.states(format_args!("stateMachine:{name}:{alias}"))
    }

    /// The ARN of a Standard execution.
    pub fn execution(&self, machine: &str, name: &str) -> String {
        self.states(format_args!("execution:{machine}:{name}"))
    }

    /// The ARN of an Express execution; `id` tells runs of the same name apart.
    pub fn express(&self, machine: &str, name: &str, id: &str) -> String {
        self.states(format_args!("express:{machine}:{name}:{id}"))
    }

    /// The ARN a state under test sees as its execution's.
    pub fn tested(&self, machine: &str, name: &str) -> String {
        self.states(format_args!("express:{machine}:{name}"))
    }

    /// The ARN of an activity.
    pub fn activity(&self, name: &str) -> String {
        self.states(format_args!("activity:{name}"))
    }
}

/// What follows a state machine's name in its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qualifier {
    /// Digits only.
    Version(i64),
    /// Anything else.
    Alias(String),
}

/// The part of an ARN that names the resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A state machine; with a qualifier, one version or an alias of it.
    Machine {
        /// Without the label.
        name: String,
        /// The label of a distributed Map inside of it, after a slash.
        label: Option<String>,
        /// A version or an alias.
        qualifier: Option<Qualifier>,
    },
    /// A Standard execution.
    Execution {
        /// The machine's name, with `/label` for children of a distributed Map.
        machine: String,
        /// The execution's own name.
        name: String,
    },
    /// An Express execution.
    Express {
        /// The machine's name.
        machine: String,
        /// The execution's own name.
        name: String,
        /// What tells runs of the same name apart.
        id: String,
    },
    /// An activity.
    Activity {
        /// Its name.
        name: String,
    },
    /// A run of a distributed Map.
    MapRun {
        /// `MACHINE/LABEL`.
        machine: String,
        /// The run's own id.
        id: String,
    },
}

impl Resource {
    /// The resource type as it stands in the ARN, which is also how error messages call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Machine { .. } => "stateMachine",
            Self::Execution { .. } => "execution",
            Self::Express { .. } => "express",
            Self::Activity { .. } => "activity",
            Self::MapRun { .. } => "mapRun",
        }
    }
}

/// A Step Functions ARN, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arn {
    /// Account and region.
    pub place: Place,
    /// What it names.
    pub resource: Resource,
}

/// Why a text is not the ARN that was wanted. The texts are AWS's, what stands in the quotes of `Invalid Arn: '…'`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArnError {
    /// It does not begin with `arn:`.
    #[error("Invalid ARN prefix: {0}")]
    Prefix(String),
    /// It is not of Step Functions, or has too few or too many parts.
    #[error("Invalid ARN: {0}")]
    Shape(String),
    /// A good ARN of a kind that has no meaning here.
    #[error("Resource type not valid in this context: {0}")]
    Kind(String),
}

impl Arn {
    /// Takes an ARN apart. What it names need not exist.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let shape = || ArnError::Shape(text.to_owned());
        let rest = text
            .strip_prefix("arn:")
            .ok_or_else(|| ArnError::Prefix(text.to_owned()))?;
        let parts: Vec<&str> = rest.split(':').collect();
        let [partition, service, region, account, kind, names @ ..] = parts.as_slice() else {
            return Err(shape());
        };
        let account_is_digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        if !partition.starts_with("aws")
            || *service != "states"
            || region.is_empty()
            || !account_is_digits
            || names.iter().any(|name| name.is_empty())
        {
            return Err(shape());
        }
        let resource = match (*kind, names) {
            ("stateMachine", [name]) => machine(name, None),
            ("stateMachine", [name, qualifier]) => machine(name, Some(read_qualifier(qualifier))),
            ("execution", [machine, name]) => Resource::Execution {
                machine: (*machine).to_owned(),
                name: (*name).to_owned(),
            },
            ("express", [machine, name, id]) => Resource::Express {
                machine: (*machine).to_owned(),
                name: (*name).to_owned(),
                id: (*id).to_owned(),
            },
            ("activity", [name]) => Resource::Activity {
                name: (*name).to_owned(),
            },
            ("mapRun", [machine, id]) => Resource::MapRun {
                machine: (*machine).to_owned(),
                id: (*id).to_owned(),
            },
            ("stateMachine" | "execution" | "express" | "activity" | "mapRun", _) => {
                return Err(shape());
            }
            (other, _) => return Err(ArnError::Kind(other.to_owned())),
        };
        Ok(Self {
            place: Place::new(account, region),
            resource,
        })
    }

    /// The error of an ARN whose kind an operation does not take.
    pub fn unfit(&self) -> ArnError {
        ArnError::Kind(self.resource.kind().to_owned())
    }
}

fn machine(name: &str, qualifier: Option<Qualifier>) -> Resource {
    let (name, label) = match name.split_once('/') {
        Some((name, label)) => (name, Some(label.to_owned())),
        None => (name, None),
    };
    Resource::Machine {
        name: name.to_owned(),
        label,
        qualifier,
    }
}

fn read_qualifier(text: &str) -> Qualifier {
    match text.parse::<i64>() {
        Ok(number) if text.bytes().all(|b| b.is_ascii_digit()) => Qualifier::Version(number),
        _ => Qualifier::Alias(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_arn_is_read_back() {
        let place = Place::new("123456789012", "eu-west-1");
        for (text, kind) in [
            (place.machine("m"), "stateMachine"),
            (place.version("m", 7), "stateMachine"),
            (place.alias("m", "live"), "stateMachine"),
            (place.execution("m", "e"), "execution"),
            (place.express("m", "e", "i"), "express"),
            (place.activity("a"), "activity"),
        ] {
            let arn = Arn::parse(&text).unwrap();
            assert_eq!(arn.place, place);
            assert_eq!(arn.resource.kind(), kind);
        }
    }

    #[test]
    fn digits_are_a_version_and_the_rest_an_alias() {
        let place = Place::new("123456789012", "eu-west-1");
        let qualifier = |text: &str| match Arn::parse(&place.alias("m", text)).unwrap().resource {
            Resource::Machine { qualifier, .. } => qualifier.unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(qualifier("12"), Qualifier::Version(12));
        assert_eq!(qualifier("1-2"), Qualifier::Alias("1-2".into()));
        assert_eq!(qualifier("+1"), Qualifier::Alias("+1".into()));
    }

    #[test]
    fn the_texts_are_those_of_aws() {
        let text = |arn: &str| Arn::parse(arn).unwrap_err().to_string();
        assert_eq!(text("nonsense"), "Invalid ARN prefix: nonsense");
        assert_eq!(
            text("arn:aws:states:us-east-1:000000000000:queue:x"),
            "Resource type not valid in this context: queue"
        );
        assert_eq!(
            text("arn:aws:s3:us-east-1:000000000000:activity:x"),
            "Invalid ARN: arn:aws:s3:us-east-1:000000000000:activity:x"
        );
    }
}
