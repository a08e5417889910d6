//! What is open when a process ends goes on in the next one; and one process drives at a time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use signalbox_engine::EngineConfig;
use signalbox_engine::clock::{Clock, ManualClock, SystemClock};
use signalbox_engine::runtime::Readiness;
use signalbox_postgres::testing::database;
use sqlx::PgPool;

use crate::harness::{Server, function, one, text, token_task, until};

#[tokio::test(flavor = "multi_thread")]
async fn waits_tokens_and_activities_outlive_the_process() {
    let server = Server::start().await;
    let activity = text(&server.ok("CreateActivity", json!({"name": "work"})).await["activityArn"]);
    let wait = server
        .machine("wait", one(json!({"Type": "Wait", "Seconds": 2})))
        .await;
    let work = server
        .machine("work", one(json!({"Type": "Task", "Resource": activity})))
        .await;
    let state = token_task();
    let token = server.machine("token", one(state)).await;
    let waits = server.run(&wait, json!({"w": 1})).await;
    let works = server.run(&work, json!({"a": 1})).await;
    let tokens = server.run(&token, json!({})).await;
    server.until_history(&tokens, "TaskSubmitted", 1).await;

    let server = server.restart().await;
    let task = server
        .ok("GetActivityTask", json!({"activityArn": activity}))
        .await;
    assert_eq!(task["input"], r#"{"a":1}"#);
    server
        .ok(
            "SendTaskSuccess",
            json!({"taskToken": task["taskToken"], "output": "1"}),
        )
        .await;
    assert_eq!(server.closed(&works).await["output"], "1");
    let token = server.functions.tokens().remove(0);
    server
        .ok("SendTaskSuccess", json!({"taskToken": token, "output": "2"}))
        .await;
    assert_eq!(server.closed(&tokens).await["output"], "2");
    assert_eq!(
        server.functions.tokens().len(),
        1,
        "what was submitted is not sent again"
    );
    let found = server.closed(&waits).await;
    let seconds = found["stopDate"].as_f64().unwrap() - found["startDate"].as_f64().unwrap();
    assert!((2.0..30.0).contains(&seconds), "the due time was kept: {seconds}");
    let fired: Vec<_> = server.types(&waits).await;
    assert_eq!(fired.last().unwrap(), "ExecutionSucceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_result_is_kept_and_a_task_in_flight_is_called_again() {
    let server = Server::start().await;
    let mut first = function("first");
    first["Next"] = json!("B");
    let mut second = function("second");
    second["End"] = json!(true);
    let machine = server
        .machine(
            "two",
            json!({"StartAt": "A", "States": {"A": first, "B": second}}),
        )
        .await;
    server.functions.let_go("first", 1);
    let execution = server.run(&machine, json!({})).await;
    until("the second is called", || server.functions.calls("second") == 1).await;

    let server = server.restart().await;
    until("the second is called again", || {
        server.functions.calls("second") == 2
    })
    .await;
    server.functions.let_go("second", 1);
    assert_eq!(server.closed(&execution).await["status"], "SUCCEEDED");
    assert_eq!(server.functions.calls("first"), 1);
    let types = server.types(&execution).await;
    assert_eq!(
        types
            .iter()
            .filter(|kind| *kind == "LambdaFunctionSucceeded")
            .count(),
        2
    );
}

/// A Map of so many items that its frame is not written at each result.
async fn large_map(server: &Server, items: u32) -> String {
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor":
        {"StartAt": "F", "States": {"F": {"Type": "Task", "End": true,
            "Resource": "arn:aws:lambda:us-east-1:000000000000:function:item"}}}}}});
    let machine = server.machine("large", definition).await;
    server.run(&machine, json!((0..items).collect::<Vec<_>>())).await
}

/// Waits until every item is called and five of them have answered, durably.
async fn five_results(server: &Server, execution: &str) {
    server.functions.let_go("item", 5);
    server
        .until_history(execution, "LambdaFunctionStarted", 200)
        .await;
    server
        .until_history(execution, "LambdaFunctionSucceeded", 5)
        .await;
}

async fn logged_inputs(server: &Server) -> i64 {
    sqlx::query_scalar("select count(*) from engine.frame_inputs")
        .fetch_one(server.engine.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_map_is_logged_by_its_inputs_and_goes_on_from_them() {
    const ITEMS: u32 = 200;
    let server = Server::start().await;
    let execution = large_map(&server, ITEMS).await;
    five_results(&server, &execution).await;
    assert!(
        logged_inputs(&server).await > 0,
        "the frame is too large to be written at each result"
    );

    let server = server.kill_and_restart().await;
    server.functions.let_go("item", 2 * ITEMS as usize);
    let found = server.closed(&execution).await;
    let output: Vec<u32> = serde_json::from_str(found["output"].as_str().unwrap()).unwrap();
    assert_eq!(output, (0..ITEMS).collect::<Vec<_>>());
    let types = server.types(&execution).await;
    assert_eq!(
        types
            .iter()
            .filter(|kind| *kind == "LambdaFunctionSucceeded")
            .count(),
        ITEMS as usize
    );
    assert_eq!(
        logged_inputs(&server).await,
        0,
        "a closed execution leaves no inputs"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_in_order_leaves_nothing_to_be_repeated() {
    let server = Server::start().await;
    large_map(&server, 200).await;
    until("items are called", || server.functions.calls("item") >= 40).await;
    server.functions.let_go("item", 5);
    until("five more are called", || server.functions.calls("item") >= 45).await;
    let server = server.restart().await;
    let behind: i64 = sqlx::query_scalar(
        "select count(*) from engine.frame_inputs i join engine.frames f using (execution_id) where i.sequence > f.inputs_applied",
    )
    .fetch_one(server.engine.pool())
    .await
    .unwrap();
    // What the new process has logged since is its own.
    let taken_over: i64 = sqlx::query_scalar("select epoch from engine.driver")
        .fetch_one(server.engine.pool())
        .await
        .unwrap();
    assert_eq!(taken_over, 2);
    assert!(
        behind <= 60,
        "the five results and what came with them are in the snapshot: {behind}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_whose_history_would_change_is_held() {
    let server = Server::start().await;
    let execution = large_map(&server, 200).await;
    five_results(&server, &execution).await;
    let server = server
        .change_and_restart(
            "update engine.frame_inputs set input = convert_to(
                regexp_replace(convert_from(input, 'UTF8'), '\"check\":[0-9]+', '\"check\":1'), 'UTF8')",
        )
        .await;
    let calls = server.functions.calls("item");
    server.functions.let_go("item", 400);
    // Something that comes after it in the same engine ends, so there was time to drive it.
    let other = server
        .machine("other", one(json!({"Type": "Wait", "Seconds": 1})))
        .await;
    server.closed(&server.run(&other, json!({})).await).await;
    assert_eq!(server.functions.calls("item"), calls, "nothing is called for it");
    let found = server
        .ok("DescribeExecution", json!({"executionArn": execution}))
        .await;
    assert_eq!(
        found["status"], "RUNNING",
        "it waits for a version that can drive it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_stands_by_and_takes_over() {
    let first = Server::start().await;
    let machine = first
        .machine("wait", one(json!({"Type": "Wait", "Seconds": 1})))
        .await;
    let second = Server::beside(&first).await;
    let execution = first.run(&machine, json!({})).await;
    let (status, answer) = second
        .call("StartExecution", json!({"stateMachineArn": machine}))
        .await;
    assert_eq!((status, &answer["__type"]), (503, &json!("ServiceUnavailable")));
    assert_eq!(second.engine.readiness(), Readiness::Standby);
    // The standby has looked at the machine already, before it was changed.
    let update = json!({"stateMachineArn": machine, "definition": one(json!({"Type": "Pass", "Result": "new"})).to_string()});
    first.ok("UpdateStateMachine", update).await;
    first.engine.shutdown().await;
    second.engine.driving().await;
    assert_eq!(second.closed(&execution).await["status"], "SUCCEEDED");
    let after = second.run(&machine, json!({})).await;
    assert_eq!(second.closed(&after).await["output"], r#""new""#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_up_loses_nothing_that_was_acknowledged() {
    let server = Server::start().await;
    let machine = server.machine("two", one(function("echo"))).await;
    let hanging_up = async {
        let admin = PgPool::connect(&server.database.url).await.unwrap();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
                .execute(&admin)
                .await
                .unwrap();
            server.engine.driving().await;
        }
    };
    let starting = futures::future::join_all((0..20).map(|worker| {
        let (server, machine) = (&server, &machine);
        async move {
            let mut names = Vec::new();
            for number in 0..20 {
                let name = format!("{worker}-{number}");
                let request = json!({"stateMachineArn": machine, "name": name, "input": json!({"n": name}).to_string()});
                server.insist("StartExecution", request, "ExecutionAlreadyExists").await;
                names.push(name);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            names
        }
    }));
    let (names, ()) = tokio::join!(starting, hanging_up);
    for name in names.into_iter().flatten() {
        let execution = format!("{}:{name}", machine.replace(":stateMachine:", ":execution:"));
        let found = server.closed(&execution).await;
        assert_eq!(found["output"], json!({"n": name}).to_string());
        server.history(&execution).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_were_put_away_come_back() {
    let config = EngineConfig {
        frames_resident_bytes_max: 1,
        ..EngineConfig::default()
    };
    let server = Server::over(database().await, config, Arc::default()).await;
    let state = token_task();
    let tokens = server.machine("token", one(state)).await;
    let waits = server
        .machine("wait", one(json!({"Type": "Wait", "Seconds": 1})))
        .await;
    let mut executions = Vec::new();
    for number in 0..20 {
        executions.push(server.run(&tokens, json!({"n": number})).await);
        executions.push(server.run(&waits, json!({"n": number})).await);
    }
    until("all tokens are out", || server.functions.tokens().len() == 20).await;
    for token in server.functions.tokens() {
        server
            .ok("SendTaskSuccess", json!({"taskToken": token, "output": "true"}))
            .await;
    }
    for execution in &executions {
        assert_eq!(server.closed(execution).await["status"], "SUCCEEDED");
        server.history(execution).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_executions_are_kept_for_ninety_days_and_open_ones_for_ever() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let server = Server::start().await;
    let pass = server.machine("pass", one(json!({"Type": "Pass"}))).await;
    let waits = server.machine("waits", one(token_task())).await;
    let closed = server.run(&pass, json!({})).await;
    let open = server.run(&waits, json!({})).await;
    server.until_history(&open, "TaskSubmitted", 1).await;
    let now_ms = SystemClock.now_ms();

    let server = server.restart_at(now_ms + 89 * DAY_MS).await;
    let kept = server.machine("kept", one(json!({"Type": "Pass"}))).await;
    server.closed(&server.run(&kept, json!({})).await).await;
    assert_eq!(server.types(&closed).await.len(), 4);

    let server = server.restart_at(now_ms + 91 * DAY_MS).await;
    server
        .until_error(
            "DescribeExecution",
            json!({"executionArn": closed}),
            "ExecutionDoesNotExist",
        )
        .await;
    assert_eq!(
        server
            .ok("DescribeExecution", json!({"executionArn": open}))
            .await["status"],
        "RUNNING"
    );
    let left: i64 = sqlx::query_scalar(
        "select count(*) from engine.history h where not exists (select from engine.executions e where e.id = h.execution_id)",
    )
    .fetch_one(server.engine.pool())
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_closed_executions_are_kept_can_be_configured() {
    const HOUR_MS: i64 = 60 * 60 * 1_000;
    let server = Server::start().await;
    let pass = server.machine("pass", one(json!({"Type": "Pass"}))).await;
    let closed = server.run(&pass, json!({})).await;
    server.closed(&closed).await;
    let config = EngineConfig {
        clock: Arc::new(ManualClock::at(SystemClock.now_ms() + 3 * HOUR_MS)),
        retention_ms: 2 * HOUR_MS,
        ..EngineConfig::default()
    };
    let server = server.restart_with(config).await;
    server
        .until_error(
            "DescribeExecution",
            json!({"executionArn": closed}),
            "ExecutionDoesNotExist",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_function_does_not_hold_up_another() {
    let server = Server::start().await;
    let slow = server.machine("slow", one(function("gate"))).await;
    let quick = server.machine("quick", one(function("echo"))).await;
    let mut waiting = Vec::new();
    for number in 0..300 {
        waiting.push(server.run(&slow, json!(number)).await);
    }
    let found: Value = server.closed(&server.run(&quick, json!({"q": 1})).await).await;
    assert_eq!(found["output"], r#"{"q":1}"#);
    assert!(server.functions.calls("gate") <= 256, "a lane has its limit");
    server.functions.let_go("gate", 300);
    for execution in waiting {
        assert_eq!(server.closed(&execution).await["status"], "SUCCEEDED");
    }
}

/// What a test case of the mock file answers, and who was to be told of it is gone: the next process answers it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_mocked_answer_that_was_lost_between_submission_and_end_is_given_again() {
    let file = std::env::temp_dir().join(format!("signalbox-lost-{}.json", uuid::Uuid::new_v4()));
    let cases = json!({"Case": {"Elsewhere": "done"}});
    let mocks = json!({"StateMachines": {"m": {"TestCases": cases}}, "MockedResponses": {"done": {"0": {"Return": 1}}}});
    std::fs::write(&file, mocks.to_string()).unwrap();
    let config = EngineConfig {
        mock_config: Some(file.clone()),
        ..EngineConfig::default()
    };
    let server = Server::over(database().await, config, Arc::default()).await;
    let machine = server.machine("m", one(token_task())).await;
    // The case says nothing of this state, so it waits for its token, as one would whose end was lost.
    let execution = server.run(&format!("{machine}#Case"), json!({})).await;
    server.until_history(&execution, "TaskSubmitted", 1).await;
    let server = server
        .change_and_restart(
            r#"update engine.executions set mock_case = '{"S":[[0,0,{"Return":{"paid":true}}]]}'"#,
        )
        .await;
    let closed = server.closed(&execution).await;
    std::fs::remove_file(file).unwrap();
    assert_eq!(
        (&closed["status"], &closed["output"]),
        (&json!("SUCCEEDED"), &json!(r#"{"paid":true}"#))
    );
    let submitted = server.history(&execution).await;
    let submitted = submitted.iter().filter(|event| event["type"] == "TaskSubmitted");
    assert_eq!(submitted.count(), 1);
}
