//! Task: schedules an attempt, keeps its timeout and heartbeat, takes its answer.

use std::sync::Arc;

use super::command::{Command, Failure, Resource, TaskCall, TaskId, TimerId};
use super::event::FailureKind;
use super::frame::{Heartbeat, Phase, ScopeIx, TaskRun};
use super::history::Detail;
use super::problem::Problem;
use super::run::Run;
use crate::eval::Pattern;
use crate::json::{Json, Payload};
use crate::machine::{Amount, Body, State, Task};

impl<'m> Run<'m, '_, '_> {
    /// Evaluates the task's fields and asks for an attempt.
    pub(crate) fn schedule(&mut self, at: ScopeIx, state: &'m State, task: &Task) -> Result<(), Problem> {
        let effective = self.effective_input(at, state)?.json().clone();
        let seconds = |run: &mut Self, amount: Option<&Amount>, field: &str| match amount {
            None => Ok(None),
            Some(amount) => {
                let seconds = run.amount(at, amount, &effective, field, 1)?;
                match u64::try_from(seconds) {
                    Ok(seconds) if seconds > 0 => Ok(Some(seconds)),
                    _ => Err(Problem::runtime(format!(
                        "The {field} must be a positive number, but was: {seconds}"
                    ))),
                }
            }
        };
        let timeout_seconds = seconds(self, task.timeout.as_ref(), "TimeoutSeconds")?;
        let heartbeat_seconds = seconds(self, task.heartbeat.as_ref(), "HeartbeatSeconds")?;
        let wants_token = matches!(task.resource, Resource::Activity { .. })
            || task.resource.pattern() != Pattern::RequestResponse;
        let token = wants_token.then(|| (self.env.new_token)());
        let parameters = self.arguments(at, state, token.as_ref())?;
        self.check_size(what(state, task), &parameters)?;
        let credentials = match &task.credentials {
            Some(template) => {
                let seen = effective.clone();
                Some(Payload::from_json(
                    self.fill_credentials(at, state, template, seen)?,
                ))
            }
            None => None,
        };
        if self.answer_with_mock(at, state)? {
            return Ok(());
        }
        if let Resource::Activity { arn } = &task.resource
            && !(self.env.has_activity)(arn)
        {
            return Err(Problem::runtime(format!("The activity {arn} does not exist.")));
        }
        let credentials_role_arn =
            credentials
                .as_ref()
                .and_then(|credentials| match credentials.json().get("RoleArn") {
                    Some(Json::String(arn)) => Some(arn.clone()),
                    _ => None,
                });
        let detail = self.scheduled(
            task,
            &parameters,
            timeout_seconds,
            heartbeat_seconds,
            credentials_role_arn,
        );
        let scheduled_event_id = self.record_in(at, detail);
        let id = TaskId(self.new_call_id());
        self.frame.waiting.insert(id.0, at);
        let timeout = timeout_seconds.map(|seconds| self.start_timer(seconds, Some(at)));
        let heartbeat = heartbeat_seconds.map(|seconds| self.start_heartbeat(at, seconds));
        let attempt = self.count_attempt(&state.name);
        self.commands.push(Command::Schedule(Box::new(TaskCall {
            id,
            resource: task.resource.clone(),
            parameters,
            token,
            credentials,
            timeout_seconds,
            heartbeat_seconds,
            state_name: state.name.clone(),
            scheduled_event_id,
            attempt,
        })));
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.phase = Phase::Task(TaskRun {
                id,
                started: false,
                timeout,
                heartbeat,
            });
        }
        Ok(())
    }

    fn count_attempt(&mut self, state: &Arc<str>) -> u32 {
        if !self.frame.facts.counts_attempts {
            return 0;
        }
        let attempts = self.frame.attempts.entry(state.clone()).or_default();
        let attempt = *attempts;
        *attempts = attempts.saturating_add(1);
        attempt
    }

    fn scheduled(
        &self,
        task: &Task,
        parameters: &Payload,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
        credentials_role_arn: Option<Arc<str>>,
    ) -> Detail {
        match (&task.resource, &task.shown) {
            (Resource::Activity { arn }, _) => Detail::ActivityScheduled {
                resource: arn.clone(),
                input: parameters.clone(),
                timeout_seconds,
                heartbeat_seconds,
            },
            (_, Some(shown)) => Detail::TaskScheduled {
                resource: shown.clone(),
                region: self.region(),
                parameters: parameters.clone(),
                timeout_seconds,
                heartbeat_seconds,
                credentials_role_arn,
            },
            (resource, None) => Detail::LambdaFunctionScheduled {
                resource: resource.text().clone(),
                input: parameters.clone(),
                timeout_seconds,
                credentials_role_arn,
            },
        }
    }

    /// The fourth part of the execution's ARN.
    fn region(&self) -> Arc<str> {
        self.frame
            .facts
            .execution_arn
            .split(':')
            .nth(3)
            .unwrap_or_default()
            .into()
    }

    fn start_heartbeat(&mut self, at: ScopeIx, seconds: u64) -> Heartbeat {
        let due_ms = self.heartbeat_due(seconds);
        Heartbeat {
            timer: self.start_timer_at(due_ms, Some(at)),
            seconds,
            due_ms,
        }
    }

    fn heartbeat_due(&self, seconds: u64) -> i64 {
        let ms = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
        self.env.now_ms.saturating_add(ms)
    }

    /// The scope, state and task that wait for this answer.
    fn waiting_task(&self, id: TaskId) -> Option<(ScopeIx, &'m State, &'m Task)> {
        let at = *self.frame.waiting.get(&id.0)?;
        match &self.frame.scopes.get(at)?.phase {
            Phase::Task(run) if run.id == id => {}
            _ => return None,
        }
        let state = self.state_of(at)?;
        match &state.body {
            Body::Task(task) => Some((at, state, task)),
            _ => None,
        }
    }

    pub(crate) fn task_started(&mut self, id: TaskId, worker: Option<Arc<str>>) {
        if let Some((at, _, task)) = self.waiting_task(id) {
            self.ensure_started(at, task, worker);
        }
    }

    /// An answer implies that the task was started.
    fn ensure_started(&mut self, at: ScopeIx, task: &Task, worker: Option<Arc<str>>) {
        let Some(Phase::Task(run)) = self.frame.scopes.get_mut(at).map(|scope| &mut scope.phase) else {
            return;
        };
        if std::mem::replace(&mut run.started, true) {
            return;
        }
        let detail = match (&task.resource, &task.shown) {
            (Resource::Activity { .. }, _) => Detail::ActivityStarted { worker },
            (_, Some(shown)) => Detail::TaskStarted(shown.clone()),
            (_, None) => Detail::LambdaFunctionStarted,
        };
        self.record_in(at, detail);
    }

    pub(crate) fn task_submitted(&mut self, id: TaskId, output: Payload) {
        let Some((at, _, task)) = self.waiting_task(id) else {
            return;
        };
        self.ensure_started(at, task, None);
        if let Some(shown) = &task.shown {
            let resource = shown.clone();
            self.record_in(at, Detail::TaskSubmitted { resource, output });
        }
    }

    pub(crate) fn task_succeeded(&mut self, id: TaskId, output: Payload) {
        let Some((at, state, task)) = self.waiting_task(id) else {
            return;
        };
        self.ensure_started(at, task, None);
        self.settle(at);
        if let Err(problem) = self.check_size(what(state, task), &output) {
            self.record_failure(at, task, &problem.failure(), FailureKind::Failed);
            self.state_failed(at, state, problem);
            return;
        }
        let shown_output = output.clone();
        let detail = match (&task.resource, &task.shown) {
            (Resource::Activity { .. }, _) => Detail::ActivitySucceeded { output: shown_output },
            (_, Some(shown)) => Detail::TaskSucceeded {
                resource: shown.clone(),
                output: shown_output,
            },
            (_, None) => Detail::LambdaFunctionSucceeded { output: shown_output },
        };
        self.record_in(at, detail);
        if let Err(problem) = self.finish(at, state, output) {
            self.state_failed(at, state, problem);
        }
    }

    pub(crate) fn task_failed(
        &mut self,
        id: TaskId,
        error: Option<Arc<str>>,
        cause: Option<Arc<str>>,
        kind: FailureKind,
    ) {
        let Some((at, state, task)) = self.waiting_task(id) else {
            return;
        };
        let before_start = match kind {
            FailureKind::ScheduleFailed | FailureKind::StartFailed => true,
            // An activity nobody took times out without having started.
            FailureKind::TimedOut => matches!(task.resource, Resource::Activity { .. }),
            FailureKind::Failed | FailureKind::SubmitFailed => false,
        };
        if !before_start {
            self.ensure_started(at, task, None);
        }
        self.settle(at);
        let problem = match kind {
            FailureKind::TimedOut => Problem {
                cause: cause
                    .clone()
                    .map_or(super::problem::Cause::None, super::problem::Cause::Text),
                ..Problem::timed_out(false)
            },
            _ => Problem::failed(error.clone(), cause.clone()),
        };
        let shown = match kind {
            FailureKind::TimedOut => problem.failure(),
            _ => Failure { error, cause },
        };
        self.record_failure(at, task, &shown, kind);
        self.state_failed(at, state, problem);
    }

    /// The task's answer is here: its timers are of no use any more.
    fn settle(&mut self, at: ScopeIx) {
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return;
        };
        let Phase::Task(run) = std::mem::replace(&mut scope.phase, Phase::Stopped) else {
            return;
        };
        self.frame.waiting.remove(&run.id.0);
        for timer in [run.timeout, run.heartbeat.map(|heartbeat| heartbeat.timer)]
            .into_iter()
            .flatten()
        {
            self.cancel_timer(timer);
        }
    }

    fn record_failure(&mut self, at: ScopeIx, task: &Task, failure: &Failure, kind: FailureKind) {
        let failure = failure.clone();
        let detail = match (&task.resource, &task.shown) {
            (Resource::Activity { .. }, _) => match kind {
                FailureKind::ScheduleFailed => Detail::ActivityScheduleFailed(failure),
                FailureKind::TimedOut => Detail::ActivityTimedOut(failure),
                _ => Detail::ActivityFailed(failure),
            },
            (_, Some(shown)) => {
                let shown = shown.clone();
                match kind {
                    FailureKind::StartFailed => Detail::TaskStartFailed(shown, failure),
                    FailureKind::SubmitFailed => Detail::TaskSubmitFailed(shown, failure),
                    FailureKind::TimedOut => Detail::TaskTimedOut(shown, failure),
                    FailureKind::Failed | FailureKind::ScheduleFailed => Detail::TaskFailed(shown, failure),
                }
            }
            (_, None) => match kind {
                FailureKind::ScheduleFailed => Detail::LambdaFunctionScheduleFailed(failure),
                FailureKind::StartFailed => Detail::LambdaFunctionStartFailed(failure),
                FailureKind::TimedOut => Detail::LambdaFunctionTimedOut(failure),
                FailureKind::Failed | FailureKind::SubmitFailed => Detail::LambdaFunctionFailed(failure),
            },
        };
        self.record_in(at, detail);
    }

    pub(crate) fn heartbeat(&mut self, id: TaskId) {
        let Some((at, _, _)) = self.waiting_task(id) else {
            return;
        };
        let now_ms = self.env.now_ms;
        if let Some(Phase::Task(TaskRun {
            heartbeat: Some(heartbeat),
            ..
        })) = self.frame.scopes.get_mut(at).map(|scope| &mut scope.phase)
        {
            let ms = i64::try_from(heartbeat.seconds)
                .unwrap_or(i64::MAX)
                .saturating_mul(1_000);
            heartbeat.due_ms = now_ms.saturating_add(ms);
        }
    }

    /// The timeout's or the heartbeat's timer. (It has been taken off the waiting list.)
    pub(crate) fn task_timer_fired(&mut self, at: ScopeIx, timer: TimerId) {
        let Some(state) = self.state_of(at) else { return };
        let Body::Task(task) = &state.body else { return };
        let Some(Phase::Task(run)) = self.frame.scopes.get(at).map(|scope| &scope.phase) else {
            return;
        };
        let id = run.id;
        let beats = run.heartbeat.filter(|heartbeat| heartbeat.timer == timer);
        if let Some(heartbeat) = beats
            && heartbeat.due_ms > self.env.now_ms
        {
            // There were heartbeats since: look again when the last one's time is over.
            self.frame.waiting.insert(timer.0, at);
            self.commands.push(Command::StartTimer {
                id: timer,
                due_ms: heartbeat.due_ms,
            });
            return;
        }
        if !matches!(task.resource, Resource::Activity { .. }) {
            self.ensure_started(at, task, None);
        }
        self.settle(at);
        self.commands.push(Command::CancelTask { id });
        let problem = Problem::timed_out(beats.is_some());
        self.record_failure(at, task, &problem.failure(), FailureKind::TimedOut);
        self.state_failed(at, state, problem);
    }
}

/// How a result that is too large names the task: a function's ARN, a service.
fn what<'s>(state: &'s State, task: &'s Task) -> &'s str {
    match (&task.resource, &task.shown) {
        (Resource::LambdaFunction { arn } | Resource::Activity { arn }, _) => arn,
        (_, Some(shown)) => &shown.resource_type,
        (_, None) => &state.name,
    }
}
