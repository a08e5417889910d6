//! Speaks the wire protocol to an engine that comes and goes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long something that must happen may take on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Cheap to clone; all clones know where the engine is now.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    place: Arc<watch::Sender<Option<String>>>,
}

/// What the engine answered, if it did.
enum Answer {
    /// Taken, or refused for good.
    Said(u16, Value),
    /// It is not there, or says that it can't now.
    NotNow(Value),
}

impl Client {
    pub(crate) fn new() -> Self {
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            place: Arc::new(watch::Sender::new(None)),
        }
    }

    /// The engine serves at this URL, or nowhere.
    pub(crate) fn engine_is_at(&self, url: Option<String>) {
        self.place.send_replace(url);
    }

    async fn once(&self, operation: &str, request: &Value) -> Answer {
        let mut place = self.place.subscribe();
        let url = place.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let sent = self
            .http
            .post(url)
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(request.to_string())
            .send();
        let heard = async {
            let response = sent.await?;
            let status = response.status().as_u16();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        };
        match heard.await {
            Ok((503, body)) => {
                let answer: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(answer["__type"], "ServiceUnavailable", "{operation}: {answer}");
                Answer::NotNow(answer)
            }
            Ok((500, body)) => panic!("{operation}: {}", String::from_utf8_lossy(&body)),
            Ok((status, body)) => Answer::Said(status, serde_json::from_slice(&body).unwrap()),
            Err(error) => Answer::NotNow(json!(error.to_string())),
        }
    }

    /// Asks until the engine answers, through restarts: status 200 or 400, and the answer.
    pub(crate) async fn insist(&self, operation: &str, request: Value) -> (u16, Value) {
        let insisting = async {
            loop {
                if let Answer::Said(status, answer) = self.once(operation, &request).await {
                    return (status, answer);
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, insisting)
            .await
            .unwrap_or_else(|_| panic!("{operation} was never answered: {request}"))
    }

    /// Asks for what must succeed.
    pub(crate) async fn ok(&self, operation: &str, request: Value) -> Value {
        let (status, answer) = self.insist(operation, request).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// Starts executions until the engine refuses to; what it says.
    pub(crate) async fn until_refused(&self, machine: &str) -> Value {
        let request = json!({"stateMachineArn": machine});
        let refused = async {
            loop {
                if let Answer::NotNow(answer) = self.once("StartExecution", &request).await {
                    return answer;
                }
            }
        };
        timeout(PATIENCE, refused)
            .await
            .expect("the engine refuses new work")
    }

    /// Waits until an execution is started and has ended.
    pub(crate) async fn until_one_ends(&self, machine: &str) {
        let started = self
            .ok("StartExecution", json!({"stateMachineArn": machine}))
            .await;
        let describe = json!({"executionArn": started["executionArn"]});
        while self.ok("DescribeExecution", describe.clone()).await["status"] == "RUNNING" {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Makes a state machine; its ARN. The same one again when it is there.
    pub(crate) async fn machine(&self, name: &str, definition: &Value) -> String {
        let request = json!({"name": name, "definition": definition.to_string(),
            "roleArn": "arn:aws:iam::000000000000:role/r"});
        let made = self.ok("CreateStateMachine", request).await;
        made["stateMachineArn"].as_str().unwrap().to_owned()
    }

    /// The whole history.
    pub(crate) async fn history(&self, execution: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut request = json!({"executionArn": execution, "maxResults": 1000});
        loop {
            let page = self.ok("GetExecutionHistory", request.clone()).await;
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page.get("nextToken") {
                Some(token) => request["nextToken"] = token.clone(),
                None => return events,
            }
        }
    }
}
