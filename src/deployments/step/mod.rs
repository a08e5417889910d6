//! What to do next: pure. A worker observes, asks [`next_step`], does that one thing, and asks again.
//!
//! One step, one side: [`Step::Intend`] and [`Step::Finish`] write our records, [`Step::Converge`] calls AWS. What AWS did is
//! observed each time, never remembered. So it does not matter whether a worker dies before a call, after it, or calls late:
//! whoever goes on finds the alias where it stands and the intent that says where it is to stand.
//!
//! Invariants, proved below `tests`: from any state it ends; the alias only ever takes weights of the course or those from
//! before; an alias that someone else moved is never overwritten unless a person said so.

mod back;
mod before;
mod command;
mod decide;
mod forth;
#[cfg(test)]
mod proofs;

use chrono::{DateTime, Utc};

use super::model::{AliasSeen, Deployment, Mark, Routing};
use crate::config::Closed;

pub use command::{Command, CommandError, command};
pub(super) use decide::show;
pub use decide::{next_step, past_deadline};

/// What `DescribeStateMachineAlias` said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AliasState {
    /// Not asked this time (the call is dear: one a second per region).
    #[default]
    NotAsked,
    /// There is no such alias.
    Absent,
    /// It routes like this.
    Stands(AliasSeen),
    /// It routes to something that is no routing of ours: more than two versions, or weights that do not add up.
    Unreadable,
}

/// Where the tests stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TestsState {
    /// Some have not ended.
    #[default]
    Unfinished,
    /// All passed.
    Passed,
    /// Some failed: a sentence naming them.
    Failed(String),
}

/// Where the gate stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GateState {
    /// People have not decided.
    #[default]
    Waiting,
    /// They agreed.
    Approved,
    /// They did not, or too late: a sentence.
    Refused(String),
}

/// Where the executions of the version taken back stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Remainder {
    /// Something is left to do.
    #[default]
    Left,
    /// The policy is satisfied.
    Settled,
}

/// Everything a decision needs that is not in the deployment's record. What a state does not need is left at its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// The alias.
    pub alias: AliasState,
    /// The version of the revision, once published. Publishing is idempotent, so asking again gives the same.
    pub published: Option<String>,
    /// The tests.
    pub tests: TestsState,
    /// The gate.
    pub gate: GateState,
    /// Traffic may not be moved now: a freeze, or the time between change windows.
    pub closed: Option<Closed>,
    /// The alias by which people look at the new version before it gets traffic.
    pub preview: Remainder,
    /// The definition that unqualified starts get, during a rollback and at the end.
    pub unqualified: Remainder,
    /// Running executions, during a rollback.
    pub in_flight: Remainder,
}

/// A change of our records, with what to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The deployment as it is to be.
    pub next: Deployment,
    /// What happened, `noun.verb`.
    pub event: &'static str,
    /// A sentence for the timeline.
    pub detail: String,
}

/// A call to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Converge {
    /// Publish the revision as a version.
    Publish,
    /// Start tests that have not been started, stop those that took too long, read those that ended.
    Tests,
    /// Make the alias route like this, with this mark.
    Alias {
        /// The routing.
        to: Routing,
        /// The mark.
        mark: Mark,
    },
    /// Make the preview alias lead to the new version.
    Preview,
    /// Give unqualified starts the definition they are to have: the old one in a rollback, the new one at the end.
    Unqualified,
    /// Deal with running executions by the policy.
    InFlight,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Write this.
    Intend(Box<Transition>),
    /// Call AWS.
    Converge(Converge),
    /// Nothing before this time, or before the next look.
    Wait {
        /// When.
        until: DateTime<Utc>,
    },
    /// Write this; it is the end.
    Finish(Box<Transition>),
    /// Nothing until a person acts.
    Rest,
}
