//! What an input means for an execution: the event the evaluator is told, or nothing. And the evaluator's calls, from
//! which a panic takes down one execution and not the shard.

use std::panic::{AssertUnwindSafe, catch_unwind};

use asl::eval::{Event, ExecutionFacts, FailureKind, Pattern, TaskId};

use super::chance::Moment;
use super::live::{Ground as Evaluation, Happened, Live};
use super::message::{ActivityTask, Answer, AnswerRefused, Input, RedriveRefused};
use super::slot::{Here, Tell, refuse, say};
use super::snapshot::{self, OpenTask, Snapshot, Stage};
use super::term::Ground;
use super::token::TokenMaker;
use crate::executions::ExecutionId;
use crate::integrations::{Dispatch, TaskError};
use crate::journal::{FRAME_FORMAT, Redrive};
use crate::machines::model::Kind;
use crate::machines::resolve::Definition;

/// What is to be done with an input.
pub(super) enum Decision {
    /// It is late, or stale; whoever waits has been told.
    Nothing,
    /// Write what is not written.
    Write,
    /// The end of a call that has not been answered yet: wait a moment for the answer, so that the history has both.
    Early(Input),
    /// The moment is over.
    Retry,
    /// Tell the evaluator, and this caller when it is durable.
    Take(Event, Option<Tell>),
    /// As `Take`, of an execution that was closed.
    Redrive(Event, Redrive, Tell),
}

pub(super) fn decide(here: &Here, input: Input, now_ms: i64, dispatch: &dyn Dispatch) -> Decision {
    let live = &here.live;
    if here.closed && !matches!(input, Input::Redrive { .. }) {
        refuse(input);
        return Decision::Nothing;
    }
    match input {
        Input::Task(event) if live.concerns(&event) => Decision::Take(event, None),
        Input::Timer(id, due_ms) if live.timers.get(&id) == Some(&due_ms) => {
            Decision::Take(Event::TimerFired { id }, None)
        }
        Input::Continue if live.resume => Decision::Take(Event::Continue, None),
        // It is late: cancelled, ended, or set anew for later.
        Input::Task(_) | Input::Timer(..) | Input::Look | Input::Continue => Decision::Nothing,
        Input::LazyWrite => Decision::Write,
        Input::Early => Decision::Retry,
        Input::Answer {
            token,
            answer,
            tell,
            early,
        } => match live.task_of_token(&token) {
            None => {
                say(tell, Err(AnswerRefused::TaskEnded));
                Decision::Nothing
            }
            Some(task) if early && may_be_early(task) && !matches!(answer, Answer::Heartbeat) => {
                Decision::Early(Input::Answer {
                    token,
                    answer,
                    tell,
                    early,
                })
            }
            Some(task) => Decision::Take(event_of(task.call.id, answer), Some(Tell::Answered(tell))),
        },
        Input::Take { task, worker, tell } => {
            let Some(work) = waiting_for_worker(live, task) else {
                say(tell, None);
                return Decision::Nothing;
            };
            Decision::Take(
                Event::ActivityStarted { id: task, worker },
                Some(Tell::Taken(tell, work)),
            )
        }
        Input::ChildClosed { task, child, early } => match live.tasks.get(&task) {
            None => Decision::Nothing,
            Some(open) if early && open.stage < Stage::Submitted => {
                Decision::Early(Input::ChildClosed { task, child, early })
            }
            Some(open) => Decision::Take(
                match dispatch.child_closed(&open.call, &child) {
                    Ok(output) => Event::TaskSucceeded { id: task, output },
                    Err(TaskError { error, cause, kind }) => Event::TaskFailed {
                        id: task,
                        error,
                        cause,
                        kind,
                    },
                },
                None,
            ),
        },
        Input::HasMapRun { arn, tell } => {
            say(tell, live.map_runs.values().any(|run| *run.arn() == arn));
            Decision::Nothing
        }
        Input::HasTask { task, tell } => {
            say(tell, live.tasks.contains_key(&task));
            Decision::Nothing
        }
        Input::Stop { error, cause, tell } => {
            Decision::Take(Event::Stopped { error, cause }, Some(Tell::Stopped(tell, now_ms)))
        }
        Input::Redrive { tell, .. } if !here.closed => {
            say(tell, Err(RedriveRefused::Open));
            Decision::Nothing
        }
        Input::Redrive { count, tell } => Decision::Redrive(
            Event::Redriven,
            Redrive { count, at: now_ms },
            Tell::Redriven(tell, now_ms),
        ),
    }
}

/// The event, or the end when it would lead to a transition of a machine that was deleted (API reference, `DeleteStateMachine`).
pub(super) fn or_stopped(event: Event, definition: &Definition) -> Event {
    match event {
        Event::TaskSucceeded { .. }
        | Event::TaskFailed { .. }
        | Event::MapRunSucceeded { .. }
        | Event::MapRunFailed { .. }
        | Event::TimerFired { .. }
        | Event::Continue
            if definition.is_deleted() =>
        {
            Event::Stopped {
                error: None,
                cause: None,
            }
        }
        event => event,
    }
}

/// The activity's task, when no worker has it yet.
fn waiting_for_worker(live: &Live, task: TaskId) -> Option<ActivityTask> {
    let open = live
        .tasks
        .get(&task)
        .filter(|open| open.stage == Stage::Scheduled)?;
    let token = open.call.token.clone()?;
    Some(ActivityTask {
        token,
        input: open.call.parameters.text().clone(),
    })
}

/// Whether the answer to the call itself is still to come.
fn may_be_early(task: &OpenTask) -> bool {
    task.stage < Stage::Submitted && task.call.resource.pattern() == Pattern::WaitForTaskToken
}

fn event_of(id: TaskId, answer: Answer) -> Event {
    match answer {
        Answer::Success(output) => Event::TaskSucceeded { id, output },
        Answer::Failure { error, cause } => Event::TaskFailed {
            id,
            error,
            cause,
            kind: FailureKind::Failed,
        },
        Answer::Heartbeat => Event::Heartbeat { id },
    }
}

/// Begins an execution. `None` when the evaluator broke.
pub(super) fn start_caught(
    ground: &Ground,
    id: ExecutionId,
    definition: &Definition,
    facts: ExecutionFacts,
    moment: Moment,
) -> Option<(Live, Happened)> {
    let kind = Kind::of_asl(facts.kind);
    caught(ground, id, (definition, kind), |evaluation| {
        Live::start(evaluation, facts, moment)
    })
}

/// Takes an event. `None` when the evaluator broke.
pub(super) fn take_caught(
    ground: &Ground,
    id: ExecutionId,
    definition: &Definition,
    live: Live,
    event: Event,
    moment: Moment,
) -> Option<(Live, Happened)> {
    let kind = Kind::of_asl(live.frame.facts().kind);
    caught(ground, id, (definition, kind), |evaluation| {
        live.take(evaluation, event, moment)
    })
}

/// Takes up a written execution. `None`, said in the log, when this version of the engine must not drive it.
pub(super) fn restore(
    ground: &Ground,
    id: ExecutionId,
    definition: &Definition,
    written: Written<'_>,
) -> Option<Live> {
    let Written {
        format,
        snapshot,
        applied,
        log,
    } = written;
    if format > FRAME_FORMAT {
        tracing::error!(execution = %id, format, "an execution is held: a later version of the engine wrote it");
        return None;
    }
    let log: Result<Vec<snapshot::Input>, _> =
        log.iter().map(|bytes| serde_json::from_slice(bytes)).collect();
    let (snapshot, log) = match (serde_json::from_slice::<Snapshot>(snapshot), log) {
        (Ok(snapshot), Ok(log)) => (snapshot, log),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(execution = %id, %error, "an execution is held: its frame can't be read");
            return None;
        }
    };
    // Of Express executions nothing is written.
    let live = caught(ground, id, (definition, Kind::Standard), |evaluation| {
        Live::restore(evaluation, snapshot, applied, log)
    })
    .flatten();
    if live.is_none() {
        tracing::error!(execution = %id, "an execution is held: this version of the engine does not repeat its history");
    }
    live
}

/// An execution as it was written.
pub(super) struct Written<'a> {
    pub(super) format: i32,
    pub(super) snapshot: &'a [u8],
    pub(super) applied: u64,
    pub(super) log: &'a [Vec<u8>],
}

fn caught<T>(
    ground: &Ground,
    execution: ExecutionId,
    (definition, kind): (&Definition, Kind),
    evaluate: impl FnOnce(Evaluation<'_>) -> T,
) -> Option<T> {
    let tokens = TokenMaker {
        secret: &ground.secret,
        execution,
    };
    let has_activity = |arn: &str| ground.known_activities.has(arn);
    let evaluation = Evaluation {
        machine: &definition.machine,
        tokens: &tokens,
        has_activity: &has_activity,
        limits: &ground.limits,
        kind,
        logging: &definition.revision.content.logging,
    };
    // Everything the evaluator could leave half done is dropped with it.
    let result = catch_unwind(AssertUnwindSafe(|| evaluate(evaluation)));
    if result.is_err() {
        tracing::error!(%execution, machine = %definition.machine_arn, "an execution is held: the evaluator panicked");
    }
    result.ok()
}
