//! What must never panic, whatever comes in: the bodies of the fuzz targets and of the mutation run.

use std::collections::VecDeque;
use std::sync::Arc;

use asl::eval::{Command, Env, Event, ExecutionFacts, FailureKind, TaskCall, TimerId, start, step};
use asl::json::Payload;
use asl::limits::Limits;
use asl::{CheckOptions, Checked, Machine, MachineKind, check, diagnose};

/// Steps after which an execution is left alone.
const STEPS_MAX: usize = 60;

/// Milliseconds an expression may take, and values it may make: what is mutated loops now and then.
const LIMITS: Limits = Limits {
    jsonata_ms_max: 50,
    jsonata_sequence_max: 10_000,
    transitions_per_call_max: 100,
    ..Limits::AWS
};

/// A time for the checks to tell the past by.
const NOW_MS: i64 = 1_900_000_000_000;

fn options(kind: MachineKind) -> CheckOptions {
    CheckOptions {
        kind,
        now_ms: Some(NOW_MS),
        ..CheckOptions::default()
    }
}

/// Parses and checks as both kinds of machines. What is said is sound: places lie in the text, and fixes change something.
pub(crate) fn parse_and_check(text: &str) -> Checked {
    for diagnostic in diagnose(text, &options(MachineKind::Express)).diagnostics {
        assert!(
            text.get(diagnostic.span.start..diagnostic.span.end).is_some(),
            "a span outside of the text"
        );
        assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
        assert!(
            diagnostic.fix.is_none_or(|fix| !fix.patch.is_empty()),
            "a fix that does nothing"
        );
    }
    check(text, &options(MachineKind::Standard))
}

/// Checks, and runs what is valid.
pub(crate) fn check_and_evaluate(text: &str, input: &str, choices: u64) {
    if let Some(machine) = parse_and_check(text).machine
        && let Ok(input) = Payload::from_text(input)
    {
        evaluate(&machine, input, choices);
    }
}

/// Runs an execution; `choices` decides what tasks answer.
fn evaluate(machine: &Machine, input: Payload, choices: u64) {
    let mut random = choices;
    let mut tokens = 0_u64;
    let mut now_ms = NOW_MS;
    let mut events: VecDeque<Event> = VecDeque::new();
    let mut timers: VecDeque<(TimerId, i64)> = VecDeque::new();
    let mut frame = None;
    for _ in 0..STEPS_MAX {
        let mut next_random = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random
        };
        let mut new_token = || {
            tokens += 1;
            Arc::from(format!("token-{tokens}"))
        };
        let mut env = Env {
            now_ms,
            random: &mut next_random,
            new_token: &mut new_token,
            new_uuid: &mut || Arc::from("6f1c1a52-3c5e-4d0e-9d4e-0123456789ab"),
            has_activity: &|arn| !arn.ends_with('x'),
            limits: &LIMITS,
        };
        let stepped = match frame.take() {
            None => start(machine, facts(input.clone()), &mut env),
            Some(frame) => {
                let event = events.pop_front().or_else(|| {
                    let (id, due_ms) = timers.pop_front()?;
                    now_ms = now_ms.max(due_ms);
                    Some(Event::TimerFired { id })
                });
                let Some(event) = event else { return };
                env.now_ms = now_ms;
                step(machine, frame, event, &mut env)
            }
        };
        for command in &stepped.commands {
            match command {
                Command::Schedule(call) => events.push_back(answer(call, choices)),
                Command::StartTimer { id, due_ms } => timers.push_back((*id, *due_ms)),
                Command::CancelTimer { id } => timers.retain(|(timer, _)| timer != id),
                // Nobody answers for a Map Run: the execution waits, and is left alone.
                Command::CancelTask { .. } | Command::StartMapRun(_) | Command::RedriveMapRun { .. } => {}
                Command::Close(_) => return,
            }
        }
        if stepped.resume {
            events.push_front(Event::Continue);
        }
        frame = Some(stepped.frame);
    }
}

fn answer(call: &TaskCall, choices: u64) -> Event {
    let id = call.id;
    match (choices ^ id.0) % 4 {
        0 => Event::TaskFailed {
            id,
            error: Some("States.TaskFailed".into()),
            cause: Some("mutated".into()),
            kind: FailureKind::Failed,
        },
        1 => Event::TaskFailed {
            id,
            error: Some("Lambda.ServiceException".into()),
            cause: None,
            kind: FailureKind::Failed,
        },
        _ => Event::TaskSucceeded {
            id,
            output: call.parameters.clone(),
        },
    }
}

fn facts(input: Payload) -> ExecutionFacts {
    ExecutionFacts {
        execution_arn: "arn:aws:states:eu-west-1:123456789012:execution:Machine:Run".into(),
        name: "Run".into(),
        role_arn: "arn:aws:iam::123456789012:role/role".into(),
        start_ms: NOW_MS,
        machine_arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:Machine".into(),
        machine_name: "Machine".into(),
        version_arn: None,
        alias_arn: None,
        input,
        kind: MachineKind::Standard,
        redrive_count: 0,
        graph: asl::machine::GraphIx::ROOT,
        counts_attempts: false,
    }
}
