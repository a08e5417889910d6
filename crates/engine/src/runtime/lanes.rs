//! Tasks on their way: each lane (one function, one kind of integration) has a number of them in flight, the others wait
//! as data, so a slow callee holds up only its own lane. Lanes outlive a driver's term: an answer that arrives after
//! Postgres was gone for a moment is still delivered, and such a task is not called twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use asl::eval::{Event, Pattern, TaskCall, TaskId};
use asl::json::Payload;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::live::is_job;
use crate::executions::ExecutionId;
use crate::integrations::{Dispatch, Progress, Reply, TaskContext, TaskError};
use crate::limits;
use crate::mocks;

/// One attempt of a task of one execution.
pub(super) type TaskKey = (ExecutionId, TaskId);

/// Takes what became of a task to its execution, as soon as some shard drives it.
pub(super) type Deliver = Arc<dyn Fn(ExecutionId, Event) + Send + Sync>;

/// A task to be called.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) execution: ExecutionId,
    pub(super) call: Arc<TaskCall>,
    pub(super) execution_arn: Arc<str>,
    pub(super) role_arn: Arc<str>,
    pub(super) mock_case: Option<Arc<str>>,
    /// Of a `.sync` job: what its service answered, when it was submitted before.
    pub(super) submitted: Option<Payload>,
}

/// All lanes of the process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lanes {
    inner: Arc<Inner>,
}

struct Inner {
    dispatch: Arc<dyn Dispatch>,
    deliver: Deliver,
    tracker: TaskTracker,
    /// Tasks are submitted by the shards' threads, which are outside of the async runtime.
    handle: Handle,
    shutdown: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lanes: HashMap<String, Lane>,
    /// Every task in a lane, waiting or in flight.
    open: HashMap<TaskKey, CancellationToken>,
}

#[derive(Default)]
struct Lane {
    in_flight: usize,
    waiting: VecDeque<Job>,
}

impl Lanes {
    /// Within an async runtime, on which the tasks are called.
    pub(super) fn new(
        dispatch: Arc<dyn Dispatch>,
        deliver: Deliver,
        tracker: TaskTracker,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                dispatch,
                deliver,
                tracker,
                handle: Handle::current(),
                shutdown,
                state: Mutex::default(),
            }),
        }
    }

    /// Calls the task now, or when its lane has room. A task that is in a lane already stays as it is.
    pub(super) fn submit(&self, job: Job) {
        let name = self.inner.dispatch.lane(&job.call);
        let key = (job.execution, job.call.id);
        let cancelled = self.inner.shutdown.child_token();
        {
            let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.open.contains_key(&key) {
                return;
            }
            state.open.insert(key, cancelled.clone());
            let lane = state.lanes.entry(name.clone()).or_default();
            if lane.in_flight >= limits::LANE_TASKS_MAX {
                lane.waiting.push_back(job);
                return;
            }
            lane.in_flight += 1;
        }
        self.spawn(name, job, cancelled);
    }

    /// Nobody waits for the task any more.
    pub(super) fn cancel(&self, key: TaskKey) {
        let state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cancelled) = state.open.get(&key) {
            cancelled.cancel();
        }
    }

    /// How each lane stands: its name, tasks in flight, tasks waiting.
    pub(super) fn stand(&self) -> Vec<(String, usize, usize)> {
        let state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .lanes
            .iter()
            .map(|(name, lane)| (name.clone(), lane.in_flight, lane.waiting.len()))
            .collect()
    }

    fn spawn(&self, lane: String, job: Job, cancelled: CancellationToken) {
        let lanes = self.clone();
        let run = async move {
            let mut next = Some((job, cancelled));
            // The lane's place goes from task to task without another spawn.
            while let Some((job, cancelled)) = next {
                lanes.call(&job, &cancelled).await;
                next = lanes.after(&lane, (job.execution, job.call.id));
            }
        };
        self.inner.tracker.spawn_on(run, &self.inner.handle);
    }

    /// Leaves the lane with this task, and takes the next that waits in it.
    fn after(&self, name: &str, done: TaskKey) -> Option<(Job, CancellationToken)> {
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open.remove(&done);
        while let Some(job) = state.lanes.get_mut(name)?.waiting.pop_front() {
            let key = (job.execution, job.call.id);
            match state.open.get(&key) {
                // A job that was submitted is to be stopped even if nobody came to follow it.
                Some(cancelled) if !cancelled.is_cancelled() || job.submitted.is_some() => {
                    let cancelled = cancelled.clone();
                    return Some((job, cancelled));
                }
                Some(_) | None => {
                    state.open.remove(&key);
                }
            }
        }
        let lane = state.lanes.get_mut(name)?;
        lane.in_flight -= 1;
        if lane.in_flight == 0 {
            state.lanes.remove(name);
        }
        None
    }

    async fn call(&self, job: &Job, cancelled: &CancellationToken) {
        let id = job.call.id;
        let execution = job.execution;
        let deliver = &self.inner.deliver;
        deliver(execution, Event::TaskStarted { id });
        let mocked = job.mock_case.as_deref();
        if let Some(answer) = mocked.and_then(|case| mocks::answer(case, &job.call)) {
            if job.call.resource.pattern() != Pattern::RequestResponse {
                // What would have been answered at once is not in the file; who waits sees that it was submitted.
                let output = answer
                    .as_ref()
                    .map_or_else(|_| Payload::empty_object(), Clone::clone);
                deliver(execution, Event::TaskSubmitted { id, output });
            }
            return deliver(execution, end_of(&job.call, answer));
        }
        let known = Arc::new(watch::Sender::new(job.submitted.clone()));
        let context = TaskContext {
            execution_id: execution,
            execution_arn: Arc::clone(&job.execution_arn),
            role_arn: Arc::clone(&job.role_arn),
            mock_case: job.mock_case.clone(),
            submitted: job.submitted.clone(),
            progress: Progress {
                exchanged: None,
                submitted: {
                    let deliver = Arc::clone(deliver);
                    let known = Arc::clone(&known);
                    Arc::new(move |output: Payload| {
                        known.send_replace(Some(output.clone()));
                        deliver(execution, Event::TaskSubmitted { id, output });
                    })
                },
            },
        };
        let mut invoked = self.inner.dispatch.invoke(Arc::clone(&job.call), context.clone());
        match cancelled.run_until_cancelled(&mut invoked).await {
            Some(answer) => deliver(execution, event_of(&job.call, answer)),
            None if is_job(&job.call.resource) => {
                let stopped = self.stop(job, context, invoked, known.subscribe());
                // The process ends: whoever takes over follows the job.
                self.inner.shutdown.run_until_cancelled(stopped).await;
            }
            // Nobody waits: of a cancelled task there is nothing to tell.
            None => {}
        }
    }

    /// Stops the job of a task that was cancelled. A submission under way is waited for: only its answer says what there is
    /// to be stopped.
    async fn stop(
        &self,
        job: &Job,
        context: TaskContext,
        invoked: BoxFuture<'static, Result<Reply, TaskError>>,
        mut known: watch::Receiver<Option<Payload>>,
    ) {
        let submitted = tokio::select! {
            submitted = known.wait_for(Option::is_some) => match submitted {
                Ok(submitted) => submitted.clone(),
                Err(_) => None,
            },
            // Refused, or over.
            _ = invoked => None,
        };
        if submitted.is_some() {
            let context = TaskContext { submitted, ..context };
            self.inner.dispatch.stop(Arc::clone(&job.call), context).await;
        }
    }
}

fn event_of(call: &TaskCall, answer: Result<Reply, TaskError>) -> Event {
    let id = call.id;
    match answer {
        Ok(Reply::Done(output)) if call.resource.pattern() == Pattern::WaitForTaskToken => {
            Event::TaskSubmitted { id, output }
        }
        Ok(Reply::Submitted(output)) => Event::TaskSubmitted { id, output },
        Ok(Reply::Done(output)) => end_of(call, Ok(output)),
        Err(error) => end_of(call, Err(error)),
    }
}

fn end_of(call: &TaskCall, end: Result<Payload, TaskError>) -> Event {
    let id = call.id;
    match end {
        Ok(output) => Event::TaskSucceeded { id, output },
        Err(TaskError { error, cause, kind }) => Event::TaskFailed {
            id,
            error,
            cause,
            kind,
        },
    }
}
