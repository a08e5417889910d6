//! States as the evaluator wants them.

use std::sync::Arc;

use super::choice::Rule;
use super::distributed::Distributed;
use super::template::Template;
use super::{GraphIx, StateIx};
use crate::eval::{Resource, StateType, TaskResource};
use crate::intrinsics::Call;
use crate::json::Payload;
use crate::jsonata::Expression;
use crate::paths::{Query, ReferencePath};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    pub(crate) body: Body,
    /// `None`: the graph ends here. (Choice, Succeed and Fail have none of their own.)
    pub(crate) next: Option<StateIx>,
    pub(crate) io: Io,
    pub(crate) assign: Assign,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
}

/// Variables and what they are set to, all evaluated before any is set.
pub(crate) type Assign = Vec<(Arc<str>, Template)>;

#[derive(Debug)]
pub(crate) enum Body {
    Pass {
        result: Option<Payload>,
    },
    Task(Box<Task>),
    Choice {
        rules: Vec<Rule>,
        default: Option<StateIx>,
    },
    Wait(Wait),
    Succeed,
    Fail {
        error: Option<FailText>,
        cause: Option<FailText>,
    },
    Parallel {
        branches: Vec<GraphIx>,
    },
    Map(Box<MapState>),
}

impl State {
    pub(crate) fn kind(&self) -> StateType {
        match self.body {
            Body::Pass { .. } => StateType::Pass,
            Body::Task(_) => StateType::Task,
            Body::Choice { .. } => StateType::Choice,
            Body::Wait(_) => StateType::Wait,
            Body::Succeed => StateType::Succeed,
            Body::Fail { .. } => StateType::Fail,
            Body::Parallel { .. } => StateType::Parallel,
            Body::Map(_) => StateType::Map,
        }
    }

    /// Whether its kind knows `Retry`.
    pub(crate) fn can_retry(&self) -> bool {
        matches!(self.body, Body::Task(_) | Body::Parallel { .. } | Body::Map(_))
    }
}

/// How data comes in and goes out.
#[derive(Debug)]
pub(crate) enum Io {
    JsonPath(Box<JsonPathIo>),
    Jsonata(Box<JsonataIo>),
}

#[derive(Debug, Default)]
pub(crate) struct JsonPathIo {
    pub(crate) input_path: Selection,
    pub(crate) parameters: Option<Template>,
    pub(crate) result_selector: Option<Template>,
    pub(crate) result_path: Placement,
    pub(crate) output_path: Selection,
}

#[derive(Debug, Default)]
pub(crate) struct JsonataIo {
    pub(crate) arguments: Option<Template>,
    pub(crate) output: Option<Template>,
}

/// `InputPath`, `OutputPath`.
#[derive(Debug, Default)]
pub(crate) enum Selection {
    /// `$`, or absent.
    #[default]
    Whole,
    /// `null`: an empty object.
    Nothing,
    At(Query),
}

/// `ResultPath`.
#[derive(Debug, Default)]
pub(crate) enum Placement {
    /// `$`, or absent: the result replaces the input.
    #[default]
    Replace,
    /// `null`: the result is dropped.
    Discard,
    At(ReferencePath),
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) resource: Resource,
    /// How events name it; `None` for functions and activities, whose events have other shapes.
    pub(crate) shown: Option<TaskResource>,
    pub(crate) timeout: Option<Amount>,
    pub(crate) heartbeat: Option<Amount>,
    pub(crate) credentials: Option<Template>,
}

/// A number written down, at a path, or computed.
#[derive(Debug)]
pub(crate) enum Amount {
    Fixed(u64),
    /// Not a whole number.
    Fraction(f64),
    At(Query),
    Computed(Expression),
}

#[derive(Debug)]
pub(crate) enum Wait {
    Seconds(Amount),
    /// Epoch milliseconds.
    Until(i64),
    UntilAt(Query),
    UntilComputed(Expression),
}

/// `Error`, `ErrorPath`, `Cause`, `CausePath`.
#[derive(Debug)]
pub(crate) enum FailText {
    Fixed(Arc<str>),
    At(Query),
    Call(Call),
    Computed(Expression),
}

#[derive(Debug)]
pub(crate) struct MapState {
    pub(crate) items: Items,
    pub(crate) selector: Option<Template>,
    pub(crate) processor: GraphIx,
    pub(crate) max_concurrency: Option<Amount>,
    pub(crate) tolerated_failure_count: Option<Amount>,
    pub(crate) tolerated_failure_percentage: Option<Amount>,
    /// `None`: inline.
    pub(crate) distributed: Option<Box<Distributed>>,
}

/// Where a Map's items come from.
#[derive(Debug)]
pub(crate) enum Items {
    /// The effective input itself.
    Input,
    At(Query),
    Computed(Template),
}

#[derive(Debug)]
pub(crate) struct Retrier {
    pub(crate) errors: Vec<Arc<str>>,
    pub(crate) interval_seconds: u64,
    pub(crate) max_attempts: u64,
    pub(crate) backoff_rate: f64,
    pub(crate) max_delay_seconds: Option<u64>,
    /// `JitterStrategy` FULL.
    pub(crate) jitter: bool,
}

#[derive(Debug)]
pub(crate) struct Catcher {
    pub(crate) errors: Vec<Arc<str>>,
    pub(crate) next: StateIx,
    pub(crate) result_path: Placement,
    pub(crate) assign: Assign,
    pub(crate) output: Option<Template>,
}
