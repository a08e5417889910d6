//! Executions that a task of another one waits for.

use asl::eval::TaskId;
use serde_json::{Value, json};
use signalbox_engine::executions::{ParentTask, StartExecution};

use crate::harness::{Server, one, text};

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_begins_when_its_task_was_given_up_does_not_go_on() {
    let server = Server::start().await;
    let waiting = one(json!({"Type": "Wait", "Seconds": 3_600}));
    let machine = server.machine("m", waiting).await;
    let parent = server.run(&machine, Value::Null).await;
    server.ok("StopExecution", json!({"executionArn": parent})).await;
    // Its start was on the way when the parent was stopped, so that nobody found it to be stopped with it.
    let execution = server.engine.executions().find(&parent).await.unwrap().id;
    let started = server
        .engine
        .executions()
        .start(StartExecution {
            arn: machine,
            name: None,
            input: None,
            trace_header: None,
            parent: Some(ParentTask {
                execution,
                task: TaskId(1),
            }),
        })
        .await
        .unwrap();
    let closed = server.closed(&started.arn).await;
    assert_eq!(text(&closed["status"]), "ABORTED");
}
