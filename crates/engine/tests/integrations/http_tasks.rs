//! `http:invoke` and `apigateway:invoke` against a server that remembers what it was sent.

use serde_json::{Value, json};
use signalbox_engine::integrations::config::{Credentials, HttpTasks, IntegrationsConfig};

use crate::harness::{Answer, Api, StandIn, failure, output};
use crate::signed;

async fn server(status: u16, headers: Vec<(&'static str, &'static str)>, body: &'static str) -> StandIn {
    StandIn::start(Answer {
        status,
        headers,
        body,
    })
    .await
}

fn config(connections: Value) -> IntegrationsConfig {
    IntegrationsConfig {
        connections: serde_json::from_value(connections).unwrap(),
        ..IntegrationsConfig::default()
    }
}

fn task(resource: &str, parameters: Value) -> Value {
    json!({"Resource": format!("arn:aws:states:::{resource}"), "Parameters": parameters})
}

fn connection(name: &str) -> Value {
    json!({"ConnectionArn": format!("arn:aws:events:us-east-1:000000000000:connection/{name}/0b2b5f3c")})
}

#[tokio::test]
async fn a_call_has_its_query_its_headers_and_its_body_and_shows_the_answer() {
    let headers = vec![("content-type", "application/json"), ("x-many", "1")];
    let server = server(201, headers, r#"{"id": 7}"#).await;
    let api = Api::start(config(json!({}))).await;
    let call = task(
        "http:invoke",
        json!({
            "ApiEndpoint": format!("{}/v1/things?a=1", server.url),
            "Method": "POST",
            "Headers": {"X-Trace": "t", "X-List": ["a", "b"]},
            "QueryParameters": {"b": ["2", "3"], "c": 4},
            "RequestBody": {"name": "n"},
        }),
    );
    let shown = output(&api.run_task("m", call, json!({})).await);
    assert_eq!(
        (&shown["ResponseBody"], &shown["StatusCode"], &shown["StatusText"]),
        (&json!({"id": 7}), &json!(201), &json!("Created"))
    );
    assert_eq!(shown["Headers"]["x-many"], json!(["1"]));
    let sent = server.sent().remove(0);
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str(), sent.body.as_str()),
        ("POST", "/v1/things?a=1&b=2&b=3&c=4", r#"{"name":"n"}"#)
    );
    assert_eq!(sent.headers["x-trace"], "t");
    assert_eq!(sent.headers["x-list"], "a,b");
    assert_eq!(sent.headers["content-type"], "application/json");
    assert_eq!(
        sent.headers["user-agent"],
        "Amazon|StepFunctions|HttpInvoke|us-east-1"
    );
}

#[tokio::test]
async fn a_status_that_is_no_success_is_an_error_of_its_number() {
    let server = server(404, vec![], "no such thing").await;
    let api = Api::start(config(json!({}))).await;
    let parameters = json!({"ApiEndpoint": server.url, "Method": "GET"});
    let done = api
        .run_task("m", task("http:invoke", parameters), json!({}))
        .await;
    assert_eq!(
        failure(&done),
        (
            "States.Http.StatusCode.404".to_owned(),
            "no such thing".to_owned()
        )
    );
    let parameters = json!({"ApiEndpoint": "http://127.0.0.1:1", "Method": "GET"});
    let done = api
        .run_task("away", task("http:invoke", parameters), json!({}))
        .await;
    assert_eq!(failure(&done).0, "States.Http.Socket");
}

#[tokio::test]
async fn connections_add_their_credentials_and_their_parameters() {
    let server = server(200, vec![], "").await;
    let api = Api::start(config(json!({
        "Basic": {"basic": {"username": "u", "password": "p"}, "query": {"tenant": "t"}, "body": {"extra": "e"}},
        "Key": {"api_key": {"name": "X-Api-Key", "value": "k"}, "headers": {"X-Added": "a"}},
    })))
    .await;
    for (name, machine) in [("Basic", "a"), ("Key", "b")] {
        let call = json!({
            "ApiEndpoint": format!("{}/?tenant=mine", server.url),
            "Method": "POST",
            "Authentication": connection(name),
            "RequestBody": {"own": "o"},
        });
        output(&api.run_task(machine, task("http:invoke", call), json!({})).await);
    }
    let [basic, key] = &server.sent()[..] else {
        panic!("two calls")
    };
    assert_eq!(basic.headers["authorization"], "Basic dTpw");
    assert_eq!(basic.path, "/?tenant=t");
    assert_eq!(basic.body, r#"{"own":"o","extra":"e"}"#);
    assert_eq!(
        (&key.headers["x-api-key"], &key.headers["x-added"]),
        (&"k".parse().unwrap(), &"a".parse().unwrap())
    );
    let call = json!({"ApiEndpoint": server.url, "Method": "GET", "Authentication": connection("None")});
    let (_, cause) = failure(&api.run_task("c", task("http:invoke", call), json!({})).await);
    assert!(cause.contains("[connections.None]"), "{cause}");
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_until_it_is_stale() {
    let token = server(200, vec![], r#"{"access_token": "t-1", "expires_in": 3600}"#).await;
    let server = server(200, vec![], "").await;
    let api = Api::start(config(json!({
        "OAuth": {"oauth_client_credentials": {
            "client_id": "i", "client_secret": "s", "authorization_endpoint": token.url, "scope": "all",
        }},
    })))
    .await;
    for machine in ["a", "b"] {
        let call = json!({"ApiEndpoint": server.url, "Method": "GET", "Authentication": connection("OAuth")});
        output(&api.run_task(machine, task("http:invoke", call), json!({})).await);
    }
    let asked = token.sent();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].body,
        "grant_type=client_credentials&client_id=i&client_secret=s&scope=all"
    );
    for sent in server.sent() {
        assert_eq!(sent.headers["authorization"], "Bearer t-1");
    }
}

#[tokio::test]
async fn a_body_can_be_a_form() {
    let server = server(200, vec![], "").await;
    let api = Api::start(config(json!({}))).await;
    let call = json!({
        "ApiEndpoint": server.url,
        "Method": "POST",
        "RequestBody": {"a": [1, 2], "b": "c d"},
        "Transform": {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "REPEAT"}},
    });
    output(&api.run_task("m", task("http:invoke", call), json!({})).await);
    let sent = server.sent().remove(0);
    assert_eq!(sent.body, "a=1&a=2&b=c+d");
    assert_eq!(sent.headers["content-type"], "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn private_addresses_are_out_of_reach_when_they_are_not_allowed() {
    let server = server(200, vec![], "").await;
    let api = Api::start(IntegrationsConfig {
        http_tasks: HttpTasks {
            private_addresses: false,
        },
        ..IntegrationsConfig::default()
    })
    .await;
    for (machine, endpoint) in [
        ("literal", server.url.clone()),
        ("name", server.url.replace("127.0.0.1", "localhost")),
    ] {
        let call = json!({"ApiEndpoint": endpoint, "Method": "GET"});
        let (error, cause) = failure(&api.run_task(machine, task("http:invoke", call), json!({})).await);
        assert_eq!(error, "States.Http.Socket");
        assert!(cause.contains("no address that HTTP tasks may call"), "{cause}");
    }
    assert!(server.sent().is_empty());
}

#[tokio::test]
async fn an_api_of_api_gateway_is_called_by_stage_and_path() {
    let headers = vec![("content-type", "application/json"), ("x-amz-apigw-id", "i")];
    let server = server(200, headers, r#"{"message": "hi"}"#).await;
    let api = Api::start(IntegrationsConfig {
        credentials: Some(Credentials {
            access_key: "AKID".into(),
            secret: "a secret".into(),
            session_token: None,
        }),
        ..IntegrationsConfig::default()
    })
    .await;
    let call = task(
        "apigateway:invoke",
        json!({
            "ApiEndpoint": server.url, "Method": "POST", "Stage": "prod", "Path": "a/b",
            "QueryParameters": {"q": ["1", "2"]}, "Headers": {"custom": ["x"]}, "RequestBody": "text",
            "AuthType": "IAM_ROLE",
        }),
    );
    let shown = output(&api.run_task("m", call, json!({})).await);
    assert_eq!(shown["ResponseBody"], json!({"message": "hi"}));
    assert_eq!(shown["Headers"]["x-amz-apigw-id"], json!(["i"]));
    assert_eq!(shown["Headers"]["Content-Type"], json!(["application/json"]));
    let sent = server.sent().remove(0);
    assert_eq!(
        (sent.path.as_str(), sent.body.as_str()),
        ("/prod/a/b?q=1&q=2", r#""text""#)
    );
    assert_eq!(sent.headers["custom"], "x");
    assert_eq!(signed::scope(&sent, "a secret"), "us-east-1/execute-api");
}

#[tokio::test]
async fn an_api_s_refusal_is_an_error_of_its_number_with_the_body_as_the_cause() {
    let body = r#"{"message":"Missing Authentication Token"}"#;
    let server = server(403, vec![], body).await;
    let api = Api::start(config(json!({}))).await;
    let call = json!({"ApiEndpoint": server.url, "Method": "GET"});
    let done = api
        .run_task("m", task("apigateway:invoke", call), json!({}))
        .await;
    assert_eq!(failure(&done), ("ApiGateway.403".to_owned(), body.to_owned()));
}

#[tokio::test]
async fn a_state_test_shows_what_was_sent_and_its_secrets_on_demand_alone() {
    let server = server(404, vec![("x-many", "1")], "no such thing").await;
    let api = Api::start(config(
        json!({"Key": {"api_key": {"name": "X-Api-Key", "value": "k"}}}),
    ))
    .await;
    let definition = json!({
        "Type": "Task", "Resource": "arn:aws:states:::http:invoke", "End": true,
        "Parameters": {
            "ApiEndpoint": format!("{}/things", server.url), "Method": "PUT",
            "Authentication": connection("Key"), "RequestBody": {"n": 1},
        }
    });
    let test = |level: &str, reveal: bool| {
        json!({
            "definition": definition.to_string(), "roleArn": "arn:aws:iam::000000000000:role/r",
            "inspectionLevel": level, "revealSecrets": reveal,
        })
    };
    let hidden = api.ok("TestState", test("TRACE", false)).await;
    assert_eq!(
        (&hidden["status"], &hidden["error"]),
        (&json!("FAILED"), &json!("States.Http.StatusCode.404"))
    );
    let (request, response) = (
        &hidden["inspectionData"]["request"],
        &hidden["inspectionData"]["response"],
    );
    assert_eq!(
        (&request["protocol"], &request["method"], &request["body"]),
        (&json!("http"), &json!("PUT"), &json!(r#"{"n":1}"#))
    );
    assert_eq!(request["url"], json!(format!("{}/things", server.url)));
    let headers = request["headers"].as_str().unwrap();
    assert!(
        headers.starts_with('[') && headers.contains("User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1"),
        "{headers}"
    );
    assert!(!headers.contains("X-Api-Key"), "{headers}");
    assert_eq!(
        (
            &response["statusCode"],
            &response["statusMessage"],
            &response["body"]
        ),
        (&json!("404"), &json!("Not Found"), &json!("no such thing"))
    );
    assert!(response["headers"].as_str().unwrap().contains("x-many: 1"));
    let revealed = api.ok("TestState", test("TRACE", true)).await;
    let headers = revealed["inspectionData"]["request"]["headers"].as_str().unwrap();
    assert!(headers.contains("X-Api-Key: k"), "{headers}");
    let debug = api.ok("TestState", test("DEBUG", true)).await;
    assert!(debug["inspectionData"].get("request").is_none());
}
