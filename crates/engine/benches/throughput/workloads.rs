//! What is run.

use serde_json::{Map, Value, json};

/// A chain of these states, named S0, S1, …
fn chain(count: usize, state: &Value) -> Value {
    let states: Map<String, Value> = (0..count)
        .map(|number| {
            let mut state = state.clone();
            if number + 1 == count {
                state["End"] = json!(true);
            } else {
                state["Next"] = json!(format!("S{}", number + 1));
            }
            (format!("S{number}"), state)
        })
        .collect();
    json!({"StartAt": "S0", "States": states})
}

/// w1, w2
pub(crate) fn passes(count: usize) -> Value {
    chain(count, &json!({"Type": "Pass"}))
}

/// w3
pub(crate) fn counting_loop() -> Value {
    json!({"StartAt": "Init", "States": {
        "Init": {"Type": "Pass", "Result": {"i": 0}, "Next": "More"},
        "More": {"Type": "Choice", "Choices": [{"Variable": "$.i", "NumericLessThan": 1_000, "Next": "Add"}], "Default": "Done"},
        "Add": {"Type": "Pass", "Parameters": {"i.$": "States.MathAdd($.i, 1)"}, "Next": "More"},
        "Done": {"Type": "Succeed"}
    }})
}

/// w4
pub(crate) fn map() -> Value {
    json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor":
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}}}})
}

/// w5
pub(crate) fn parallel() -> Value {
    let branches: Vec<Value> = (0..10)
        .map(|number| {
            let name = format!("B{number}");
            json!({"StartAt": name, "States": {name: {"Type": "Pass", "End": true}}})
        })
        .collect();
    json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": true}}})
}

/// w6
pub(crate) fn functions(count: usize) -> Value {
    let state = json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:noop"});
    chain(count, &state)
}

/// w7
pub(crate) fn wait() -> Value {
    chain(1, &json!({"Type": "Wait", "Seconds": 86_400}))
}

/// A distributed Map whose items are in its input.
pub(crate) fn map_run(children: &str, concurrency: usize) -> Value {
    json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "End": true, "MaxConcurrency": concurrency,
        "ResultPath": null, "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": children},
        "StartAt": "B", "States": {"B": {"Type": "Pass", "Result": 1, "End": true}}}}}})
}
