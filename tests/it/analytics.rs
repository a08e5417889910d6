//! Analytics from outside: the shape of the contract, numbers that agree with what ran, and that stay after a restart.

use serde_json::{Value, json};

use crate::harness::Signalbox;

async fn run(signalbox: &Signalbox, template: &str, input: Value) -> Value {
    let request = signalbox
        .request(
            reqwest::Method::POST,
            &format!("/v1/templates/{template}/executions"),
        )
        .header("prefer", "wait=30")
        .json(&json!({"input": input}));
    signalbox.send(request).await.expect(200)
}

fn choice() -> Value {
    json!({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.fail", "StringEquals": "", "Next": "Done"}], "Default": "Break"},
        "Break": {"Type": "Fail", "ErrorPath": "$.fail", "Cause": "asked for"},
        "Done": {"Type": "Succeed"}}})
}

#[tokio::test]
async fn analytics_agree_with_what_ran_and_survive_a_restart() {
    let mut signalbox = Signalbox::start().await;
    signalbox.register("mixed", choice()).await;
    for error in ["", "", "", "Payment.Declined", "Payment.Declined", "Stock.Empty"] {
        run(&signalbox, "mixed", json!({"fail": error})).await;
    }
    let analytics = signalbox
        .get("/v1/templates/mixed/analytics?days=7")
        .await
        .expect(200);
    for (field, value) in [
        ("workflow_name", json!("mixed")),
        ("analysis_period_days", json!(7)),
        ("total_executions", json!(6)),
        ("running_executions", json!(0)),
        ("successful_executions", json!(3)),
        ("failed_executions", json!(3)),
        ("timed_out_executions", json!(0)),
        ("aborted_executions", json!(0)),
        ("success_rate_percent", json!(50.0)),
        ("error_analysis", json!({"Payment.Declined": 2, "Stock.Empty": 1})),
    ] {
        assert_eq!(analytics[field], value, "{field} of {analytics}");
    }
    assert_eq!(analytics["template_info"]["total_executions"], 6);
    assert_eq!(analytics["template_info"]["workflow_type"], "STANDARD");
    for field in [
        "avg_duration_seconds",
        "min_duration_seconds",
        "max_duration_seconds",
        "p50_duration_seconds",
        "p95_duration_seconds",
        "p99_duration_seconds",
    ] {
        assert!(
            analytics[field].as_f64().unwrap() >= 0.0,
            "{field} of {analytics}"
        );
    }
    let trends = analytics["performance_trends"].as_array().unwrap();
    let total: i64 = trends.iter().map(|day| day["total"].as_i64().unwrap()).sum();
    assert_eq!(total, 6, "{analytics}");
    // int(min(50, 25) + max(0, 50 - 2 * average)), and the average is far below half a second... or the machine is very busy.
    let average = analytics["avg_duration_seconds"].as_f64().unwrap();
    let score = analytics["performance_score"].as_f64().unwrap();
    assert!(
        (score - (25.0 + (50.0 - 2.0 * average).max(0.0))).abs() <= 1.0,
        "{analytics}"
    );
    assert_eq!(
        analytics["recommendations"][0],
        "Consider improving error handling and retry logic. Current success rate is below 95%."
    );

    signalbox.kill().await;
    signalbox.restart().await;
    let after = signalbox
        .get("/v1/templates/mixed/analytics?days=7")
        .await
        .expect(200);
    assert_eq!(after, analytics);
}

#[tokio::test]
async fn nothing_run_yet_is_zeros_and_bad_windows_are_refused() {
    let signalbox = Signalbox::start().await;
    signalbox.register("mixed", choice()).await;
    let analytics = signalbox.get("/v1/templates/mixed/analytics").await.expect(200);
    assert_eq!(analytics["total_executions"], 0);
    assert_eq!(analytics["recommendations"], json!([]));
    for days in ["0", "91", "x"] {
        signalbox
            .get(&format!("/v1/templates/mixed/analytics?days={days}"))
            .await
            .expect_problem(422, "invalid_request");
    }
    signalbox
        .get("/v1/templates/nothing/analytics")
        .await
        .expect_problem(404, "not_found");
    signalbox
        .get("/v1/templates/mixed/analytics?environment=nowhere")
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn metrics_count_what_closed() {
    let signalbox = Signalbox::start().await;
    signalbox.register("mixed", choice()).await;
    run(&signalbox, "mixed", json!({"fail": ""})).await;
    run(&signalbox, "mixed", json!({"fail": "Boom"})).await;
    let metrics = signalbox.get("/metrics").await.text;
    for line in [
        r#"signalbox_executions_total{environment="default",status="SUCCEEDED",template="mixed"} 1"#,
        r#"signalbox_executions_total{environment="default",status="FAILED",template="mixed"} 1"#,
        r#"signalbox_execution_duration_seconds_count{template="mixed"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}
