//! What a deployment is: its place in the course, where the alias stands and where it is to stand.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::strategy::Course;
use crate::ids::DeploymentId;

/// Where a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waiting in line behind another deployment of the same template and environment.
    Pending,
    /// Looking at the alias.
    Validating,
    /// Publishing the revision as a version.
    Publishing,
    /// Running the tests against the version.
    Testing,
    /// Waiting for people.
    Gate,
    /// Moving the alias.
    Shifting,
    /// Watching.
    Baking,
    /// The step's time is over; waiting for what the step asks for.
    Judging,
    /// All traffic is on the new version; watching.
    FinalBake,
    /// Stopped; the alias stays where it is.
    Paused,
    /// Moving the alias back.
    RollingBack,
    /// Moving it back is not possible at the moment.
    RollbackBlocked,
    /// Done.
    Succeeded,
    /// The old version serves all again.
    RolledBack,
    /// Ended before any traffic moved.
    Failed,
    /// Ended by a person.
    Aborted,
    /// Ended in favour of a newer one.
    Superseded,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 17] = [
        Self::Pending,
        Self::Validating,
        Self::Publishing,
        Self::Testing,
        Self::Gate,
        Self::Shifting,
        Self::Baking,
        Self::Judging,
        Self::FinalBake,
        Self::Paused,
        Self::RollingBack,
        Self::RollbackBlocked,
        Self::Succeeded,
        Self::RolledBack,
        Self::Failed,
        Self::Aborted,
        Self::Superseded,
    ];

    /// As written in answers, metrics and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Validating => "validating",
            Self::Publishing => "publishing",
            Self::Testing => "testing",
            Self::Gate => "gate",
            Self::Shifting => "shifting",
            Self::Baking => "baking",
            Self::Judging => "judging",
            Self::FinalBake => "final_bake",
            Self::Paused => "paused",
            Self::RollingBack => "rolling_back",
            Self::RollbackBlocked => "rollback_blocked",
            Self::Succeeded => "succeeded",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Superseded => "superseded",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing more will happen by itself.
    pub fn is_finished(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::RolledBack | Self::Failed | Self::Aborted | Self::Superseded
        )
    }

    /// Whether the alias may be split or moved by this deployment: executions are sampled.
    pub fn is_watching(self) -> bool {
        matches!(
            self,
            Self::Baking | Self::Judging | Self::FinalBake | Self::Paused
        )
    }
}

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

/// One line of an alias's routing, as AWS writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionWeight {
    /// The version's ARN.
    pub version_arn: String,
    /// Percent.
    pub weight: u8,
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

/// Where the alias is to stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The routing.
    pub to: Routing,
    /// Counts this deployment's intents; part of the mark.
    pub epoch: u32,
}

/// A time of watching. Absolute, so a time without this service counts as time, never as samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bake {
    /// When the weights were seen in force.
    pub from: DateTime<Utc>,
    /// Not to be left before.
    pub until: DateTime<Utc>,
    /// When waiting for samples ends.
    pub max_until: DateTime<Utc>,
}

/// Why a deployment is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// A person asked for it.
    Manual,
    /// The step's time is over and too little was seen.
    Inconclusive,
    /// Something odd was seen that a person should look at.
    Odd,
    /// Someone else moved the alias.
    Drift,
    /// `max_weight` is reached.
    HoldBack,
    /// A freeze, or outside of the change windows. It goes on by itself.
    Freeze,
    /// The template's error budget burns.
    Budget,
    /// It is worse, but there is no earlier version to go back to, or rollback is disabled.
    NoWayBack,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pause {
    /// Why.
    pub reason: PauseReason,
    /// A sentence for people.
    pub detail: String,
    /// The state to go on with.
    pub resume: State,
    /// What the alias was found to be, for drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub found: Option<AliasSeen>,
}

/// How far a rollback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RollbackStage {
    /// The alias.
    Routing,
    /// The definition that unqualified starts get.
    Unqualified,
    /// Executions of the version taken back.
    InFlight,
}

/// A rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rollback {
    /// How far.
    pub stage: RollbackStage,
    /// Why, for people.
    pub reason: String,
    /// The state to end in: `rolled_back`, `aborted` or `superseded`.
    pub outcome: State,
    /// Whether the new version is to be kept from being deployed again.
    pub quarantine: bool,
    /// Whether a person took it back: its version is remembered, and may be deployed again.
    #[serde(default)]
    pub by_hand: bool,
}

/// What happens to running executions of a version that is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InFlightPolicy {
    /// They go on.
    #[default]
    Leave,
    /// They are stopped.
    Stop,
    /// They are stopped and started again on the old version with the same input.
    StopAndRestart,
    /// The rollback waits for them to end.
    Drain,
}

/// A deployment of one revision to one environment.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a hidden state"
)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Where it stands.
    pub state: State,
    /// What is to be done.
    pub course: Course,
    /// Whether tests are to be run.
    pub has_tests: bool,
    /// Whether people must agree before traffic moves.
    pub has_gate: bool,
    /// Whether people must agree before the new version gets all traffic.
    pub has_full_gate: bool,
    /// Whether it may take itself back.
    pub rollback_enabled: bool,
    /// The step at hand, from 0.
    pub step: u16,
    /// What served before; none at an alias's first deployment.
    pub from_version: Option<String>,
    /// What is deployed; known once published.
    pub to_version: Option<String>,
    /// Where the alias was last seen to stand by our doing (or before our doing).
    pub standing: Option<Routing>,
    /// Where it is to stand.
    pub intent: Option<Intent>,
    /// A routing someone else made that a person has allowed to overwrite.
    pub may_overwrite: Option<Routing>,
    /// The watching at hand.
    pub bake: Option<Bake>,
    /// Whether a person asked to leave the step without waiting.
    pub promoted: bool,
    /// The pause at hand.
    pub pause: Option<Pause>,
    /// The rollback at hand, or done.
    pub rollback: Option<Rollback>,
    /// Why it did not succeed.
    pub error: Option<String>,
}

impl Deployment {
    /// The step at hand; a deployment has at least one step.
    pub fn course_step(&self) -> Option<super::strategy::CourseStep> {
        self.course.steps.get(usize::from(self.step)).copied()
    }

    /// Whether the alias has been moved, or may have been.
    pub fn has_shifted(&self) -> bool {
        self.intent.is_some()
    }

    /// Whether executions are to be judged: the alias stands by our doing, and not on its way back.
    pub fn is_watching(&self) -> bool {
        let drifted = self
            .pause
            .as_ref()
            .is_some_and(|pause| pause.reason == PauseReason::Drift);
        let watched = [
            State::Baking,
            State::Judging,
            State::FinalBake,
            State::Paused,
            State::Gate,
        ];
        self.intent.is_some() && !drifted && watched.contains(&self.state)
    }

    /// The mark of the intent at hand.
    pub fn mark(&self, epoch: u32) -> Mark {
        Mark {
            deployment: self.id,
            step: self.step,
            epoch,
        }
    }
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

    #[test]
    fn every_state_reads_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            let json = serde_json::to_value(state).unwrap();
            assert_eq!(json, state.as_str());
        }
    }
}
