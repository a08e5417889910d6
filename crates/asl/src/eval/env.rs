//! All that comes into a step besides the machine, the frame and the event. Equal values give equal results.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::json::Payload;
use crate::limits::Limits;
use crate::machine::GraphIx;

/// The caller's side of one step.
pub struct Env<'a> {
    /// The time, in epoch milliseconds; it stands still during a step.
    pub now_ms: i64,
    /// Uniform 64 bits. Seeded by the caller.
    pub random: &'a mut dyn FnMut() -> u64,
    /// A task token nobody can guess, at most 1,024 characters.
    pub new_token: &'a mut dyn FnMut() -> Arc<str>,
    /// A random UUID (version 4) in lower case with hyphens.
    pub new_uuid: &'a mut dyn FnMut() -> Arc<str>,
    /// Whether an activity of this ARN exists: AWS looks before it schedules.
    pub has_activity: &'a dyn Fn(&str) -> bool,
    /// The bounds; [`Limits::AWS`] outside of tests.
    pub limits: &'a Limits,
}

impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("now_ms", &self.now_ms)
            .finish_non_exhaustive()
    }
}

/// What stays true of an execution from start to end; the context object and the first event show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionFacts {
    /// `$$.Execution.Id`. Its region appears in `TaskScheduled`.
    pub execution_arn: Arc<str>,
    /// `$$.Execution.Name`
    pub name: Arc<str>,
    /// `$$.Execution.RoleArn`
    pub role_arn: Arc<str>,
    /// `$$.Execution.StartTime`, in epoch milliseconds.
    pub start_ms: i64,
    /// `$$.StateMachine.Id`
    pub machine_arn: Arc<str>,
    /// `$$.StateMachine.Name`
    pub machine_name: Arc<str>,
    /// The version that was started, if one was.
    pub version_arn: Option<Arc<str>>,
    /// The alias that was started, if one was.
    pub alias_arn: Option<Arc<str>>,
    /// The execution's input.
    pub input: Payload,
    /// Standard or Express.
    pub kind: MachineKind,
    /// How often it was redriven before (0 for a new one).
    pub redrive_count: u32,
    /// What of the machine it runs: all of it, or as a Map Run's child a Map's processor.
    #[serde(default, skip_serializing_if = "GraphIx::is_root")]
    pub graph: GraphIx,
    /// Whether somebody answers its tasks by their attempts, which are counted then ([`super::TaskCall::attempt`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts_attempts: bool,
}

/// The two kinds of state machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MachineKind {
    /// Durable, up to a year, at most 25,000 events.
    #[default]
    Standard,
    /// Up to five minutes.
    Express,
}
