//! Deployments as people follow and steer them: event streams, the terminal, Slack, gates.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::access::keys;
use crate::deployments::{deploy, gives, quick_canary, two_revisions, until};
use crate::harness::{Options, Signalbox, eventually};

const CANARY_THAT_WAITS: &str = r#"{"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0,
    "steps": [{"weight": 10, "bake_seconds": 3600, "min_samples": 0}, {"weight": 100}]}"#;

fn waiting_canary() -> Value {
    serde_json::from_str(CANARY_THAT_WAITS).unwrap()
}

/// The ids of an event stream's events up to its end.
async fn ids_after(signalbox: &Signalbox, id: &str, last: Option<&str>) -> Vec<String> {
    let mut request = signalbox
        .request(reqwest::Method::GET, &format!("/v1/deployments/{id}/events"))
        .header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = signalbox.send(request).await;
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("id:"))
        .map(|id| id.trim().to_owned())
        .collect()
}

#[tokio::test]
async fn an_event_stream_runs_to_the_end_and_goes_on_where_it_was_left() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let body = json!({"template": "orders", "revision": 2, "strategy": quick_canary()});
    let id = deploy(&signalbox, body).await;
    // Opened while it runs, it ends when the deployment does.
    let all = ids_after(&signalbox, &id, None).await;
    assert_eq!(until(&signalbox, &id, &["succeeded"]).await["state"], "succeeded");
    assert!(all.len() > 8, "{all:?}");
    let numbers: Vec<u64> = all.iter().map(|id| id.parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert_eq!(ids_after(&signalbox, &id, Some(&all[4])).await, all[5..]);
    assert_eq!(
        ids_after(&signalbox, &id, all.last().map(String::as_str)).await,
        [""; 0]
    );
}

#[tokio::test]
async fn on_a_terminal_a_watched_deployment_is_drawn_over_itself_with_weights_and_evidence() {
    let signalbox = Signalbox::start().await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    // util-linux's `script` gives it a terminal of its own.
    let command = format!(
        "{} deploy --template orders --revision 2 --strategy '{}' --watch --url {}",
        env!("CARGO_BIN_EXE_signalbox"),
        CANARY_THAT_WAITS.replace('\n', " "),
        signalbox.api
    );
    let child = tokio::process::Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let Ok(child) = child else {
        eprintln!("skipped: `script` (util-linux) is not on the PATH");
        return;
    };
    let id = eventually("the deployment of the terminal bakes", async || {
        let listed = signalbox
            .get("/v1/deployments?template=orders&state=baking")
            .await
            .expect(200);
        listed["data"][0]["id"].as_str().map(ToOwned::to_owned)
    })
    .await;
    for n in 0..40 {
        let body = json!({"input": {"n": n}});
        signalbox
            .post("/v1/templates/orders/executions", body)
            .await
            .expect(201);
    }
    eventually("the judge has counted both arms", async || {
        let view = signalbox.get(&format!("/v1/deployments/{id}")).await.expect(200);
        let arms = &view["analysis"]["arms"];
        let counted = arms["stable"]["n"].as_u64()? + arms["canary"]["n"].as_u64()?;
        (counted == 40).then_some(())
    })
    .await;
    // The watch asks twice a second: it has drawn the counts when it was asked for twice since.
    eventually("the watch draws the counts", async || {
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        Some(())
    })
    .await;
    signalbox
        .post(&format!("/v1/deployments/{id}/promote"), json!({}))
        .await
        .expect(200);
    let output = child.wait_with_output().await.unwrap();
    let drawn = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{drawn}");
    assert!(drawn.contains("\u{1b}[J"), "it is drawn over itself: {drawn}");
    for part in [
        id.as_str(),
        "baking",
        " 10 % new",
        "closed, 0 failed",
        "evidence of failures",
        "succeeded",
        " 100 % new",
    ] {
        assert!(drawn.contains(part), "`{part}` is not shown in {drawn}");
    }
}

#[tokio::test]
async fn slack_pauses_resumes_promotes_takes_back_and_aborts_a_live_deployment() {
    let config = format!(
        "[jobs]\npoll_interval_ms = 50\n[notifications.slack]\nsigning_secret = \"{}\"\nusers = {{ U1 = \"rita\", U3 = \"vera\" }}\n{}",
        crate::slack::SECRET,
        keys(&[("rita", "deployer"), ("vera", "viewer")])
    );
    let signalbox = Signalbox::start_with(Options {
        config,
        key: Some("key-rita".to_owned()),
        ..Options::default()
    })
    .await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let say = async |user: &str, text: &str| {
        let fields = [("user_id", user), ("command", "/signalbox"), ("text", text)];
        let request = signalbox.request(reqwest::Method::POST, "/v1/integrations/slack/commands");
        let request = crate::slack::signed(request, &fields, chrono::Utc::now());
        signalbox.send(request).await.expect(200)["text"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let body = json!({"template": "orders", "revision": 2, "strategy": waiting_canary()});
    let id = deploy(&signalbox, body.clone()).await;
    until(&signalbox, &id, &["baking"]).await;
    assert!(say("U3", &format!("pause {id}")).await.contains("may not"));
    say("U1", &format!("pause {id} lunch")).await;
    let paused = until(&signalbox, &id, &["paused"]).await;
    assert!(
        paused["pause"]["detail"]
            .as_str()
            .unwrap()
            .contains("rita: lunch"),
        "{paused}"
    );
    assert!(say("U3", &format!("status {id}")).await.contains("paused"));
    say("U1", &format!("resume {id}")).await;
    until(&signalbox, &id, &["baking"]).await;
    say("U1", &format!("promote {id}")).await;
    until(&signalbox, &id, &["succeeded"]).await;
    say("U1", &format!("rollback {id} a hunch")).await;
    let back = until(&signalbox, &id, &["rolled_back"]).await;
    assert!(
        back["error"].as_str().unwrap().contains("rita: a hunch"),
        "{back}"
    );
    let second = deploy(&signalbox, body).await;
    until(&signalbox, &second, &["baking"]).await;
    say("U1", &format!("abort {second}")).await;
    until(&signalbox, &second, &["aborted"]).await;
    let events = signalbox
        .get(&format!("/v1/deployments/{second}/events"))
        .await
        .expect(200);
    assert!(events["data"].to_string().contains("aborted by rita"), "{events}");
}

#[tokio::test]
async fn a_changed_plan_asks_again_and_the_old_answer_does_not_count() {
    let config = keys(&[("rita", "deployer"), ("bob", "approver")]);
    let signalbox = Signalbox::start_with(Options {
        config,
        key: Some("key-rita".to_owned()),
        ..Options::default()
    })
    .await;
    two_revisions(&signalbox, "orders", gives("2")).await;
    let asked = async |id: &str| {
        eventually("the gate is asked", async || {
            let view = signalbox.get(&format!("/v1/deployments/{id}")).await.expect(200);
            view["approvals"].as_array()?.first().cloned()
        })
        .await
    };
    let decide = async |asked: &Value, digest: &Value| {
        let path = format!("/v1/approvals/{}/decisions", asked["id"].as_str().unwrap());
        let request = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request
            .post(format!("{}{path}", signalbox.api))
            .bearer_auth("key-bob");
        signalbox
            .send(request.json(&json!({"decision": "approve", "digest": digest})))
            .await
    };
    let mut body =
        json!({"template": "orders", "revision": 2, "approval_required": true, "strategy": waiting_canary()});
    let first = deploy(&signalbox, body.clone()).await;
    let question = asked(&first).await;
    signalbox
        .post(&format!("/v1/deployments/{first}/abort"), json!({}))
        .await
        .expect(200);
    // The same revision, but all at once: another plan, another question.
    body["strategy"] = quick_canary();
    let second = deploy(&signalbox, body).await;
    let again = asked(&second).await;
    assert_ne!(question["digest"], again["digest"]);
    decide(&again, &question["digest"])
        .await
        .expect_problem(409, "digest_changed");
    assert!(
        decide(&question, &question["digest"]).await.status >= 400,
        "the old question is closed"
    );
    until(&signalbox, &second, &["gate"]).await;
    let decided = decide(&again, &again["digest"]).await;
    assert!(matches!(decided.status, 200 | 201), "{}", decided.text);
    until(&signalbox, &second, &["succeeded"]).await;
}
