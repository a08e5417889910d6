//! What goes wrong in a state: the error's name, its cause, and how far it reaches.

use std::sync::Arc;

use super::command::Failure;

/// The names AWS gives its own errors.
pub(crate) mod names {
    pub(crate) const ALL: &str = "States.ALL";
    pub(crate) const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
    pub(crate) const EXCEED_TOLERATED_FAILURE_THRESHOLD: &str = "States.ExceedToleratedFailureThreshold";
    pub(crate) const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
    pub(crate) const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
    pub(crate) const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";
    pub(crate) const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";
    pub(crate) const REFERENCE_PATH_CONFLICT: &str = "States.ReferencePathConflict";
    pub(crate) const RESULT_PATH_MATCH_FAILURE: &str = "States.ResultPathMatchFailure";
    pub(crate) const RUNTIME: &str = "States.Runtime";
    pub(crate) const TASK_FAILED: &str = "States.TaskFailed";
    pub(crate) const TIMEOUT: &str = "States.Timeout";
}

/// Why a state can't go on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub(crate) error: Option<Arc<str>>,
    pub(crate) cause: Cause,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cause {
    None,
    /// As it is.
    Text(Arc<str>),
    /// Behind "An error occurred while executing the state 'X' (entered at the event id #N). ".
    InState(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// The work failed; Retry and Catch apply.
    Failed,
    /// The same, by time; with whether it was the heartbeat's.
    TimedOut { heartbeat: bool },
    /// An expression failed; `EvaluationFailed` is recorded, Retry and Catch apply.
    Evaluation {
        location: Option<Arc<str>>,
        /// The event it follows.
        follows: Follows,
    },
    /// `States.Runtime`: ends the execution whatever is around.
    Fatal,
}

/// What `EvaluationFailed` follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// What the scope's last event follows: AWS evaluates the expressions of a state before it is in it.
    BeforeLast,
    /// The scope's last event.
    Last,
}

impl Problem {
    pub(crate) fn runtime(text: String) -> Problem {
        Problem {
            error: Some(names::RUNTIME.into()),
            cause: Cause::InState(text),
            kind: Kind::Fatal,
        }
    }

    pub(crate) fn in_state(error: &str, text: String) -> Problem {
        Problem {
            error: Some(error.into()),
            cause: Cause::InState(text),
            kind: Kind::Failed,
        }
    }

    pub(crate) fn query(location: Option<Arc<str>>, text: String) -> Problem {
        Problem {
            error: Some(names::QUERY_EVALUATION_ERROR.into()),
            cause: Cause::InState(text),
            kind: Kind::Evaluation {
                location,
                follows: Follows::BeforeLast,
            },
        }
    }

    /// The expression gave a value of the right type that the field can't take.
    pub(crate) fn query_value(field: &str, text: String) -> Problem {
        Problem {
            kind: Kind::Evaluation {
                location: Some(field.into()),
                follows: Follows::Last,
            },
            ..Problem::query(None, text)
        }
    }

    /// A Reference Path does not fit what it is applied to. The text stands alone, as people on AWS report it.
    pub(crate) fn path_conflict(text: String) -> Problem {
        Problem::failed(Some(names::REFERENCE_PATH_CONFLICT.into()), Some(text.into()))
    }

    /// `what` is a state's name or a task's resource.
    pub(crate) fn too_large(what: &str) -> Problem {
        Problem {
            error: Some(names::DATA_LIMIT_EXCEEDED.into()),
            cause: Cause::Text(
                format!("The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit.")
                    .into(),
            ),
            kind: Kind::Failed,
        }
    }

    /// `which` variables; AWS documents the bounds and no text.
    pub(crate) fn variables_too_large(which: &str, bytes_max: usize) -> Problem {
        Problem::in_state(
            names::DATA_LIMIT_EXCEEDED,
            format!("The variables {which} are larger than {bytes_max} bytes."),
        )
    }

    pub(crate) fn failed(error: Option<Arc<str>>, cause: Option<Arc<str>>) -> Problem {
        Problem {
            error,
            cause: cause.map_or(Cause::None, Cause::Text),
            kind: Kind::Failed,
        }
    }

    /// More of a Map's iterations failed than it tolerates.
    pub(crate) fn threshold_exceeded() -> Problem {
        Problem::failed(
            Some(names::EXCEED_TOLERATED_FAILURE_THRESHOLD.into()),
            Some("The specified tolerated failure threshold was exceeded".into()),
        )
    }

    pub(crate) fn timed_out(heartbeat: bool) -> Problem {
        Problem {
            error: Some(names::TIMEOUT.into()),
            cause: Cause::None,
            kind: Kind::TimedOut { heartbeat },
        }
    }

    /// With the state's name and the id of its entry in the cause.
    pub(crate) fn placed(mut self, state: &str, entered_event: u64) -> Problem {
        if let Cause::InState(text) = &self.cause {
            let text = format!(
                "An error occurred while executing the state '{state}' (entered at the event id #{entered_event}). {text}"
            );
            self.cause = Cause::Text(text.into());
        }
        self
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure {
            error: self.error.clone(),
            cause: match &self.cause {
                Cause::None => None,
                Cause::Text(text) => Some(text.clone()),
                Cause::InState(text) => Some(text.as_str().into()),
            },
        }
    }

    /// Whether a `Retry` or `Catch` with these `ErrorEquals` applies.
    pub(crate) fn matches(&self, errors: &[Arc<str>]) -> bool {
        if self.kind == Kind::Fatal {
            return false;
        }
        errors.iter().any(|wanted| match &**wanted {
            names::ALL => true,
            names::TASK_FAILED => !matches!(self.kind, Kind::TimedOut { .. }),
            names::HEARTBEAT_TIMEOUT => self.kind == Kind::TimedOut { heartbeat: true },
            // The guide's name for what AWS raises under another one; a definition that follows the guide catches it.
            names::RESULT_PATH_MATCH_FAILURE => matches!(
                self.error.as_deref(),
                Some(names::RESULT_PATH_MATCH_FAILURE | names::REFERENCE_PATH_CONFLICT)
            ),
            wanted => self.error.as_deref() == Some(wanted),
        })
    }
}
