//! Drives an execution to its end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use asl::eval::{
    Command, Env, Event, ExecutionData, ExecutionFacts, Failure, FailureKind, Frame, HistoryEvent,
    MachineKind, MapRunCall, Outcome, Planner, Stepped, TaskCall, TaskId, TimerId, start, step,
};
use asl::json::{Payload, spanned};
use asl::limits::Limits;
use asl::machine::{self, GraphIx, Machine};

pub(crate) const START_MS: i64 = 1_790_000_000_000;
pub(crate) const LAMBDA: &str = "arn:aws:lambda:eu-central-1:123456789012:function:work";
pub(crate) const ACTIVITY: &str = "arn:aws:states:eu-central-1:123456789012:activity:paint";

/// What a task answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Output(&'static str),
    Error(&'static str, &'static str),
    /// With neither error nor cause.
    Nameless,
    /// Accepted, then this output.
    Submitted(&'static str, &'static str),
    /// Beats so many times, 5 s apart, and is then silent.
    Beats(u32),
    /// Never.
    Silence,
    /// The parameters, as they came.
    Echo,
}

pub(crate) fn build(definition: &str) -> Machine {
    machine::build(&spanned::parse(definition).unwrap()).unwrap()
}

pub(crate) fn facts(input: &str, kind: MachineKind) -> ExecutionFacts {
    ExecutionFacts {
        execution_arn: "arn:aws:states:eu-central-1:123456789012:execution:Machine:Run".into(),
        name: "Run".into(),
        role_arn: "arn:aws:iam::123456789012:role/role".into(),
        start_ms: START_MS,
        machine_arn: "arn:aws:states:eu-central-1:123456789012:stateMachine:Machine".into(),
        machine_name: "Machine".into(),
        version_arn: None,
        alias_arn: None,
        input: Payload::from_text(input).unwrap(),
        kind,
        redrive_count: 0,
        graph: GraphIx::ROOT,
        counts_attempts: false,
    }
}

/// An execution being driven.
pub(crate) struct Driver {
    machine: Machine,
    pub(crate) limits: Limits,
    pub(crate) kind: MachineKind,
    pub(crate) graph: GraphIx,
    pub(crate) now_ms: i64,
    random: u64,
    tokens: u64,
    /// The frame goes through text after each step.
    written_down: bool,
    frame: Option<Frame>,
    pub(crate) history: Vec<HistoryEvent>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) calls: Vec<TaskCall>,
    pub(crate) map_runs: Vec<MapRunCall>,
    pub(crate) cancelled: Vec<TaskId>,
    pub(crate) steps: Vec<Stepped>,
    timers: BTreeMap<TimerId, i64>,
    events: VecDeque<(i64, Event)>,
    answers: VecDeque<Answer>,
    /// Timers may be cancelled that have fired on their own account.
    pub(crate) forgiving: bool,
}

impl Driver {
    pub(crate) fn new(definition: &str, answers: &[Answer]) -> Driver {
        Driver {
            machine: build(definition),
            limits: Limits::AWS,
            kind: MachineKind::Standard,
            graph: GraphIx::ROOT,
            now_ms: START_MS,
            random: 7,
            tokens: 0,
            written_down: false,
            frame: None,
            history: Vec::new(),
            outcome: None,
            calls: Vec::new(),
            map_runs: Vec::new(),
            cancelled: Vec::new(),
            steps: Vec::new(),
            timers: BTreeMap::new(),
            events: VecDeque::new(),
            answers: answers.iter().cloned().collect(),
            forgiving: false,
        }
    }

    pub(crate) fn limits(mut self, limits: Limits) -> Driver {
        self.limits = limits;
        self
    }

    pub(crate) fn start(&mut self, input: &str) {
        let facts = ExecutionFacts {
            graph: self.graph,
            ..facts(input, self.kind)
        };
        self.perform(None, Some(facts));
    }

    pub(crate) fn step(&mut self, event: Event) {
        self.perform(Some(event), None);
    }

    fn perform(&mut self, event: Option<Event>, begin: Option<ExecutionFacts>) {
        let (random, tokens) = (&mut self.random, &mut self.tokens);
        let mut next_random = || {
            *random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *random
        };
        let mut new_token = || {
            *tokens += 1;
            Arc::from(format!("token-{tokens}"))
        };
        let mut new_uuid = || Arc::from("6f1c1a52-3c5e-4d0e-9d4e-0123456789ab");
        let mut env = Env {
            now_ms: self.now_ms,
            random: &mut next_random,
            new_token: &mut new_token,
            new_uuid: &mut new_uuid,
            has_activity: &|arn| arn == ACTIVITY,
            limits: &self.limits,
        };
        let mut stepped = match (event, begin) {
            (_, Some(facts)) => start(&self.machine, facts, &mut env),
            (Some(event), None) => step(&self.machine, self.frame.take().unwrap(), event, &mut env),
            (None, None) => unreachable!("a step is a start or has an event"),
        };
        if self.written_down {
            let text = serde_json::to_string(&stepped.frame).unwrap();
            stepped.frame = serde_json::from_str(&text).unwrap();
        }
        self.frame = Some(stepped.frame.clone());
        self.history.extend(stepped.history.iter().cloned());
        for command in &stepped.commands {
            self.carry_out(command);
        }
        if stepped.resume {
            self.events.push_front((self.now_ms, Event::Continue));
        }
        self.steps.push(stepped);
    }

    fn carry_out(&mut self, command: &Command) {
        match command {
            Command::Schedule(call) => {
                self.calls.push((**call).clone());
                let answer = self.answers.pop_front().unwrap_or(Answer::Echo);
                self.answer(call, &answer);
            }
            Command::StartMapRun(call) => {
                self.map_runs.push((**call).clone());
                let answer = self.answers.pop_front().unwrap_or(Answer::Echo);
                let event = match answer {
                    Answer::Echo => {
                        let inputs = self.inputs_of(call);
                        Some(ended(
                            call.id,
                            inputs.map(|inputs| {
                                Payload::from_items(inputs.into_iter().map(|(input, _)| input).collect())
                            }),
                        ))
                    }
                    other => answered(call.id, &other),
                };
                self.events.extend(event.map(|event| (self.now_ms, event)));
            }
            Command::RedriveMapRun { id, .. } => {
                let answer = self.answers.pop_front().unwrap();
                self.events
                    .extend(answered(*id, &answer).map(|event| (self.now_ms, event)));
            }
            Command::StartTimer { id, due_ms } => {
                self.timers.insert(*id, *due_ms);
            }
            Command::CancelTimer { id } => {
                let ran = self.timers.remove(id).is_some();
                assert!(ran || self.forgiving, "{id} was cancelled but not running");
            }
            Command::CancelTask { id } => self.cancelled.push(*id),
            Command::Close(outcome) => self.outcome = Some(outcome.clone()),
        }
    }

    /// What the children of a Map Run get, with how many items are in each.
    pub(crate) fn inputs_of(&self, call: &MapRunCall) -> Result<Vec<(Payload, u32)>, Failure> {
        let mut env = Env {
            now_ms: self.now_ms,
            random: &mut || 7,
            new_token: &mut || "token".into(),
            new_uuid: &mut || "6f1c1a52-3c5e-4d0e-9d4e-0123456789ab".into(),
            has_activity: &|_| false,
            limits: &self.limits,
        };
        let mut planner = Planner::new(&self.machine, call);
        let mut inputs = Vec::new();
        for item in call.source.items() {
            inputs.extend(planner.take(item, &mut env)?);
        }
        inputs.extend(planner.finish());
        Ok(inputs
            .into_iter()
            .map(|child| (child.input, child.items))
            .collect())
    }

    fn answer(&mut self, call: &TaskCall, answer: &Answer) {
        let id = call.id;
        let text = |text: &str| Payload::from_text(text).unwrap();
        let mut tell = |event| self.events.push_back((self.now_ms, event));
        match answer {
            Answer::Output(output) => tell(Event::TaskSucceeded {
                id,
                output: text(output),
            }),
            Answer::Echo => tell(Event::TaskSucceeded {
                id,
                output: call.parameters.clone(),
            }),
            Answer::Error(error, cause) => tell(Event::TaskFailed {
                id,
                error: Some((*error).into()),
                cause: Some((*cause).into()),
                kind: FailureKind::Failed,
            }),
            Answer::Nameless => tell(Event::TaskFailed {
                id,
                error: None,
                cause: None,
                kind: FailureKind::Failed,
            }),
            Answer::Submitted(response, output) => {
                tell(Event::TaskSubmitted {
                    id,
                    output: text(response),
                });
                tell(Event::TaskSucceeded {
                    id,
                    output: text(output),
                });
            }
            Answer::Beats(times) => {
                for beat in 1..=i64::from(*times) {
                    self.events
                        .push_back((self.now_ms + beat * 5_000, Event::Heartbeat { id }));
                }
            }
            Answer::Silence => {}
        }
    }

    /// Until it is over or waits for something that never comes.
    pub(crate) fn run(&mut self) {
        while self.outcome.is_none() {
            let due = self.timers.iter().map(|(id, due_ms)| (*due_ms, *id)).min();
            let told = self.events.iter().map(|(at_ms, _)| *at_ms).min();
            match (due, told) {
                (Some((due_ms, id)), told) if told.is_none_or(|told_ms| due_ms < told_ms) => {
                    self.timers.remove(&id);
                    self.now_ms = self.now_ms.max(due_ms);
                    self.step(Event::TimerFired { id });
                }
                (_, Some(told_ms)) => {
                    let at = self
                        .events
                        .iter()
                        .position(|(at_ms, _)| *at_ms == told_ms)
                        .unwrap();
                    let (_, event) = self.events.remove(at).unwrap();
                    self.now_ms = self.now_ms.max(told_ms);
                    self.step(event);
                }
                (_, None) => return,
            }
        }
    }

    /// Forgets how it ended, for a redrive.
    pub(crate) fn reopen(&mut self, answers: &[Answer]) {
        self.outcome = None;
        self.events.clear();
        self.answers = answers.iter().cloned().collect();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.history
            .iter()
            .map(|event| {
                format!(
                    "{} <- {} {}",
                    event.id,
                    event.previous_event_id,
                    event.detail.event_type()
                )
            })
            .collect()
    }

    pub(crate) fn wire(&self, id: usize) -> serde_json::Value {
        serde_json::from_str(&self.history.get(id - 1).unwrap().to_wire(ExecutionData::Included)).unwrap()
    }

    pub(crate) fn output(&self) -> String {
        match self.outcome.as_ref().unwrap() {
            Outcome::Succeeded { output } => output.text().to_string(),
            other => format!("{other:?}"),
        }
    }

    /// Error and cause of a failed execution.
    pub(crate) fn failure(&self) -> (String, String) {
        match self.outcome.as_ref().unwrap() {
            Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure) => (
                failure.error.as_deref().unwrap_or("-").to_owned(),
                failure.cause.as_deref().unwrap_or("-").to_owned(),
            ),
            Outcome::Succeeded { output } => unreachable!("it succeeded with {output:?}"),
        }
    }
}

fn ended(id: TaskId, result: Result<Payload, Failure>) -> Event {
    match result {
        Ok(output) => Event::MapRunSucceeded { id, output },
        Err(Failure { error, cause }) => Event::MapRunFailed { id, error, cause },
    }
}

/// How a Map Run ends with this answer; `None`: it does not.
fn answered(id: TaskId, answer: &Answer) -> Option<Event> {
    match answer {
        Answer::Output(output) => Some(ended(id, Ok(Payload::from_text(*output).unwrap()))),
        Answer::Error(error, cause) => Some(ended(
            id,
            Err(Failure {
                error: Some((*error).into()),
                cause: Some((*cause).into()),
            }),
        )),
        _ => None,
    }
}

/// Runs to the end, in memory and written down, and compares step by step.
pub(crate) fn run(definition: &str, input: &str, answers: &[Answer]) -> Driver {
    run_within(Limits::AWS, definition, input, answers)
}

pub(crate) fn run_within(limits: Limits, definition: &str, input: &str, answers: &[Answer]) -> Driver {
    let mut kept = Driver::new(definition, answers).limits(limits);
    kept.start(input);
    kept.run();
    let mut written = Driver::new(definition, answers).limits(limits);
    written.written_down = true;
    written.start(input);
    written.run();
    assert_eq!(kept.steps.len(), written.steps.len());
    for (kept, written) in kept.steps.iter().zip(&written.steps) {
        assert_eq!(kept, written, "a frame that was written down goes on differently");
    }
    for (at, event) in kept.history.iter().enumerate() {
        assert_eq!(event.id, at as u64 + 1, "ids have no gaps");
        assert!(
            event.previous_event_id < event.id,
            "an event follows an earlier one"
        );
    }
    kept
}

/// One Pass with these members, on this input: its output.
pub(crate) fn pass(members: &str, input: &str) -> String {
    run(&one(&format!(r#""Type":"Pass",{members}"#)), input, &[]).output()
}

/// A machine of the one state `S` with these members, which ends there.
pub(crate) fn one(members: &str) -> String {
    let members = members.trim_end_matches(',');
    format!(r#"{{"StartAt":"S","States":{{"S":{{{members},"End":true}}}}}}"#)
}

/// The cause a state's failure shows, without its beginning.
pub(crate) fn problem(driver: &Driver) -> String {
    let (_, cause) = driver.failure();
    match cause.split_once("). ") {
        Some((_, rest)) => rest.to_owned(),
        None => cause,
    }
}
