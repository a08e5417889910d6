//! What people do from Slack: signed buttons and slash commands.

use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use signalbox::approvals::{self, Gate, Question, Standing};
use signalbox::clock::Clock as _;

use crate::access::keys;
use crate::harness::{Answer, InProcess, Receiver};

pub const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// With Slack posting to `slack`: U1 is rita who asks, U2 is bob who approves, U3 is vera who only looks.
async fn service(slack: &Receiver) -> InProcess {
    let config = format!(
        "[notifications.slack]\nsigning_secret = \"{SECRET}\"\nusers = {{ U1 = \"rita\", U2 = \"bob\", U3 = \"vera\" }}\n\
         [[notifications.slack.channels]]\nname = \"deploys\"\nwebhook_url = \"{}/hook\"\n{}",
        slack.url,
        keys(&[("rita", "deployer"), ("bob", "approver"), ("vera", "viewer")])
    );
    InProcess::start(&config).await
}

async fn ask(service: &InProcess, revision: u32) -> Standing {
    let question = Question {
        subject: "dep_1".to_owned(),
        gate_name: "before_traffic".to_owned(),
        template: Some("orders".to_owned()),
        environment: Some("default".to_owned()),
        title: "Deploy orders".to_owned(),
        requester: "rita".to_owned(),
        authors: Vec::new(),
        gate: Gate::default(),
        plan: json!({"revision": revision}),
        wake: None,
    };
    let mut tx = service.app.db.begin().await.unwrap();
    let standing = approvals::ask(&mut tx, service.clock.now(), &question)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    standing
}

/// A form as Slack posts it, signed at `at`.
pub fn signed(
    request: reqwest::RequestBuilder,
    fields: &[(&str, &str)],
    at: chrono::DateTime<chrono::Utc>,
) -> reqwest::RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let timestamp = at.timestamp();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
    request
        .header("x-slack-signature", signature)
        .header("x-slack-request-timestamp", timestamp)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}

/// Posts a form as Slack does, signed at `age` before now.
async fn slack(service: &InProcess, path: &str, fields: &[(&str, &str)], age: TimeDelta) -> Answer {
    let request = service.request(Method::POST, &format!("/v1/integrations/slack/{path}"));
    let request = signed(request, fields, service.clock.now() - age);
    service.send("", request).await
}

async fn say(service: &InProcess, user: &str, text: &str) -> Value {
    let fields = [("user_id", user), ("command", "/signalbox"), ("text", text)];
    slack(service, "commands", &fields, TimeDelta::zero())
        .await
        .expect(200)
}

async fn state(service: &InProcess, standing: &Standing) -> Value {
    service
        .get("key-vera", &format!("/v1/approvals/{}", standing.id))
        .await
        .expect(200)["state"]
        .clone()
}

#[tokio::test]
async fn the_button_of_an_announcement_decides_as_the_mapped_caller() {
    let receiver = Receiver::start().await;
    let service = service(&receiver).await;
    let standing = ask(&service, 2).await;
    let announced = receiver.wait_for(1).await.remove(0);
    assert_eq!(announced.path, "/hook");
    let button = announced.json()["blocks"][1]["elements"][0].clone();
    assert_eq!(button["action_id"], "approve");
    let press = async |user: &str, count: usize| {
        let payload = json!({"type": "block_actions", "user": {"id": user}, "actions": [button],
            "response_url": format!("{}/reply", receiver.url)});
        slack(
            &service,
            "interactions",
            &[("payload", &payload.to_string())],
            TimeDelta::zero(),
        )
        .await
        .expect(200);
        let replies = receiver.wait_for(count).await;
        let reply = replies.iter().rev().find(|reply| reply.path == "/reply").unwrap();
        reply.json()
    };
    let refused = press("U1", 2).await;
    assert!(
        refused["text"].as_str().unwrap().contains("may not decide"),
        "{refused}"
    );
    assert_eq!(refused["replace_original"], false);
    assert_eq!(state(&service, &standing).await, "pending");
    let approved = press("U2", 3).await;
    assert!(
        approved["text"].as_str().unwrap().contains("is approved"),
        "{approved}"
    );
    assert_eq!(approved["replace_original"], true);
    let seen = service
        .get("key-vera", &format!("/v1/approvals/{}", standing.id))
        .await
        .expect(200);
    assert_eq!(
        (&seen["decisions"][0]["person"], &seen["decisions"][0]["via"]),
        (&json!("bob"), &json!("slack"))
    );
}

#[tokio::test]
async fn what_slack_did_not_sign_within_five_minutes_is_refused() {
    let receiver = Receiver::start().await;
    let service = service(&receiver).await;
    let fields = [("user_id", "U2"), ("text", "help")];
    slack(&service, "commands", &fields, TimeDelta::seconds(299))
        .await
        .expect(200);
    slack(&service, "commands", &fields, TimeDelta::seconds(301))
        .await
        .expect_problem(401, "unauthorized");
    let unsigned = service
        .request(Method::POST, "/v1/integrations/slack/commands")
        .body("text=help");
    service
        .send("", unsigned)
        .await
        .expect_problem(401, "unauthorized");
    let unconfigured = InProcess::start("").await;
    slack(&unconfigured, "commands", &fields, TimeDelta::zero())
        .await
        .expect_problem(401, "unauthorized");
}

#[tokio::test]
async fn a_slash_command_does_what_the_mapped_caller_may_and_says_what_came_of_it() {
    let receiver = Receiver::start().await;
    let service = service(&receiver).await;
    let standing = ask(&service, 2).await;
    let text = |answer: &Value| answer["text"].as_str().unwrap().to_owned();
    assert!(text(&say(&service, "U9", "status apr_1").await).contains("`status` takes the id"));
    let stranger = say(&service, "U9", &format!("approve {}", standing.id)).await;
    assert!(text(&stranger).contains("You are not known here"), "{stranger}");
    let viewer = say(&service, "U3", &format!("approve {}", standing.id)).await;
    assert!(text(&viewer).contains("may not decide"), "{viewer}");
    let status = say(&service, "U3", &format!("status {}", standing.id)).await;
    assert!(text(&status).contains("is pending"), "{status}");
    let missing = signalbox::ids::DeploymentId::generate();
    let none = say(&service, "U1", &format!("promote {missing}")).await;
    assert!(text(&none).contains("there is no deployment"), "{none}");
    let forbidden = say(&service, "U2", &format!("promote {missing}")).await;
    assert!(text(&forbidden).contains("may not deploy"), "{forbidden}");
    assert_eq!(forbidden["response_type"], "ephemeral");
    let rejected = say(&service, "U2", &format!("reject {} too risky", standing.id)).await;
    assert_eq!(rejected["response_type"], "in_channel");
    assert_eq!(state(&service, &standing).await, "rejected");
}

#[tokio::test]
async fn a_typed_approval_of_a_plan_that_changed_has_to_name_its_digest() {
    let receiver = Receiver::start().await;
    let service = service(&receiver).await;
    let first = ask(&service, 2).await;
    let second = ask(&service, 3).await;
    let unclear = say(&service, "U2", &format!("approve {}", first.id)).await;
    assert!(
        unclear["text"].as_str().unwrap().contains("the plan has changed"),
        "{unclear}"
    );
    let stale = say(&service, "U2", &format!("approve {} {}", first.id, first.digest)).await;
    assert!(
        stale["text"]
            .as_str()
            .unwrap()
            .contains("the plan has changed since"),
        "{stale}"
    );
    assert_eq!(state(&service, &second).await, "pending");
    let short: String = second.digest.chars().take(19).collect();
    say(&service, "U2", &format!("approve {} {short} fine", second.id)).await;
    assert_eq!(state(&service, &second).await, "approved");
}
