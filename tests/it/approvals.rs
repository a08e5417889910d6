//! Gates: who may decide, for which digest, by which way, in which time.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use signalbox::approvals::{self, Gate, Question, Standing};
use signalbox::clock::Clock as _;

use crate::access::keys;
use crate::harness::{Answer, InProcess, Receiver, eventually};

const PEOPLE: [(&str, &str); 5] = [
    ("rita", "deployer"),
    ("anna", "approver"),
    ("bob", "approver"),
    ("carol", "approver"),
    ("adam", "admin"),
];

async fn service(config: &str) -> InProcess {
    InProcess::start(&format!("{config}\n{}", keys(&PEOPLE))).await
}

fn question(gate: Value, plan: Value) -> Question {
    let gate: Gate = serde_json::from_value(gate).unwrap();
    Question {
        subject: "dep_1".to_owned(),
        gate_name: "before_traffic".to_owned(),
        template: Some("orders".to_owned()),
        environment: Some("default".to_owned()),
        title: "Deploy orders <2>".to_owned(),
        requester: "rita".to_owned(),
        authors: vec!["anna".to_owned()],
        gate,
        plan,
        wake: None,
    }
}

/// Asks as a deployment does.
async fn ask(service: &InProcess, question: &Question) -> Standing {
    let mut tx = service.app.db.begin().await.unwrap();
    let standing = approvals::ask(&mut tx, service.clock.now(), question)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    standing
}

async fn decide(service: &InProcess, who: &str, standing: &Standing, decision: &str) -> Answer {
    let body = json!({"decision": decision, "digest": standing.digest, "comment": "as agreed"});
    service
        .post(
            &format!("key-{who}"),
            &format!("/v1/approvals/{}/decisions", standing.id),
            body,
        )
        .await
}

async fn look(service: &InProcess, standing: &Standing) -> Value {
    service
        .get("key-adam", &format!("/v1/approvals/{}", standing.id))
        .await
        .expect(200)
}

#[tokio::test]
async fn a_gate_waits_until_somebody_else_than_requester_and_author_approves() {
    let service = service("").await;
    let asked = question(json!({}), json!({"revision": 2}));
    let standing = ask(&service, &asked).await;
    decide(&service, "rita", &standing, "approve")
        .await
        .expect_problem(403, "forbidden");
    let refused = decide(&service, "anna", &standing, "approve")
        .await
        .expect_problem(403, "forbidden");
    assert!(
        refused["detail"].as_str().unwrap().contains("who wrote it"),
        "{refused}"
    );
    assert_eq!(look(&service, &standing).await["state"], "pending");
    let decided = decide(&service, "bob", &standing, "approve").await.expect(201);
    assert_eq!(decided["state"], "approved");
    assert_eq!(decided["decisions"][0]["person"], "bob");
    assert_eq!(
        ask(&service, &asked).await.state,
        approvals::ApprovalState::Approved
    );
    decide(&service, "carol", &standing, "approve")
        .await
        .expect_problem(409, "conflict");
    let trail = service
        .get("key-adam", &format!("/v1/audit-events?subject={}", standing.id))
        .await
        .expect(200);
    assert_eq!(trail["data"][0]["action"], "approval.decide");
    assert_eq!(trail["data"][0]["reason"], "as agreed");
    assert_eq!(trail["data"][1]["action"], "approval.request");
}

#[tokio::test]
async fn a_changed_plan_asks_again_and_keeps_what_was_decided() {
    let service = service("").await;
    let first = ask(&service, &question(json!({}), json!({"revision": 2}))).await;
    decide(&service, "bob", &first, "approve").await.expect(201);
    let second = ask(&service, &question(json!({}), json!({"revision": 3}))).await;
    assert_eq!(second.id, first.id);
    assert_eq!(second.state, approvals::ApprovalState::Pending);
    let refused = decide(&service, "carol", &first, "approve")
        .await
        .expect_problem(409, "digest_changed");
    assert_eq!(refused["digest"], second.digest);
    decide(&service, "bob", &second, "approve").await.expect(201);
    let seen = look(&service, &second).await;
    assert_eq!(seen["state"], "approved");
    assert_eq!(seen["round"], 2);
    assert_eq!(seen["decisions"].as_array().unwrap().len(), 2);
    assert_eq!(seen["rounds"][0]["digest"], first.digest);
}

#[tokio::test]
async fn two_of_three_in_one_level_and_then_another_person() {
    let service = service("").await;
    let levels = json!({"levels": [
        {"approvers": ["bob", "carol", "anna"], "need": 2},
        {"approvers": ["role:approver", "adam"], "exclude": ["previous_level"]}]});
    let standing = ask(&service, &question(levels, json!({"revision": 2}))).await;
    decide(&service, "adam", &standing, "approve")
        .await
        .expect_problem(403, "forbidden");
    assert_eq!(
        decide(&service, "bob", &standing, "approve").await.expect(201)["level"],
        1
    );
    decide(&service, "bob", &standing, "approve")
        .await
        .expect_problem(409, "conflict");
    assert_eq!(
        decide(&service, "carol", &standing, "approve").await.expect(201)["level"],
        2
    );
    decide(&service, "carol", &standing, "approve")
        .await
        .expect_problem(403, "forbidden");
    let decided = decide(&service, "adam", &standing, "approve").await.expect(201);
    assert_eq!(decided["state"], "approved");
}

#[tokio::test]
async fn of_many_approvals_at_the_same_time_exactly_enough_count() {
    let service = service("").await;
    let standing = ask(
        &service,
        &question(
            json!({"levels": [{"need": 2, "exclude": []}]}),
            json!({"revision": 2}),
        ),
    )
    .await;
    let people = ["anna", "bob", "carol", "adam"];
    let answers =
        futures::future::join_all(people.map(|who| decide(&service, who, &standing, "approve"))).await;
    let counted = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(counted, 2, "{answers:?}");
    assert_eq!(look(&service, &standing).await["state"], "approved");
}

#[tokio::test]
async fn one_rejection_rejects_and_says_who_and_why() {
    let service = service("").await;
    let standing = ask(
        &service,
        &question(json!({"levels": [{"need": 2}]}), json!({"revision": 2})),
    )
    .await;
    decide(&service, "bob", &standing, "approve").await.expect(201);
    let decided = decide(&service, "carol", &standing, "reject").await.expect(201);
    assert_eq!(decided["state"], "rejected");
    assert_eq!(decided["reason"], "rejected by carol: as agreed");
}

#[tokio::test]
async fn the_inbox_shows_what_the_caller_can_decide_now() {
    let service = service("[approvals]\ngroups = { payments = [\"carol\"] }").await;
    let gate = json!({"levels": [{"approvers": ["group:payments", "anna", "bob"], "need": 2}]});
    let standing = ask(&service, &question(gate, json!({"revision": 2}))).await;
    let inbox = async |who: &str| {
        let page = service
            .get(&format!("key-{who}"), "/v1/approvals?assignee=me&state=pending")
            .await
            .expect(200);
        page["data"].as_array().unwrap().len()
    };
    assert_eq!(
        [
            inbox("rita").await,
            inbox("anna").await,
            inbox("bob").await,
            inbox("carol").await
        ],
        [0, 0, 1, 1]
    );
    decide(&service, "bob", &standing, "approve").await.expect(201);
    assert_eq!([inbox("bob").await, inbox("carol").await], [0, 1]);
    decide(&service, "carol", &standing, "approve").await.expect(201);
    assert_eq!(inbox("carol").await, 0);
}

#[tokio::test]
async fn a_right_is_handed_on_once_and_never_to_who_is_excluded() {
    let service = service("").await;
    let gate = json!({"levels": [{"approvers": ["bob"]}]});
    let standing = ask(&service, &question(gate, json!({"revision": 2}))).await;
    let path = format!("/v1/approvals/{}/delegate", standing.id);
    let to = |name: &str| json!({"to": name, "reason": "holidays"});
    service
        .post("key-bob", &path, to("anna"))
        .await
        .expect_problem(403, "forbidden");
    service
        .post("key-bob", &path, to("nobody"))
        .await
        .expect_problem(422, "invalid_request");
    service
        .post("key-carol", &path, to("adam"))
        .await
        .expect_problem(403, "forbidden");
    decide(&service, "carol", &standing, "approve")
        .await
        .expect_problem(403, "forbidden");
    service.post("key-bob", &path, to("carol")).await.expect(200);
    service
        .post("key-carol", &path, to("adam"))
        .await
        .expect_problem(403, "forbidden");
    let decided = decide(&service, "carol", &standing, "approve").await.expect(201);
    assert_eq!(decided["decisions"][0]["on_behalf"], "bob");
    assert_eq!(decided["state"], "approved");
}

#[tokio::test]
async fn a_gate_nobody_decides_in_time_is_rejected_and_wakes_nobody_too_early() {
    let service = service("").await;
    let standing = ask(
        &service,
        &question(json!({"expires_seconds": 3600}), json!({"revision": 2})),
    )
    .await;
    service.clock.advance(TimeDelta::seconds(3_599));
    assert_eq!(look(&service, &standing).await["state"], "pending");
    service.clock.advance(TimeDelta::seconds(1));
    let expired = eventually("the approval expires", async || {
        let seen = look(&service, &standing).await;
        (seen["state"] != "pending").then_some(seen)
    })
    .await;
    assert_eq!(expired["state"], "expired");
    decide(&service, "bob", &standing, "approve")
        .await
        .expect_problem(409, "conflict");
}

#[tokio::test]
async fn an_expiry_can_ask_more_people_instead() {
    let service = service("").await;
    let gate = json!({"levels": [{"approvers": ["bob"]}], "expires_seconds": 60, "on_expire": "escalate",
        "escalate_to": ["carol"]});
    let standing = ask(&service, &question(gate, json!({"revision": 2}))).await;
    decide(&service, "carol", &standing, "approve")
        .await
        .expect_problem(403, "forbidden");
    service.clock.advance(TimeDelta::seconds(60));
    eventually("more people are asked", async || {
        (look(&service, &standing).await["escalated"] == true).then_some(())
    })
    .await;
    decide(&service, "carol", &standing, "approve").await.expect(201);
}

#[tokio::test]
async fn only_its_requester_and_admins_cancel_an_approval() {
    let service = service("").await;
    let standing = ask(&service, &question(json!({}), json!({"revision": 2}))).await;
    let path = format!("/v1/approvals/{}/cancel", standing.id);
    service
        .post("key-bob", &path, json!({}))
        .await
        .expect_problem(403, "forbidden");
    let cancelled = service
        .post("key-rita", &path, json!({"reason": "not today"}))
        .await
        .expect(200);
    assert_eq!(
        (&cancelled["state"], &cancelled["reason"]),
        (&json!("cancelled"), &json!("not today"))
    );
}

#[tokio::test]
async fn a_personal_link_shows_on_get_and_decides_on_post() {
    let service = service("").await;
    let standing = ask(
        &service,
        &question(json!({}), json!({"note": "<script>x</script>"})),
    )
    .await;
    let path = format!("/v1/approvals/{}/link", standing.id);
    service
        .post("key-rita", &path, json!({}))
        .await
        .expect_problem(403, "forbidden");
    let link = service.post("key-bob", &path, json!({})).await.expect(201);
    let link = link["url"]
        .as_str()
        .unwrap()
        .strip_prefix(&service.api)
        .unwrap()
        .to_owned();
    for _ in 0..2 {
        let page = service.get("", &link).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("Deploy orders &lt;2&gt;"), "{}", page.text);
        assert!(!page.text.contains("<script>"));
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        assert!(
            page.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("default-src 'none'")
        );
    }
    assert_eq!(
        look(&service, &standing).await["state"],
        "pending",
        "looking decides nothing"
    );
    let form = |digest: &str| {
        let form = format!("decision=approve&digest={digest}&comment=by+link");
        let request = service.request(Method::POST, &link);
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
    };
    assert_eq!(service.send("", form("sha256:0")).await.status, 409);
    assert_eq!(service.send("", form(&standing.digest)).await.status, 200);
    let seen = look(&service, &standing).await;
    assert_eq!(seen["state"], "approved");
    assert_eq!(
        (&seen["decisions"][0]["person"], &seen["decisions"][0]["via"]),
        (&json!("bob"), &json!("link"))
    );
    let forged = format!("{link}x");
    assert_eq!(service.get("", &forged).await.status, 404);
    service.clock.advance(TimeDelta::days(8));
    assert_eq!(service.get("", &link).await.status, 410);
}

#[tokio::test]
async fn whoever_is_asked_is_told_by_their_own_webhook_with_their_own_link() {
    let (bobs, everybodys) = (Receiver::start().await, Receiver::start().await);
    let config = format!(
        "[approvals.people.bob]\nwebhook_url = \"{}/bob\"\n\
         [[notifications.webhooks]]\nname = \"all\"\nurl = \"{}/all\"\nfilter = {{ events = [\"approval.*\"] }}\n",
        bobs.url, everybodys.url
    );
    let service = service(&config).await;
    let gate = json!({"reminder_seconds": [600]});
    let standing = ask(&service, &question(gate, json!({"revision": 2}))).await;
    let told = bobs.wait_for(1).await.remove(0).json();
    assert_eq!(told["type"], "approval.requested");
    let link = told["data"]["link"].as_str().unwrap().to_owned();
    let open = everybodys.wait_for(1).await.remove(0).json();
    assert!(
        open["data"].get("link").is_none(),
        "a link that decides as bob is for bob only: {open}"
    );
    service.clock.advance(TimeDelta::seconds(600));
    let reminded = bobs.wait_for(2).await.remove(1).json();
    assert_eq!(
        (&reminded["type"], &reminded["data"]["reminder"]),
        (&json!("approval.reminder"), &json!(1))
    );
    let form = format!("decision=reject&digest={}", standing.digest);
    let request = service.request(Method::POST, link.strip_prefix(&service.api).unwrap());
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    assert_eq!(service.send("", request).await.status, 200);
    let events: Vec<String> = eventually("everybody hears of the rejection", async || {
        let events: Vec<String> = everybodys
            .received()
            .iter()
            .map(|told| told.json()["type"].as_str().unwrap().to_owned())
            .collect();
        (events.len() == 3).then_some(events)
    })
    .await;
    assert_eq!(
        events,
        ["approval.requested", "approval.reminder", "approval.rejected"]
    );
}

#[tokio::test]
async fn without_keys_the_plan_says_that_a_gate_needs_another_person() {
    let service = InProcess::start("").await;
    let told = approvals::obstacles(&service.app.config, &Gate::default(), "anonymous", &[]);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("every caller is `anonymous`"), "{told:?}");
    let mut asked = question(json!({}), json!({"revision": 2}));
    asked.requester = "anonymous".to_owned();
    let standing = ask(&service, &asked).await;
    let body = json!({"decision": "approve", "digest": standing.digest});
    let refused = service
        .post("", &format!("/v1/approvals/{}/decisions", standing.id), body)
        .await;
    refused.expect_problem(403, "forbidden");
}
