//! The types of Map Runs.

use std::sync::Arc;

use asl::eval::{MapRunCall, TaskId, Tolerance};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::executions::{ExecutionId, ExecutionStatus};

/// A Map Run.
#[derive(Debug, Clone)]
pub struct MapRun {
    /// Its ARN.
    pub arn: Arc<str>,
    /// The execution around it.
    pub execution: ExecutionId,
    /// What the evaluator is told its end by.
    pub task: TaskId,
    /// That execution's ARN.
    pub execution_arn: Arc<str>,
    /// What its children run a part of.
    pub revision_id: Uuid,
    /// The test case of the mock file.
    pub mock_case: Option<Arc<str>>,
    /// What the evaluator asked for.
    pub call: Arc<MapRunCall>,
    /// Where it stands.
    pub status: MapRunStatus,
    /// What `UpdateMapRun` may change.
    pub settings: Settings,
    /// ms since 1970.
    pub started_at: i64,
    /// ms since 1970; absent while it runs.
    pub stopped_at: Option<i64>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// ms since 1970, of the last redrive.
    pub redriven_at: Option<i64>,
    /// How many children it has in all; absent until all items are read.
    pub inputs: Option<u32>,
    /// How it ended.
    pub end: Option<End>,
}

/// What `UpdateMapRun` may change.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Settings {
    /// Children open at a time; 0: as many as there may be.
    pub max_concurrency: u32,
    /// How many items may fail.
    pub tolerance: Tolerance,
}

/// How a Map Run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With the state's result, a JSON text.
    Succeeded(Arc<str>),
    /// With an error.
    Failed {
        /// Its name.
        error: Option<Arc<str>>,
        /// What happened.
        cause: Option<Arc<str>>,
    },
    /// The execution around it was stopped, or went on without it.
    Aborted,
}

/// As `DescribeMapRun` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapRunStatus {
    /// It goes on.
    Running,
    /// No more of its items failed than may.
    Succeeded,
    /// Too many failed, or its items or results were not to be had.
    Failed,
    /// It was cut off.
    Aborted,
}

impl MapRunStatus {
    /// AWS's word, which is also the table's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "RUNNING" => Self::Running,
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" => Self::Failed,
            "ABORTED" => Self::Aborted,
            _ => return None,
        })
    }
}

impl End {
    pub(super) fn status(&self) -> MapRunStatus {
        match self {
            Self::Succeeded(_) => MapRunStatus::Succeeded,
            Self::Failed { .. } => MapRunStatus::Failed,
            Self::Aborted => MapRunStatus::Aborted,
        }
    }
}

/// How many children, and how many items in them, stand where. `total` is the sum of the rest but `results_written`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Not begun.
    pub pending: Count,
    /// Failed before, and to go on in this redrive.
    pub pending_redrive: Count,
    /// At work.
    pub running: Count,
    /// Ended well.
    pub succeeded: Count,
    /// Ended by an error.
    pub failed: Count,
    /// Ended by time.
    pub timed_out: Count,
    /// Stopped.
    pub aborted: Count,
    /// Whose results are in the Map Run's.
    pub results_written: Count,
}

/// So many children with so many items in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Children.
    pub executions: u64,
    /// Items in their inputs.
    pub items: u64,
}

impl std::ops::Add for Count {
    type Output = Count;

    fn add(self, other: Count) -> Count {
        Count {
            executions: self.executions + other.executions,
            items: self.items + other.items,
        }
    }
}

impl Counts {
    /// All children.
    pub fn total(&self) -> Count {
        self.pending + self.pending_redrive + self.running + self.ended()
    }

    /// Those that have ended, well or not.
    pub fn ended(&self) -> Count {
        self.succeeded + self.unsuccessful()
    }

    /// Those that have ended otherwise than well.
    pub fn unsuccessful(&self) -> Count {
        self.failed + self.timed_out + self.aborted
    }

    pub(super) fn of_mut(&mut self, state: ChildState) -> &mut Count {
        match state {
            ChildState::Pending => &mut self.pending,
            ChildState::PendingRedrive => &mut self.pending_redrive,
            ChildState::Running => &mut self.running,
            ChildState::Succeeded => &mut self.succeeded,
            ChildState::Failed => &mut self.failed,
            ChildState::TimedOut => &mut self.timed_out,
            ChildState::Aborted => &mut self.aborted,
        }
    }
}

/// Where one child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChildState {
    Pending,
    PendingRedrive,
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl From<ExecutionStatus> for ChildState {
    fn from(status: ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::Running => Self::Running,
            ExecutionStatus::Succeeded => Self::Succeeded,
            ExecutionStatus::Failed => Self::Failed,
            ExecutionStatus::TimedOut => Self::TimedOut,
            ExecutionStatus::Aborted => Self::Aborted,
            ExecutionStatus::PendingRedrive => Self::PendingRedrive,
        }
    }
}

/// What makes an execution a Map Run's child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChildOf {
    /// Which Map Run.
    pub(crate) map_run_arn: Arc<str>,
    /// Which of its inputs.
    pub(crate) index: u32,
    /// How many items are in that.
    pub(crate) items: u32,
}
