//! One execution twice: its frame stays in memory, and is written down and read back after every step.

use std::collections::BTreeSet;
use std::sync::Arc;

use asl::eval::{
    Command, Env, Event, ExecutionData, ExecutionFacts, FailureKind, Frame, HistoryEvent, MachineKind,
    Outcome, Stepped, TaskId, TimerId, start, step,
};
use asl::json::Payload;
use asl::limits::Limits;
use asl::machine::{GraphIx, Machine};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Small, so that loops by chance end soon, and steps are often handed back half done.
const LIMITS: Limits = Limits {
    history_events_max: 400,
    transitions_per_call_max: 30,
    ..Limits::AWS
};

/// A history that goes on after a redrive has room left.
const HISTORY_REDRIVEN_MAX: usize = 390;

/// What decides what happens next.
#[derive(Clone, Copy)]
pub(crate) struct Chance {
    pub(crate) what: u8,
    pub(crate) how: u8,
}

/// The two, and what is outstanding.
pub(crate) struct Pair<'a> {
    machine: &'a Machine,
    kept: Option<Frame>,
    written: Option<Frame>,
    steps: u64,
    now_ms: i64,
    history: Vec<HistoryEvent>,
    /// Every one that was ever heard of: late answers are normal.
    tasks: BTreeSet<TaskId>,
    timers: BTreeSet<TimerId>,
    resume: bool,
    outcome: Option<Outcome>,
}

impl<'a> Pair<'a> {
    pub(crate) fn start(machine: &'a Machine, input: &str) -> Self {
        let mut pair = Self {
            machine,
            kept: None,
            written: None,
            steps: 0,
            now_ms: 1_790_000_000_000,
            history: Vec::new(),
            tasks: BTreeSet::new(),
            timers: BTreeSet::new(),
            resume: false,
            outcome: None,
        };
        let facts = ExecutionFacts {
            execution_arn: "arn:aws:states:us-east-1:123456789012:execution:M:E".into(),
            name: "E".into(),
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            start_ms: pair.now_ms,
            machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:M".into(),
            machine_name: "M".into(),
            version_arn: None,
            alias_arn: None,
            input: Payload::from_text(input).unwrap(),
            kind: MachineKind::Standard,
            redrive_count: 0,
            graph: GraphIx::ROOT,
            counts_attempts: false,
        };
        let kept = pair.at(|env| start(machine, facts.clone(), env));
        let written = pair.at(|env| start(machine, through_text(&facts), env));
        pair.compare(kept, written);
        pair
    }

    /// Something happens. False when nothing can happen any more.
    pub(crate) fn step(&mut self, chance: Chance) -> bool {
        let Some(event) = self.event(chance) else {
            return false;
        };
        self.steps += 1;
        self.now_ms += i64::from(chance.how) * 40;
        let (kept, written) = (self.kept.take().unwrap(), self.written.take().unwrap());
        let kept = self.at(|env| step(self.machine, kept, event.clone(), env));
        let written = self.at(|env| step(self.machine, through_text(&written), through_text(&event), env));
        self.compare(kept, written);
        true
    }

    fn at(&self, go: impl FnOnce(&mut Env<'_>) -> Stepped) -> Stepped {
        // The same in both, another in each step.
        let (mut random, mut tokens, mut uuids) = (self.steps, 0, 0);
        go(&mut Env {
            now_ms: self.now_ms,
            random: &mut || {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                random
            },
            new_token: &mut || {
                tokens += 1;
                Arc::from(format!("token-{}-{tokens}", self.steps))
            },
            new_uuid: &mut || {
                uuids += 1;
                Arc::from(format!("6f1c1a52-3c5e-4d0e-{:04x}-{uuids:012x}", self.steps))
            },
            has_activity: &|_| true,
            limits: &LIMITS,
        })
    }

    fn compare(&mut self, kept: Stepped, written: Stepped) {
        assert_eq!(kept, written, "a frame that was written down goes on differently");
        for command in &kept.commands {
            match command {
                Command::Schedule(call) => {
                    self.tasks.insert(call.id);
                }
                Command::StartTimer { id, .. } => {
                    self.timers.insert(*id);
                }
                Command::CancelTask { .. } | Command::CancelTimer { .. } => {}
                Command::StartMapRun(_) | Command::RedriveMapRun { .. } => {
                    unreachable!("no Map Runs are generated")
                }
                Command::Close(outcome) => {
                    assert_eq!(self.outcome, None, "it closes once");
                    self.outcome = Some(outcome.clone());
                }
            }
        }
        self.history.extend(kept.history);
        self.resume = kept.resume;
        self.kept = Some(kept.frame);
        self.written = Some(written.frame);
    }

    fn event(&mut self, Chance { what, how }: Chance) -> Option<Event> {
        match &self.outcome {
            Some(Outcome::Succeeded { .. }) => return None,
            // AWS refuses to redrive a history that is nearly full, and so does whoever calls this.
            Some(_) if what.is_multiple_of(2) || self.history.len() >= HISTORY_REDRIVEN_MAX => return None,
            Some(_) => {
                self.outcome = None;
                return Some(Event::Redriven);
            }
            None => {}
        }
        if self.resume {
            return Some(Event::Continue);
        }
        let task = nth(&self.tasks, how);
        let timer = nth(&self.timers, how).map(|id| Event::TimerFired { id });
        let on_task = |event: fn(TaskId) -> Event| task.map(event);
        let wanted = match what % 16 {
            0 => Some(Event::Stopped {
                error: Some("Enough".into()),
                cause: None,
            }),
            1..=3 => timer.clone(),
            4 => on_task(|id| Event::TaskStarted { id }),
            5 => on_task(|id| Event::ActivityStarted {
                id,
                worker: Some("w".into()),
            }),
            6 => on_task(|id| Event::TaskSubmitted {
                id,
                output: payload(r#"{"n": 1, "items": [ ]}"#),
            }),
            7 => on_task(|id| Event::Heartbeat { id }),
            8 => on_task(|id| failed(id, Some("Again"))),
            9 => on_task(|id| failed(id, None)),
            10 => on_task(|id| Event::TaskSucceeded {
                id,
                output: payload("null"),
            }),
            _ => on_task(|id| Event::TaskSucceeded {
                id,
                output: payload(r#"{ "n": 1.50, "items": [] }"#),
            }),
        };
        wanted.or(timer).or(on_task(|id| failed(id, Some("Other"))))
    }

    /// Ids from 1 without a gap, causes before effects, and an end when it has closed.
    pub(crate) fn has_a_whole_history(&self) {
        for (at, event) in self.history.iter().enumerate() {
            assert_eq!(event.id, at as u64 + 1);
            assert!(event.previous_event_id < event.id);
            let wire = event.to_wire(ExecutionData::Included);
            serde_json::from_str::<serde_json::Value>(&wire).unwrap();
        }
        let ends = |event: &HistoryEvent| {
            [
                "ExecutionSucceeded",
                "ExecutionFailed",
                "ExecutionTimedOut",
                "ExecutionAborted",
            ]
            .contains(&event.detail.event_type().as_str())
        };
        assert_eq!(self.outcome.is_some(), self.history.last().is_some_and(ends));
    }
}

fn nth<T: Copy>(all: &BTreeSet<T>, how: u8) -> Option<T> {
    // The younger ones more often: they are more likely to be open.
    let back = usize::from(how % 8).min(all.len().saturating_sub(1));
    all.iter().rev().nth(back).copied()
}

fn failed(id: TaskId, error: Option<&str>) -> Event {
    Event::TaskFailed {
        id,
        error: error.map(Arc::from),
        cause: error.map(|_| "it was to fail".into()),
        kind: FailureKind::Failed,
    }
}

fn payload(text: &str) -> Payload {
    Payload::from_text(text).unwrap()
}

fn through_text<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}
