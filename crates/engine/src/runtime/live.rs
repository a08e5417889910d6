//! One execution in memory: its frame, and the tasks and timers that are outstanding. Pure: it is told what
//! happened and says what to do.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use asl::eval::{
    Command, Env, Event, ExecutionData, Frame, HistoryEvent, Outcome, Pattern, Resource, Stepped, TaskCall,
    TaskId, TimerId,
};
use asl::limits::Limits;
use asl::machine::Machine;

use super::chance::{Moment, with_env};
use super::snapshot::{self, Input, OpenMapRun, OpenTask, Snapshot, Stage};
use super::token::TokenMaker;
use crate::executions::ParentTask;
use crate::logs::{self, LogRecord};
use crate::machines::model::{Kind, Logging};

/// An open execution.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) frame: Frame,
    pub(super) tasks: HashMap<TaskId, OpenTask>,
    pub(super) timers: HashMap<TimerId, i64>,
    pub(super) map_runs: HashMap<TaskId, OpenMapRun>,
    /// The evaluator's budget ran out: it wants to go on.
    pub(super) resume: bool,
    /// Number of the last input.
    pub(super) sequence: u64,
}

/// What one input led to.
#[derive(Debug, Default)]
pub(super) struct Happened {
    /// Events as AWS writes them, with commas between.
    pub(super) events: String,
    /// First and last event.
    pub(super) ids: Option<(u64, u64)>,
    pub(super) actions: Vec<Action>,
    pub(super) outcome: Option<Outcome>,
    /// What is to be logged of them.
    pub(super) logged: Vec<LogRecord>,
    /// Activities that were asked for and are not there.
    pub(super) missing_activities: Vec<Arc<str>>,
}

impl Happened {
    fn tell(&mut self, history: &[HistoryEvent]) {
        let (Some(first), Some(last)) = (history.first(), history.last()) else {
            return;
        };
        self.ids = Some((first.id, last.id));
        self.events.reserve(history.len() * 256);
        for event in history {
            if !self.events.is_empty() {
                self.events.push(',');
            }
            event.write_wire(ExecutionData::Included, &mut self.events);
        }
    }
}

/// What is to be done outside.
#[derive(Debug)]
pub(super) enum Action {
    Dispatch(Arc<TaskCall>),
    Cancel(TaskId),
    /// A task is cancelled that waits for an execution, which is stopped.
    StopNested(TaskId),
    /// The execution began for a task: it is stopped if that was given up meanwhile.
    AskParent(ParentTask),
    DriveMapRun(TaskId),
    StopMapRun(Arc<str>),
    Timer(TimerId, i64),
}

/// Where evaluation takes place.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) machine: &'a Machine,
    pub(super) tokens: &'a TokenMaker<'a>,
    /// Whether there is an activity of this ARN.
    pub(super) has_activity: &'a dyn Fn(&str) -> bool,
    pub(super) limits: &'a Limits,
    /// Express executions have no history to be asked for.
    pub(super) kind: Kind,
    /// Which events are logged.
    pub(super) logging: &'a Logging,
}

struct Evaluated<'a> {
    kind: Kind,
    logging: &'a Logging,
    stepped: Stepped,
    missing_activities: Vec<Arc<str>>,
}

impl<'a> Ground<'a> {
    fn evaluate(self, moment: Moment, step: impl FnOnce(&mut Env<'_>) -> Stepped) -> Evaluated<'a> {
        let missing = RefCell::new(Vec::new());
        let has_activity = |arn: &str| {
            let there = (self.has_activity)(arn);
            if !there {
                missing.borrow_mut().push(Arc::from(arn));
            }
            there
        };
        let stepped = with_env(moment, self.tokens, &has_activity, self.limits, step);
        Evaluated {
            kind: self.kind,
            logging: self.logging,
            stepped,
            missing_activities: missing.into_inner(),
        }
    }
}

impl Live {
    /// Begins an execution.
    pub(super) fn start(
        ground: Ground<'_>,
        facts: asl::eval::ExecutionFacts,
        moment: Moment,
    ) -> (Self, Happened) {
        let evaluated = ground.evaluate(moment, |env| asl::eval::start(ground.machine, facts, env));
        let nothing = Outstanding::default();
        nothing.after(evaluated, 0)
    }

    /// Takes an input. It must concern something that is open; see [`Live::concerns`].
    pub(super) fn take(self, ground: Ground<'_>, event: Event, moment: Moment) -> (Self, Happened) {
        let Self {
            frame,
            mut tasks,
            mut timers,
            mut map_runs,
            resume: _,
            sequence,
        } = self;
        match &event {
            Event::TaskStarted { id } | Event::ActivityStarted { id, .. } => {
                raise(&mut tasks, *id, Stage::Started);
                if let Some(run) = map_runs.get_mut(id) {
                    run.begun();
                }
            }
            Event::TaskSubmitted { id, output } => {
                raise(&mut tasks, *id, Stage::Submitted);
                if let Some(task) = tasks.get_mut(id).filter(|task| is_job(&task.call.resource)) {
                    task.submitted = Some(output.clone());
                }
            }
            Event::TaskSucceeded { id, .. } | Event::TaskFailed { id, .. } => {
                tasks.remove(id);
            }
            Event::TimerFired { id } => {
                timers.remove(id);
            }
            Event::MapRunSucceeded { id, .. } | Event::MapRunFailed { id, .. } => {
                map_runs.remove(id);
            }
            Event::Heartbeat { .. } | Event::Stopped { .. } | Event::Redriven | Event::Continue => {}
        }
        let evaluated = ground.evaluate(moment, |env| asl::eval::step(ground.machine, frame, event, env));
        let outstanding = Outstanding {
            tasks,
            timers,
            map_runs,
        };
        outstanding.after(evaluated, sequence + 1)
    }

    /// Takes up a written execution. `None` when this version of the evaluator does not make the events that are durable.
    pub(super) fn restore(
        ground: Ground<'_>,
        snapshot: Snapshot,
        applied: u64,
        log: Vec<Input>,
    ) -> Option<Self> {
        let mut live = Self {
            frame: snapshot.frame,
            tasks: snapshot
                .tasks
                .into_iter()
                .map(|task| (task.call.id, task))
                .collect(),
            timers: snapshot.timers.into_iter().collect(),
            map_runs: snapshot.map_runs.into_iter().collect(),
            resume: snapshot.resume,
            sequence: applied,
        };
        for input in log {
            let moment = input.moment();
            let check = input.check;
            let missing = input.missing_activities;
            let has_activity = |arn: &str| !missing.iter().any(|missing| **missing == *arn);
            let ground = Ground {
                has_activity: &has_activity,
                ..ground
            };
            let (next, happened) = live.take(ground, input.event, moment);
            if snapshot::check(&happened.events) != check {
                return None;
            }
            live = next;
        }
        Some(live)
    }

    /// Whether the event is about something that is still open. Late answers are normal and change nothing.
    pub(super) fn concerns(&self, event: &Event) -> bool {
        match event {
            Event::TaskStarted { id } | Event::ActivityStarted { id, .. } => {
                self.stage(*id) == Some(Stage::Scheduled)
                    || self.map_runs.get(id).is_some_and(|run| !run.is_begun())
            }
            Event::MapRunSucceeded { id, .. } | Event::MapRunFailed { id, .. } => {
                self.map_runs.contains_key(id)
            }
            Event::TaskSubmitted { id, .. } => self.stage(*id).is_some_and(|stage| stage < Stage::Submitted),
            Event::TaskSucceeded { id, .. } | Event::TaskFailed { id, .. } | Event::Heartbeat { id } => {
                self.tasks.contains_key(id)
            }
            Event::TimerFired { id } => self.timers.contains_key(id),
            Event::Continue => self.resume,
            Event::Stopped { .. } | Event::Redriven => true,
        }
    }

    fn stage(&self, id: TaskId) -> Option<Stage> {
        self.tasks.get(&id).map(|task| task.stage)
    }

    /// The open task that was given this token.
    pub(super) fn task_of_token(&self, token: &str) -> Option<&OpenTask> {
        self.tasks
            .values()
            .find(|task| task.call.token.as_deref() == Some(token))
    }

    /// The earliest timer.
    pub(super) fn next_due_ms(&self) -> Option<i64> {
        self.timers.values().min().copied()
    }

    /// Whether recovery must load it at once, since it does not only wait for others.
    pub(super) fn wake(&self) -> bool {
        // What a mock ends has nobody else who does: whether one does is known when it is loaded.
        let is_mocked = self.frame.facts().counts_attempts && !self.tasks.is_empty();
        self.resume
            || is_mocked
            || !self.map_runs.is_empty()
            || self.tasks.values().any(must_be_dispatched_again)
    }

    /// The bytes of a snapshot.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        snapshot::write(self)
    }
}

/// Whether a process that takes over has to hand out the task. A job that was submitted runs elsewhere, but whoever
/// followed it to its end is gone; for a token or a worker's answer nothing has to be done.
pub(super) fn must_be_dispatched_again(task: &OpenTask) -> bool {
    match task.stage {
        Stage::Scheduled => true,
        Stage::Started => !matches!(task.call.resource, Resource::Activity { .. }),
        Stage::Submitted => matches!(task.call.resource.pattern(), Pattern::Sync | Pattern::Sync2),
    }
}

/// Whether its end is that of an execution it has begun (`states:startExecution.sync`).
fn waits_for_execution(task: &OpenTask) -> bool {
    waits_for(&task.call.resource).is_some_and(|service| service == "states")
}

/// Whether its end is that of a job of another service, which is asked after.
pub(super) fn is_job(resource: &Resource) -> bool {
    waits_for(resource).is_some_and(|service| service != "states")
}

/// The service that a `.sync` task has begun something at.
fn waits_for(resource: &Resource) -> Option<&str> {
    match resource {
        Resource::Service { service, pattern, .. } => {
            matches!(pattern, Pattern::Sync | Pattern::Sync2).then_some(&**service)
        }
        Resource::LambdaFunction { .. } | Resource::Activity { .. } | Resource::AwsSdk { .. } => None,
    }
}

fn raise(tasks: &mut HashMap<TaskId, OpenTask>, id: TaskId, stage: Stage) {
    if let Some(task) = tasks.get_mut(&id) {
        task.stage = task.stage.max(stage);
    }
}

#[derive(Default)]
struct Outstanding {
    tasks: HashMap<TaskId, OpenTask>,
    timers: HashMap<TimerId, i64>,
    map_runs: HashMap<TaskId, OpenMapRun>,
}

impl Outstanding {
    fn after(mut self, evaluated: Evaluated<'_>, sequence: u64) -> (Live, Happened) {
        let Evaluated {
            kind,
            logging,
            stepped,
            missing_activities,
        } = evaluated;
        let Stepped {
            frame,
            commands,
            history,
            resume,
        } = stepped;
        let mut happened = Happened {
            logged: logs::records(&history, frame.facts(), logging),
            missing_activities,
            ..Happened::default()
        };
        match kind {
            Kind::Standard => happened.tell(&history),
            Kind::Express => {}
        }
        for command in commands {
            match command {
                Command::Schedule(call) => {
                    let call: Arc<TaskCall> = Arc::from(call);
                    self.tasks.insert(
                        call.id,
                        OpenTask {
                            call: Arc::clone(&call),
                            stage: Stage::Scheduled,
                            submitted: None,
                        },
                    );
                    happened.actions.push(Action::Dispatch(call));
                }
                Command::StartMapRun(call) => {
                    let id = call.id;
                    self.map_runs.insert(id, OpenMapRun::Begin(Arc::from(call)));
                    happened.actions.push(Action::DriveMapRun(id));
                }
                Command::RedriveMapRun {
                    id,
                    map_run_arn: arn,
                    redrive_count: count,
                } => {
                    self.map_runs.insert(id, OpenMapRun::Redrive { arn, count });
                    happened.actions.push(Action::DriveMapRun(id));
                }
                Command::StartTimer { id, due_ms } => {
                    self.timers.insert(id, due_ms);
                    happened.actions.push(Action::Timer(id, due_ms));
                }
                Command::CancelTimer { id } => {
                    self.timers.remove(&id);
                }
                Command::CancelTask { id } => self.cancel(id, &mut happened.actions),
                Command::Close(outcome) => happened.outcome = Some(outcome),
            }
        }
        if happened.outcome.is_some() {
            let open: Vec<TaskId> = self.tasks.keys().chain(self.map_runs.keys()).copied().collect();
            for id in open {
                self.cancel(id, &mut happened.actions);
            }
            self.timers.clear();
        }
        let live = Live {
            frame,
            tasks: self.tasks,
            timers: self.timers,
            map_runs: self.map_runs,
            resume,
            sequence,
        };
        (live, happened)
    }

    fn cancel(&mut self, id: TaskId, actions: &mut Vec<Action>) {
        if let Some(run) = self.map_runs.remove(&id) {
            return actions.push(Action::StopMapRun(Arc::clone(run.arn())));
        }
        if self
            .tasks
            .remove(&id)
            .is_some_and(|task| waits_for_execution(&task))
        {
            actions.push(Action::StopNested(id));
        }
        actions.push(Action::Cancel(id));
    }
}
