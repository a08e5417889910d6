//! What is told to the outside: webhooks, topics, Slack; retries, dead letters, redelivery.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use signalbox::clock::Clock as _;
use signalbox::ids::DeliveryId;
use signalbox::notifications::{Audience, DeploymentNotice, Destination, Notification, enqueue};

use crate::harness::{InProcess, Receiver, Reply, eventually};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_bmV4dC1zZWNyZXQtb2YtMjQtYnl0ZXMh";

fn notification(service: &InProcess, number: u32, to: Vec<Destination>) -> Notification {
    Notification {
        event: "execution.succeeded",
        subject: "exe_1".to_owned(),
        environment: Some("default".to_owned()),
        occurred_at: service.clock.now(),
        title: format!("Number {number}"),
        data: json!({"number": number}),
        choices: Vec::new(),
        to,
        audience: Audience::Standing,
        once: None,
    }
}

fn webhook(receiver: &Receiver) -> Vec<Destination> {
    vec![Destination::Webhook {
        url: format!("{}/hook?token=secret", receiver.url),
    }]
}

async fn send(service: &InProcess, notification: &Notification) -> DeliveryId {
    let mut tx = service.app.db.begin().await.unwrap();
    let ids = enqueue(&mut tx, &service.app.config.notifications, notification)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    ids[0]
}

async fn state(service: &InProcess, id: DeliveryId, wanted: &str) -> Value {
    eventually(&format!("delivery {id} is {wanted}"), async || {
        let delivery = service.get("", &format!("/v1/deliveries/{id}")).await.expect(200);
        (delivery["state"] == wanted).then_some(delivery)
    })
    .await
}

fn signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_webhook_is_a_signed_cloud_event_that_each_live_secret_verifies() {
    let receiver = Receiver::start().await;
    let config = format!("[notifications]\nwebhook_secrets = [\"{NEXT_SECRET}\", \"{SECRET}\"]\n");
    let service = InProcess::start(&config).await;
    let id = send(&service, &notification(&service, 7, webhook(&receiver))).await;
    let received = receiver.wait_for(1).await.remove(0);
    let (event, timestamp) = (
        received.header("webhook-id"),
        received.header("webhook-timestamp"),
    );
    assert!(event.starts_with("evt_"), "{event}");
    let signatures: Vec<&str> = received.header("webhook-signature").split(' ').collect();
    assert_eq!(
        signatures,
        [NEXT_SECRET, SECRET].map(|secret| signature(secret, event, timestamp, &received.body))
    );
    let body = received.json();
    assert_eq!(body["specversion"], "1.0");
    assert_eq!(body["type"], "execution.succeeded");
    assert_eq!(body["id"], event);
    assert_eq!(body["subject"], "exe_1");
    assert_eq!(body["data"], json!({"number": 7}));
    let delivery = state(&service, id, "delivered").await;
    assert_eq!(delivery["attempts"], 1);
    assert!(
        !delivery.to_string().contains("token=secret"),
        "the query is not shown: {delivery}"
    );
}

#[tokio::test]
async fn without_configured_secrets_one_is_made_that_admins_read_and_rotate() {
    let receiver = Receiver::start().await;
    let service = InProcess::start("").await;
    let first = service.get("", "/v1/webhook-secrets").await.expect(200);
    let first = first["data"][0]["secret"].as_str().unwrap().to_owned();
    let rotated = service
        .post("", "/v1/webhook-secrets/rotate", json!({}))
        .await
        .expect(200);
    assert_eq!(rotated["data"][1]["secret"], first);
    let second = rotated["data"][0]["secret"].as_str().unwrap();
    send(&service, &notification(&service, 1, webhook(&receiver))).await;
    let received = receiver.wait_for(1).await.remove(0);
    let (event, timestamp) = (
        received.header("webhook-id"),
        received.header("webhook-timestamp"),
    );
    let signatures: Vec<&str> = received.header("webhook-signature").split(' ').collect();
    assert_eq!(
        signatures,
        [second, &first].map(|secret| signature(secret, event, timestamp, &received.body))
    );
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_under_the_same_id_after_longer_and_longer_waits() {
    let receiver = Receiver::start().await;
    receiver.answer_next([Reply::status(500), Reply::status(503)]);
    let service = InProcess::start("").await;
    let id = send(&service, &notification(&service, 1, webhook(&receiver))).await;
    let mut waits = Vec::new();
    for attempts in 1..=2 {
        receiver.wait_for(attempts).await;
        let waiting = eventually("the attempt is noted", async || {
            let delivery = service.get("", &format!("/v1/deliveries/{id}")).await.expect(200);
            (delivery["attempts"] == attempts).then_some(delivery)
        })
        .await;
        assert_eq!(waiting["state"], "pending");
        let next: chrono::DateTime<chrono::Utc> =
            waiting["next_attempt_at"].as_str().unwrap().parse().unwrap();
        waits.push(next - service.clock.now());
        service.clock.advance(next - service.clock.now());
    }
    assert!(waits[1] > waits[0] * 2, "{waits:?}");
    let delivered = state(&service, id, "delivered").await;
    assert_eq!(delivered["attempts"], 3);
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert!(
        received
            .iter()
            .all(|attempt| attempt.header("webhook-id") == received[0].header("webhook-id"))
    );
}

#[tokio::test]
async fn after_three_days_a_delivery_is_dead_and_can_be_sent_again_by_hand() {
    let receiver = Receiver::start().await;
    receiver.answer_all(Reply::status(500));
    let service = InProcess::start("").await;
    let id = send(&service, &notification(&service, 1, webhook(&receiver))).await;
    receiver.wait_for(1).await;
    let dead = eventually("the delivery is given up", async || {
        service.clock.advance(TimeDelta::hours(6));
        let delivery = service.get("", &format!("/v1/deliveries/{id}")).await.expect(200);
        (delivery["state"] == "dead").then_some(delivery)
    })
    .await;
    assert!(dead["last_error"].as_str().unwrap().contains("500"), "{dead}");
    let letters = service.get("", "/v1/deliveries?state=dead").await.expect(200);
    assert_eq!(letters["data"][0]["id"], id.to_string());
    receiver.answer_all(Reply::status(200));
    service
        .post("", &format!("/v1/webhook-deliveries/{id}/redeliver"), json!({}))
        .await
        .expect(202);
    state(&service, id, "delivered").await;
    let received = receiver.received();
    assert_eq!(
        received.last().unwrap().header("webhook-id"),
        received[0].header("webhook-id")
    );
    let audited = service
        .get("", &format!("/v1/audit-events?subject={id}"))
        .await
        .expect(200);
    assert_eq!(audited["data"][0]["action"], "delivery.redeliver");
}

#[tokio::test]
async fn a_delivery_on_its_way_is_not_redelivered() {
    let receiver = Receiver::start().await;
    receiver.answer_all(Reply::status(500));
    let service = InProcess::start("").await;
    let id = send(&service, &notification(&service, 1, webhook(&receiver))).await;
    service
        .post("", &format!("/v1/deliveries/{id}/redeliver"), json!({}))
        .await
        .expect_problem(409, "conflict");
    let missing = DeliveryId::generate();
    service
        .post("", &format!("/v1/deliveries/{missing}/redeliver"), json!({}))
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_tried_again() {
    let receiver = Receiver::start().await;
    receiver.answer_all(Reply::status(410));
    let service = InProcess::start("").await;
    let id = send(&service, &notification(&service, 1, webhook(&receiver))).await;
    assert_eq!(state(&service, id, "dead").await["attempts"], 1);
}

#[tokio::test]
async fn events_of_one_subject_arrive_in_order_though_the_first_fails_at_first() {
    let receiver = Receiver::start().await;
    receiver.answer_next([Reply::status(500)]);
    let service = InProcess::start("").await;
    let mut ids = Vec::new();
    for number in 1..=3 {
        ids.push(send(&service, &notification(&service, number, webhook(&receiver))).await);
        receiver.wait_for(1).await;
    }
    eventually("all are delivered", async || {
        service.clock.advance(TimeDelta::seconds(5));
        let waiting = service.get("", "/v1/deliveries?state=pending").await.expect(200);
        (waiting["data"] == json!([])).then_some(())
    })
    .await;
    let numbers: Vec<Value> = receiver
        .received()
        .iter()
        .map(|received| received.json()["data"]["number"].clone())
        .collect();
    assert_eq!(numbers, [1, 1, 2, 3]);
}

#[tokio::test]
async fn a_webhook_does_not_reach_private_addresses_nor_follow_redirects_there() {
    let receiver = Receiver::start().await;
    let elsewhere = Receiver::start().await;
    let location = ("location", format!("{}/inner", elsewhere.url));
    receiver.answer_all(Reply {
        headers: vec![location],
        ..Reply::status(307)
    });
    let service = InProcess::start("").await;
    let redirected = send(&service, &notification(&service, 1, webhook(&receiver))).await;
    receiver.wait_for(1).await;
    let refused = eventually("the redirect counts as a failure", async || {
        let delivery = service
            .get("", &format!("/v1/deliveries/{redirected}"))
            .await
            .expect(200);
        (delivery["last_status"] == 307).then_some(delivery)
    })
    .await;
    assert_eq!(refused["state"], "pending");
    assert!(elsewhere.received().is_empty());

    let metadata = vec![Destination::Webhook {
        url: "http://169.254.169.254/latest/meta-data/".to_owned(),
    }];
    let id = send(&service, &notification(&service, 1, metadata)).await;
    let dead = state(&service, id, "dead").await;
    assert!(
        dead["last_error"].as_str().unwrap().contains("private or local"),
        "{dead}"
    );
    assert!(service.app.outbound.check_url("http://10.0.0.8/hook").is_err());
    assert!(
        service.app.outbound.check_url(&receiver.url).is_ok(),
        "loopback, as the service listens there only"
    );
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let receiver = Receiver::start().await;
    receiver.answer_next([Reply {
        body: vec![b'x'; 50_000_000],
        ..Reply::status(500)
    }]);
    let service = InProcess::start("").await;
    let id = send(&service, &notification(&service, 1, webhook(&receiver))).await;
    let failed = eventually("the attempt is noted", async || {
        let delivery = service.get("", &format!("/v1/deliveries/{id}")).await.expect(200);
        (delivery["attempts"] == 1).then_some(delivery)
    })
    .await;
    assert!(failed["last_error"].as_str().unwrap().len() < 1_000);
}

#[tokio::test]
async fn a_standing_webhook_and_a_slack_channel_are_told_what_their_filters_pass() {
    let (hook, slack) = (Receiver::start().await, Receiver::start().await);
    let config = format!(
        "[[notifications.webhooks]]\nname = \"ops\"\nurl = \"{}/ops\"\nfilter = {{ events = [\"execution.*\"] }}\nsecrets = [\"{SECRET}\"]\n\
         [[notifications.slack.channels]]\nname = \"deploys\"\nwebhook_url = \"{}/services/T1\"\nfilter = {{ events = [\"deployment.*\"] }}\n",
        hook.url, slack.url
    );
    let service = InProcess::start(&config).await;
    send(&service, &notification(&service, 1, Vec::new())).await;
    let received = hook.wait_for(1).await.remove(0);
    assert_eq!(
        received.header("webhook-signature"),
        signature(
            SECRET,
            received.header("webhook-id"),
            received.header("webhook-timestamp"),
            &received.body
        )
    );
    let finished = Notification::deployment_finished(DeploymentNotice {
        id: "dep_1".to_owned(),
        environment: "default".to_owned(),
        status: "success".to_owned(),
        workflow_count: 1,
        finished_at: service.clock.now(),
        error: None,
        url: None,
        topics: Vec::new(),
    });
    send(&service, &finished).await;
    let told = slack.wait_for(1).await.remove(0);
    assert_eq!(told.path, "/services/T1");
    assert_eq!(
        told.json()["text"],
        "Step Functions Deployment Successful - dep_1"
    );
    assert_eq!(hook.received().len(), 1);
    let listed = service.get("", "/v1/deliveries?kind=slack").await.expect(200);
    assert_eq!(
        listed["data"][0]["destination"], "deploys",
        "the channel's URL is a secret"
    );
}

#[tokio::test]
async fn an_event_with_a_name_is_told_once() {
    let receiver = Receiver::start().await;
    let service = InProcess::start("").await;
    let named = Notification {
        once: Some("evt_named".to_owned()),
        ..notification(&service, 1, webhook(&receiver))
    };
    for _ in 0..2 {
        let mut tx = service.app.db.begin().await.unwrap();
        enqueue(&mut tx, &service.app.config.notifications, &named)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let listed = service.get("", "/v1/deliveries").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}
