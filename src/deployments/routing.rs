//! Where an alias sends starts, and whose doing that is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::DeploymentId;
/// One line of an alias's routing, as AWS writes it.
pub use crate::step_functions::Route as VersionWeight;

/// Where an alias sends starts: one version, or two with a weight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<VersionWeight>", try_from = "Vec<VersionWeight>")]
pub enum Routing {
    /// All starts.
    Single {
        /// The version's ARN.
        version: String,
    },
    /// Two versions.
    Split {
        /// The version that gets the rest.
        stable: String,
        /// The version that gets `weight`.
        canary: String,
        /// Percent, 1 to 99.
        weight: u8,
    },
}

/// A routing an alias can't have: not one or two versions, or weights that do not sum to 100.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an alias routes to one or two versions whose weights sum to 100")]
pub struct InvalidRouting;

impl Routing {
    /// All starts to one version.
    pub fn single(version: impl Into<String>) -> Self {
        Self::Single {
            version: version.into(),
        }
    }

    /// `weight` percent to `canary`, the rest to `stable`; at 100 the canary alone.
    pub fn shifted(stable: Option<&str>, canary: &str, weight: u8) -> Self {
        match stable {
            Some(stable) if weight < 100 => Self::Split {
                stable: stable.to_owned(),
                canary: canary.to_owned(),
                weight,
            },
            _ => Self::single(canary),
        }
    }

    /// The lines, as sent to AWS.
    pub fn lines(&self) -> Vec<VersionWeight> {
        self.clone().into()
    }

    /// The share of `version`, percent.
    pub fn weight_of(&self, version: &str) -> u8 {
        self.lines()
            .into_iter()
            .find(|line| line.version_arn == version)
            .map_or(0, |line| line.weight)
    }

    /// The same versions with the same weights, in whatever order.
    pub fn is_same(&self, other: &Self) -> bool {
        let sorted = |routing: &Self| {
            let mut lines = routing.lines();
            lines.sort_by(|one, other| one.version_arn.cmp(&other.version_arn));
            lines
        };
        sorted(self) == sorted(other)
    }
}

impl From<Routing> for Vec<VersionWeight> {
    fn from(routing: Routing) -> Self {
        match routing {
            Routing::Single { version } => vec![VersionWeight {
                version_arn: version,
                weight: 100,
            }],
            Routing::Split {
                stable,
                canary,
                weight,
            } => vec![
                VersionWeight {
                    version_arn: stable,
                    weight: 100_u8.saturating_sub(weight),
                },
                VersionWeight {
                    version_arn: canary,
                    weight,
                },
            ],
        }
    }
}

impl TryFrom<Vec<VersionWeight>> for Routing {
    type Error = InvalidRouting;

    /// Lines without weight are dropped: AWS keeps them, but they route nothing.
    fn try_from(lines: Vec<VersionWeight>) -> Result<Self, InvalidRouting> {
        let lines: Vec<_> = lines.into_iter().filter(|line| line.weight > 0).collect();
        match <[VersionWeight; 1]>::try_from(lines) {
            Ok([one]) if one.weight == 100 => Ok(Self::Single {
                version: one.version_arn,
            }),
            Ok(_) => Err(InvalidRouting),
            Err(lines) => match <[VersionWeight; 2]>::try_from(lines) {
                Ok([one, other]) if u16::from(one.weight) + u16::from(other.weight) == 100 => {
                    Ok(Self::Split {
                        stable: one.version_arn,
                        canary: other.version_arn,
                        weight: other.weight,
                    })
                }
                _ => Err(InvalidRouting),
            },
        }
    }
}

/// What is written into an alias's description, so that who reads it knows who moved it: `sb:dep_…/step/epoch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which deployment.
    pub deployment: DeploymentId,
    /// Its step, from 0.
    pub step: u16,
    /// Counts the deployment's intents.
    pub epoch: u32,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sb:{}/{}/{}", self.deployment, self.step, self.epoch)
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.strip_prefix("sb:").ok_or(())?.split('/');
        let (Some(deployment), Some(step), Some(epoch), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(());
        };
        Ok(Self {
            deployment: deployment.parse().map_err(|_| ())?,
            step: step.parse().map_err(|_| ())?,
            epoch: epoch.parse().map_err(|_| ())?,
        })
    }
}

/// An alias as `DescribeStateMachineAlias` answered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasSeen {
    /// Where it sends starts.
    pub routing: Routing,
    /// The mark in its description, if it is one.
    pub mark: Option<Mark>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_other_descriptions_are_nobodys() {
        let mark = Mark {
            deployment: DeploymentId::generate(),
            step: 2,
            epoch: 7,
        };
        assert_eq!(mark.to_string().parse(), Ok(mark));
        assert!(mark.to_string().len() <= 256, "AWS allows 256 characters");
        for foreign in [
            "",
            "production traffic",
            "sb:dep_x/1/2",
            "sb:dep_01JD8Z5X2K0000000000000000/1",
        ] {
            assert_eq!(foreign.parse::<Mark>(), Err(()), "{foreign}");
        }
    }

    #[test]
    fn a_routing_is_one_or_two_versions_that_sum_to_hundred() {
        let line = |version: &str, weight| VersionWeight {
            version_arn: version.into(),
            weight,
        };
        assert_eq!(Routing::try_from(vec![line("a", 100)]), Ok(Routing::single("a")));
        assert_eq!(
            Routing::try_from(vec![line("a", 100), line("b", 0)]),
            Ok(Routing::single("a"))
        );
        for wrong in [vec![], vec![line("a", 90)], vec![line("a", 60), line("b", 60)]] {
            assert_eq!(Routing::try_from(wrong), Err(InvalidRouting));
        }
        let split = Routing::shifted(Some("a"), "b", 10);
        assert_eq!(Routing::try_from(split.lines()), Ok(split.clone()));
        assert_eq!(
            (split.weight_of("a"), split.weight_of("b"), split.weight_of("c")),
            (90, 10, 0)
        );
        let reversed = Routing::Split {
            stable: "b".into(),
            canary: "a".into(),
            weight: 90,
        };
        assert!(split.is_same(&reversed));
    }
}
