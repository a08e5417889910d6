//! What the operations on executions answer.

use serde_json::{Value, json};

use crate::harness::{Server, function, one, text, token_task, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_runs_to_its_end_and_tells_its_history() {
    let server = Server::start().await;
    let machine = server
        .machine("pass", one(json!({"Type": "Pass", "Result": {"a": 1}})))
        .await;
    let execution = server.run(&machine, json!({"n": 1})).await;
    let found = server.closed(&execution).await;
    assert_eq!(found["status"], "SUCCEEDED");
    assert_eq!(found["output"], r#"{"a":1}"#);
    assert_eq!(found["input"], r#"{"n":1}"#);
    assert_eq!(
        server.types(&execution).await,
        [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_then_a_choice_end_by_themselves() {
    let server = Server::start().await;
    let definition = json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 1, "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "One"}], "Default": "Other"},
        "One": {"Type": "Succeed"},
        "Other": {"Type": "Fail", "Error": "Other"}
    }});
    let machine = server.machine("choice", definition).await;
    let one = server.run(&machine, json!({"n": 1})).await;
    let other = server.run(&machine, json!({"n": 2})).await;
    assert_eq!(server.closed(&one).await["status"], "SUCCEEDED");
    let found = server.closed(&other).await;
    assert_eq!(
        (&found["status"], &found["error"]),
        (&json!("FAILED"), &json!("Other"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_answers_and_fails() {
    let server = Server::start().await;
    let echo = server.machine("echo", one(function("echo"))).await;
    let fail = server.machine("fail", one(function("fail"))).await;
    let found = server
        .closed(&server.run(&echo, json!({"x": [1, 2]})).await)
        .await;
    assert_eq!(found["output"], r#"{"x":[1,2]}"#);
    let execution = server.run(&fail, json!({})).await;
    let found = server.closed(&execution).await;
    assert_eq!(
        (&found["error"], &found["cause"]),
        (&json!("Boom"), &json!("it was to fail"))
    );
    assert_eq!(
        server.types(&execution).await[2..],
        [
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionFailed",
            "ExecutionFailed"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_start_again_is_the_same_execution_and_another_input_is_refused() {
    let server = Server::start().await;
    let machine = server.machine("same", one(function("gate"))).await;
    let request = |input: &str| json!({"stateMachineArn": machine, "name": "n", "input": input});
    let first = server.ok("StartExecution", request("{}")).await;
    assert_eq!(server.ok("StartExecution", request("{}")).await, first);
    let (status, answer) = server.call("StartExecution", request(r#"{"a":1}"#)).await;
    assert_eq!(
        (status, &answer["__type"]),
        (400, &json!("ExecutionAlreadyExists"))
    );
    server.functions.let_go("gate", 1);
    server.closed(&text(&first["executionArn"])).await;
    let (status, answer) = server.call("StartExecution", request("{}")).await;
    assert_eq!(
        (status, &answer["__type"]),
        (400, &json!("ExecutionAlreadyExists"))
    );
    assert_eq!(server.functions.calls("gate"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_that_start_the_same_names_in_any_order_start_each_once() {
    let server = Server::start().await;
    let machine = server.machine("same", one(json!({"Type": "Pass"}))).await;
    futures::future::join_all((0..16).map(|caller| {
        let (server, machine) = (&server, &machine);
        async move {
            for number in 0..100 {
                let number = if caller % 2 == 0 { number } else { 99 - number };
                let request =
                    json!({"stateMachineArn": machine, "name": format!("n{number}"), "input": "{}"});
                let (status, answer) = server.call("StartExecution", request).await;
                assert!(
                    status == 200 || answer["__type"] == "ExecutionAlreadyExists",
                    "{answer}"
                );
            }
        }
    }))
    .await;
    let listed = server
        .ok(
            "ListExecutions",
            json!({"stateMachineArn": machine, "maxResults": 1000}),
        )
        .await;
    assert_eq!(listed["executions"].as_array().unwrap().len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_execution_is_aborted_and_a_late_result_changes_nothing() {
    let server = Server::start().await;
    let machine = server.machine("stop", one(function("gate"))).await;
    let execution = server.run(&machine, json!({})).await;
    until("the function is called", || server.functions.calls("gate") == 1).await;
    let request = json!({"executionArn": execution, "error": "E", "cause": "C"});
    let stopped = server.ok("StopExecution", request.clone()).await;
    server.functions.let_go("gate", 1);
    let found = server.closed(&execution).await;
    assert_eq!(found["status"], "ABORTED");
    assert_eq!((&found["error"], &found["cause"]), (&json!("E"), &json!("C")));
    assert_eq!(server.ok("StopExecution", request).await, stopped);
    assert_eq!(server.types(&execution).await.last().unwrap(), "ExecutionAborted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_answered_once_and_a_made_up_one_is_told_apart() {
    let server = Server::start().await;
    let state = token_task();
    let machine = server.machine("token", one(state)).await;
    let execution = server.run(&machine, json!({})).await;
    until("the token is out", || !server.functions.tokens().is_empty()).await;
    let token = server.functions.tokens().remove(0);
    server.ok("SendTaskHeartbeat", json!({"taskToken": token})).await;
    let (status, answer) = server
        .call("SendTaskSuccess", json!({"taskToken": token, "output": "nope"}))
        .await;
    assert_eq!((status, &answer["__type"]), (400, &json!("InvalidOutput")));
    server
        .ok(
            "SendTaskSuccess",
            json!({"taskToken": token, "output": "{\"done\": true}"}),
        )
        .await;
    assert_eq!(server.closed(&execution).await["output"], "{\"done\": true}");
    let (_, answer) = server
        .call("SendTaskSuccess", json!({"taskToken": token, "output": "{}"}))
        .await;
    assert_eq!(answer["__type"], "TaskTimedOut");
    let (_, answer) = server
        .call("SendTaskSuccess", json!({"taskToken": "made up", "output": "{}"}))
        .await;
    assert_eq!(answer["__type"], "InvalidToken");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activitys_task_goes_to_the_worker_that_waits() {
    let server = Server::start().await;
    let activity = text(&server.ok("CreateActivity", json!({"name": "work"})).await["activityArn"]);
    let machine = server
        .machine("activity", one(json!({"Type": "Task", "Resource": activity})))
        .await;
    let (task, execution) = tokio::join!(
        server.ok(
            "GetActivityTask",
            json!({"activityArn": activity, "workerName": "w"})
        ),
        server.run(&machine, json!({"x": 1}))
    );
    assert_eq!(task["input"], r#"{"x":1}"#);
    server
        .ok(
            "SendTaskFailure",
            json!({"taskToken": task["taskToken"], "error": "No", "cause": "why"}),
        )
        .await;
    assert_eq!(server.closed(&execution).await["error"], "No");
    let types = server.types(&execution).await;
    assert_eq!(
        types[2..],
        [
            "ActivityScheduled",
            "ActivityStarted",
            "ActivityFailed",
            "ExecutionFailed"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_execution_goes_on_when_it_is_redriven() {
    let server = Server::start().await;
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "T"},
        "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:fail", "End": true}}});
    let machine = server.machine("redrive", definition).await;
    let execution = server.run(&machine, json!({})).await;
    assert_eq!(server.closed(&execution).await["redriveStatus"], "REDRIVABLE");
    server
        .ok(
            "RedriveExecution",
            json!({"executionArn": execution, "clientToken": "t"}),
        )
        .await;
    server
        .ok(
            "RedriveExecution",
            json!({"executionArn": execution, "clientToken": "t"}),
        )
        .await;
    let found = server
        .until(&execution, |found| {
            found["redriveCount"] == 1 && found["status"] == "FAILED"
        })
        .await;
    assert!(found["redriveDate"].is_number());
    assert_eq!(server.functions.calls("fail"), 2);
    let types = server.types(&execution).await;
    assert_eq!(
        types.iter().filter(|kind| *kind == "ExecutionRedriven").count(),
        1
    );
    assert_eq!(types.iter().filter(|kind| *kind == "PassStateEntered").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_at_once_keeps_its_events_in_its_row_and_a_redrive_adds_to_them() {
    let server = Server::start().await;
    let definition = json!({"StartAt": "S", "States": {"S": {"Type": "Fail", "Error": "E"}}});
    let machine = server.machine("at-once", definition).await;
    let execution = server.run(&machine, json!({})).await;
    server.closed(&execution).await;
    let at_first = server.types(&execution).await;
    assert_eq!(
        at_first,
        ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]
    );
    let chunks = async || {
        sqlx::query_scalar::<_, i64>("select count(*) from engine.history_chunks")
            .fetch_one(server.engine.pool())
            .await
            .unwrap()
    };
    assert_eq!(chunks().await, 0);

    server
        .ok("RedriveExecution", json!({"executionArn": execution}))
        .await;
    server
        .until(&execution, |found| {
            found["redriveCount"] == 1 && found["status"] == "FAILED"
        })
        .await;
    assert!(chunks().await > 0);
    let types = server.types(&execution).await;
    assert_eq!(
        types.first_chunk::<3>().map(<[String; 3]>::as_slice),
        Some(at_first.as_slice())
    );
    assert_eq!(types.get(3).map(String::as_str), Some("ExecutionRedriven"));
    assert_eq!(types.last().map(String::as_str), Some("ExecutionFailed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_histories_are_paged_in_both_directions() {
    let server = Server::start().await;
    let machine = server.machine("pages", one(json!({"Type": "Pass"}))).await;
    let mut started = Vec::new();
    for _ in 0..5 {
        started.push(server.run(&machine, json!({})).await);
    }
    started.reverse();
    let mut listed = Vec::new();
    let mut request = json!({"stateMachineArn": machine, "maxResults": 2});
    loop {
        let page = server.ok("ListExecutions", request.clone()).await;
        listed.extend(
            page["executions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|found| text(&found["executionArn"])),
        );
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(listed, started);
    let (_, answer) = server
        .call(
            "ListExecutions",
            json!({"stateMachineArn": machine, "nextToken": "x"}),
        )
        .await;
    assert_eq!(answer["__type"], "InvalidToken");

    let mut ids = Vec::new();
    let mut request = json!({"executionArn": started[0], "maxResults": 3, "reverseOrder": true});
    loop {
        let page = server.ok("GetExecutionHistory", request.clone()).await;
        ids.extend(
            page["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["id"].as_u64().unwrap()),
        );
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(ids, [4, 3, 2, 1]);
    let request = json!({"executionArn": started[0], "includeExecutionData": false});
    let page = server.ok("GetExecutionHistory", request).await;
    assert_eq!(
        page["events"][1]["stateEnteredEventDetails"],
        json!({"name": "S"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_execution_answers_with_its_output() {
    let server = Server::start().await;
    let definition = one(json!({"Type": "Pass", "Result": {"a": 1}}));
    let request = json!({"name": "express", "definition": definition.to_string(), "roleArn": crate::harness::ROLE, "type": "EXPRESS"});
    let machine = server.ok("CreateStateMachine", request).await["stateMachineArn"].clone();
    let answer = server
        .ok(
            "StartSyncExecution",
            json!({"stateMachineArn": machine, "input": "{}"}),
        )
        .await;
    assert_eq!(
        (&answer["status"], &answer["output"]),
        (&json!("SUCCEEDED"), &json!(r#"{"a":1}"#))
    );
    assert_eq!(
        answer["billingDetails"],
        json!({"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100})
    );
    let (_, answer) = server
        .call(
            "DescribeExecution",
            json!({"executionArn": answer["executionArn"]}),
        )
        .await;
    assert_eq!(
        answer["message"],
        "Invalid Arn: 'Resource type not valid in this context: express'"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_loop_does_not_hold_up_other_executions() {
    let server = Server::start().await;
    let endless = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Variable": "$.never", "IsPresent": true, "Next": "C"}], "Default": "A"},
        "C": {"Type": "Succeed"}
    }});
    let long = server.machine("endless", endless).await;
    let short = server.machine("short", one(json!({"Type": "Pass"}))).await;
    let endless = server.run(&long, json!({})).await;
    assert_eq!(
        server.closed(&server.run(&short, json!({})).await).await["status"],
        "SUCCEEDED"
    );
    // The history is full some time, and that ends it.
    let found: Value = server.closed(&endless).await;
    assert_eq!(found["status"], "FAILED");
}
