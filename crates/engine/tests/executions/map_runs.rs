//! Map Runs from outside: their children, their bounds, redrive, abort, and what becomes of them when the process ends.

use std::time::Duration;

use serde_json::{Value, json};

use signalbox_engine::EngineConfig;

use crate::harness::{Client, Server, function, one, text, token_task, until};

/// A machine of one distributed Map, labelled `Map`.
fn map(processor: Value, members: Value) -> Value {
    let mut state = members;
    let mut processor = processor;
    processor["ProcessorConfig"] = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    state["Type"] = json!("Map");
    state["Label"] = json!("Map");
    state["ItemProcessor"] = processor;
    state["End"] = json!(true);
    json!({"StartAt": "M", "States": {"M": state}})
}

async fn map_run(client: &Client, execution: &str) -> String {
    for _ in 0..2_000 {
        let found = client.ok("ListMapRuns", json!({"executionArn": execution})).await;
        if let Some(run) = found["mapRuns"].get(0) {
            return text(&run["mapRunArn"]);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{execution} began no Map Run");
}

async fn until_run(client: &Client, run: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    for _ in 0..4_000 {
        found = client.ok("DescribeMapRun", json!({"mapRunArn": run})).await;
        if wanted(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the Map Run did not come to it: {found}");
}

async fn children(client: &Client, run: &str, filters: Value) -> Vec<Value> {
    let mut request = filters;
    request["mapRunArn"] = json!(run);
    let found = client.ok("ListExecutions", request).await;
    found["executions"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn children_are_executions_with_names_histories_and_a_machine_of_their_own() {
    let server = Server::start().await;
    let machine = server
        .machine(
            "m",
            map(
                one(json!({"Type": "Pass"})),
                json!({"ItemBatcher": {"MaxItemsPerBatch": 2}}),
            ),
        )
        .await;
    let execution = server.run(&machine, json!([1, 2, 3])).await;
    let output = text(&server.closed(&execution).await["output"]);
    assert_eq!(output, r#"[{"Items":[1,2]},{"Items":[3]}]"#);
    let run = map_run(&server, &execution).await;
    let described = until_run(&server, &run, |run| run["status"] == "SUCCEEDED").await;
    assert_eq!(described["itemCounts"]["total"], 3);
    assert_eq!(described["itemCounts"]["succeeded"], 3);
    assert_eq!(described["executionCounts"]["succeeded"], 2);
    assert_eq!(described["executionArn"], execution);

    let found = children(&server, &run, json!({})).await;
    let items: Vec<_> = found.iter().map(|child| &child["itemCount"]).collect();
    assert_eq!(items, [1, 2], "the newest first");
    let child = text(&found[0]["executionArn"]);
    assert!(child.contains(":execution:m/Map:"), "{child}");
    assert_eq!(found[0]["stateMachineArn"], format!("{machine}/Map"));
    let described = server
        .ok("DescribeExecution", json!({"executionArn": child}))
        .await;
    assert_eq!(described["mapRunArn"], run);
    assert_eq!(described["input"], r#"{"Items":[3]}"#);
    assert_eq!(
        server.types(&child).await,
        [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded"
        ]
    );
    let of_child = server
        .ok("DescribeStateMachineForExecution", json!({"executionArn": child}))
        .await;
    assert_eq!(of_child["label"], "Map");
    assert_eq!(of_child["mapRunArn"], run);
    let definition: Value = serde_json::from_str(of_child["definition"].as_str().unwrap()).unwrap();
    assert_eq!(definition["StartAt"], "S");
    let of_machine = server
        .ok("ListExecutions", json!({"stateMachineArn": machine}))
        .await;
    assert_eq!(of_machine["executions"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_run_goes_on_after_the_process_was_killed_and_repeats_nothing() {
    let server = Server::start().await;
    let machine = server
        .machine("m", map(one(function("slow")), json!({"MaxConcurrency": 3})))
        .await;
    let execution = server.run(&machine, json!([1, 2, 3, 4, 5, 6, 7])).await;
    let run = map_run(&server, &execution).await;
    server.functions.let_go("slow", 2);
    until_run(&server, &run, |run| {
        run["executionCounts"]["succeeded"] == 2 && run["executionCounts"]["running"] == 3
    })
    .await;
    let server = server.kill_and_restart().await;
    until_run(&server, &run, |run| run["executionCounts"]["running"] == 3).await;
    server.functions.let_go("slow", 100);
    assert_eq!(server.closed(&execution).await["output"], "[1,2,3,4,5,6,7]");
    let found = children(&server, &run, json!({})).await;
    assert_eq!(found.len(), 7, "no item has two children");
    let described = until_run(&server, &run, |run| run["status"] == "SUCCEEDED").await;
    assert_eq!(described["executionCounts"]["succeeded"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_runs_what_failed_and_what_had_not_begun_also_in_another_process() {
    let server = Server::start().await;
    let machine = server
        .machine("m", map(one(token_task()), json!({"MaxConcurrency": 1})))
        .await;
    let execution = server.run(&machine, json!([1, 2, 3])).await;
    // A function whose answer had not been recorded when the engine was killed is called again with the same token.
    let tokens = |server: &Server| {
        let mut tokens: Vec<String> = Vec::new();
        for token in server.functions.tokens() {
            if !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        tokens
    };
    let token = |server: &Server, number: usize| tokens(server).get(number).cloned();
    let answer = async |server: &Server, number: usize, operation: &str, mut answer: Value| {
        until("a task", || token(server, number).is_some()).await;
        answer["taskToken"] = json!(token(server, number));
        server.ok(operation, answer).await;
    };
    answer(&server, 0, "SendTaskSuccess", json!({"output": "10"})).await;
    answer(&server, 1, "SendTaskFailure", json!({"error": "E", "cause": "C"})).await;
    let failed = server.closed(&execution).await;
    assert_eq!(failed["error"], "States.ExceedToleratedFailureThreshold");
    let run = map_run(&server, &execution).await;
    let described = until_run(&server, &run, |run| run["status"] == "FAILED").await;
    assert_eq!(described["executionCounts"]["pending"], 1);
    assert_eq!(described["executionCounts"]["failed"], 1);
    let child = children(&server, &run, json!({"statusFilter": "FAILED"})).await[0].clone();
    let child = text(&child["executionArn"]);
    let described = server
        .ok("DescribeExecution", json!({"executionArn": child}))
        .await;
    assert_eq!(described["redriveStatus"], "REDRIVABLE_BY_MAP_RUN");
    let (status, refused) = server
        .call("RedriveExecution", json!({"executionArn": child}))
        .await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("ExecutionNotRedrivable"))
    );

    let server = server.restart().await;
    let redrive = json!({"executionArn": execution, "clientToken": "once"});
    let redriven = server.ok("RedriveExecution", redrive.clone()).await;
    until("the failed child again", || token(&server, 2).is_some()).await;
    let server = server.kill_and_restart().await;
    assert_eq!(
        server.ok("RedriveExecution", redrive).await,
        redriven,
        "a client token stands for one redrive, whoever is asked"
    );
    answer(&server, 2, "SendTaskSuccess", json!({"output": "20"})).await;
    answer(&server, 3, "SendTaskSuccess", json!({"output": "30"})).await;
    let done = server.closed(&execution).await;
    assert_eq!(
        (&done["output"], &done["redriveCount"]),
        (&json!("[10,20,30]"), &json!(1))
    );
    let described = until_run(&server, &run, |run| run["status"] == "SUCCEEDED").await;
    assert_eq!(described["redriveCount"], 1);
    let of = async |filter: &str| {
        children(&server, &run, json!({"redriveFilter": filter}))
            .await
            .len()
    };
    assert_eq!((of("REDRIVEN").await, of("NOT_REDRIVEN").await), (1, 2));
    let events = server.types(&execution).await;
    assert!(events.iter().any(|event| event == "MapRunRedriven"), "{events:?}");
    assert_eq!(tokens(&server).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_can_be_changed_under_way_and_a_stop_reaches_the_children() {
    let server = Server::start().await;
    let waiting = one(json!({"Type": "Wait", "Seconds": 3_600}));
    let machine = server
        .machine(
            "m",
            map(waiting, json!({"MaxConcurrency": 1, "ToleratedFailureCount": 1})),
        )
        .await;
    let execution = server.run(&machine, json!([1, 2, 3, 4])).await;
    let run = map_run(&server, &execution).await;
    until_run(&server, &run, |run| run["executionCounts"]["running"] == 1).await;
    let (status, refused) = server.call("UpdateMapRun", json!({"mapRunArn": run})).await;
    assert_eq!(
        (status, &refused["reason"]),
        (400, &json!("MISSING_REQUIRED_PARAMETER"))
    );
    server
        .ok("UpdateMapRun", json!({"mapRunArn": run, "maxConcurrency": 3}))
        .await;
    until_run(&server, &run, |run| run["executionCounts"]["running"] == 3).await;
    server
        .ok("StopExecution", json!({"executionArn": execution}))
        .await;
    let described = until_run(&server, &run, |run| run["status"] == "ABORTED").await;
    assert_eq!(described["executionCounts"]["aborted"], 3);
    assert_eq!(described["executionCounts"]["pending"], 1);
    assert_eq!(
        children(&server, &run, json!({"statusFilter": "RUNNING"}))
            .await
            .len(),
        0
    );
    assert_eq!(
        server.types(&execution).await.split_off(4),
        ["MapRunAborted", "ExecutionAborted"]
    );
    let (_, refused) = server
        .call("UpdateMapRun", json!({"mapRunArn": run, "maxConcurrency": 3}))
        .await;
    assert_eq!(refused["reason"], "CANNOT_UPDATE_COMPLETED_MAP_RUN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_run_that_nobody_waits_for_is_aborted_by_the_next_process() {
    let server = Server::start().await;
    let waiting = one(json!({"Type": "Wait", "Seconds": 3_600}));
    let machine = server.machine("m", map(waiting, json!({}))).await;
    let execution = server.run(&machine, json!([1, 2])).await;
    let run = map_run(&server, &execution).await;
    until_run(&server, &run, |run| run["executionCounts"]["running"] == 2).await;
    // As if the process had ended right after the execution's end was written.
    let server = server
        .change_and_restart(
            "with closed as (
                update engine.executions set status = 'ABORTED', stopped_at = started_at where map_run_arn is null returning id
            ) delete from engine.frames where execution_id in (select id from closed)",
        )
        .await;
    let described = until_run(&server, &run, |run| run["status"] == "ABORTED").await;
    assert_eq!(described["executionCounts"]["aborted"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_items_are_worked_through_within_the_bound() {
    let server = Server::start().await;
    let machine = server
        .machine(
            "m",
            map(one(json!({"Type": "Pass"})), json!({"ResultPath": null})),
        )
        .await;
    let items: Vec<u32> = (0..5_000).collect();
    let execution = server.run(&machine, json!(items)).await;
    assert_eq!(server.closed(&execution).await["status"], "SUCCEEDED");
    let run = map_run(&server, &execution).await;
    let described = server.ok("DescribeMapRun", json!({"mapRunArn": run})).await;
    assert_eq!(described["executionCounts"]["succeeded"], 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_fill_several_rows_are_all_there_after_a_kill() {
    let server = Server::start().await;
    let members = json!({"MaxConcurrency": 2, "ResultPath": null});
    let machine = server.machine("m", map(one(function("slow")), members)).await;
    let items: Vec<u32> = (0..2_500).collect();
    let execution = server.run(&machine, json!(items)).await;
    let run = map_run(&server, &execution).await;
    until_run(&server, &run, |run| run["executionCounts"]["running"] == 2).await;
    let server = server.kill_and_restart().await;
    let described = server.ok("DescribeMapRun", json!({"mapRunArn": run})).await;
    assert_eq!(
        described["itemCounts"]["total"], 2_500,
        "also before anybody drives it: {described}"
    );
    let described = until_run(&server, &run, |run| run["executionCounts"]["running"] == 2).await;
    assert_eq!(
        (&described["itemCounts"]["pending"], &described["status"]),
        (&json!(2_498), &json!("RUNNING"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn map_runs_beyond_the_quota_wait_until_others_have_ended_and_can_be_stopped_meanwhile() {
    let server = Server::start()
        .await
        .restart_with(EngineConfig {
            map_runs_open_max: 1,
            ..EngineConfig::default()
        })
        .await;
    let machine = server.machine("m", map(one(function("slow")), json!({}))).await;
    let first = server.run(&machine, json!([1])).await;
    let first_run = map_run(&server, &first).await;
    until_run(&server, &first_run, |run| run["executionCounts"]["running"] == 1).await;
    let stopped = server.run(&machine, json!([2, 3])).await;
    let second = server.run(&machine, json!([4])).await;
    let (stopped_run, second_run) = (map_run(&server, &stopped).await, map_run(&server, &second).await);
    let waits = |run: &Value| run["status"] == "RUNNING" && run["itemCounts"]["pending"] != 0;
    until_run(&server, &stopped_run, waits).await;
    until_run(&server, &second_run, waits).await;
    server.ok("StopExecution", json!({"executionArn": stopped})).await;
    let described = until_run(&server, &stopped_run, |run| run["status"] == "ABORTED").await;
    assert_eq!(described["itemCounts"]["pending"], 2, "none of them began");
    assert_eq!(
        server
            .ok("DescribeMapRun", json!({"mapRunArn": second_run}))
            .await["itemCounts"]["pending"],
        1
    );
    server.functions.let_go("slow", 2);
    assert_eq!(server.closed(&first).await["output"], "[1]");
    assert_eq!(server.closed(&second).await["output"], "[4]");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_or_timed_out_is_redriven_twice_and_what_succeeded_is_left_as_it_is() {
    let server = Server::start().await;
    let machine = server
        .machine("m", map(one(token_task()), json!({"MaxConcurrency": 3})))
        .await;
    let execution = server.run(&machine, json!([1, 2, 3, 4])).await;
    let run = map_run(&server, &execution).await;
    let tokens = || server.functions.tokens();
    until("three tasks", || tokens().len() == 3).await;
    let succeed = async |token: &String| {
        let request = json!({"taskToken": token, "output": "1"});
        server.ok("SendTaskSuccess", request).await;
    };
    succeed(&tokens()[0]).await;
    until("the fourth task", || tokens().len() == 4).await;
    let done = children(&server, &run, json!({"statusFilter": "SUCCEEDED"})).await;
    let stop = async || {
        server
            .ok("StopExecution", json!({"executionArn": execution}))
            .await;
        until_run(&server, &run, |run| run["status"] == "ABORTED").await
    };
    let described = stop().await;
    assert_eq!(
        (
            &described["executionCounts"]["aborted"],
            &described["executionCounts"]["succeeded"]
        ),
        (&json!(3), &json!(1))
    );
    let aborted = children(&server, &run, json!({"statusFilter": "ABORTED"})).await;
    let child = server
        .ok(
            "DescribeExecution",
            json!({"executionArn": aborted[0]["executionArn"]}),
        )
        .await;
    assert_eq!(child["redriveStatus"], "REDRIVABLE_BY_MAP_RUN");

    for redrive in [1, 2] {
        let before = tokens().len();
        server
            .ok("RedriveExecution", json!({"executionArn": execution}))
            .await;
        let described = until_run(&server, &run, |run| {
            run["redriveCount"] == redrive && run["executionCounts"]["running"] == 3
        })
        .await;
        assert_eq!(
            (&described["status"], &described["executionCounts"]["succeeded"]),
            (&json!("RUNNING"), &json!(1))
        );
        until("three tasks again", || tokens().len() == before + 3).await;
        if redrive == 1 {
            stop().await;
        }
    }
    for token in &tokens()[tokens().len() - 3..] {
        succeed(token).await;
    }
    assert_eq!(server.closed(&execution).await["output"], "[1,1,1,1]");
    let described = until_run(&server, &run, |run| run["status"] == "SUCCEEDED").await;
    assert_eq!(described["redriveCount"], 2);
    let untouched = children(&server, &run, json!({"redriveFilter": "NOT_REDRIVEN"})).await;
    assert_eq!(untouched, done);
    assert_eq!(tokens().len(), 10, "nobody worked again on what had succeeded");
    let (status, refused) = server
        .call("RedriveExecution", json!({"executionArn": execution}))
        .await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("ExecutionNotRedrivable"))
    );
}
