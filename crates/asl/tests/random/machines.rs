//! Definitions by chance: every type of state, nested, in both query languages, with loops, Retry and Catch.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A state without its name and without where it goes.
#[derive(Clone, Debug)]
enum Shape {
    Pass {
        jsonata: bool,
    },
    Wait(u8),
    Task {
        resource: u8,
        retry: bool,
        caught: Option<u8>,
        timeout: bool,
        jsonata: bool,
    },
    Choice {
        less_than: i8,
        to: u8,
    },
    Parallel {
        branches: Vec<Vec<Shape>>,
        retry: bool,
    },
    Map {
        states: Vec<Shape>,
        at_a_time: u8,
        caught: Option<u8>,
    },
    Succeed,
    Fail,
}

/// A whole definition that has no fault.
pub(crate) fn definition() -> impl Strategy<Value = Value> {
    (scope(), prop::option::of(1_u32..600)).prop_map(|(states, timeout)| {
        let mut names = 0;
        let mut definition = render(&states, &mut names);
        if let Some(seconds) = timeout {
            definition["TimeoutSeconds"] = json!(seconds);
        }
        definition
    })
}

/// Inputs that the definitions' paths find something in, and some that they do not.
pub(crate) fn input() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => (-3_i64..6, prop::collection::vec(-3_i64..6, 0..6)).prop_map(|(n, items)| {
            let items: Vec<Value> = items.iter().map(|n| json!({"n": n, "items": [{"n": 1, "items": []}]})).collect();
            json!({"n": n, "items": items, "text": "ä \u{1f600} \\u0000"})
        }),
        1 => Just(json!({})),
        1 => Just(json!([1, "two", null])),
    ]
}

fn scope() -> impl Strategy<Value = Vec<Shape>> {
    let leaf = prop_oneof![
        4 => any::<bool>().prop_map(|jsonata| Shape::Pass { jsonata }),
        1 => (0_u8..5).prop_map(Shape::Wait),
        4 => (any::<u8>(), any::<bool>(), prop::option::of(any::<u8>()), any::<bool>(), any::<bool>()).prop_map(
            |(resource, retry, caught, timeout, jsonata)| Shape::Task { resource, retry, caught, timeout, jsonata }),
        2 => (any::<i8>(), any::<u8>()).prop_map(|(less_than, to)| Shape::Choice { less_than, to }),
        1 => Just(Shape::Succeed),
        1 => Just(Shape::Fail),
    ];
    let state = leaf.prop_recursive(3, 24, 4, |inner| {
        let states = prop::collection::vec(inner, 1..4);
        prop_oneof![
            (prop::collection::vec(states.clone(), 1..4), any::<bool>())
                .prop_map(|(branches, retry)| Shape::Parallel { branches, retry }),
            (states, 0_u8..4, prop::option::of(any::<u8>())).prop_map(|(states, at_a_time, caught)| {
                Shape::Map {
                    states,
                    at_a_time,
                    caught,
                }
            }),
        ]
    });
    prop::collection::vec(state, 1..5)
}

fn render(shapes: &[Shape], names: &mut usize) -> Value {
    let scope: Vec<String> = shapes
        .iter()
        .map(|_| {
            *names += 1;
            format!("S{names}")
        })
        .collect();
    let mut states = Map::new();
    for (at, shape) in shapes.iter().enumerate() {
        let mut state = render_state(shape, &scope, names);
        let members = state.as_object_mut().unwrap();
        let next = scope.get(at + 1);
        match (shape, next) {
            (Shape::Succeed | Shape::Fail, _) => {}
            (Shape::Choice { .. }, next) => {
                // With nothing behind it no choice may match, too.
                if let Some(next) = next {
                    members.insert("Default".into(), json!(next));
                }
            }
            (_, Some(next)) => {
                members.insert("Next".into(), json!(next));
            }
            (_, None) => {
                members.insert("End".into(), json!(true));
            }
        }
        states.insert(scope[at].clone(), state);
    }
    reach_all(&scope, shapes, &mut states);
    json!({"StartAt": scope[0], "States": states})
}

/// What stands behind an end is reached by a Choice that is put first.
fn reach_all(scope: &[String], shapes: &[Shape], states: &mut Map<String, Value>) {
    let behind_an_end = shapes
        .iter()
        .zip(scope.iter().skip(1))
        .filter(|(shape, _)| matches!(shape, Shape::Succeed | Shape::Fail));
    let choices: Vec<Value> = behind_an_end
        .map(|(_, behind)| json!({"Variable": "$.n", "NumericEquals": 5, "Next": behind}))
        .collect();
    if choices.is_empty() {
        return;
    }
    let first = states.insert(
        scope[0].clone(),
        json!({"Type": "Choice", "Choices": choices, "Default": format!("{} itself", scope[0])}),
    );
    states.insert(format!("{} itself", scope[0]), first.unwrap());
}

fn render_state(shape: &Shape, scope: &[String], names: &mut usize) -> Value {
    let at = |to: u8| &scope[usize::from(to) % scope.len()];
    let catch = |to: &Option<u8>| {
        to.map_or(
            json!([]),
            |to| json!([{"ErrorEquals": ["States.ALL"], "Next": at(to)}]),
        )
    };
    let retry = |retry: bool| {
        if retry {
            json!([{"ErrorEquals": ["Again", "States.Timeout"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 1.5,
                "JitterStrategy": "FULL"}])
        } else {
            json!([])
        }
    };
    match shape {
        Shape::Pass { jsonata: true } => json!({"Type": "Pass", "QueryLanguage": "JSONata",
            "Assign": {"seen": "{% $states.input.n %}"},
            "Output": "{% $merge([$states.input, {'n': $states.input.n + 1, 'at': $random()}]) %}"}),
        Shape::Pass { jsonata: false } => json!({"Type": "Pass",
            "Parameters": {"n.$": "States.MathAdd($.n, 1)", "items.$": "$.items", "id.$": "States.UUID()"}}),
        Shape::Wait(seconds) => json!({"Type": "Wait", "Seconds": seconds}),
        Shape::Task {
            resource,
            retry: again,
            caught,
            timeout,
            jsonata,
        } => {
            let resource = [
                "arn:aws:lambda:us-east-1:123456789012:function:work",
                "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "arn:aws:states:us-east-1:123456789012:activity:paint",
                "arn:aws:states:::states:startExecution.sync:2",
                "arn:aws:states:::sqs:sendMessage",
            ][usize::from(*resource) % 5];
            let mut state =
                json!({"Type": "Task", "Resource": resource, "Retry": retry(*again), "Catch": catch(caught)});
            let parameters = if resource.contains("lambda:invoke") {
                json!({"FunctionName": "work", "Payload": {"token.$": "$$.Task.Token", "all.$": "$"}})
            } else if resource.contains("states:startExecution") {
                json!({"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:M", "Input.$": "$"})
            } else if resource.contains("sqs") {
                json!({"QueueUrl": "q", "MessageBody.$": "$"})
            } else {
                json!({"n.$": "$.n"})
            };
            if *jsonata && resource.contains("function:") {
                state["QueryLanguage"] = json!("JSONata");
                state["Output"] = json!("{% $merge([$states.input, {'result': $states.result}]) %}");
            } else {
                state["Parameters"] = parameters;
                state["ResultPath"] = json!("$.result");
            }
            if *timeout {
                state["TimeoutSeconds"] = json!(9);
                state["HeartbeatSeconds"] = json!(4);
            }
            state
        }
        Shape::Choice { less_than, to } => json!({"Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": less_than, "Next": at(*to)}]}),
        Shape::Parallel {
            branches,
            retry: again,
        } => {
            let branches: Vec<Value> = branches.iter().map(|branch| render(branch, names)).collect();
            json!({"Type": "Parallel", "Branches": branches, "ResultPath": "$.branches", "Retry": retry(*again)})
        }
        Shape::Map {
            states,
            at_a_time,
            caught,
        } => json!({"Type": "Map", "ItemsPath": "$.items",
            "MaxConcurrency": at_a_time, "ItemProcessor": render(states, names), "ResultPath": "$.mapped", "Catch": catch(caught)}),
        Shape::Succeed => json!({"Type": "Succeed"}),
        Shape::Fail => {
            json!({"Type": "Fail", "Error": "Again", "CausePath": "States.Format('{} of {}', $.n, $$.State.Name)"})
        }
    }
}
