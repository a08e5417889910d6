//! How many states per second one thread takes executions through, the history's JSON included, and what a large payload costs.
//! `cargo bench -p asl`
#![expect(clippy::disallowed_methods, reason = "a bench measures the time that passes")]
#![expect(clippy::unwrap_used, reason = "a bench that can't run should panic")]

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use asl::eval::{
    Command, Env, Event, ExecutionData, ExecutionFacts, MachineKind, Outcome, Stepped, start, step,
};
use asl::json::{Payload, spanned};
use asl::limits::Limits;
use asl::machine::{self, GraphIx, Machine};

/// What one execution did.
#[derive(Clone, Copy, Default)]
struct Done {
    states: u64,
    events: u64,
    bytes: usize,
}

fn main() {
    let loop_of = |times: u32| {
        format!(
            r#"{{"StartAt":"Init","States":{{"Init":{{"Type":"Pass","Result":{{"i":0}},"Next":"More"}},
            "More":{{"Type":"Choice","Choices":[{{"Variable":"$.i","NumericLessThan":{times},"Next":"Add"}}],"Default":"Done"}},
            "Add":{{"Type":"Pass","Parameters":{{"i.$":"States.MathAdd($.i, 1)"}},"Next":"More"}},
            "Done":{{"Type":"Succeed"}}}}}}"#
        )
    };
    let items: Vec<String> = (0..1_000).map(|item| item.to_string()).collect();
    let items = format!(r#"{{"items":[{}]}}"#, items.join(","));
    let map = r#"{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.items","ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}},"End":true}}}"#;
    let small = r#"{"hello":"world","n":1}"#;
    let large = format!(r#"{{"text":"{}","n":1}}"#, "x".repeat(100_000));
    measure("one Pass", &chain(1, r#""Type":"Pass""#), small);
    measure("ten Passes", &chain(10, r#""Type":"Pass""#), small);
    measure("loop of 1,000 (Choice, MathAdd)", &loop_of(1_000), "{}");
    measure("Map of 1,000 Passes", map, &items);
    measure(
        "five Tasks",
        &chain(
            5,
            r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:noop""#,
        ),
        small,
    );
    measure(
        "ten Passes, 100 KB passed on",
        &chain(10, r#""Type":"Pass""#),
        &large,
    );
    measure(
        "ten Passes, 100 KB, one member set by each",
        &chain(10, r#""Type":"Pass","Result":1,"ResultPath":"$.m""#),
        &large,
    );
    measure(
        "ten JSONata Passes",
        &chain(
            10,
            r#""Type":"Pass","QueryLanguage":"JSONata","Output":{"n":"{% $states.input.n + 1 %}"}"#,
        ),
        small,
    );
}

fn chain(states: usize, members: &str) -> String {
    let states: Vec<String> = (0..states)
        .map(|at| {
            let next = if at + 1 == states {
                r#""End":true"#.to_owned()
            } else {
                format!(r#""Next":"S{}""#, at + 1)
            };
            format!(r#""S{at}":{{{members},{next}}}"#)
        })
        .collect();
    format!(r#"{{"StartAt":"S0","States":{{{}}}}}"#, states.join(","))
}

fn measure(name: &str, definition: &str, input: &str) {
    let machine = machine::build(&spanned::parse(definition).unwrap()).unwrap();
    let input = Payload::from_text(input).unwrap();
    let mut wire = String::new();
    let (mut total, mut runs) = (Done::default(), 0_u32);
    execute(&machine, &input, &mut wire);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        let done = execute(&machine, &input, &mut wire);
        total.states += done.states;
        total.events += done.events;
        total.bytes += done.bytes;
        runs += 1;
    }
    let took = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "counts of a second are far below 2^52")]
    let (states, events, bytes) = (total.states as f64, total.events as f64, total.bytes as f64);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{name:<44} {:>10.0} transitions/s {:>8.2} µs each {:>10.0} events/s {:>7.1} MB/s {:>9.0} executions/s",
        states / took,
        took * 1e6 / states,
        events / took,
        bytes / took / 1e6,
        f64::from(runs) / took
    )
    .unwrap();
}

fn execute(machine: &Machine, input: &Payload, wire: &mut String) -> Done {
    let facts = ExecutionFacts {
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:M:E".into(),
        name: "E".into(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        start_ms: 0,
        machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:M".into(),
        machine_name: "M".into(),
        version_arn: None,
        alias_arn: None,
        input: input.clone(),
        kind: MachineKind::Standard,
        redrive_count: 0,
        graph: GraphIx::ROOT,
        counts_attempts: false,
    };
    let mut random = || 7;
    let mut new_token = || Arc::from("token");
    let mut new_uuid = || Arc::from("uuid");
    let mut env = Env {
        now_ms: 0,
        random: &mut random,
        new_token: &mut new_token,
        new_uuid: &mut new_uuid,
        has_activity: &|_| true,
        limits: &Limits::AWS,
    };
    let mut done = Done::default();
    let mut stepped = start(machine, facts, &mut env);
    loop {
        let Some(event) = take(&stepped, &mut done, wire) else {
            return done;
        };
        stepped = step(machine, stepped.frame, event, &mut env);
    }
}

/// Writes the history out; what to tell next, `None` at the end.
fn take(stepped: &Stepped, done: &mut Done, wire: &mut String) -> Option<Event> {
    wire.clear();
    for event in &stepped.history {
        event.write_wire(ExecutionData::Included, wire);
        done.states += u64::from(event.detail.event_type().ends_with("StateEntered"));
    }
    done.events += stepped.history.len() as u64;
    done.bytes += wire.len();
    let mut next = stepped.resume.then_some(Event::Continue);
    for command in &stepped.commands {
        match command {
            Command::Schedule(call) => {
                next = Some(Event::TaskSucceeded {
                    id: call.id,
                    output: call.parameters.clone(),
                });
            }
            Command::Close(Outcome::Succeeded { .. }) => return None,
            other => unreachable!("{other:?}"),
        }
    }
    next
}
