//! What a deployment is: its place in the course, where the alias stands and where it is to stand.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::routing::{AliasSeen, InvalidRouting, Mark, Routing, VersionWeight};
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
    fn every_state_reads_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            let json = serde_json::to_value(state).unwrap();
            assert_eq!(json, state.as_str());
        }
    }
}
