//! Human tasks: a workflow waits for a person, whose answer reaches it whatever happens.

use serde_json::{Value, json};

use crate::access::keys;
use crate::harness::{Options, Receiver, Reply, Signalbox, eventually};

const PEOPLE: [(&str, &str); 5] = [
    ("flow", "operator"),
    ("bob", "approver"),
    ("carol", "approver"),
    ("vera", "viewer"),
    ("adam", "admin"),
];

/// A service whose workflows hand their tokens to `receiver`.
async fn service(receiver: &Receiver) -> Signalbox {
    receiver.answer_all(Reply {
        body: b"{}".to_vec(),
        ..Reply::status(200)
    });
    let config = format!(
        "{}\n[functions.Ask]\nurl = \"{}/ask\"\n",
        keys(&PEOPLE),
        receiver.url
    );
    let options = Options {
        config,
        key: Some("key-adam".to_owned()),
        ..Options::default()
    };
    Signalbox::start_with(options).await
}

/// Starts a workflow that waits, straight on the engine; its ARN and token.
async fn wait_for_a_person(service: &Signalbox, receiver: &Receiver, name: &str) -> (String, String) {
    let definition = json!({"StartAt": "Ask", "States": {
        "Ask": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "TimeoutSeconds": 600,
            "Parameters": {"FunctionName": "Ask", "Payload": {"token.$": "$$.Task.Token"}},
            "Catch": [{"ErrorEquals": ["Signalbox.TaskDeadline"], "Next": "Late"}], "End": true},
        "Late": {"Type": "Pass", "Result": "too late", "End": true}}});
    let machine = json!({"name": name, "definition": definition.to_string(), "roleArn": "arn:aws:iam::000000000000:role/x"});
    let machine = service
        .step_functions("CreateStateMachine", machine)
        .await
        .expect(200);
    let heard = receiver.received().len();
    let start = json!({"stateMachineArn": machine["stateMachineArn"]});
    let execution = service.step_functions("StartExecution", start).await.expect(200);
    let event = receiver.wait_for(heard + 1).await.remove(heard).json();
    (
        execution["executionArn"].as_str().unwrap().to_owned(),
        event["token"].as_str().unwrap().to_owned(),
    )
}

async fn ended(service: &Signalbox, execution: &str) -> Value {
    eventually("the execution ends", async || {
        let described = service
            .step_functions("DescribeExecution", json!({"executionArn": execution}))
            .await
            .expect(200);
        (described["status"] != "RUNNING").then_some(described)
    })
    .await
}

async fn send(service: &Signalbox, who: &str, path: &str, body: Value) -> crate::harness::Answer {
    let request = service
        .request(reqwest::Method::POST, path)
        .bearer_auth(format!("key-{who}"));
    // The harness's own key comes first; the header is replaced, not added to.
    let mut request = request.json(&body).build().unwrap();
    request
        .headers_mut()
        .insert("authorization", format!("Bearer key-{who}").parse().unwrap());
    let response = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .execute(request)
        .await
        .unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    crate::harness::Answer {
        status,
        headers,
        text,
        json,
    }
}

async fn take_in(service: &Signalbox, token: &str, more: Value) -> String {
    let mut body = json!({"task_token": token, "title": "Check the order"});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let task = send(service, "flow", "/v1/task-intake", body).await.expect(201);
    task["id"].as_str().unwrap().to_owned()
}

async fn closed(service: &Signalbox, id: &str) -> Value {
    eventually("the task is closed", async || {
        let task = service.get(&format!("/v1/tasks/{id}")).await.expect(200);
        task.get("closed_at").is_some().then_some(task)
    })
    .await
}

#[tokio::test]
async fn a_persons_answer_becomes_the_output_of_the_waiting_state() {
    let receiver = Receiver::start().await;
    let service = service(&receiver).await;
    let (execution, token) = wait_for_a_person(&service, &receiver, "waits").await;
    let form =
        json!({"type": "object", "required": ["approved"], "properties": {"approved": {"type": "boolean"}}});
    let more = json!({"form": form, "assignees": ["bob", "carol"], "execution_arn": execution, "input": {"order": 7}});
    let id = take_in(&service, &token, more).await;
    let path = |verb: &str| format!("/v1/tasks/{id}/{verb}");
    let again = send(
        &service,
        "flow",
        "/v1/task-intake",
        json!({"task_token": token, "title": "Again"}),
    )
    .await;
    assert_eq!(again.expect(200)["id"], id, "the same token is the same task");

    send(&service, "vera", &path("claim"), json!({}))
        .await
        .expect_problem(403, "forbidden");
    send(&service, "flow", &path("claim"), json!({}))
        .await
        .expect_problem(403, "forbidden");
    send(&service, "bob", &path("claim"), json!({})).await.expect(200);
    let held = send(
        &service,
        "carol",
        &path("complete"),
        json!({"output": {"approved": true}}),
    )
    .await;
    assert_eq!(held.expect_problem(409, "conflict")["holder"], "bob");
    let misfit = send(
        &service,
        "bob",
        &path("complete"),
        json!({"output": {"approved": "yes"}}),
    )
    .await;
    assert_eq!(
        misfit.expect_problem(422, "invalid_input")["errors"][0]["pointer"],
        "/output/approved"
    );
    let answered = send(
        &service,
        "bob",
        &path("complete"),
        json!({"output": {"approved": true}}),
    )
    .await
    .expect(202);
    assert_eq!(answered["answered_by"], "bob");
    send(&service, "bob", &path("fail"), json!({}))
        .await
        .expect_problem(409, "conflict");

    let ended = ended(&service, &execution).await;
    assert_eq!(ended["status"], "SUCCEEDED");
    assert_eq!(ended["output"], json!({"approved": true}).to_string());
    let task = closed(&service, &id).await;
    assert_eq!(task["state"], "completed");
    assert!(!task.to_string().contains(&token) && task.get("task_token").is_none());
}

#[tokio::test]
async fn the_inbox_holds_what_is_ones_own_and_a_task_can_be_put_back_and_handed_on() {
    let receiver = Receiver::start().await;
    let service = service(&receiver).await;
    let (execution, token) = wait_for_a_person(&service, &receiver, "inbox").await;
    let id = take_in(&service, &token, json!({"assignees": ["bob"]})).await;
    let inbox = async |who: &str| {
        let mut request = service
            .request(reqwest::Method::GET, "/v1/tasks?assignee=me")
            .build()
            .unwrap();
        request
            .headers_mut()
            .insert("authorization", format!("Bearer key-{who}").parse().unwrap());
        let response = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .execute(request)
            .await
            .unwrap();
        let page: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        page["data"].as_array().unwrap().len()
    };
    assert_eq!([inbox("bob").await, inbox("carol").await], [1, 0]);
    send(&service, "bob", &format!("/v1/tasks/{id}/claim"), json!({}))
        .await
        .expect(200);
    send(&service, "carol", &format!("/v1/tasks/{id}/release"), json!({}))
        .await
        .expect_problem(403, "forbidden");
    send(&service, "bob", &format!("/v1/tasks/{id}/release"), json!({}))
        .await
        .expect(200);
    let handed = send(
        &service,
        "bob",
        &format!("/v1/tasks/{id}/delegate"),
        json!({"to": "carol"}),
    )
    .await
    .expect(200);
    assert_eq!(handed["claimed_by"], "carol");
    assert_eq!([inbox("bob").await, inbox("carol").await], [0, 1]);
    let failed = json!({"error": "Order.Refused", "cause": "too expensive"});
    send(&service, "carol", &format!("/v1/tasks/{id}/fail"), failed)
        .await
        .expect(202);
    let ended = ended(&service, &execution).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("Order.Refused"))
    );
    assert_eq!(closed(&service, &id).await["state"], "failed");
}

#[tokio::test]
async fn a_task_nobody_answers_in_time_fails_by_a_name_that_the_workflow_catches() {
    let receiver = Receiver::start().await;
    let service = service(&receiver).await;
    let (execution, token) = wait_for_a_person(&service, &receiver, "late").await;
    let id = take_in(&service, &token, json!({"deadline_seconds": 1})).await;
    let ended = ended(&service, &execution).await;
    assert_eq!(
        (&ended["status"], &ended["output"]),
        (&json!("SUCCEEDED"), &json!("\"too late\""))
    );
    let task = closed(&service, &id).await;
    assert_eq!(
        (&task["state"], &task["error"]),
        (&json!("failed"), &json!("Signalbox.TaskDeadline"))
    );
}

#[tokio::test]
async fn a_task_whose_workflow_is_over_says_so_when_it_is_answered() {
    let receiver = Receiver::start().await;
    let service = service(&receiver).await;
    let (execution, token) = wait_for_a_person(&service, &receiver, "stopped").await;
    let id = take_in(&service, &token, json!({})).await;
    service
        .step_functions("StopExecution", json!({"executionArn": execution}))
        .await
        .expect(200);
    send(
        &service,
        "bob",
        &format!("/v1/tasks/{id}/complete"),
        json!({"output": 1}),
    )
    .await
    .expect(202);
    let task = closed(&service, &id).await;
    assert_eq!(task["state"], "gone");
    assert!(
        task["outcome_note"].as_str().unwrap().starts_with("Task"),
        "{task}"
    );
}

#[tokio::test]
async fn an_acknowledged_answer_survives_kill_9() {
    let receiver = Receiver::start().await;
    let mut service = service(&receiver).await;
    let (execution, token) = wait_for_a_person(&service, &receiver, "killed").await;
    let id = take_in(&service, &token, json!({})).await;
    send(
        &service,
        "bob",
        &format!("/v1/tasks/{id}/complete"),
        json!({"output": {"n": 1}}),
    )
    .await
    .expect(202);
    service.kill().await;
    service.restart().await;
    assert_eq!(
        ended(&service, &execution).await["output"],
        json!({"n": 1}).to_string()
    );
    assert_eq!(closed(&service, &id).await["state"], "completed");
}

#[tokio::test]
async fn what_is_wrong_with_a_task_is_told_by_field() {
    let receiver = Receiver::start().await;
    let service = service(&receiver).await;
    let base = json!({"task_token": "x", "title": "T"});
    for (field, value, pointer) in [
        ("task_token", json!(""), "/task_token"),
        ("title", json!("x".repeat(201)), "/title"),
        ("assignees", json!([]), "/assignees"),
        ("deadline_seconds", json!(0), "/deadline_seconds"),
        ("environment", json!("nowhere"), "/environment"),
        ("form", json!({"type": "maybe"}), "/form/type"),
    ] {
        let mut body = base.clone();
        body[field] = value;
        let problem = send(&service, "flow", "/v1/task-intake", body)
            .await
            .expect_problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}
