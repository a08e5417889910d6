//! A rehearsal: a whole execution run inside this process by the language's own evaluator, with a clock of its own and with
//! answers from whoever rehearses. Nothing outside is touched and nothing is waited for; the same answers give the same
//! execution, with the same ids and times.
//!
//! Why not `TestState` of the environment: it runs one state, and whoever strings states together has to write Map, Parallel,
//! variables and retries again. The evaluator is the one that the embedded engine runs (docs/decisions/rehearsals.md).

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::eval::{
    Command, Env, Event, ExecutionFacts, FailureKind, Frame, MachineKind, Outcome, Stepped, TaskCall, TaskId,
    TimerId, start, step,
};
use asl::json::Payload;
use asl::limits::Limits;
use asl::machine::GraphIx;
use asl::{CheckOptions, Machine};
use serde_json::Value;

use super::trail::{Trail, TrailWriter};

/// Steps of one rehearsal at most: a history of 25,000 events takes fewer, but a Map Run has many children.
const STEPS_MAX: u32 = 200_000;

/// What a call is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Milliseconds after the call.
    pub after_ms: i64,
    /// The result as JSON text, or how it failed.
    pub outcome: Result<String, Failed>,
}

/// How a task failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The error's name.
    pub error: Option<String>,
    /// What happened.
    pub cause: Option<String>,
}

/// What is rehearsed.
#[derive(Debug, Clone)]
pub struct Rehearsal<'a> {
    /// ASL text.
    pub definition: &'a str,
    /// Standard or Express.
    pub kind: MachineKind,
    /// What `$$.Execution.Id` says.
    pub execution_arn: &'a str,
    /// What `$$.Execution.Name` says.
    pub name: &'a str,
    /// What `$$.StateMachine.Id` says.
    pub machine_arn: &'a str,
    /// What `$$.StateMachine.Name` says.
    pub machine_name: &'a str,
    /// What `$$.Execution.RoleArn` says.
    pub role_arn: &'a str,
    /// When it begins, epoch milliseconds.
    pub start_ms: i64,
    /// The input as JSON text.
    pub input: &'a str,
}

/// How a rehearsal ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsed {
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: &'static str,
    /// The output, of a success.
    pub output: Option<Value>,
    /// The error's name.
    pub error: Option<String>,
    /// What happened.
    pub cause: Option<String>,
    /// The way it went.
    pub trail: Trail,
    /// By its own clock, milliseconds.
    pub duration_ms: i64,
}

/// Why a rehearsal came to no end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RehearseError {
    /// The definition can't be run.
    #[error("the definition can't be run: {0}")]
    Unrunnable(String),
    /// The input is not JSON.
    #[error("the input is not JSON: {0}")]
    Input(String),
    /// An answer is not JSON.
    #[error("the answer of `{state}` is not JSON: {reason}")]
    Answer {
        /// The state.
        state: String,
        /// What the reader said.
        reason: String,
    },
    /// Nobody answers this state's call.
    #[error("`{state}` calls `{resource}`, and nothing says what that answers")]
    Unanswered {
        /// The state.
        state: String,
        /// The task's resource.
        resource: String,
    },
    /// It goes round in circles.
    #[error("it has not ended after {STEPS_MAX} steps")]
    TooLong,
    /// It waits for something that never comes.
    #[error("it waits for something that never comes")]
    Stuck,
}

/// Runs it to its end. `answer` gives what a call is answered; `None` ends the rehearsal.
pub fn rehearse(
    rehearsal: &Rehearsal<'_>,
    answer: &mut dyn FnMut(&TaskCall) -> Option<Reply>,
) -> Result<Rehearsed, RehearseError> {
    let checked = asl::check(rehearsal.definition, &CheckOptions::from(rehearsal.kind));
    let machine = match (checked.machine, checked.unrunnable) {
        (Some(machine), _) => machine,
        (None, Some(why)) => return Err(RehearseError::Unrunnable(why.to_string())),
        (None, None) => {
            let why = asl::invalid_definition_message(&checked.diagnostics);
            return Err(RehearseError::Unrunnable(why.unwrap_or_default()));
        }
    };
    let input =
        Payload::from_text(rehearsal.input).map_err(|error| RehearseError::Input(error.to_string()))?;
    let facts = ExecutionFacts {
        execution_arn: rehearsal.execution_arn.into(),
        name: rehearsal.name.into(),
        role_arn: rehearsal.role_arn.into(),
        start_ms: rehearsal.start_ms,
        machine_arn: rehearsal.machine_arn.into(),
        machine_name: rehearsal.machine_name.into(),
        version_arn: None,
        alias_arn: None,
        input,
        kind: rehearsal.kind,
        redrive_count: 0,
        graph: GraphIx::ROOT,
        counts_attempts: false,
    };
    Stage {
        machine: &machine,
        chance: Chance(0x5EED),
        now_ms: rehearsal.start_ms,
        due: BTreeMap::new(),
        timers: BTreeMap::new(),
        tasks: BTreeMap::new(),
        order: 0,
        trail: TrailWriter::default(),
        steps_left: STEPS_MAX,
    }
    .run(facts, answer)
}

/// What will happen, and when.
enum Coming {
    Timer(TimerId),
    Answer(TaskId, Box<Event>),
}

/// Everything of a rehearsal that is not in the frame.
pub(super) struct Stage<'m> {
    pub(super) machine: &'m Machine,
    chance: Chance,
    pub(super) now_ms: i64,
    /// By time, then by order.
    due: BTreeMap<(i64, u64), Coming>,
    timers: BTreeMap<TimerId, (i64, u64)>,
    tasks: BTreeMap<TaskId, (i64, u64)>,
    order: u64,
    trail: TrailWriter,
    pub(super) steps_left: u32,
}

impl<'m> Stage<'m> {
    fn run(
        mut self,
        facts: ExecutionFacts,
        answer: &mut dyn FnMut(&TaskCall) -> Option<Reply>,
    ) -> Result<Rehearsed, RehearseError> {
        let begun = self.now_ms;
        let outcome = self.play(facts, answer)?;
        ended(outcome, self.trail.finish(), self.now_ms - begun)
    }

    /// A stage beside this one, for an execution that begins now.
    pub(super) fn aside(&mut self) -> Stage<'m> {
        Stage {
            machine: self.machine,
            chance: Chance(self.chance.next()),
            now_ms: self.now_ms,
            due: BTreeMap::new(),
            timers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            order: 0,
            trail: TrailWriter::default(),
            steps_left: self.steps_left,
        }
    }

    /// From beginning to end.
    pub(super) fn play(
        &mut self,
        facts: ExecutionFacts,
        answer: &mut dyn FnMut(&TaskCall) -> Option<Reply>,
    ) -> Result<Outcome, RehearseError> {
        let mut stepped = self.evaluate(None, Some(facts));
        while self.steps_left > 0 {
            self.steps_left -= 1;
            let Some(Stepped {
                frame,
                commands,
                history,
                resume,
            }) = stepped
            else {
                return Err(RehearseError::Stuck);
            };
            for event in &history {
                self.trail.add(event);
            }
            for command in commands {
                if let Some(outcome) = self.obey(command, frame.facts(), answer)? {
                    return Ok(outcome);
                }
            }
            let event = if resume { Event::Continue } else { self.next()? };
            stepped = self.evaluate(Some((frame, event)), None);
        }
        Err(RehearseError::TooLong)
    }

    /// One call of the evaluator.
    fn evaluate(
        &mut self,
        goes_on: Option<(Frame, Event)>,
        begins: Option<ExecutionFacts>,
    ) -> Option<Stepped> {
        let machine = self.machine;
        self.with_env(|env| match (goes_on, begins) {
            (Some((frame, event)), _) => Some(step(machine, frame, event, env)),
            (None, Some(facts)) => Some(start(machine, facts, env)),
            (None, None) => None,
        })
    }

    /// Evaluates something now.
    pub(super) fn with_env<T>(&mut self, evaluate: impl FnOnce(&mut Env<'_>) -> T) -> T {
        let chance = std::cell::RefCell::new(&mut self.chance);
        let mut env = Env {
            now_ms: self.now_ms,
            random: &mut || chance.borrow_mut().next(),
            new_token: &mut || format!("rehearsal-{:016x}", chance.borrow_mut().next()).into(),
            new_uuid: &mut || chance.borrow_mut().uuid(),
            has_activity: &|_| true,
            limits: &Limits::AWS,
        };
        evaluate(&mut env)
    }

    fn obey(
        &mut self,
        command: Command,
        facts: &ExecutionFacts,
        answer: &mut dyn FnMut(&TaskCall) -> Option<Reply>,
    ) -> Result<Option<Outcome>, RehearseError> {
        match command {
            Command::Schedule(call) => {
                let reply = answer(&call).ok_or_else(|| RehearseError::Unanswered {
                    state: call.state_name.to_string(),
                    resource: call.resource.text().to_string(),
                })?;
                let at = self.now_ms.saturating_add(reply.after_ms);
                let event = event(&call, reply.outcome)?;
                let place = self.expect(at, Coming::Answer(call.id, Box::new(event)));
                self.tasks.insert(call.id, place);
            }
            Command::StartMapRun(call) => {
                let (at, event) = self.map_run(&call, facts, answer)?;
                let place = self.expect(at, Coming::Answer(call.id, Box::new(event)));
                self.tasks.insert(call.id, place);
            }
            // Nobody redrives a rehearsal.
            Command::RedriveMapRun { .. } => {}
            Command::StartTimer { id, due_ms } => {
                self.forget_timer(id);
                let place = self.expect(due_ms, Coming::Timer(id));
                self.timers.insert(id, place);
            }
            Command::CancelTimer { id } => self.forget_timer(id),
            Command::CancelTask { id } => {
                if let Some(place) = self.tasks.remove(&id) {
                    self.due.remove(&place);
                }
            }
            Command::Close(outcome) => return Ok(Some(outcome)),
        }
        Ok(None)
    }

    fn expect(&mut self, at: i64, coming: Coming) -> (i64, u64) {
        self.order += 1;
        let place = (at, self.order);
        self.due.insert(place, coming);
        place
    }

    fn forget_timer(&mut self, id: TimerId) {
        if let Some(place) = self.timers.remove(&id) {
            self.due.remove(&place);
        }
    }

    /// The next thing to happen; the clock jumps there.
    fn next(&mut self) -> Result<Event, RehearseError> {
        let ((at, _), coming) = self.due.pop_first().ok_or(RehearseError::Stuck)?;
        self.now_ms = self.now_ms.max(at);
        Ok(match coming {
            Coming::Timer(id) => {
                self.timers.remove(&id);
                Event::TimerFired { id }
            }
            Coming::Answer(id, event) => {
                self.tasks.remove(&id);
                *event
            }
        })
    }
}

fn event(call: &TaskCall, outcome: Result<String, Failed>) -> Result<Event, RehearseError> {
    Ok(match outcome {
        Ok(result) => Event::TaskSucceeded {
            id: call.id,
            output: Payload::from_text(result).map_err(|error| RehearseError::Answer {
                state: call.state_name.to_string(),
                reason: error.to_string(),
            })?,
        },
        Err(failed) => Event::TaskFailed {
            id: call.id,
            kind: if failed.error.as_deref() == Some("States.Timeout") {
                FailureKind::TimedOut
            } else {
                FailureKind::Failed
            },
            error: failed.error.map(Arc::from),
            cause: failed.cause.map(Arc::from),
        },
    })
}

fn ended(outcome: Outcome, trail: Trail, duration_ms: i64) -> Result<Rehearsed, RehearseError> {
    let (status, output, failure) = match outcome {
        Outcome::Succeeded { output } => ("SUCCEEDED", Some(output), None),
        Outcome::Failed(failure) => ("FAILED", None, Some(failure)),
        Outcome::TimedOut(failure) => ("TIMED_OUT", None, Some(failure)),
        Outcome::Aborted(failure) => ("ABORTED", None, Some(failure)),
    };
    let output = output
        .map(|output| serde_json::from_str(output.text()))
        .transpose()
        .map_err(|error| RehearseError::Answer {
            state: "its end".to_owned(),
            reason: error.to_string(),
        })?;
    let failure = failure.unwrap_or_default();
    Ok(Rehearsed {
        status,
        output,
        error: failure.error.map(|text| text.to_string()),
        cause: failure.cause.map(|text| text.to_string()),
        trail,
        duration_ms,
    })
}

/// Chance that comes the same every time: SplitMix64 (Steele, Lea & Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn uuid(&mut self) -> Arc<str> {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        uuid::Builder::from_random_bytes(bits.to_be_bytes())
            .into_uuid()
            .to_string()
            .into()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in super::super) fn run(
        definition: &Value,
        input: &Value,
        mut answers: Vec<Reply>,
    ) -> Result<Rehearsed, RehearseError> {
        answers.reverse();
        let rehearsal = Rehearsal {
            definition: &definition.to_string(),
            kind: MachineKind::Standard,
            execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:e",
            name: "e",
            machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m",
            machine_name: "m",
            role_arn: "arn:aws:iam::123456789012:role/r",
            start_ms: 1_700_000_000_000,
            input: &input.to_string(),
        };
        rehearse(&rehearsal, &mut |_| answers.pop())
    }

    pub(in super::super) fn gives(result: Value) -> Reply {
        Reply {
            after_ms: 0,
            outcome: Ok(result.to_string()),
        }
    }

    pub(in super::super) fn fails(error: &str) -> Reply {
        Reply {
            after_ms: 0,
            outcome: Err(Failed {
                error: Some(error.to_owned()),
                cause: None,
            }),
        }
    }

    fn task() -> Value {
        json!({"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "TimeoutSeconds": 5,
                  "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 60, "MaxAttempts": 2}],
                  "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}], "Next": "Day"},
            "Day": {"Type": "Wait", "Seconds": 86400, "End": true},
            "Sorry": {"Type": "Fail", "Error": "Sorry"}}})
    }

    #[test]
    fn retries_waits_and_catches_take_no_time() {
        let well = run(&task(), &json!({}), vec![fails("Busy"), gives(json!({"ok": 1}))]).unwrap();
        assert_eq!((well.status, well.output), ("SUCCEEDED", Some(json!({"ok": 1}))));
        assert_eq!(well.duration_ms, (60 + 86_400) * 1_000);
        let badly = run(&task(), &json!({}), vec![fails("Broken")]).unwrap();
        assert_eq!((badly.status, badly.error.as_deref()), ("FAILED", Some("Sorry")));
        assert!(badly.trail.entered.contains("Sorry"));
    }

    #[test]
    fn an_answer_that_takes_longer_than_the_timeout_is_a_timeout() {
        let late = Reply {
            after_ms: 6_000,
            ..gives(json!(1))
        };
        let late = run(&task(), &json!({}), vec![late]).unwrap();
        assert_eq!(late.status, "FAILED");
    }

    #[test]
    fn a_call_that_nobody_answers_ends_it_with_the_states_name() {
        let refused = run(&task(), &json!({}), vec![]).unwrap_err();
        assert!(refused.to_string().contains("`T` calls"), "{refused}");
    }

    #[test]
    fn maps_and_parallels_go_their_whole_way_and_uuids_come_out_the_same() {
        let inner = json!({"StartAt": "I", "States": {"I": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {"Message.$": "$", "TopicArn": "arn:aws:sns:us-east-1:123456789012:t"}, "End": true}}});
        let definition = json!({"StartAt": "M", "States": {
            "M": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": inner, "ResultPath": "$.sent", "Next": "P"},
            "P": {"Type": "Parallel", "ResultPath": "$.both", "End": true, "Branches": [
                {"StartAt": "U", "States": {"U": {"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}, "End": true}}},
                {"StartAt": "V", "States": {"V": {"Type": "Pass", "End": true}}}]}}});
        let answers = || (0..3).map(|n| gives(json!({"MessageId": n}))).collect();
        let one = run(&definition, &json!({"items": ["a", "b", "c"]}), answers()).unwrap();
        let output = one.output.clone().unwrap();
        assert_eq!(output["sent"].as_array().unwrap().len(), 3, "{output}");
        assert!(
            ["I", "M", "P", "U", "V"]
                .iter()
                .all(|state| one.trail.entered.contains(*state))
        );
        assert_eq!(
            one,
            run(&definition, &json!({"items": ["a", "b", "c"]}), answers()).unwrap()
        );
    }

    #[test]
    fn a_definition_that_turns_for_ever_is_ended_by_the_history_limit() {
        let circle = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice",
            "Choices": [{"Variable": "$.never", "IsPresent": true, "Next": "End"}], "Default": "A"}, "End": {"Type": "Succeed"}}});
        let ended = run(&circle, &json!({}), vec![]).unwrap();
        assert_eq!(ended.status, "FAILED", "25,000 events are all a history may have");
    }
}
